"""Conformance C, and the channel helpers of D: Channels and Subscriptions as Knative's suite looks at them; each test names its line."""

from __future__ import annotations

import base64
import json
from contextlib import AsyncExitStack

import pytest
from answering import extension, status
from raw_http import Answer, RawServer, free_port, never, reply, until
from room import Room, event, patience, ref
from stack import good, ids

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]
KINDS = ["Channel", "KafkaChannel"]
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
TRACE = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=b"}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_channel_and_its_subscription_become_ready(room: Room, kind: str) -> None:
    """GoesReady / ImplGoesReady / SubscriptionGoesReady; D: required status and status.subscribers fields."""
    async with RawServer() as subscriber:
        await room.has(room.document(kind, "c1", {}), room.subscribed("s1", subscriber, ref(kind, "c1")))
        assert room.status(kind, "c1")["address"]["url"] == room.url("c1")
        subscription = room.resource("Subscription", "s1")
        assert subscription is not None
        (entry,) = room.status("KafkaChannel", "c1")["subscribers"]
        assert entry == {
            "uid": subscription.metadata.uid,
            "observedGeneration": subscription.metadata.generation,
            "ready": "True",
        }


@pytest.mark.parametrize("by", ["subscriber", "reply"])
async def test_an_event_crosses_a_chain_of_ten_channels(room: Room, by: str) -> None:
    """ChannelChain (length 10), by subscriber and by reply."""
    length = 10
    async with RawServer(reply(event())) as echoing, RawServer() as end:
        documents = [room.document("Channel", f"c{number}", {}) for number in range(length)]
        for number in range(length - 1):
            onward = {"ref": ref("Channel", f"c{number + 1}")}
            to, more = (onward, {}) if by == "subscriber" else (echoing, {"reply": onward})
            documents.append(room.subscribed(f"s{number}", to, ref("Channel", f"c{number}"), **more))
        documents.append(room.subscribed("end", end, ref("Channel", f"c{length - 1}")))
        await room.has(*documents)
        await room.send(good("e1"), channel="c0")
        await until(lambda: end.requests, 30)
        assert ids(end.requests) == ["e1" if by == "subscriber" else "r1"]
        assert len(echoing.requests) == (0 if by == "subscriber" else length - 1)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_a_subscriber_refuses_reaches_the_dead_letter_sink(room: Room, kind: str) -> None:
    """DeadLetterSink; DeadLetterSinkGenericChannel."""
    async with RawServer(reply(status(500))) as subscriber, RawServer() as dead_letters:
        subscription = room.subscribed("s1", subscriber, ref(kind, "c1"), delivery=patience(dead_letters, retry=1))
        await room.has(room.document(kind, "c1", {}), subscription)
        await room.send(good("e1"))
        await room.caught_up("s1")
        assert (ids(subscriber.requests), ids(dead_letters.requests)) == (["e1", "e1"], ["e1"])


async def test_a_channel_is_the_dead_letter_sink_of_another(room: Room) -> None:
    """AsDeadLetterSink."""
    async with RawServer(reply(status(500))) as subscriber, RawServer() as dead_letters:
        sink = {"ref": ref("Channel", "letters")}
        await room.has(
            room.document("Channel", "letters", {}),
            room.document("Channel", "c1", {"delivery": patience(sink)}),
            room.subscribed("s1", subscriber, ref("Channel", "c1")),
            room.subscribed("s2", dead_letters, ref("Channel", "letters")),
        )
        await room.send(good("e1"))
        await until(lambda: dead_letters.requests)
        assert ids(dead_letters.requests) == ["e1"]
        assert extension(dead_letters.requests[0], "knativeerrordest") == subscriber.url


async def test_a_reply_of_another_type_reaches_the_second_channel(room: Room) -> None:
    """EventTransformation."""
    async with RawServer(reply(event("t.new", body=b"new"))) as transforms, RawServer() as end:
        await room.has(
            room.document("Channel", "c1", {}),
            room.document("Channel", "c2", {}),
            room.subscribed("s1", transforms, ref("Channel", "c1"), reply={"ref": ref("Channel", "c2")}),
            room.subscribed("s2", end, ref("Channel", "c2")),
        )
        await room.send(good("e1"))
        await until(lambda: end.requests)
        assert [(extension(one, "type"), one.body) for one in end.requests] == [("t.new", b"new")]


