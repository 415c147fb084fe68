"""Chaos tests come last in a run and carry the marker `chaos` by themselves; one Kafka is theirs to harm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from chaos_processes import Broker

HERE = Path(__file__).parent


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: HERE in item.path.parents)
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.chaos)
            item.add_marker(pytest.mark.kafka)


@pytest.fixture(scope="session")
def _own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("harmed") / "data")
    try:
        yield broker
    finally:
        asyncio.run(broker.aclose())


@pytest.fixture
async def broker(_own_broker: Broker) -> AsyncIterator[Broker]:
    """A Kafka that a scenario may kill or stop; it runs when the scenario begins."""
    await _own_broker.heal()
    yield _own_broker
    await _own_broker.heal()
