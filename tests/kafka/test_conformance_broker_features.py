"""Conformance G: Brokers and Triggers at work, without their filters; each test names its line."""

from __future__ import annotations

import base64
import json
from contextlib import AsyncExitStack

import pytest
from answering import extension, status
from raw_http import Answer, RawServer, free_port, never, reply, until
from room import House, Room, event, failing, patience, ref, types
from room import room as room_in
from stack import good, ids

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]


def only(**wanted: str) -> dict[str, object]:
    return {"filter": {"attributes": wanted}}


async def test_many_triggers_each_get_what_they_want(room: Room) -> None:
    """ManyTriggers: a matrix of type, source and extension filters, wildcards among them."""
    sent = {
        f"{type_}{source}{ext}": {"type": type_, "source": source} | ({"ext": ext} if ext else {})
        for type_ in ("t.1", "t.2")
        for source in ("/a", "/b")
        for ext in ("", "x", "y")
    }
    wanted = {
        "all": {},
        "type": {"type": "t.1"},
        "source": {"source": "/b"},
        "both": {"type": "t.2", "source": "/a"},
        "ext": {"ext": "x"},
        "ext-and-type": {"ext": "y", "type": "t.1"},
        "any-ext": {"ext": "", "source": ""},
        "nothing": {"type": "t.3"},
        "nothing-by-ext": {"other": ""},
    }
    async with AsyncExitStack() as servers:
        sinks = {name: await servers.enter_async_context(RawServer()) for name in wanted}
        triggers = [room.trigger(name, sinks[name], **only(**one)) for name, one in wanted.items()]
        await room.has(room.broker(), *triggers)
        for id_, one in sent.items():
            await room.send(good(id_, **one), channel="b1")
        await room.quiet(*wanted)

        def wants(filter_: dict[str, str], one: dict[str, str]) -> bool:
            return all(name in one and text in ("", one[name]) for name, text in filter_.items())

        expected = {name: sorted(id_ for id_, one in sent.items() if wants(f, one)) for name, f in wanted.items()}
        assert {name: sorted(ids(sink.requests)) for name, sink in sinks.items()} == expected
        assert [len(expected[name]) for name in wanted] == [12, 6, 6, 3, 4, 2, 8, 0, 0]


async def test_a_workflow_with_a_transformation_ends_in_a_channel(room: Room) -> None:
    """BrokerWorkFlowWithTransformation: original, transformed by a reply, transformed into a channel."""
    async with RawServer(reply(event("t.new", body=b"new"))) as transforms, RawServer() as all_, RawServer() as end:
        await room.channel("c1")
        await room.subscription(end.url)
        await room.has(
            room.broker(),
            room.trigger("original", transforms, **only(type="t.a")),
            room.trigger("new", {"ref": ref("Channel", "c1")}, **only(type="t.new")),
            room.trigger("all", all_),
        )
        await room.send(good("e1"), channel="b1")
        await room.quiet("original", "new", "all")
        await room.caught_up("s1")
        assert types(transforms.requests) == ["t.a"]
        assert sorted(types(all_.requests)) == ["t.a", "t.new"]
        assert [(types([one]), one.body) for one in end.requests] == [(["t.new"], b"new")]


async def test_an_event_passes_through_the_broker(room: Room) -> None:
    """SourceToSink, with Kn-Namespace and BrokerPreferHeaderCheck: `Prefer: reply`, and the namespace of the Trigger."""
    async with RawServer() as subscriber:
        await room.has(room.broker(), room.trigger("t1", subscriber))
        await room.send(good("e1"), b"payload", "b1")
        await until(lambda: subscriber.requests)
        (request,) = subscriber.requests
        assert (ids([request]), request.body) == (["e1"], b"payload")
        assert request.header(b"prefer") == [b"reply"]
        assert request.header(b"kn-namespace") == [room.ns.encode()]


@pytest.mark.parametrize("whose", ["broker", "trigger"])
async def test_a_subscriber_that_is_not_there_leaves_the_event_to_the_dead_letter_sink(room: Room, whose: str) -> None:
    """SourceToSinkWithDLQ (broker's), SourceToTriggerSinkWithDLS (trigger's); `bad://uri` itself is refused when applied."""
    async with RawServer() as dead_letters:
        delivery = {"delivery": patience(dead_letters, retry=1)}
        broker, trigger = (delivery, {}) if whose == "broker" else ({}, delivery)
        await room.has(room.broker("b1", **broker))
        assert "spec.subscriber.uri" in await room.refuses(room.trigger("t1", {"uri": "bad://uri"}))
        await room.has(room.trigger("t1", {"uri": "http://no-such-host.invalid/"}, **trigger))
        await room.send(good("e1"), channel="b1")
        await room.caught_up("t1")
        assert ids(dead_letters.requests) == ["e1"]
        assert dead_letters.requests[0].header(b"kn-namespace") == [room.ns.encode()]


