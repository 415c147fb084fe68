"""The registry that fills itself: what the controller does with what was seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from control_stand import NOON, PATIENCE_S, FakeAdmin, stored
from raw_http import until
from registry_stand import broker, event_type
from structlog.testing import capture_logs

import controller.registry
from controller.registry import Registry, RegistryMetrics
from eventing.errors import Unavailable
from eventing.feed.seen import topic_spec
from eventing.kinds.eventtype import EventType
from eventing.kinds.key import key_of
from eventing.kinds.meta import Resource
from eventing.kinds.registry import parse
from eventing.sightings import Sighting, row
from eventing.store.memory import MemoryStore
from eventing.telemetry import Telemetry

SPEC = topic_spec("seen", 3)


def rows(*types: str, broker: str = "mesh") -> dict[str, bytes | None]:
    found = (row(Sighting("Broker", "default", broker, type_, "/s")) for type_ in types)
    return {key.decode(): value for key, value in found}


def types(store: MemoryStore) -> list[str]:
    return sorted(one.spec.type for one in store.list() if isinstance(one, EventType))


@asynccontextmanager
async def registering(registry: Registry) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(registry.run())
        yield
        task.cancel()


async def test_what_is_seen_is_registered_and_the_topic_made_for_it() -> None:
    store, admin = await stored(broker()), FakeAdmin()
    registry = Registry(store, admin, SPEC)
    async with registering(registry):
        registry.take(rows("t.a", "t.b"))
        await until(lambda: types(store) == ["t.a", "t.b"], PATIENCE_S)
    assert admin.topics["seen"].config == {"cleanup.policy": "compact"}
    assert admin.topics["seen"].replication_factor == 3


async def test_a_broker_that_comes_later_gets_what_was_seen_before() -> None:
    store = await stored("")
    registry = Registry(store, FakeAdmin(), SPEC)
    async with registering(registry):
        registry.take(rows("t.a"))
        await until(lambda: not registry._changed.is_set(), PATIENCE_S)
        assert types(store) == []
        await stored(broker(), store)
        await until(lambda: types(store) == ["t.a"], PATIENCE_S)


async def test_a_row_that_is_deleted_or_makes_no_sense_is_none() -> None:
    store = await stored("")
    registry = Registry(store, FakeAdmin(), SPEC)
    registry.take({**rows("t.a", "t.b"), "nonsense": b"{"})
    registry.take(dict.fromkeys(rows("t.a")))
    await stored(broker(), store)
    await registry.register()
    assert types(store) == ["t.b"]


async def test_a_kafka_that_is_away_delays_the_registry_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller.registry, "SOON_S", 0.01)
    store, admin = await stored(broker()), FakeAdmin()
    admin.failing["seen"] = Unavailable("away")
    registry = Registry(store, admin, SPEC)
    async with registering(registry):
        registry.take(rows("t.a"))
        await until(lambda: bool(admin.calls), PATIENCE_S)
        admin.failing.clear()
        await until(lambda: types(store) == ["t.a"], PATIENCE_S)


async def test_beyond_the_limit_it_says_so_in_a_metric() -> None:
    store, telemetry = await stored(broker()), Telemetry()
    registry = Registry(store, FakeAdmin(), SPEC, RegistryMetrics(telemetry), most=2)
    registry.take(rows("t.a", "t.b", "t.c"))
    await registry.register()
    assert types(store) == ["t.a", "t.b"]
    assert telemetry.registry.get_sample_value("kanal_registry_event_types_left_out") == 1


async def test_it_remembers_so_much_whatever_the_topic_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller.registry, "REMEMBERED", 2)
    store = await stored(broker())
    registry = Registry(store, FakeAdmin(), SPEC)
    for number in range(4):
        registry.take(rows(f"t.{number}"))
    registry.take(rows("t.0"))
    await registry.register()
    assert types(store) == ["t.0", "t.1"]


async def test_a_persons_entry_stays_as_it_is() -> None:
    store = await stored(broker() + event_type(source="/s", description="mine"))
    before = store.list()
    registry = Registry(store, FakeAdmin(), SPEC)
    registry.take(rows("t.a"))
    await registry.register()
    assert store.list() == before


async def test_a_person_who_is_faster_than_the_registry_has_the_last_word() -> None:
    class Raced(MemoryStore):
        async def create(self, resource: Resource, *, dry_run: bool = False) -> Resource:
            mine = resource.model_copy(update={"spec": resource.spec.model_copy(update={"description": "mine"})})
            await super().create(mine, dry_run=dry_run)
            return await super().create(resource, dry_run=dry_run)

    store = Raced(lambda: NOON)
    await stored(broker(), store)
    registry = Registry(store, FakeAdmin(), SPEC)
    registry.take(rows("t.a"))
    with capture_logs() as logs:
        await registry.register()
    assert [one.spec.description for one in store.list() if isinstance(one, EventType)] == ["mine"]
    assert logs == []


async def test_entries_go_with_their_broker() -> None:
    store = await stored(broker())
    registry = Registry(store, FakeAdmin(), SPEC)
    registry.take(rows("t.a"))
    await registry.register()
    [entry] = [one for one in store.list() if isinstance(one, EventType)]
    assert parse(entry.document()).document() == entry.document()
    [owner] = [one for one in store.list() if one.KIND == "Broker"]
    await store.delete(key_of(owner))
    assert store.list() == ()
