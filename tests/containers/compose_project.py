"""A compose project of our own docker-compose.yml under a name of its own, driven by whichever compose is installed."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from eventing.kafka.embedded.process import free_port

ROOT = Path(__file__).resolve().parents[2]
ROLES = ("kafka", "controller", "channel", "dispatcher", "event-display", "faulty", "dead-letters")
PATIENCE_S = 90.0
T = TypeVar("T")


def run(*command: str, environment: Mapping[str, str] | None = None, timeout_s: float = 120.0) -> str:
    """Run to its end; its standard output. Fails with all that it said."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@cache
def compose_command() -> tuple[str, ...]:
    """`docker compose` where that is installed, else `docker-compose`; empty where neither is."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode == 0:
        return ("docker", "compose")
    return ("docker-compose",) if shutil.which("docker-compose") else ()


def wait_until(look: Callable[[], T], what: str, patience_s: float = PATIENCE_S) -> T:
    """What `look` finds, once that is anything; fails after `patience_s` seconds."""
    deadline = time.monotonic() + patience_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what}: not within {patience_s:g} s"
        time.sleep(0.1)


class Project:
    """One compose project."""

    def __init__(self, name: str, environment: Mapping[str, str]) -> None:
        self.name = name
        self.ingress_port = _free()
        self.control_port = _free()
        self.kafka_port = _free()
        self._environment = {
            "INGRESS_PORT": str(self.ingress_port),
            "CONTROL_PORT": str(self.control_port),
            "KAFKA_PORT": str(self.kafka_port),
            **environment,
        }

    def compose(self, *arguments: str) -> str:
        """Run compose on the project."""
        return run(*compose_command(), "--project-name", self.name, *arguments, environment=self._environment)

    def state(self, service: str) -> dict[str, Any]:
        """What the engine says of the service's container: `State`, `Config`, `HostConfig` and more."""
        container = self.container(service)
        document: dict[str, Any] = json.loads(run("docker", "inspect", container))[0]
        return document

    def container(self, service: str) -> str:
        """The id of the service's only container."""
        ids = run("docker", "ps", "--all", "--quiet", "--no-trunc", *self._labelled(service)).split()
        assert len(ids) == 1, f"{service} has containers {ids}"
        return ids[0]

    def log(self, service: str) -> str:
        """All that the service has said."""
        done = subprocess.run(
            ["docker", "logs", self.container(service)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True
        )
        return done.stdout.decode()

    def until_healthy(self) -> None:
        """Wait until the engine calls each service healthy."""
        for role in ROLES:
            wait_until(lambda role=role: self.state(role)["State"]["Health"]["Status"] == "healthy", f"{role} healthy")

    def ready(self) -> bool:
        """Whether the controller calls every Subscription ready."""
        connection = http.client.HTTPConnection("127.0.0.1", self.control_port, timeout=5)
        try:
            connection.request("GET", "/apis/messaging.knative.dev/v1/subscriptions")
            items = json.load(connection.getresponse())["items"]
        finally:
            connection.close()
        return bool(items) and all(_is_ready(item) for item in items)

    def post(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """The ingress's answer to an event, whose headers go out as they are spelt."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ingress_port, timeout=10)
        try:
            connection.request("POST", path, body, dict(headers))
            return connection.getresponse().status
        finally:
            connection.close()

    def leftovers(self) -> list[str]:
        """What the engine still holds of the project: containers, networks, volumes."""
        found = []
        for kind in ("container", "network", "volume"):
            every = ["--all"] if kind == "container" else []
            found += run("docker", kind, "ls", *every, "--quiet", *self._labelled()).split()
        return found

    def _labelled(self, service: str = "") -> list[str]:
        labels = ["--filter", f"label=com.docker.compose.project={self.name}"]
        return labels + (["--filter", f"label=com.docker.compose.service={service}"] if service else [])


@contextmanager
def up(name: str, environment: Mapping[str, str] | None = None, *arguments: str) -> Iterator[Project]:
    """A project that is up while inside; afterwards nothing of it is left, its volume included."""
    project = Project(name, environment or {})
    try:
        project.compose("up", "--detach", *arguments)
        yield project
    finally:
        project.compose("down", "--volumes")


def _is_ready(resource: Mapping[str, Any]) -> bool:
    conditions = resource.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _free() -> int:
    port = free_port("127.0.0.1")
    assert port is not None
    return port
