"""Our image, in a form that a node can load: built from this tree's Dockerfile by whatever Docker engine answers."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

REPOSITORY = "localhost/kanal"
TAG = "test"
IMAGE = f"{REPOSITORY}:{TAG}"
ROOT = Path(__file__).resolve().parents[2]
BUILD_S = 900.0


def missing() -> str:
    """Why no image can be built here; empty where one can."""
    try:
        subprocess.run(["docker", "version"], capture_output=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return "no Docker engine answers that could build the image; start one, or name it in DOCKER_HOST"
    return ""


def build() -> None:
    """Build the image. `DOCKER_BUILD_FLAGS` adds to the build, for instance `--network=host`."""
    flags = shlex.split(os.environ.get("DOCKER_BUILD_FLAGS", ""))
    words = ["docker", "build", "--tag", IMAGE, *flags, str(ROOT)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=BUILD_S)
    assert done.returncode == 0, f"docker build:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


@contextmanager
def archive() -> Iterator[IO[bytes]]:
    """The image as `docker save` writes it, while it does."""
    with subprocess.Popen(["docker", "save", IMAGE], stdout=subprocess.PIPE) as saving:
        assert saving.stdout is not None
        yield saving.stdout
    assert saving.returncode == 0, "docker save failed"