async def test_without_retries_the_first_two_of_three_are_dead_letters(room: Room) -> None:
    """SourceToSinkWithFlakyDLQ."""
    async with RawServer(*failing(2)) as subscriber, RawServer() as dead_letters:
        await room.has(room.broker(delivery=patience(dead_letters, retry=0)), room.trigger("t1", subscriber))
        for id_ in ("e1", "e2", "e3"):
            await room.send(good(id_), channel="b1")
            await room.caught_up("t1")
        assert ids(dead_letters.requests) == ["e1", "e2"]
        assert ids(subscriber.requests) == ["e1", "e2", "e3"]


async def test_a_broker_gets_a_delivery_where_it_names_none(room: Room) -> None:
    """DefaultDeliverySpec: retry, backoffDelay, backoffPolicy by defaulting."""
    await room.has(room.broker("b1"), room.broker("b2", delivery={"retry": 1}))
    found = [room.resource("Broker", name) for name in ("b1", "b2")]
    deliveries = [one.document()["spec"]["delivery"] for one in found if one is not None]
    assert deliveries == [{"retry": 10, "backoffPolicy": "exponential", "backoffDelay": "PT0.2S"}, {"retry": 1}]


FIBONACCI = {1, 2, 3, 5, 8}
"""Attempts that succeed; the others fail."""


@pytest.mark.parametrize("pattern", ["fibonacci", "the first N"])
async def test_an_event_is_tried_again_until_it_is_taken(room: Room, pattern: str) -> None:
    """BrokerRedelivery: a sink that fails in a Fibonacci pattern, a sink that fails the first N; linear backoff."""
    numbered = [reply(status(202 if n in FIBONACCI else 500)) for n in range(1, 9)]
    script = numbered if pattern == "fibonacci" else failing(5)
    async with RawServer(*script) as subscriber, RawServer() as dead_letters:
        delivery = patience(dead_letters, retry=5, backoffPolicy="linear")
        await room.has(room.broker(delivery=delivery), room.trigger("t1", subscriber))
        sent = ["e1", "e2", "e3", "e4", "e5"] if pattern == "fibonacci" else ["e1"]
        for id_ in sent:
            await room.send(good(id_), channel="b1")
            await room.caught_up("t1")
        attempts = {"e1": 1, "e2": 1, "e3": 1, "e4": 2, "e5": 3} if pattern == "fibonacci" else {"e1": 6}
        assert {id_: ids(subscriber.requests).count(id_) for id_ in sent} == attempts
        assert {one.header(b"kn-namespace")[0] for one in subscriber.requests} == {room.ns.encode()}
        assert dead_letters.requests == []


ERRORS: dict[str, tuple[Answer | None, dict[str, str | None]]] = {
    "unreachable": (None, {"knativeerrorcode": None, "knativeerrordata": None}),
    "error without data": (reply(status(422)), {"knativeerrorcode": "422", "knativeerrordata": None}),
    "error with data": (
        reply(status(500, body=b"what \xff went wrong")),
        {"knativeerrorcode": "500", "knativeerrordata": base64.b64encode(b"what \xff went wrong").decode()},
    ),
}


@pytest.mark.parametrize("case", ERRORS)
async def test_a_dead_letter_says_what_went_wrong(room: Room, case: str) -> None:
    """BrokerDeadLetterSinkExtensions: unreachable; error, no data; error with base64 data."""
    answer, expected = ERRORS[case]
    async with RawServer(*([answer] if answer else [])) as subscriber, RawServer() as dead_letters:
        to = subscriber.url if answer else f"http://127.0.0.1:{free_port()}/"
        await room.has(room.broker(delivery=patience(dead_letters)), room.trigger("t1", {"uri": to}))
        await room.send(good("e1"), b"payload", "b1")
        await room.caught_up("t1")
        (letter,) = dead_letters.requests
        assert {name: extension(letter, name) for name in expected} == expected
        assert (extension(letter, "knativeerrordest"), letter.body) == (to, b"payload")


LONG = bytes(range(256)) * 144


async def test_a_long_message_is_delivered_once(room: Room) -> None:
    """BrokerDeliverLongMessage: 36864 bytes."""
    async with RawServer() as subscriber:
        await room.has(room.broker(), room.trigger("t1", subscriber))
        await room.send(good("e1"), LONG, "b1")
        await room.caught_up("t1")
        assert subscriber.bodies == [LONG]
        assert len(LONG) == 36_864


async def test_a_long_reply_passes_to_the_next_trigger(room: Room) -> None:
    """BrokerDeliverLongResponseMessage."""
    async with RawServer(reply(event("t.long", body=LONG))) as replying, RawServer() as subscriber:
        first, second = (
            room.trigger("t1", replying, **only(type="t.a")),
            room.trigger("t2", subscriber, **only(type="t.long")),
        )
        await room.has(room.broker(), first, second)
        await room.send(good("e1"), channel="b1")
        await room.quiet("t1", "t2")
        assert subscriber.bodies == [LONG]


