"""The image, built once a run, and a compose project of it. Without a Docker engine these tests are skipped and say so."""

from __future__ import annotations

import os
import shlex
import subprocess
import uuid
from collections.abc import Iterator

import pytest
from compose_project import Project, compose_command, run, up

IMAGE = "kanal:dev"
BUILD_S = 900.0


@pytest.fixture(scope="session")
def engine() -> None:
    """A Docker engine that answers."""
    try:
        subprocess.run(["docker", "version"], capture_output=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("no Docker engine answers; start one, or name it in DOCKER_HOST")


@pytest.fixture(scope="session")
def image(engine: None) -> str:
    """The image of this tree. `DOCKER_BUILD_FLAGS` adds to the build, for instance `--network=host`."""
    run(
        "docker",
        "build",
        "--tag",
        IMAGE,
        *shlex.split(os.environ.get("DOCKER_BUILD_FLAGS", "")),
        ".",
        timeout_s=BUILD_S,
    )
    return IMAGE


@pytest.fixture(scope="session")
def compose(image: str) -> None:
    """Compose, version 1 or 2."""
    if not compose_command():
        pytest.skip("neither `docker compose` nor `docker-compose` is installed")


@pytest.fixture
def project_name(compose: None) -> str:
    """A name that no other project has."""
    return f"kanal-test-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def stack(compose: None) -> Iterator[Project]:
    """The quickstart as containers: healthy, and every Subscription ready."""
    with up(f"kanal-test-{uuid.uuid4().hex[:8]}") as project:
        project.until_healthy()
        yield project
