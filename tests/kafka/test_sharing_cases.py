"""Subscriptions of one channel read it together, and nobody notices: not who is slow, who comes and goes, or who fails."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from answering import by_id
from raw_http import OK, RawServer, reply, until, when
from stack import UNORDERED, Stack, good, ids, running

pytestmark = pytest.mark.kafka
EVENTS = 400


async def send(stack: Stack, first: int, end: int) -> None:
    for number in range(first, end, 50):
        await asyncio.gather(*(stack.send(good(str(n), partitionkey=f"k{n % 20}")) for n in range(number, number + 50)))


async def test_one_that_stands_still_holds_nobody_up_and_gets_everything_once_when_it_goes_on(kafka: str) -> None:
    release = asyncio.Event()
    stuck = by_id(lambda *_: when(release))
    async with (
        RawServer(stuck) as slow,
        RawServer(reply(OK)) as quick,
        running(kafka, delivery={"in_flight_events": 20, "commit_interval_s": 0.1}) as stack,
    ):
        await stack.channel(partitions=3)
        await stack.subscription(slow.url, "slow", annotations=UNORDERED)
        for name in ("q1", "q2", "q3"):
            await stack.subscription(f"{quick.url}{name}", name)
        await send(stack, 0, EVENTS)
        await until(lambda: all(stack.counted("delivered", name) == EVENTS for name in ("q1", "q2", "q3")), 20)
        assert len(slow.requests) < EVENTS / 2
        release.set()
        await until(lambda: stack.counted("delivered", "slow") == EVENTS, 20)
        for name in ("slow", "q1", "q2", "q3"):
            await stack.caught_up(name)
        assert sorted(map(int, ids(slow.requests))) == list(range(EVENTS))
        seen = Counter((request.line, request.header(b"ce-id")[0]) for request in quick.requests)
        assert len(seen) == 3 * EVENTS
        assert set(seen.values()) == {1}


async def test_a_second_dispatcher_that_comes_and_goes_in_the_middle_costs_no_event(kafka: str) -> None:
    names = ("a", "b", "c", "d")
    async with RawServer(reply(OK)) as subscriber, running(kafka) as stack:
        await stack.channel(partitions=4)
        for name in names:
            await stack.subscription(f"{subscriber.url}{name}", name)
        await send(stack, 0, 100)
        async with stack.another_dispatcher() as other:
            await until(lambda: len(other.egresses) == len(names))
            await send(stack, 100, 300)
        await send(stack, 300, EVENTS)
        for name in names:
            await stack.caught_up(name)
        seen = Counter((request.line, request.header(b"ce-id")[0]) for request in subscriber.requests)
        assert len(seen) == len(names) * EVENTS
        assert sum(seen.values()) - len(seen) <= 20
