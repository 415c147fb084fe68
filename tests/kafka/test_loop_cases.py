"""B32: replies and dead letters that come back to where they came from neither multiply nor go round for ever."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from answering import delivery, extension, status
from raw_http import OK, Answer, Peer, RawServer, Request, reply, until
from stack import good, ids, running

pytestmark = pytest.mark.kafka


def echo() -> tuple[Answer, list[int]]:
    """Answers each event with itself under a new id, and counts how many it has at a time."""
    numbers = itertools.count(1)
    at_once: list[int] = [0, 0]

    async def answer(peer: Peer, request: Request) -> None:
        at_once[0] += 1
        at_once[1] = max(at_once)
        headers = f"ce-id: r{next(numbers)}\r\nce-specversion: 1.0\r\nce-type: t.a\r\nce-source: /echo\r\n"
        await peer.send(status(200, headers + "Content-Type: application/json\r\n", request.body))
        at_once[0] -= 1

    return answer, at_once


async def test_b32_channels_that_reply_into_each_other_keep_one_event_going_and_starve_nobody(kafka: str) -> None:
    answer, at_once = echo()
    async with RawServer(answer) as looping, RawServer() as other, running(kafka) as stack:
        for name in ("c1", "c2", "quiet"):
            await stack.channel(name)
        await stack.subscription(looping.url, "there", "c1", f'reply: {{uri: "{stack.url("c2")}"}}')
        await stack.subscription(looping.url, "back", "c2", f'reply: {{uri: "{stack.url("c1")}"}}')
        await stack.subscription(other.url, "other", "quiet")
        await stack.send(good("first"))
        await until(lambda: len(looping.requests) >= 50)
        for number in range(5):
            await stack.send(good(f"e{number}"), channel="quiet")
        await until(lambda: len(other.requests) == 5, 2)
        await until(lambda: len(looping.requests) >= 150)
        assert at_once[1] == 1
        assert len(set(ids(looping.requests))) == len(looping.requests)
        # Who ends the loop ends it: one Subscription less, and what was under way comes to rest.
        await stack.remove("back")
        await stack.caught_up("there")
        rounds = len(looping.requests)
        await stack.send(good("again"))
        await until(lambda: "again" in ids(looping.requests))
        await stack.caught_up("there")
        assert len(looping.requests) == rounds + 1


async def test_b32_a_dead_letter_that_comes_back_to_the_same_subscription_is_kept(kafka: str) -> None:
    async with RawServer(reply(status(500))) as failing, RawServer() as fine, running(kafka) as stack:
        topic = await stack.channel()
        await stack.subscription(failing.url, "failing", more=delivery(stack.url(), retry=1, backoffDelay="PT0.01S"))
        await stack.subscription(fine.url, "fine", more=delivery(stack.url()))
        await stack.send(good("e"))
        await until(lambda: stack.counted("kept", "failing") == 1)
        await stack.caught_up("failing")
        await stack.caught_up("fine")
        assert [extension(one, "knativeerrordest") for one in failing.requests] == [
            None,
            None,
            failing.url,
            failing.url,
        ]
        assert ids(fine.requests) == ["e", "e"]
        assert len(await stack.records(topic)) == 2
        (letter,) = await stack.buried("failing")
        headers = {name: (value or b"").decode() for name, value in letter.headers() or []}
        assert (headers["ce_id"], headers["ce_knativeerrordest"]) == ("e", failing.url)
        assert stack.counted("dead_lettered", "failing") == 1


async def test_b32_two_subscriptions_do_not_dead_letter_each_others_dead_letters_for_ever(kafka: str) -> None:
    """Each finds the other's address in `knativeerrordest`, never its own."""
    async with (
        RawServer(reply(status(500))) as one,
        RawServer(reply(status(500))) as two,
        RawServer(reply(OK)) as fine,
        running(kafka) as stack,
    ):
        await stack.channel()
        await stack.subscription(one.url, "one", more=delivery(stack.url()))
        await stack.subscription(two.url, "two", more=delivery(stack.url()))
        await stack.subscription(fine.url, "fine")
        await stack.send(good("e"))
        try:
            await until(lambda: stack.counted("kept", "one") and stack.counted("kept", "two"))
            async with asyncio.timeout(5):
                for name in ("one", "two", "fine"):
                    await stack.caught_up(name)
        finally:
            for name in ("one", "two"):
                await stack.remove(name)
        # The event itself, and a dead letter of each; every further round would add two more.
        assert len(fine.requests) <= 5
        assert len(await stack.buried("one")) in (1, 2)
        assert len(await stack.buried("two")) in (1, 2)
