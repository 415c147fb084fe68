"""How the stack ends: at once, cleanly, and without leaving anything behind."""

from __future__ import annotations

import time

import pytest
from compose_project import ROLES, run, up

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1000)]

PROMPTLY_S = 8.0
# librdkafka finishes a lookup before it ends, and a Kafka that was stopped has no name: Docker's resolver without a way
# out gives up after 10 s, once for each client of a role.
NAMELESS_S = 30.0


def stopped(container: str, patience_s: float) -> tuple[int, float]:
    """The exit code after SIGTERM, and the seconds that it took; SIGKILL (137) after `patience_s`."""
    began = time.monotonic()
    run("docker", "stop", f"--time={patience_s:.0f}", container)
    taken = time.monotonic() - began
    return int(run("docker", "inspect", "--format={{.State.ExitCode}}", container)), taken


@pytest.mark.parametrize(
    ("order", "patience_s"),
    [
        pytest.param(tuple(reversed(ROLES)), PROMPTLY_S, id="kafka last"),
        pytest.param(ROLES, NAMELESS_S, id="kafka first"),
    ],
)
def test_each_role_ends_in_time_with_code_0_after_sigterm_and_down_leaves_nothing(
    project_name: str, order: tuple[str, ...], patience_s: float
) -> None:
    with up(project_name) as project:
        project.until_healthy()
        ends = {role: stopped(project.container(role), patience_s) for role in order}
    assert {role: code for role, (code, _) in ends.items()} == dict.fromkeys(order, 0), ends
    assert project.leftovers() == []


def test_down_keeps_nothing_but_kafkas_volume_and_the_next_start_has_its_events(project_name: str) -> None:
    with up(project_name) as project:
        project.until_healthy()
        project.compose("down")
        assert project.leftovers() == [f"{project_name}_kafka-data"]
        project.compose("up", "--detach")
        project.until_healthy()
        assert "making a data directory" not in project.log("kafka")
    assert project.leftovers() == []
