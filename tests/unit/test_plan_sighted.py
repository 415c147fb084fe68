"""Which EventTypes follow from what was seen."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from control_stand import channel, kafka_channel, stored
from registry_stand import broker, entry, event_type, trigger

from eventing.kinds.eventtype import EventType
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Resource
from eventing.plan.compile import compile_plan
from eventing.plan.options import Snapshot
from eventing.plan.sighted import Sighted, event_types, name_of
from eventing.sightings import Sighting

SENT = Sighting("Broker", "default", "mesh", "t.a", "/s")


async def there(text: str) -> dict[Key, Resource]:
    """What is in the store of a controller to which this was applied."""
    store = await stored(text)
    for child in compile_plan(Snapshot(store.list())).children:
        await store.apply(child)
    return {key_of(one): one for one in store.list()}


async def made(text: str, *sightings: Sighting, most: int = 10) -> list[EventType]:
    return event_types(sightings, await there(text), most).made


def reference(found: EventType) -> tuple[str, str, str]:
    ref = found.refers_to
    assert ref is not None
    return ref.kind, ref.namespace or "", ref.name


async def test_what_was_sent_to_a_broker_is_registered_by_knatives_name() -> None:
    [found] = await made(broker(), SENT._replace(dataschema="urn:a"))
    mark = hashlib.md5(b"t.a/sdefaultmesh").hexdigest()
    assert (found.metadata.name, found.metadata.namespace) == (f"et-mesh-{mark}", "default")
    assert (found.spec.type, found.spec.source, found.spec.data_schema) == ("t.a", "/s", "urn:a")
    assert found.spec.description == "Event Type auto-created by controller"
    assert reference(found) == ("Broker", "default", "mesh")
    [owner] = found.metadata.owner_references
    assert (owner.kind, owner.name) == ("Broker", "mesh")
    assert owner.uid == (await there(broker()))[Key("eventing.knative.dev", "Broker", "default", "mesh")].metadata.uid
    assert found.metadata.annotations == {"kanal.dev/seen-at": "Broker default/mesh"}


async def test_a_triggers_reply_is_registered_at_its_broker() -> None:
    [found] = await made(broker() + trigger(), Sighting("Trigger", "default", "t1", "t.reply", "/sub"))
    assert reference(found) == ("Broker", "default", "mesh")
    assert found.metadata.annotations == {"kanal.dev/seen-at": "Trigger default/t1"}


async def test_a_channel_is_registered_and_not_the_kafka_channel_behind_it() -> None:
    sighting = Sighting("KafkaChannel", "default", "c1", "t.a", "/s")
    [by_channel] = await made(channel(), sighting)
    [alone] = await made(kafka_channel(), sighting)
    assert reference(by_channel) == ("Channel", "default", "c1")
    assert reference(alone) == ("KafkaChannel", "default", "c1")


@pytest.mark.parametrize(
    "sighting",
    [
        SENT._replace(name="other"),
        SENT._replace(kind="Trigger", name="none"),
        SENT._replace(kind="Nonsense"),
        SENT._replace(type=" "),
        SENT._replace(source=""),
    ],
)
async def test_what_can_not_be_placed_is_left_alone(sighting: Sighting) -> None:
    assert await made(broker(), sighting) == []


@pytest.mark.parametrize("written", [{"source": "/s"}, {}])
async def test_an_entry_that_a_person_wrote_stays_alone(written: dict[str, Any]) -> None:
    assert await made(broker() + event_type(**written), SENT) == []


async def test_an_entry_for_another_source_or_place_is_another_entry() -> None:
    for other in (
        event_type(source="/other"), event_type(type_="t.b"), event_type(at=None), event_type(at=("Broker", "b")),
    ):  # fmt: skip
        assert len(await made(broker() + other, SENT)) == 1


async def test_an_entry_of_that_name_is_never_overwritten() -> None:
    name = name_of("mesh", "default", "t.a", "/s")
    assert await made(broker() + event_type(name, "t.z"), SENT) == []


async def test_what_is_registered_once_is_not_registered_again() -> None:
    resources = await there(broker())
    [first] = event_types([SENT, SENT._replace(kind="Broker")], resources, 10).made
    assert event_types([SENT], {**resources, key_of(first): first}, 10) == Sighted([], 0)


async def test_an_installation_registers_so_many_and_counts_the_rest() -> None:
    resources = await there(broker() + event_type("by-hand", "t.z"))
    sightings = [SENT._replace(type=f"t.{number}") for number in range(5)]
    first = event_types(sightings, resources, 3)
    assert [one.spec.type for one in first.made] == ["t.0", "t.1", "t.2"]
    assert first.left_out == 2
    again = {**resources, **{key_of(one): one for one in first.made}}
    assert event_types(sightings, again, 3) == Sighted([], 2)


@pytest.mark.parametrize("length", [1, 200, 253])
def test_a_name_fits_kubernetes_whatever_the_place_is_called(length: int) -> None:
    found = {name_of("a" * length, "default", type_, "/s") for type_ in ("t.a", "t.b")}
    assert len(found) == 2
    for name in found:
        assert len(name) <= 253
        assert entry(name).name == name
        EventType.model_validate(
            {"metadata": {"name": name}, "spec": {"type": "t"}, "kind": "EventType", "apiVersion": "x/v1"}
        )
