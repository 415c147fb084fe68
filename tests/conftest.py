"""What every test may ask for: a real Kafka, and names of its own in it.

`KANAL_TEST_KAFKA` chooses the Kafka: unset, an embedded one on free ports and a temporary directory; `HOST:PORT`, that
one; `testcontainers`, one from our own image `kanal:dev`. A test that asks for it carries the marker `kafka` by itself.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from eventing.kafka.embedded import EmbeddedKafka, Options
from eventing.kafka.embedded.process import free_port

IMAGE = "kanal:dev"

# The machine is shared, and no test is a stop watch.
hypothesis.settings.register_profile("kanal", deadline=None)
hypothesis.settings.load_profile("kanal")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "kafka" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.kafka)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Kafka, `host:port`, the same for all tests of a run."""
    named = os.environ.get("KANAL_TEST_KAFKA", "")
    if named == "testcontainers":
        yield from _from_container()
    elif named:
        yield named
    else:
        yield from _embedded(tmp_path_factory.mktemp("kafka"))


@pytest.fixture
def topic() -> str:
    """A prefix for the names of topics and groups that no other test has."""
    return f"test-{uuid.uuid4().hex[:12]}"


def _embedded(data: Path) -> Iterator[str]:
    running = asyncio.run(EmbeddedKafka.start(Options(data=data, port=0)))
    try:
        yield running.bootstrap
    finally:
        asyncio.run(running.stop())


def _from_container() -> Iterator[str]:
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    port = free_port("127.0.0.1")
    assert port is not None
    # Clients are told the host's port, so it has to be the same inside and outside.
    command = ["kafka", "--data", "/data", "--listen", f"0.0.0.0:{port}", "--advertise", f"127.0.0.1:{port}"]
    container = DockerContainer(IMAGE).with_command(command)
    # `with_bind_ports` knows no address and would publish on all of them.
    container.ports[str(port)] = ("127.0.0.1", port)
    container.waiting_for(LogMessageWaitStrategy("Kafka answers at").with_startup_timeout(90))
    with container:
        yield f"127.0.0.1:{port}"