@pytest.mark.parametrize("encoding", ["binary", "structured"])
async def test_an_event_is_delivered_once_with_its_headers(room: Room, encoding: str) -> None:
    """SingleEventWithEncoding(binary|structured); ChannelPreferHeaderCheck; D: channel header test, tracing headers."""
    async with RawServer() as subscriber:
        await room.has(room.document("Channel", "c1", {}), room.subscribed("s1", subscriber, ref("Channel", "c1")))
        headers, body = good("e1"), b'{"n":1}'
        if encoding == "structured":
            whole = {"specversion": "1.0", "id": "e1", "type": "t.a", "source": "/s", "data": {"n": 1}}
            headers, body = STRUCTURED, json.dumps(whole, separators=(",", ":")).encode()
        await room.send(headers | TRACE, body)
        await room.caught_up("s1")
        (request,) = subscriber.requests
        assert (ids([request]), request.body) == (["e1"], b'{"n":1}')
        assert request.header(b"prefer") == [b"reply"]
        assert {name: request.header(name.encode())[0].decode() for name in TRACE} == TRACE


ERRORS: dict[str, tuple[Answer | None, dict[str, str | None]]] = {
    "unreachable": (None, {"knativeerrorcode": None, "knativeerrordata": None}),
    "error without data": (reply(status(400)), {"knativeerrorcode": "400", "knativeerrordata": None}),
    "error with data": (
        reply(status(500, body=b"catastrophe")),
        {"knativeerrorcode": "500", "knativeerrordata": base64.b64encode(b"catastrophe").decode()},
    ),
}


@pytest.mark.parametrize("case", ERRORS)
async def test_a_dead_letter_of_a_channel_says_what_went_wrong(room: Room, case: str) -> None:
    """ChannelDeadLetterSinkExtensions."""
    answer, expected = ERRORS[case]
    async with RawServer(*([answer] if answer else [])) as subscriber, RawServer() as dead_letters:
        to = subscriber.url if answer else f"http://127.0.0.1:{free_port()}/"
        subscription = room.subscribed("s1", {"uri": to}, ref("Channel", "c1"), delivery=patience(dead_letters))
        await room.has(room.document("Channel", "c1", {}), subscription)
        await room.send(good("e1"))
        await room.caught_up("s1")
        (letter,) = dead_letters.requests
        assert {name: extension(letter, name) for name in expected} == expected
        assert extension(letter, "knativeerrordest") == to


async def test_a_slow_subscriber_of_a_channel_fails_over_to_the_dead_letter_sink(room: Room) -> None:
    """G: DeliveryTimeout (channel)."""
    async with RawServer(never) as subscriber, RawServer() as dead_letters:
        delivery = patience(dead_letters, timeout="PT0.3S")
        subscription = room.subscribed("s1", subscriber, ref("Channel", "c1"), delivery=delivery)
        await room.has(room.document("Channel", "c1", {}), subscription)
        await room.send(good("e1"))
        await room.caught_up("s1")
        assert (ids(subscriber.requests), ids(dead_letters.requests)) == (["e1"], ["e1"])


async def test_a_channel_is_known_by_its_host_name_in_its_namespace(room: Room) -> None:
    """D: Channel name has required suffix; is namespaced."""
    async with AsyncExitStack() as servers:
        subscriber = await servers.enter_async_context(RawServer())
        await room.has(room.document("Channel", "c1", {}), room.subscribed("s1", subscriber, ref("Channel", "c1")))
        event_headers = [f"{name}: {value}" for name, value in good("e1").items()]
        for namespace, expected in ((room.ns, b"202"), (room.ns + "x", b"404")):
            host = f"Host: c1-kn-channel.{namespace}.svc.cluster.local"
            head = await room.ask("POST", "/", host, *event_headers, body=b"{}")
            assert head.split()[1] == expected
        await room.caught_up("s1")
        assert ids(subscriber.requests) == ["e1"]


async def test_a_channel_says_that_it_can_be_subscribed_to(room: Room) -> None:
    """D: CRD labels; spec allows subscribers."""
    await room.has(room.document("KafkaChannel", "c1", {"subscribers": [{"uid": "u", "subscriberUri": "http://sub"}]}))
    found = room.resource("KafkaChannel", "c1")
    assert found is not None
    assert found.metadata.annotations["messaging.knative.dev/subscribable"] == "v1"
    assert found.CRD_LABELS["messaging.knative.dev/subscribable"] == "true"
    assert found.CRD_LABELS["duck.knative.dev/addressable"] == "true"
    assert "channel" in found.CATEGORIES


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [("GET", [], b"405"), ("PUT", [], b"405"), ("POST", ["Content-Type: application/json"], b"400")],
)
async def test_a_wrong_method_and_a_malformed_event_are_refused(
    room: Room, method: str, headers: list[str], expected: bytes
) -> None:
    """D: Channel data-plane failures (`expecting-405`, `expecting-400`)."""
    await room.has(room.document("Channel", "c1", {}))
    head = await room.ask(method, f"/{room.ns}/c1", *headers, body=b"{}")
    assert head.split()[1] == expected
