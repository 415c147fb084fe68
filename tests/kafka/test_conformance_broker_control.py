"""Conformance E: what a Broker and its Triggers promise in their specs and statuses; each test names its line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from raw_http import RawServer, reply, until
from room import Room, event, failing, patience, ref, types
from stack import good, ids

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]
CLASS = "eventing.knative.dev/broker.class"


async def test_a_broker_that_is_ready_has_an_address_that_takes_events(room: Room) -> None:
    """Ready condition exists; Ready=True when the ingress accepts events; address published."""
    await room.has(room.broker(), wait=False)
    await until(lambda: room.condition("Broker", "b1") is not None)
    await room.ready("Broker", "b1")
    url = room.status("Broker", "b1")["address"]["url"]
    assert url == room.url("b1")
    headers = [(name.encode(), value.encode()) for name, value in good().items()]
    assert (await room.sender.post(url, headers, b"{}", timeout_s=10)).status == 202


@pytest.mark.parametrize("changed", ["class", "config"])
async def test_class_and_config_of_a_broker_are_immutable(room: Room, changed: str) -> None:
    """Class immutable; config immutable."""
    maps = [room.config_map(name, default__topic__partitions="1") for name in ("one", "two")]
    config = ref("ConfigMap", "one")
    await room.has(*maps, room.broker(config=config))
    before = room.resource("Broker", "b1")
    other = room.broker(config=ref("ConfigMap", "two"))
    if changed == "class":
        other = room.broker("b1", {CLASS: "MTChannelBasedBroker"}, config=config)
    told = await room.refuses(other)
    assert f"Broker {room.ns}/b1" in told
    assert {"class": "broker.class", "config": "spec.config"}[changed] in told
    assert room.resource("Broker", "b1") == before


async def test_a_broker_shows_where_its_dead_letters_go(room: Room) -> None:
    """status.deadLetterSinkUri set for a valid DLS."""
    async with RawServer() as dead_letters:
        await room.has(room.broker(delivery=patience(dead_letters)))
        assert room.status("Broker", "b1")["deadLetterSinkUri"] == dead_letters.url


async def test_what_is_sent_once_a_trigger_is_ready_is_delivered(room: Room) -> None:
    """Trigger has Ready; becomes Ready when events can be delivered."""
    async with RawServer() as subscriber:
        await room.has(room.broker())
        for number in range(5):
            to = {"uri": f"{subscriber.url}{number}"}
            await room.has(room.trigger(f"t{number}", to, filter={"attributes": {"type": f"t.{number}"}}))
            await room.send(good(type=f"t.{number}"), channel="b1")
        await until(lambda: len(subscriber.requests) == 5)
        lines = {one.line.split()[1] for one in subscriber.requests}
        assert lines == {f"/{number}".encode() for number in range(5)}


async def test_a_trigger_belongs_to_one_broker_and_never_changes_it(room: Room) -> None:
    """Trigger belongs to exactly one broker; `spec.broker` immutable."""
    async with RawServer() as subscriber, RawServer() as other:
        await room.has(room.broker("b1"), room.broker("b2"))
        await room.has(room.trigger("t1", subscriber, of="b1"), room.trigger("t2", other, of="b2"))
        await room.send(good("to-b1"), channel="b1")
        await room.send(good("to-b2"), channel="b2")
        await room.quiet("t1")
        await room.quiet("t2")
        assert (ids(subscriber.requests), ids(other.requests)) == (["to-b1"], ["to-b2"])
        told = await room.refuses(room.trigger("t1", subscriber, of="b2"))
        assert f"Trigger {room.ns}/t1" in told
        assert "spec.broker" in told
        assert (await room.egress("t1")).topic == f"knative-broker-{room.ns}-b1"
        both = room.trigger("t3", subscriber, brokerRef={"name": "b2"})
        assert "spec.brokerRef" in await room.refuses(both)


async def test_a_trigger_shows_where_its_events_go(room: Room) -> None:
    """status.subscriberUri is filled."""
    async with RawServer() as subscriber:
        await room.has(room.broker("b1"), room.broker("b2"), room.trigger("t1", subscriber))
        await room.has(room.trigger("t2", {"ref": ref("Broker", "b2"), "uri": "path"}))
        assert room.status("Trigger", "t1")["subscriberUri"] == subscriber.url
        assert room.status("Trigger", "t2")["subscriberUri"] == f"http://127.0.0.1:{room.port}/{room.ns}/path"


async def test_a_trigger_may_precede_its_broker(room: Room) -> None:
    """Trigger may precede its broker; becomes Ready once the broker does (D: Trigger can be created before the Broker)."""
    async with RawServer() as subscriber:
        await room.has(room.trigger("t1", subscriber), wait=False)
        await until(lambda: (c := room.condition("Trigger", "t1")) is not None and c.status == "False")
        await room.has(room.broker())
        await room.ready("Trigger", "t1")
        await room.send(good("e1"), channel="b1")
        await until(lambda: ids(subscriber.requests) == ["e1"])


async def test_attribute_filters_are_stored_as_given(room: Room) -> None:
    """Attribute filters accepted: valid keys and values stored as given."""
    given = {"type": "com.Example.X", "source": "/A/b?c=d#e", "ext1": 'Ünicode & "quotes"', "subject": ""}
    async with RawServer() as subscriber:
        await room.has(room.broker(), room.trigger("t1", subscriber, filter={"attributes": given}))
        stored = room.resource("Trigger", "t1")
        assert stored is not None
        assert stored.document()["spec"]["filter"] == {"attributes": given}


@pytest.mark.parametrize("name", ["Type", "my-type", "tÿpe", "type!", "my.type", "my_type", ""])
async def test_attribute_filters_with_impossible_names_are_refused(room: Room, name: str) -> None:
    """Attribute filters rejected: keys with upper case, dashes, unicode, punctuation."""
    await room.has(room.broker())
    trigger = room.trigger("t1", {"uri": "http://sub"}, filter={"attributes": {name: "x"}})
    told = await room.refuses(trigger)
    assert "spec.filter.attributes" in told
    assert room.resource("Trigger", "t1") is None


@dataclass(frozen=True)
class Part:
    """One Trigger of a row: how patient it is, how often its subscriber fails, and what comes of one event."""

    fails: int
    ends: str
    patience: Mapping[str, Any] | None = None
    own_sink: bool = False


@dataclass(frozen=True)
class DeliveryRow:
    """`broker` is the Broker's patience, None for Knative's default; with `sink` it has a dead letter sink."""

    parts: Sequence[Part]
    broker: Mapping[str, Any] | None = None
    sink: bool = False


DELIVERY = {
    "neither": DeliveryRow([Part(0, "delivered")]),
    "broker retry 3 with DLS, 3 failures": DeliveryRow([Part(3, "delivered")], {"retry": 3}, sink=True),
    "broker retry 3 with DLS, 4 failures": DeliveryRow([Part(4, "broker sink")], {"retry": 3}, sink=True),
    "trigger retry 3 and 1, broker retry 0": DeliveryRow(
        [Part(3, "delivered", {"retry": 3}), Part(3, "kept", {"retry": 1})], {"retry": 0}
    ),
    "both set, the trigger wins, its sibling has the broker's": DeliveryRow(
        [Part(3, "delivered", {"retry": 3}), Part(3, "broker sink")], {"retry": 1}, sink=True
    ),
    "trigger DLS and broker DLS": DeliveryRow(
        [Part(1, "own sink", {"retry": 0}, own_sink=True), Part(1, "broker sink")], {"retry": 0}, sink=True
    ),
}


@pytest.mark.parametrize("row", DELIVERY.values(), ids=DELIVERY)
async def test_delivery_matrix(room: Room, row: DeliveryRow) -> None:
    """Delivery matrix (5 rows). What Knative drops is kept in the dead letter topic of the Trigger."""
    async with RawServer() as broker_sink, RawServer() as own_sink, AsyncExitStack() as servers:
        sink = broker_sink if row.sink else None
        spec = {} if row.broker is None else {"delivery": patience(sink, **row.broker)}
        await room.has(room.broker("b1", **spec))
        subscribers = []
        for number, part in enumerate(row.parts):
            subscribers.append(await servers.enter_async_context(RawServer(*failing(part.fails))))
            own = (
                {}
                if part.patience is None
                else {"delivery": patience(own_sink if part.own_sink else None, **part.patience)}
            )
            await room.has(room.trigger(f"t{number}", subscribers[-1], **own))
        await room.send(good("e1"), channel="b1")
        for number in range(len(row.parts)):
            await room.caught_up(f"t{number}")
        for number, part in enumerate(row.parts):
            kept = await room.kept(f"t{number}")
            asked = len(subscribers[number].requests)
            assert kept == (["e1"] if part.ends == "kept" else [])
            patient = part.patience or row.broker or {"retry": 10}
            assert asked == (part.fails + 1 if part.ends == "delivered" else patient["retry"] + 1)
        ends = [part.ends for part in row.parts]
        assert ids(broker_sink.requests) == ["e1"] * ends.count("broker sink")
        assert ids(own_sink.requests) == ["e1"] * ends.count("own sink")


@dataclass(frozen=True)
class RoutingRow:
    """What happens to one event of type t.1, by Trigger: the type that it wants, "" for all; what arrives; what the first Trigger's subscriber replies."""

    wants: Mapping[str, str]
    arrives: Mapping[str, Sequence[str]]
    replies: str = ""


