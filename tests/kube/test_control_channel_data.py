"""Conformance A through a channel that a real API server holds; each test names its line."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack

import pytest
from answering import extension, status
from raw_http import Answer, RawServer, reply, until
from room import Room, attributes, event, patience, ref
from stack import good, ids

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]
TRACE = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=b"}
FLAKY = [reply(status(500)), reply(status(202))]


async def subscribed(room: Room, *subscribers: RawServer) -> None:
    channel = ref("Channel", "c1")
    wanted = [room.subscribed(f"s{number}", one, channel) for number, one in enumerate(subscribers)]
    await room.has(room.document("Channel", "c1", {}), *wanted)


@pytest.mark.parametrize("version", ["0.3", "1.0"])
@pytest.mark.parametrize("mode", ["binary", "structured"])
async def test_an_event_is_accepted_and_arrives_identical_at_every_ready_subscriber(
    room: Room, version: str, mode: str
) -> None:
    """Input/endpoint, CE versions, binary mode, structured mode, mode change; HTTP/202; Output/CloudEvents, version, identical, all ready subscribers."""
    async with RawServer() as one, RawServer() as other:
        await subscribed(room, one, other)
        assert room.status("Channel", "c1")["address"]["url"].startswith("http://")
        given = {"specversion": version, "type": "t.a", "source": "/s", "id": "e1", "subject": "ü", "extra": "x"}
        headers, body = (
            {f"ce-{name}": text for name, text in given.items()} | {"Content-Type": "application/json"},
            b'{"n":1}',
        )
        headers["ce-subject"] = "%C3%BC"
        if mode == "structured":
            headers, body = (
                {"Content-Type": "application/cloudevents+json"},
                json.dumps({**given, "data": {"n": 1}}).encode(),
            )
        assert (await room.post(headers, body)).status == 202
        for number, server in enumerate((one, other)):
            await room.caught_up(f"s{number}")
            (request,) = server.requests
            assert attributes(request) == {**given, "subject": "%C3%BC"}
            assert json.loads(request.body) == {"n": 1}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
async def test_every_method_but_post_is_405(room: Room, method: str) -> None:
    """HTTP/405."""
    await subscribed(room)
    head = await room.ask(method, f"/{room.ns}/c1", body=b"" if method == "HEAD" else b"{}")
    assert head.split()[1] == b"405"


async def test_one_url_is_one_channel_and_an_unknown_one_is_404(room: Room) -> None:
    """HTTP/unique URL; HTTP/404."""
    async with RawServer() as one, RawServer() as other:
        channels = [room.document("Channel", name, {}) for name in ("c1", "c2")]
        subscriptions = [
            room.subscribed(f"s{name}", to, ref("Channel", name)) for name, to in (("c1", one), ("c2", other))
        ]
        await room.has(*channels, *subscriptions)
        urls = {room.status("Channel", name)["address"]["url"] for name in ("c1", "c2")}
        assert len(urls) == 2
        await room.send(good("e1"), channel="c1")
        await room.caught_up("sc1")
        assert (ids(one.requests), other.requests) == (["e1"], [])
        assert (await room.post(channel="c3")).status == 404


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "application/json"}, b"{}"),
        ({"Content-Type": "application/cloudevents+json"}, b"{"),
        ({"ce-specversion": "1.0", "ce-type": "t", "ce-source": "/s"}, b"{}"),
        ({"ce-specversion": "9.9", "ce-type": "t", "ce-source": "/s", "ce-id": "1"}, b"{}"),
    ],
)
async def test_what_is_no_event_is_400_and_nowhere(room: Room, headers: dict[str, str], body: bytes) -> None:
    """Generic/malformed; HTTP/400."""
    async with RawServer() as subscriber:
        await subscribed(room, subscriber)
        assert (await room.post(headers, body)).status == 400
        await room.send(good("e1"))
        await room.caught_up("s0")
        assert ids(subscriber.requests) == ["e1"]


async def test_the_trace_context_goes_through(room: Room) -> None:
    """Observability."""
    async with RawServer() as subscriber:
        await subscribed(room, subscriber)
        await room.send(good("e1") | TRACE)
        await room.caught_up("s0")
        assert {name: subscriber.requests[0].header(name.encode())[0].decode() for name in TRACE} == TRACE


async def test_a_subscriber_that_fails_once_gets_it_again_and_nothing_is_a_dead_letter(room: Room) -> None:
    """Retry/0."""
    async with RawServer(*FLAKY) as subscriber, RawServer() as letters:
        delivery = patience(letters, retry=1)
        await room.has(
            room.document("Channel", "c1", {}),
            room.subscribed("s1", subscriber, ref("Channel", "c1"), delivery=delivery),
        )
        await room.send(good("e1"))
        await room.caught_up("s1")
        assert (ids(subscriber.requests), letters.requests) == (["e1", "e1"], [])


async def test_retries_and_replies_of_four_subscribers(room: Room) -> None:
    """Retry/1: fails once; fails once then replies; the reply fails once; the reply fails twice and is a dead letter."""
    answers = [reply(event())]
    subscribers: list[list[Answer]] = [FLAKY, [reply(status(500)), *answers], answers, answers]
    repliers: list[list[Answer]] = [[], [], FLAKY, [reply(status(500))]]
    async with AsyncExitStack() as servers:
        entered = servers.enter_async_context
        ends = [
            (await entered(RawServer(*to)), await entered(RawServer(*back)), await entered(RawServer()))
            for to, back in zip(subscribers, repliers, strict=True)
        ]
        await room.has(
            room.document("Channel", "c1", {}),
            *(
                room.subscribed(
                    f"s{number}",
                    to,
                    ref("Channel", "c1"),
                    reply={"uri": back.url},
                    delivery=patience(letters, retry=1),
                )
                for number, (to, back, letters) in enumerate(ends)
            ),
        )
        await room.send(good("e1"))
        for number in range(4):
            await room.caught_up(f"s{number}")
        await until(lambda: ends[3][2].requests)
        told = [tuple(ids(one.requests) for one in three) for three in ends]
        assert told == [
            (["e1", "e1"], [], []),
            (["e1", "e1"], ["r1"], []),
            (["e1"], ["r1", "r1"], []),
            (["e1"], ["r1", "r1"], ["e1"]),
        ]
        assert extension(ends[3][2].requests[0], "knativeerrordest") == ends[3][1].url
