"""B19, B20: neither a slow subscriber nor dispatchers that come and go lose events, repeat what is done, or orphan partitions."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack, nullcontext

import pytest
from answering import by_id, delivery, members, role, send_many, shared_out, status
from raw_http import OK, Answer, RawServer, late, reply, until
from stack import UNORDERED, good, ids, running

pytestmark = pytest.mark.kafka
KEYS = ["D", "A", "F"]
"""They lie on partitions 0, 1 and 2 of three."""
BRISK = {"session_timeout_s": 3.0}
IMPATIENT = {"session_timeout_s": 2.0, "properties": {"max.poll.interval.ms": "2000"}}


@pytest.mark.parametrize("dispatchers", [1, 2])
async def test_b19_a_subscriber_slower_than_the_poll_interval_gets_each_event_once_and_costs_no_membership(
    kafka: str, dispatchers: int
) -> None:
    """Each event takes longer than max.poll.interval.ms, and the reader is held back all the time."""
    async with (
        RawServer(late(OK, 2.5)) as subscriber,
        running(kafka, kafka=IMPATIENT, delivery={"in_flight_events": 3, "commit_interval_s": 0.1}) as stack,
        stack.another_dispatcher() if dispatchers == 2 else nullcontext(),
    ):
        await stack.channel()
        await stack.subscription(subscriber.url, more=delivery(timeout="PT60S"))
        group = (await stack.egress()).group
        await shared_out(kafka, group, dispatchers, 3)
        before = await members(kafka, group)
        events = [{"id": f"{key}{n}", "partitionkey": key} for n in range(2) for key in KEYS]
        await send_many(stack, events)
        await stack.caught_up()
        assert sorted(ids(subscriber.requests)) == sorted(one["id"] for one in events)
        assert sorted(await members(kafka, group), key=str) == sorted(before, key=str)


async def test_b20_an_event_in_its_retries_survives_dispatchers_that_join_leave_and_are_killed(kafka: str) -> None:
    """Replica 1 is the stack's own, 2 and 3 are processes of their own; X fails until all is over."""
    heals = asyncio.Event()

    def choose(id_: str, _: int) -> Answer:
        return reply(OK if id_ != "X" or heals.is_set() else status(500))

    async with (
        RawServer(by_id(choose)) as subscriber,
        RawServer() as dead_letters,
        running(kafka, kafka=BRISK) as stack,
        AsyncExitStack() as others,
    ):
        await stack.channel(partitions=6)
        more = delivery(dead_letters, retry=50, backoffPolicy="linear", backoffDelay="PT0.1S")
        await stack.subscription(subscriber.url, more=more)
        group = (await stack.egress()).group
        await shared_out(kafka, group, 1, 6)
        sent: list[str] = []

        async def some(count: int) -> None:
            """Send events that nothing holds up and wait until each has come."""
            new = [f"e{len(sent) + number}" for number in range(count)]
            sent.extend(new)
            await send_many(stack, [{"id": id_, "partitionkey": id_} for id_ in new])
            await until(lambda: set(new) <= set(ids(subscriber.requests)), 20)

        async def tried_again() -> None:
            """X is still being tried, by whoever has it now."""
            tries = ids(subscriber.requests).count("X")
            await until(lambda: ids(subscriber.requests).count("X") > tries)

        await stack.send(good("X", partitionkey="X"))
        await some(60)
        await tried_again()
        settings = {"kafka__session_timeout_s": 3.0, "delivery__commit_interval_s": 0.1, "health__port": 0}
        second = await others.enter_async_context(role(stack, "dispatcher", **settings))
        await shared_out(kafka, group, 2, 6)
        await some(60)
        await others.enter_async_context(role(stack, "dispatcher", **settings))
        await shared_out(kafka, group, 3, 6)
        await some(60)
        await tried_again()
        # Up to here everybody left in good order, so what was finished is not repeated.
        counts = Counter(ids(subscriber.requests))
        assert {id_: count for id_, count in counts.items() if count > 1 and id_ != "X"} == {}

        await stack.stop_dispatcher()
        await shared_out(kafka, group, 2, 6)
        await some(60)
        assert max(count for id_, count in Counter(ids(subscriber.requests)).items() if id_ != "X") == 1
        second.kill()
        await some(60)
        await shared_out(kafka, group, 1, 6)
        await tried_again()
        assert dead_letters.requests == []
        heals.set()
        await stack.caught_up()
        counts = Counter(ids(subscriber.requests))
        assert set(counts) == {*sent, "X"}
        # A kill costs what was finished since the last commit, and those who have it now are told again.
        assert sum(count - 1 for id_, count in counts.items() if id_ != "X") <= 60
        assert dead_letters.requests == []
        assert await stack.buried() == []


async def test_b20_who_joins_and_leaves_under_load_repeats_nothing_that_was_finished(kafka: str) -> None:
    """Twice two dispatchers come and go while events flow; unordered, so that many are under way."""
    async with RawServer(late(OK, 0.01)) as subscriber, running(kafka, kafka=BRISK) as stack:
        await stack.channel(partitions=6)
        await stack.subscription(subscriber.url, annotations=UNORDERED)
        group = (await stack.egress()).group
        await shared_out(kafka, group, 1, 6)
        sent: list[str] = []
        over = asyncio.Event()

        async def load() -> None:
            while not over.is_set():
                sent.append(f"e{len(sent)}")
                await stack.send(good(sent[-1]))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(load())
            try:
                for _ in range(2):
                    async with stack.another_dispatcher():
                        await shared_out(kafka, group, 2, 6)
                    await shared_out(kafka, group, 1, 6)
            finally:
                over.set()
        await stack.caught_up()
        counts = Counter(ids(subscriber.requests))
        assert set(counts) == set(sent)
        assert {id_: count for id_, count in counts.items() if count > 1} == {}