ROUTING = {
    "no filter receives": RoutingRow({"a": ""}, {"a": ["t.1"]}),
    "a filter that does not match does not receive": RoutingRow({"a": "t.2"}, {"a": []}),
    "a filter that matches receives": RoutingRow({"a": "t.1"}, {"a": ["t.1"]}),
    "of two triggers only the match receives": RoutingRow({"a": "t.1", "b": "t.2"}, {"a": ["t.1"], "b": []}),
    "a reply to trigger A matches trigger B": RoutingRow(
        {"a": "t.1", "b": "t.2"}, {"a": ["t.1"], "b": ["t.2"]}, replies="t.2"
    ),
    "two triggers without a filter both receive": RoutingRow({"a": "", "b": ""}, {"a": ["t.1"], "b": ["t.1"]}),
}


@pytest.mark.parametrize("row", ROUTING.values(), ids=ROUTING)
async def test_event_routing(room: Room, row: RoutingRow) -> None:
    """Event routing (6 rows)."""
    async with AsyncExitStack() as servers:
        answers = {"a": [reply(event(row.replies))] if row.replies else []}
        sinks = {n: await servers.enter_async_context(RawServer(*answers.get(n, []))) for n in row.wants}
        asked = {
            name: {"filter": {"attributes": {"type": type_}}} if type_ else {} for name, type_ in row.wants.items()
        }
        await room.has(room.broker(), *(room.trigger(name, sinks[name], **asked[name]) for name in sinks))
        await room.send(good(type="t.1"), channel="b1")
        await room.quiet(*sinks)
        assert {name: types(sink.requests) for name, sink in sinks.items()} == row.arrives
