"""What was removed while nothing of Kanal ran: the next start takes away what it left in Kafka, and nothing else."""

from __future__ import annotations

import uuid

import pytest
from answering import groups, within
from raw_http import RawServer
from stack import good, ids, running

pytestmark = pytest.mark.kafka


async def test_b39_what_was_removed_while_everything_was_down_leaves_no_group_and_its_topic_stays(kafka: str) -> None:
    plan_topic = f"plan-{uuid.uuid4().hex[:10]}"
    async with RawServer() as subscriber:
        async with running(kafka, plan_topic=plan_topic) as stack:
            topic = await stack.channel()
            await stack.subscription(subscriber.url)
            group = (await stack.egress()).group
            await stack.send(good("e1"))
            await stack.caught_up()
        assert group in await groups(kafka)
        async with running(kafka, plan_topic=plan_topic) as stack:

            async def gone() -> bool:
                return group not in await groups(kafka)

            await within(gone)
            assert await stack.admin.topic(topic) is not None
        assert ids(subscriber.requests) == ["e1"]


async def test_what_comes_back_with_the_next_start_goes_on_where_it_was(kafka: str) -> None:
    plan_topic, namespace = f"plan-{uuid.uuid4().hex[:10]}", f"test-{uuid.uuid4().hex[:10]}"
    async with RawServer() as subscriber:
        for number in range(2):
            async with running(kafka, plan_topic=plan_topic) as stack:
                stack.ns = namespace
                await stack.channel()
                await stack.subscription(subscriber.url)
                await stack.send(good(f"e{number}"))
                await stack.caught_up()
        assert ids(subscriber.requests) == ["e0", "e1"]
