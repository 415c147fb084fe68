"""Conformance F, and the broker data plane of D: what goes in at a Broker and what comes out; each test names its line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from answering import extension, status
from cloudevents.core.bindings import http as sdk_http
from cloudevents.core.formats.json import JSONFormat
from raw_http import RawServer, Request, reply
from room import Room, attributes, event, patience
from stack import good, ids

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
STATE = "vendor=00f067aa0ba902b7"
DATA = b'{"n": 1.50, "text": "\xc3\xa9"}'


def whole(version: str) -> dict[str, str]:
    """Every attribute that a version has, and an extension."""
    schema = {"1.0": "dataschema", "0.3": "schemaurl"}[version]
    return {
        "specversion": version,
        "id": "e1",
        "type": "com.Example.x",
        "source": "/a/b?c#d",
        "subject": "Sub/ject",
        "time": "2026-11-25T02:30:00.123456789+05:30",
        schema: "https://example.com/schema.json",
        "someext": "Value",
    }


@pytest.mark.parametrize("mode", ["binary", "structured"])
@pytest.mark.parametrize("version", ["1.0", "0.3"])
async def test_an_event_is_accepted_and_arrives_identical(room: Room, version: str, mode: str) -> None:
    """CE 0.3 and 1.0; binary; structured; 2xx on accept; attributes, data and specversion identical (D: version not upgraded)."""
    async with RawServer() as subscriber:
        await room.has(room.broker(), room.trigger("t1", subscriber))
        sent = whole(version)
        if mode == "binary":
            response = await room.post(good(**sent), DATA, "b1")
        else:
            text = json.dumps({**sent, "datacontenttype": "application/json"})[:-1].encode()
            response = await room.post(STRUCTURED, text + b', "data": ' + DATA + b"}", "b1")
        assert response.status == 202
        await room.caught_up("t1")
        (request,) = subscriber.requests
        assert attributes(request) == sent
        assert request.header(b"content-type") == [b"application/json"]
        assert request.body == DATA


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
async def test_every_method_but_post_is_405(room: Room, method: str) -> None:
    """Non-POST 405."""
    await room.has(room.broker())
    head = await room.ask(method, f"/{room.ns}/b1")
    assert head.startswith(b"HTTP/1.1 405 ")
    assert b"allow: post, options\r\n" in head.lower()


async def test_options_is_answered_with_what_is_allowed(room: Room) -> None:
    """D: supports OPTIONS."""
    await room.has(room.broker())
    head = await room.ask("OPTIONS", f"/{room.ns}/b1", "WebHook-Request-Origin: example.com")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"allow: post, options\r\n" in head.lower()


BAD: dict[str, tuple[dict[str, str], bytes]] = {
    "no id": ({name: text for name, text in good().items() if name != "ce-id"}, b"{}"),
    "an empty type": (good(type=""), b"{}"),
    "an unknown version": (good(specversion="9.0"), b"{}"),
    "plain JSON": ({"Content-Type": "application/json"}, b'{"n": 1}'),
    "structured and no JSON": (STRUCTURED, b"{"),
    "structured and no event": (STRUCTURED, b'{"n": 1}'),
}


@pytest.mark.parametrize("case", BAD)
async def test_what_is_no_event_is_400_and_nowhere(room: Room, case: str) -> None:
    """400 on bad event."""
    await room.has(room.broker())
    headers, body = BAD[case]
    assert (await room.post(headers, body, "b1")).status == 400
    assert await room.records(f"knative-broker-{room.ns}-b1") == []


async def test_what_a_subscriber_gets_is_a_valid_event(room: Room) -> None:
    """Delivery: valid CloudEvent, as the CloudEvents SDK reads it."""
    async with RawServer() as subscriber:
        await room.has(room.broker(), room.trigger("t1", subscriber))
        await room.send(good(**whole("1.0")), DATA, "b1")
        await room.caught_up("t1")
        found: Any = sdk_http.from_http(_message(subscriber.requests[0]), JSONFormat())
        assert (found.get_id(), found.get_type(), found.get_source()) == ("e1", "com.Example.x", "/a/b?c#d")
        assert found.get_data() == json.loads(DATA)


def _message(request: Request) -> sdk_http.HTTPMessage:
    headers = {name.decode(): value.decode() for name, value in request.headers}
    return sdk_http.HTTPMessage(headers, request.body)


async def test_every_trigger_gets_every_event(room: Room) -> None:
    """Delivery: at-least-once to all triggers (D: several subscribers)."""
    async with RawServer() as one, RawServer() as two, RawServer() as three:
        servers = {"t1": one, "t2": two, "t3": three}
        await room.has(room.broker(), *(room.trigger(name, server) for name, server in servers.items()))
        sent = {f"e{number}" for number in range(30)}
        for id_ in sent:
            await room.send(good(id_), channel="b1")
        await room.quiet(*servers)
        assert [set(ids(server.requests)) for server in servers.values()] == [sent] * 3


async def test_triggers_with_the_same_subscriber_deliver_once_each(room: Room) -> None:
    """Multiple triggers, same subscriber: one delivery each."""
    async with RawServer() as subscriber:
        await room.has(room.broker(), room.trigger("t1", subscriber), room.trigger("t2", subscriber))
        await room.send(good("e1"), channel="b1")
        await room.quiet("t1", "t2")
        assert ids(subscriber.requests) == ["e1", "e1"]


@pytest.mark.parametrize("mode", ["binary", "structured"])
async def test_a_reply_is_as_if_it_were_sent_to_the_broker(room: Room, mode: str) -> None:
    """Replies are published as if sent to the broker (D: replies accepted and delivered)."""
    sent = whole("1.0") | {"id": "r1", "type": "t.reply"}
    if mode == "binary":
        lines = "".join(f"ce-{name}: {text}\r\n" for name, text in sent.items())
        answer = status(200, lines + "Content-Type: application/json\r\n", DATA)
    else:
        text = json.dumps({**sent, "datacontenttype": "application/json"})[:-1].encode() + b', "data": ' + DATA + b"}"
        answer = status(200, "Content-Type: application/cloudevents+json\r\n", text)
    async with RawServer(reply(answer)) as replying, RawServer() as subscriber:
        asks = {"filter": {"attributes": {"type": "t.a"}}}
        await room.has(room.broker(), room.trigger("asks", replying, **asks), room.trigger("all", subscriber))
        await room.send(good("e1"), channel="b1")
        await room.quiet("asks", "all")
        assert ids(replying.requests) == ["e1"]
        assert ids(subscriber.requests) == ["e1", "r1"]
        request = subscriber.requests[1]
        assert attributes(request) == sent
        assert (request.header(b"content-type"), request.body) == ([b"application/json"], DATA)


async def test_a_malformed_reply_is_a_failed_delivery(room: Room) -> None:
    """A malformed reply counts as failed delivery."""
    broken = status(200, "ce-specversion: 1.0\r\nce-type: t.reply\r\nce-source: /r\r\n", b"x")
    async with RawServer(reply(broken)) as subscriber, RawServer() as dead_letters:
        await room.has(room.broker(), room.trigger("t1", subscriber, delivery=patience(dead_letters, retry=2)))
        await room.send(good("e1"), channel="b1")
        await room.quiet("t1")
        assert (ids(subscriber.requests), ids(dead_letters.requests)) == (["e1"], ["e1"])
        assert len(await room.records(f"knative-broker-{room.ns}-b1")) == 1


async def test_a_reply_that_the_broker_refuses_makes_a_dead_letter_of_the_first_event(room: Room) -> None:
    """A reply the broker refuses causes redelivery of the first event: here it goes to the dead letters, as in Knative on Kafka."""
    huge = event(body=b"x" * 2_097_152)
    async with RawServer(reply(huge)) as subscriber, RawServer() as dead_letters:
        await room.has(room.broker(), room.trigger("t1", subscriber, delivery=patience(dead_letters, retry=2)))
        await room.send(good("e1"), channel="b1")
        await room.quiet("t1")
        assert (ids(subscriber.requests), ids(dead_letters.requests)) == (["e1"], ["e1"])
        assert extension(dead_letters.requests[0], "knativeerrordest") == room.url("b1")


@pytest.mark.parametrize("mode", ["binary", "structured"])
async def test_trace_headers_are_kept_on_delivery_and_on_replies(room: Room, mode: str) -> None:
    """Trace headers kept on delivery and replies (D: tracing from producer over broker to subscriber)."""
    async with RawServer(reply(event())) as replying, RawServer() as subscriber:
        asks = {"filter": {"attributes": {"type": "t.a"}}}
        await room.has(room.broker(), room.trigger("asks", replying, **asks), room.trigger("all", subscriber))
        headers, body = good("e1"), DATA
        if mode == "structured":
            headers, body = (
                STRUCTURED,
                json.dumps({"specversion": "1.0", "id": "e1", "type": "t.a", "source": "/s"}).encode(),
            )
        await room.send({**headers, "traceparent": PARENT, "tracestate": STATE}, body, "b1")
        await room.quiet("asks", "all")
        got = [*replying.requests, *subscriber.requests]
        assert ids(got) == ["e1", "e1", "r1"]
        assert [one.header(b"traceparent") for one in got] == [[PARENT.encode()]] * 3
        assert [one.header(b"tracestate") for one in got] == [[STATE.encode()]] * 3
