"""The plan inside one process: the newest one, at once, to everybody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from control_stand import PATIENCE_S

from eventing.feed.direct import DirectFeed
from eventing.plan.model import Ingress, Plan


def plan(name: str) -> Plan:
    return Plan({name: Ingress(name, "Channel", "default", name, "t", f"/default/{name}")})


async def next_of(plans: AsyncIterator[Plan]) -> Plan:
    return await asyncio.wait_for(anext(plans), PATIENCE_S)


async def waiting(plans: AsyncIterator[Plan]) -> asyncio.Future[Plan]:
    """The next plan, asked for and not there. Nothing else runs in this loop, so a few turns decide."""
    task = asyncio.ensure_future(anext(plans))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not task.done()
    return task


async def test_who_follows_before_there_is_a_plan_waits_for_the_first() -> None:
    feed = DirectFeed()
    first = await waiting(feed.plans())
    await feed.publish(plan("a"))
    assert await asyncio.wait_for(first, PATIENCE_S) == plan("a")


async def test_who_comes_late_gets_the_newest_plan_first() -> None:
    feed = DirectFeed()
    for name in "abc":
        await feed.publish(plan(name))
    assert await next_of(feed.plans()) == plan("c")


async def test_an_empty_plan_is_a_plan() -> None:
    feed = DirectFeed()
    await feed.publish(Plan())
    assert await next_of(feed.plans()) == Plan()


async def test_everybody_hears_of_each_plan_and_the_busy_only_of_the_last() -> None:
    feed = DirectFeed()
    await feed.publish(plan("a"))
    one, other = feed.plans(), feed.plans()
    assert await next_of(one) == await next_of(other) == plan("a")
    idle = await waiting(one)
    await feed.publish(plan("b"))
    assert await asyncio.wait_for(idle, PATIENCE_S) == plan("b")
    await feed.publish(plan("c"))
    assert await next_of(one) == await next_of(other) == plan("c")
    (await waiting(other)).cancel()


async def test_the_same_plan_again_wakes_nobody() -> None:
    feed = DirectFeed()
    await feed.publish(plan("a"))
    plans = feed.plans()
    await next_of(plans)
    await feed.publish(plan("a"))
    (await waiting(plans)).cancel()
