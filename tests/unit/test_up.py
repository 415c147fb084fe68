"""What `kanal up` makes of the settings when it starts a Kafka of its own."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from eventing.settings import Kafka, Settings
from kanal import up
from kanal.roles.controller import options_of
from kanal.up import Wish


async def started(monkeypatch: pytest.MonkeyPatch, settings: Settings, *, embedded: bool = True) -> Settings:
    async def start(*_: object) -> SimpleNamespace:
        async def stop() -> None:
            pass

        return SimpleNamespace(bootstrap="127.0.0.1:1234", data=Path("data"), stop=stop)

    monkeypatch.setattr(up.EmbeddedKafka, "start", start)
    wish = Wish([], embedded=embedded)
    async with AsyncExitStack() as stack:
        found, _ = await up._kafka(settings, wish, lambda _: None, stack, asyncio.Event())
    return found


async def test_b58_a_kafka_of_its_own_makes_one_replica_whatever_yaml_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    found = await started(monkeypatch, Settings())
    assert found.kafka.bootstrap == "127.0.0.1:1234"
    assert options_of(found).most_replicas == 1


async def test_b58_a_kafka_that_is_named_makes_as_many_as_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Brokers that are down for a while must not cost replicas for ever."""
    assert options_of(await started(monkeypatch, Settings(), embedded=False)).most_replicas == 0
    named = Settings(kafka=Kafka(most_replicas=2))
    assert options_of(await started(monkeypatch, named, embedded=False)).most_replicas == 2