async def test_what_a_trigger_leaves_out_is_filled_in(room: Room, house: House) -> None:
    """Trigger defaulting: missing filter becomes an empty filter; subscriber namespace filled."""
    house.services[f"{room.ns}/sub"] = "http://127.0.0.1:9/"
    await room.has(room.broker(), room.trigger("t1", {"ref": ref("Service", "sub")}))
    found = room.resource("Trigger", "t1")
    assert found is not None
    spec = found.document()["spec"]
    assert spec["filter"] == {}
    assert spec["subscriber"]["ref"]["namespace"] == room.ns
    assert found.metadata.labels["eventing.knative.dev/broker"] == "b1"


async def test_the_dead_letter_sink_of_the_trigger_wins_and_a_bad_one_disturbs_no_good_one(room: Room) -> None:
    """Trigger DLS wins over broker DLS; a bad trigger does not disturb a good one."""
    async with RawServer() as fine, RawServer() as own, RawServer() as brokers:
        delivery = patience(own, retry=2)
        nowhere = {"uri": f"http://127.0.0.1:{free_port()}/"}
        await room.has(room.broker(delivery=patience(brokers)), room.trigger("good", fine))
        await room.has(room.trigger("bad", nowhere, delivery=delivery))
        sent = [f"e{number}" for number in range(10)]
        for id_ in sent:
            await room.send(good(id_), channel="b1")
        await room.quiet("good", "bad")
        assert sorted(ids(fine.requests)) == sorted(ids(own.requests)) == sent
        assert brokers.requests == []


async def test_a_trigger_waits_for_what_it_depends_on(room: Room) -> None:
    """TriggerDependencyAnnotation: not Ready until the referenced resource is Ready; a Channel stands in for a source."""
    needs = json.dumps({"apiVersion": "messaging.knative.dev/v1", "kind": "Channel", "name": "c1"})
    async with RawServer() as subscriber:
        trigger = room.trigger("t1", subscriber, annotations={"knative.dev/dependency": needs})
        await room.has(room.broker())
        await room.has(trigger, wait=False)

        def waits() -> bool:
            found = [room.condition("Trigger", "t1", one) for one in ("DependencyReady", "Ready")]
            return all(one is not None and one.status == "False" for one in found)

        await until(waits)
        condition = room.condition("Trigger", "t1", "DependencyReady")
        assert condition is not None
        assert f"Channel {room.ns}/c1" in (condition.message or "")
        await room.channel("c1")
        await room.ready("Trigger", "t1")


async def test_a_format_is_taken_and_delivery_stays_binary(room: Room) -> None:
    """TriggerSupportsDeliveryFormat: Knative's Kafka broker does not implement it, and neither do we."""
    async with RawServer() as subscriber:
        await room.has(room.broker(), room.trigger("t1", subscriber, delivery={"format": "json"}))
        await room.send(good("e1"), b"{}", "b1")
        await room.caught_up("t1")
        assert ids(subscriber.requests) == ["e1"]


@pytest.mark.parametrize("whose", ["broker", "trigger"])
async def test_a_slow_subscriber_fails_over_to_the_dead_letter_sink(room: Room, whose: str) -> None:
    """DeliveryTimeout (broker/trigger)."""
    async with RawServer(never) as subscriber, RawServer() as dead_letters:
        delivery = {"delivery": patience(dead_letters, timeout="PT0.3S")}
        broker, trigger = (delivery, {}) if whose == "broker" else ({}, delivery)
        await room.has(room.broker("b1", **broker), room.trigger("t1", subscriber, **trigger))
        await room.send(good("e1"), channel="b1")
        await room.caught_up("t1")
        assert (ids(subscriber.requests), ids(dead_letters.requests)) == (["e1"], ["e1"])
        assert extension(dead_letters.requests[0], "knativeerrorcode") is None


async def test_a_trigger_reads_the_broker_of_another_namespace_where_that_is_allowed(house: House) -> None:
    """Cross-namespace trigger/broker reference."""
    async with room_in(house.stack) as brokers, room_in(house.stack, cross_namespace=True) as room:
        async with RawServer(reply(event())) as subscriber, RawServer() as beside:
            await brokers.has(brokers.broker(), brokers.trigger("beside", beside))
            # A broker of the same name next to the Trigger is another one.
            await room.has(room.broker())
            there = {"name": "b1", "namespace": brokers.ns}
            trigger = room.document(
                "Trigger", "t1", {"brokerRef": there, "subscriber": {"uri": subscriber.url}, **only(type="t.a")}
            )
            await room.has(trigger)
            await brokers.send(good("there"), channel="b1")
            await room.send(good("here"), channel="b1")
            await brokers.quiet("beside")
            await room.caught_up("t1")
            await brokers.quiet("beside")
            assert ids(subscriber.requests) == ["there"]
            assert subscriber.requests[0].header(b"kn-namespace") == [room.ns.encode()]
            assert ids(beside.requests) == ["there", "r1"]
            room.features = brokers.features
            assert "spec.brokerRef.namespace" in await room.refuses(trigger)
