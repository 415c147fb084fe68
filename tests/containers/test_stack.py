"""The quickstart with docker-compose.yml: healthy, locked down, and the mission's event goes all the way."""

from __future__ import annotations

import re

import pytest
from compose_project import ROLES, Project, wait_until

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1000)]

HEADERS = {
    "Ce-Specversion": "1.0",
    "Ce-Type": "com.icloud2native.sayhievent",
    "Ce-Time": "2023-12-01T11:35:56.7181741Z",
    "Ce-Source": "sendoff",
    "Content-Type": "application/json",
}
BODY = b'{"msg":"Hello littlyboy Knative!"}'


def printed(stack: Project, service: str, event_id: str) -> str:
    """What the service has printed of this event; empty where it has not come yet."""
    events = re.split(r"^☁️ +cloudevents\.Event$", stack.log(service), flags=re.MULTILINE)[1:]
    return next((text for text in events if f"\n  id: {event_id}\n" in text and "Data," in text), "")


def send(stack: Project, event_id: str) -> None:
    wait_until(stack.ready, "every Subscription ready")
    assert stack.post("/default/quickstart", {"Ce-Id": event_id, **HEADERS}, BODY) == 202


def test_every_service_is_healthy_and_has_never_been_restarted(stack: Project) -> None:
    for role in ROLES:
        state = stack.state(role)
        assert state["State"]["Health"]["Status"] == "healthy", role
        assert state["RestartCount"] == 0, role


def test_the_missions_event_is_printed_by_the_event_display_with_every_digit_of_its_time(stack: Project) -> None:
    send(stack, "say-hello")
    text = wait_until(lambda: printed(stack, "event-display", "say-hello"), "the event at event-display")
    for line in (
        "specversion: 1.0",
        "type: com.icloud2native.sayhievent",
        "source: sendoff",
        "time: 2023-12-01T11:35:56.7181741Z",
        "datacontenttype: application/json",
        '"msg": "Hello littlyboy Knative!"',
    ):
        assert line in text


def test_an_event_that_a_subscriber_refuses_comes_to_dead_letters_with_the_code_it_was_refused_with(
    stack: Project,
) -> None:
    send(stack, "to-bury")
    text = wait_until(lambda: printed(stack, "dead-letters", "to-bury"), "the event at dead-letters")
    assert "\n  knativeerrorcode: 500\n" in text
    assert "\n  knativeerrordest: http://faulty:8080\n" in text
    assert stack.log("faulty").count("\n  id: to-bury\n") == 3, "one delivery and two retries"


def test_an_unknown_channel_is_not_found(stack: Project) -> None:
    assert stack.post("/default/nobody", {"Ce-Id": "1", **HEADERS}, BODY) == 404


@pytest.mark.parametrize("role", ROLES)
def test_a_service_runs_without_root_capabilities_or_a_root_it_could_write(stack: Project, role: str) -> None:
    state = stack.state(role)
    assert state["Config"]["User"] == "10001:10001"
    host = state["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["Privileged"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert 0 < host["Memory"] <= 2**30
    assert set(host.get("Tmpfs") or {}) == ({"/tmp"} if role == "kafka" else set())


@pytest.mark.parametrize("role", ROLES)
def test_a_service_is_reached_from_this_machine_alone_if_at_all(stack: Project, role: str) -> None:
    published = [one for ports in stack.state(role)["NetworkSettings"]["Ports"].values() for one in ports or []]
    assert {one["HostIp"] for one in published} <= {"127.0.0.1"}
    assert bool(published) == (role in {"kafka", "controller", "channel"})
