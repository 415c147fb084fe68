"""B32 and B33 for brokers: replies and dead letters that come back neither multiply nor go round for ever."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from answering import extension, status
from raw_http import Answer, Peer, RawServer, Request, reply, until
from room import Room, event, patience, ref
from stack import good, ids

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]
TTL = "kanal.dev/ttl"
LIMIT = 5


def echo() -> Answer:
    """Answers each event with one of the same type under a new id."""
    numbers = itertools.count(1)

    async def answer(peer: Peer, request: Request) -> None:
        type_ = request.header(b"ce-type")[0].decode()
        await peer.send(event(type_, f"r{next(numbers)}", request.body))

    return answer


def only(type_: str) -> dict[str, Any]:
    return {"filter": {"attributes": {"type": type_}}}


async def test_b32_a_trigger_that_answers_itself_ends_where_the_broker_counts(room: Room) -> None:
    async with RawServer(echo()) as looping, RawServer() as dead_letters:
        delivery = patience(dead_letters)
        await room.has(room.broker("b1", {TTL: str(LIMIT)}), room.trigger("t1", looping, delivery=delivery))
        await room.send(good("e"), channel="b1")
        await room.quiet("t1")
        assert ids(looping.requests) == ["e", *(f"r{number}" for number in range(1, LIMIT))]
        assert [extension(one, "knativebrokerttl") for one in looping.requests] == [None] * LIMIT
        # The end is told: what could not be passed on is a dead letter, counted as one.
        assert ids(dead_letters.requests) == [f"r{LIMIT - 1}"]
        assert extension(dead_letters.requests[0], "knativeerrordest") == room.url("b1")
        assert room.counted("dead_lettered", "t1", "Trigger") == 1
        assert room.counted("replied", "t1", "Trigger") == LIMIT - 1


async def test_b32_a_trigger_that_answers_itself_without_a_limit_starves_nobody(room: Room) -> None:
    most = [0, 0]
    answers = echo()

    async def counted(peer: Peer, request: Request) -> None:
        most[0] += 1
        most[1] = max(most)
        await answers(peer, request)
        most[0] -= 1

    async with RawServer(counted) as looping, RawServer() as other, RawServer() as quiet:
        await room.has(room.broker("b1"), room.broker("b2"))
        await room.has(
            room.trigger("loops", looping, **only("t.a")),
            room.trigger("other", other, **only("t.other")),
            room.trigger("quiet", quiet, of="b2"),
        )
        await room.send(good("e"), channel="b1")
        await until(lambda: len(looping.requests) >= 30)
        for number in range(5):
            await room.send(good(f"o{number}", type="t.other"), channel="b1")
            await room.send(good(f"q{number}"), channel="b2")
        await until(lambda: len(other.requests) == len(quiet.requests) == 5)
        await until(lambda: len(looping.requests) >= 100, 20)
        # One event is one event on its way, however long it goes round.
        assert most[1] == 1
        assert len(set(ids(looping.requests))) == len(looping.requests)
        await room.has_not("Trigger", "loops")


async def test_b32_a_reply_of_a_type_that_the_filter_does_not_want_never_comes_back(room: Room) -> None:
    async with RawServer(reply(event("t.other"))) as subscriber:
        await room.has(room.broker(), room.trigger("t1", subscriber, **only("t.a")))
        await room.send(good("e"), channel="b1")
        await room.quiet("t1")
        assert ids(subscriber.requests) == ["e"]
        assert len(await room.records(f"knative-broker-{room.ns}-b1")) == 2


async def test_b32_two_brokers_that_send_into_each_other_come_to_an_end(room: Room) -> None:
    async with RawServer() as one, RawServer() as two, RawServer() as dead_letters:
        await room.has(room.broker("b1", {TTL: str(LIMIT)}), room.broker("b2", {TTL: str(LIMIT)}))
        delivery = patience(dead_letters)
        await room.has(
            room.trigger("there", {"ref": ref("Broker", "b2")}, of="b1", delivery=delivery),
            room.trigger("back", {"ref": ref("Broker", "b1")}, of="b2", delivery=delivery),
            room.trigger("seen1", one, of="b1"),
            room.trigger("seen2", two, of="b2"),
        )
        await room.send(good("e"), channel="b1")
        await until(lambda: dead_letters.requests)
        for name in ("there", "back", "seen1", "seen2"):
            await room.quiet(name)
        assert len(one.requests) + len(two.requests) == LIMIT
        assert ids(dead_letters.requests) == ["e"]
        assert extension(dead_letters.requests[0], "knativeerrorcode") == "400"


@pytest.mark.parametrize("ttl", [None, "true"])
async def test_b32_a_dead_letter_sink_that_is_the_same_broker_ends(room: Room, ttl: str | None) -> None:
    async with RawServer(reply(status(500))) as failing, RawServer() as fine:
        sink = {"ref": ref("Broker", "b1")}
        await room.has(room.broker("b1", {TTL: ttl} if ttl else {}))
        await room.has(room.trigger("fails", failing, delivery=patience(sink, retry=1)), room.trigger("fine", fine))
        await room.send(good("e"), channel="b1")
        await until(lambda: room.counted("kept", "fails", "Trigger") == 1)
        await room.quiet("fails", "fine")
        destinations = [extension(one, "knativeerrordest") for one in failing.requests]
        assert destinations == [None, None, failing.url, failing.url]
        assert ids(fine.requests) == ["e", "e"]
        assert await room.kept("fails") == ["e"]
        assert room.counted("dead_lettered", "fails", "Trigger") == 1


async def test_b33_a_reply_that_the_brokers_topic_can_not_hold_makes_one_dead_letter(room: Room) -> None:
    huge = event("t.a", body=b"x" * 2_097_152)
    async with RawServer(reply(huge)) as subscriber, RawServer() as dead_letters:
        await room.has(room.broker(), room.trigger("t1", subscriber, delivery=patience(dead_letters, retry=2)))
        await room.send(good("e"), channel="b1")
        await room.quiet("t1")
        assert (ids(subscriber.requests), ids(dead_letters.requests)) == (["e"], ["e"])
        assert dead_letters.bodies == [b'{"n":1}']
        assert len(await room.records(f"knative-broker-{room.ns}-b1")) == 1
        assert await room.kept("t1") == []


async def test_b32_a_limit_counts_on_when_what_could_not_be_passed_on_comes_back_as_a_dead_letter(room: Room) -> None:
    async with RawServer(echo()) as looping:
        sink = {"ref": ref("Broker", "b1")}
        await room.has(room.broker("b1", {TTL: str(LIMIT)}), room.trigger("t1", looping, delivery=patience(sink)))
        await room.send(good("e"), channel="b1")
        await until(lambda: room.counted("kept", "t1", "Trigger") or len(looping.requests) > 3 * LIMIT)
        assert len(looping.requests) == LIMIT
        await room.quiet("t1")
        assert await room.kept("t1") == [f"r{LIMIT - 1}"]


async def test_b32_a_limit_ends_dead_letters_that_two_brokers_send_each_other(room: Room) -> None:
    async with RawServer(reply(status(500))) as one, RawServer(reply(status(500))) as two:
        await room.has(room.broker("b1", {TTL: str(LIMIT)}), room.broker("b2", {TTL: str(LIMIT)}))
        await room.has(
            room.trigger("t1", one, of="b1", delivery=patience({"ref": ref("Broker", "b2")})),
            room.trigger("t2", two, of="b2", delivery=patience({"ref": ref("Broker", "b1")})),
        )
        await room.send(good("e"), channel="b1")
        asked = [one.requests, two.requests]
        await until(lambda: room.counted("kept", "t1", "Trigger") or sum(map(len, asked)) > 3 * LIMIT)
        assert sum(map(len, asked)) == LIMIT
        assert await room.kept("t1") == ["e"]


async def test_b32_a_limit_counts_what_comes_back_from_a_sequence(room: Room) -> None:
    async with RawServer(echo()) as step:
        flow = {"apiVersion": "flows.knative.dev/v1", "kind": "Sequence", "name": "s"}
        steps = {"steps": [{"uri": step.url}], "reply": {"ref": ref("Broker", "b1")}}
        await room.has(room.document("Sequence", "s", steps), room.broker("b1", {TTL: str(LIMIT)}))
        await room.has(room.trigger("t1", {"ref": flow}))
        await room.send(good("e"), channel="b1")
        await until(lambda: room.counted("kept", "s-kn-sequence-0") or len(step.requests) > 3 * LIMIT)
        assert len(step.requests) == LIMIT
