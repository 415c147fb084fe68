"""How the stack ends: at once, cleanly, and without leaving anything behind."""

from __future__ import annotations

import time

import pytest
from compose_project import ROLES, run, up

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1000)]

PROMPTLY_S = 8.0
UPSTREAM_FIRST = tuple(reversed(ROLES))


def stopped(container: str) -> tuple[int, float]:
    """The exit code after SIGTERM, and the seconds that it took; SIGKILL (137) after twice the time allowed."""
    began = time.monotonic()
    run("docker", "stop", f"--time={2 * PROMPTLY_S:.0f}", container)
    taken = time.monotonic() - began
    return int(run("docker", "inspect", "--format={{.State.ExitCode}}", container)), taken


@pytest.mark.parametrize("order", [UPSTREAM_FIRST, ROLES], ids=["kafka last", "kafka first"])
def test_each_role_ends_promptly_with_code_0_after_sigterm_and_down_leaves_nothing(
    project_name: str, order: tuple[str, ...]
) -> None:
    with up(project_name) as project:
        project.until_healthy()
        ends = {role: stopped(project.container(role)) for role in order}
    assert {role: code for role, (code, _) in ends.items()} == dict.fromkeys(order, 0)
    assert {role: taken for role, (_, taken) in ends.items() if taken > PROMPTLY_S} == {}
    assert project.leftovers() == []


def test_down_keeps_nothing_but_kafkas_volume_and_the_next_start_has_its_events(project_name: str) -> None:
    with up(project_name) as project:
        project.until_healthy()
        project.compose("down", "--timeout", "20")
        assert project.leftovers() == [f"{project_name}_kafka-data"]
        project.compose("up", "--detach")
        project.until_healthy()
        assert "making a data directory" not in project.log("kafka")
    assert project.leftovers() == []
