"""The plan of one process, kept for the next: what runs is known to whoever comes after."""

from __future__ import annotations

import pytest
from control_stand import FakeFeed

from eventing.errors import Unavailable
from eventing.feed.direct import DirectFeed
from eventing.feed.kept import KeptFeed
from eventing.plan.model import Ingress, Plan

PLAN = Plan({"a": Ingress("a", "Channel", "default", "a", "t", "/default/a")})


async def test_a_plan_reaches_whoever_follows_and_the_record() -> None:
    direct, record = DirectFeed(), FakeFeed()
    await KeptFeed(direct, record).publish(PLAN)
    assert await anext(aiter(KeptFeed(direct, record).plans())) == PLAN
    assert record.plan == PLAN


async def test_what_was_told_last_is_what_the_record_says_and_not_this_process() -> None:
    assert await KeptFeed(DirectFeed(), FakeFeed(PLAN)).told() == PLAN
    assert await KeptFeed(DirectFeed(), FakeFeed()).told() is None


async def test_what_can_not_be_kept_is_not_run() -> None:
    direct, record = DirectFeed(), FakeFeed()
    record.failing = Unavailable("Kafka does not answer")
    with pytest.raises(Unavailable):
        await KeptFeed(direct, record).publish(PLAN)
    assert await direct.told() is None
