"""B21: no restart, storm or new Subscription brings old events back, and offsets that Kafka forgot are no reason to."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from answering import by_id, delivery, members, send_many, shared_out, status, within
from confluent_kafka.admin import AdminClient
from raw_http import OK, Answer, RawServer, reply, until
from stack import Stack, good, ids, running

pytestmark = pytest.mark.kafka
BRISK = {"session_timeout_s": 3.0}


async def _thousand(stack: Stack, subscriber: RawServer) -> str:
    """A Subscription that has delivered and committed a thousand events; its group."""
    await stack.channel()
    await stack.subscription(subscriber.url, more=delivery(retry=50, backoffPolicy="linear", backoffDelay="PT0.1S"))
    await send_many(stack, [{"id": f"old{number}", "partitionkey": f"{number}"} for number in range(1_000)])
    await stack.caught_up()
    assert len(subscriber.requests) == 1_000
    return (await stack.egress()).group


async def test_b21_five_restarts_and_a_storm_with_a_rebalance_bring_nothing_back(kafka: str) -> None:
    calm = asyncio.Event()

    def choose(id_: str, _: int) -> Answer:
        return reply(status(504) if id_.startswith("storm") and not calm.is_set() else OK)

    async with RawServer(by_id(choose)) as subscriber, running(kafka, kafka=BRISK) as stack:
        group = await _thousand(stack, subscriber)
        await stack.stop_dispatcher()
        for number in range(5):
            async with stack.another_dispatcher():
                await stack.send(good(f"new{number}"))
                await stack.caught_up()
        async with stack.another_dispatcher():
            await shared_out(kafka, group, 1, 3)
            for number in range(6):
                await stack.send(good(f"storm{number}", partitionkey=f"{number}"))
            await until(lambda: sum(id_.startswith("storm") for id_ in ids(subscriber.requests)) >= 12)
            async with stack.another_dispatcher():
                await shared_out(kafka, group, 2, 3)
                calm.set()
                await stack.caught_up()
        counts = Counter(ids(subscriber.requests))
        assert set(counts) == {
            *(f"old{number}" for number in range(1_000)),
            *(f"new{number}" for number in range(5)),
            *(f"storm{number}" for number in range(6)),
        }
        assert {id_: count for id_, count in counts.items() if count > 1 and not id_.startswith("storm")} == {}


async def test_b21_a_subscription_added_or_made_again_sees_only_what_comes_after_it(kafka: str) -> None:
    async with RawServer() as subscriber, RawServer() as added, RawServer() as again, running(kafka) as stack:
        await _thousand(stack, subscriber)
        await stack.subscription(added.url, "added")
        await stack.send(good("first"))
        await stack.caught_up("added")
        assert ids(added.requests) == ["first"]

        await stack.remove("s1")
        await until(lambda: "s1" not in [egress.name for egress in stack.dispatcher.egresses])
        await stack.send(good("between"))
        await stack.subscription(again.url)
        await stack.send(good("second"))
        await stack.caught_up()
        assert ids(again.requests) == ["second"]


async def test_b21_offsets_that_expired_while_nothing_ran_bring_nothing_back_and_lose_nothing_new(kafka: str) -> None:
    """A week of standstill in short: everything stops, Kafka forgets the group, everything starts."""
    async with RawServer() as subscriber:
        async with running(kafka) as stack:
            namespace, group = stack.ns, await _thousand(stack, subscriber)
        await _forget(kafka, group)
        async with running(kafka) as stack:
            stack.ns = namespace
            await stack.channel()
            await stack.subscription(subscriber.url)
            assert (await stack.egress()).group == group
            await stack.send(good("new"))
            await until(lambda: "new" in ids(subscriber.requests))
            await stack.caught_up()
        assert ids(subscriber.requests)[1_000:] == ["new"]


async def _forget(kafka: str, group: str) -> None:
    """What is left after Kafka's expiry, which itself takes a minute at least."""
    admin = AdminClient({"bootstrap.servers": kafka})
    await asyncio.to_thread(lambda: admin.delete_consumer_groups([group])[group].result(10))


async def test_b21_a_group_with_an_idle_member_is_the_same_group_afterwards(kafka: str) -> None:
    """While members are there, Kafka lets no offsets expire; so an idle dispatcher has to stay a member."""
    async with RawServer() as subscriber, running(kafka, kafka={"session_timeout_s": 1.0}) as stack:
        group = await _thousand(stack, subscriber)
        before = await members(kafka, group)
        idle_until = asyncio.get_running_loop().time() + 2.0

        async def still_there() -> bool:
            assert await members(kafka, group) == before
            return asyncio.get_running_loop().time() > idle_until

        await within(still_there)
        await stack.send(good("new"))
        await stack.caught_up()
        assert ids(subscriber.requests)[1_000:] == ["new"]
