"""The image: one for every role, without root, without anything that installs, and able to run on a root that is read-only."""

from __future__ import annotations

import pytest
from compose_project import run

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1000)]

LOCKED = ("--rm", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none")


def inside(image: str, *command: str) -> str:
    """What a command says that runs in the image instead of `kanal`."""
    return run("docker", "run", *LOCKED, f"--entrypoint={command[0]}", image, *command[1:])


def test_the_image_names_a_user_by_number_that_is_not_root(image: str) -> None:
    user, _, group = run("docker", "image", "inspect", "--format={{.Config.User}}", image).strip().partition(":")
    assert int(user) > 0
    assert int(group) > 0


@pytest.mark.parametrize(
    "verb", ["kafka", "channel", "dispatcher", "controller", "event-display", "send", "get", "up", "version"]
)
def test_every_verb_runs_in_the_image_on_a_read_only_root(image: str, verb: str) -> None:
    assert run("docker", "run", *LOCKED, image, verb, *(() if verb == "version" else ("--help",)))


def test_nothing_in_the_image_installs_or_builds_software(image: str) -> None:
    script = 'for tool in pip pip3 easy_install wheel uv hatchling gcc cc make; do command -v "$tool"; done; true'
    assert inside(image, "sh", "-c", script) == ""
    modules = ["pip", "ensurepip", "setuptools", "wheel", "hatchling"]
    for python in ("python", "/usr/bin/env -i python3"):
        code = f"import importlib.util as u; print([m for m in {modules} if u.find_spec(m)])"
        assert inside(image, *python.split(), "-c", code).strip() == "[]"


def test_no_file_of_the_image_belongs_to_the_user_it_runs_as_or_could_be_written_by_it(image: str) -> None:
    search = "find / -xdev ! -type l ! -path '/dev/*' -writable 2>/dev/null; true"
    assert set(inside(image, "sh", "-c", search).split()) <= {"/data", "/tmp", "/var/tmp", "/run/lock"}


def test_the_image_brings_kafka_and_its_archive_of_classes_so_that_a_start_fetches_nothing(image: str) -> None:
    names = inside(image, "sh", "-c", "ls $KANAL_CACHE/kafka-*").split()
    assert "jars.json" in names
    assert "kafka.aot" in names
