"""The plan through a compacted topic: who comes late gets the newest, and what nobody wants any more goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest
from raw_http import until
from structlog.testing import capture_logs

from eventing.feed.topic import TopicFeed
from eventing.kafka import appended
from eventing.kafka.librdkafka.admin import KafkaAdmin
from eventing.kafka.librdkafka.appender import KafkaAppender
from eventing.kafka.librdkafka.table import Rows, TableReader
from eventing.plan.model import Ingress, Plan, Remnant, TopicSpec
from eventing.settings import Kafka

PATIENCE_S = 30.0
IMPATIENT = {"topic.metadata.propagation.max.ms": "100", "topic.metadata.refresh.interval.ms": "1000"}


class Desk:
    """Clients of the real Kafka, and feeds and tables that are closed at the end."""

    def __init__(self, kafka: str) -> None:
        self.settings = Kafka(bootstrap=kafka)
        self.appender = KafkaAppender(self.settings, max_record_bytes=1_000_000)
        self.admin = KafkaAdmin(self.settings)
        self.closing: list[Callable[[], Coroutine[Any, Any, None]]] = []

    def feed(self, topic: str) -> TopicFeed:
        feed = TopicFeed(self.settings, topic, self.appender, self.admin)
        self.closing.append(feed.aclose)
        return feed

    def table(self, topic: str, on_rows: Callable[[Rows], None]) -> TableReader:
        table = TableReader(self.settings, topic, on_rows)
        self.closing.append(table.aclose)
        return table


@pytest.fixture
async def desk(kafka: str) -> AsyncIterator[Desk]:
    desk = Desk(kafka)
    yield desk
    for close in [*desk.closing, desk.appender.aclose, desk.admin.aclose]:
        await close()


def plan(*names: str, partitions: int = 1) -> Plan:
    return Plan(topics={name: TopicSpec(name, partitions) for name in names})


async def newest(feed: TopicFeed, wanted: Plan) -> None:
    """Return when the feed tells this plan."""
    async with asyncio.timeout(PATIENCE_S):
        async for told in feed.plans():
            if told == wanted:
                return


async def test_a_follower_that_comes_late_gets_the_newest_plan(desk: Desk, topic: str) -> None:
    publisher = desk.feed(topic)
    await publisher.publish(plan("a"))
    await publisher.publish(plan("a", "b", partitions=2))
    late = desk.feed(topic)
    async with asyncio.timeout(PATIENCE_S):
        first = await anext(late.plans())
    assert first == plan("a", "b", partitions=2)


async def test_a_follower_hears_each_change_and_removed_resources_vanish(desk: Desk, topic: str) -> None:
    publisher, follower = desk.feed(topic), desk.feed(topic)
    for one in (plan("a", "b"), plan("b"), plan(), plan("c")):
        await publisher.publish(one)
        await newest(follower, one)


async def test_a_restarted_controller_removes_what_nobody_wants_any_more(desk: Desk, topic: str) -> None:
    first = desk.feed(topic)
    await first.publish(plan("a", "b"))
    await first.aclose()
    second, follower = desk.feed(topic), desk.feed(topic)
    await second.publish(plan("b", "c"))
    await newest(follower, plan("b", "c"))


async def test_nothing_is_told_before_the_first_plan_and_an_empty_plan_is_told(desk: Desk, topic: str) -> None:
    await desk.admin.create_topic(TopicSpec(topic))
    follower = desk.feed(topic)
    told: list[Plan] = []

    async def follow() -> None:
        async for one in follower.plans():
            told.append(one)  # noqa: PERF401  they are looked at while it follows  # noqa: PERF401  an extended list is whole only at the end, which never comes

    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(follow())
        await until(lambda: follower._table is not None, PATIENCE_S)
        await appended(desk.appender, topic, b"topic/a", b'{"name":"a"}', [])
        await until(lambda: "topic/a" in (follower._table or {}), PATIENCE_S)
        assert told == []
        await desk.feed(topic).publish(Plan())
        await until(lambda: told and told[-1] == Plan(), PATIENCE_S)
        following.cancel()


async def test_who_publishes_next_knows_all_that_was_told_before(desk: Desk, topic: str) -> None:
    """It has followed all the time, and hears of what is written half a second later than it is."""
    idle = {"g": Remnant("gone", topic="a")}
    first, standing_by = desk.feed(topic), desk.feed(topic)
    assert await first.told() is None
    for one in (Plan(), plan("a"), replace(plan("b"), idle_groups=idle)):
        await first.publish(one)
        assert await standing_by.told() == one
    await standing_by.publish(plan("c"))
    await newest(desk.feed(topic), plan("c"))


async def test_a_plan_that_did_not_change_writes_nothing(desk: Desk, topic: str) -> None:
    publisher = desk.feed(topic)
    await publisher.publish(plan("a"))
    await publisher.publish(plan("a"))
    position = await appended(desk.appender, topic, b"other", b"", [])
    assert position.offset == 2


async def test_a_table_tells_only_at_the_end_of_its_topic_and_tombstones_as_none(desk: Desk, topic: str) -> None:
    await desk.admin.create_topic(TopicSpec(topic))
    for number in range(2_500):
        desk.appender.append(topic, b"k%d" % (number % 100), b"%d" % number, [], lambda _: None)
    await appended(desk.appender, topic, b"k0", None, [])
    told: list[Rows] = []
    desk.table(topic, told.append)
    await until(lambda: told, PATIENCE_S)
    assert told == [{"k0": None, **{f"k{n}": b"%d" % (2_400 + n) for n in range(1, 100)}}]
    await appended(desk.appender, topic, b"\xff", b"no name", [])
    await appended(desk.appender, topic, b"k1", None, [])
    await until(lambda: any("k1" in rows for rows in told[1:]), PATIENCE_S)
    assert [rows["k1"] for rows in told[1:] if "k1" in rows] == [None]


async def test_a_table_follows_a_topic_that_appears_later(desk: Desk, topic: str) -> None:
    told: list[Rows] = []
    desk.settings = replace(desk.settings, properties=IMPATIENT)
    table = desk.table(topic, told.append)
    await until(lambda: table._troubled, PATIENCE_S)
    assert told == []
    await desk.admin.create_topic(TopicSpec(topic))
    await appended(desk.appender, topic, b"k", b"v", [])
    await until(lambda: any(rows == {"k": b"v"} for rows in told), PATIENCE_S)


async def test_a_row_that_is_too_large_for_kafka_holds_up_no_other(desk: Desk, topic: str) -> None:
    feed, late = desk.feed(topic), desk.feed(topic)
    wide = Ingress("wide", "Broker", "ns", "wide", "t", "/ns/wide", schemas={"t": "x" * 1_200_000})
    small = Ingress("small", "Broker", "ns", "small", "t", "/ns/small")
    with capture_logs() as logs:
        await feed.publish(Plan({"wide": wide, "small": small}))
        await feed.publish(Plan({"wide": wide, "small": small}))
    assert [entry["row"] for entry in logs if entry["log_level"] == "error"] == ["ingress/wide"]
    await newest(late, Plan({"small": small}))
    wide = replace(wide, schemas={})
    await feed.publish(Plan({"wide": wide, "small": small}))
    await newest(late, Plan({"wide": wide, "small": small}))
