"""How sightings leave a process: now and then, all of them, whatever Kafka does meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from memory_kafka import MemoryKafka
from raw_http import until

from eventing.feed.seen import report
from eventing.sightings import Sighting, Sightings, sighting

PATIENCE_S = 5.0
PLACE = ("Broker", "default", "mesh")


@asynccontextmanager
async def reporting(sightings: Sightings, kafka: MemoryKafka) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(report(sightings, kafka.appender(), "seen", interval_s=0.005))
        yield
        task.cancel()


def told(kafka: MemoryKafka) -> list[Sighting | None]:
    return [sighting((one.key or b"").decode(), one.value or b"") for one in kafka.records("seen")]


def note(sightings: Sightings, type_: str) -> None:
    sightings.note(*PLACE, {"type": type_, "source": "/s"})


async def test_what_is_noted_is_reported_once() -> None:
    kafka, sightings = MemoryKafka(), Sightings()
    kafka.create_topic("seen", 1)
    async with reporting(sightings, kafka):
        note(sightings, "t.a")
        await until(lambda: len(told(kafka)) == 1, PATIENCE_S)
        note(sightings, "t.a")
        note(sightings, "t.b")
        await until(lambda: len(told(kafka)) == 2, PATIENCE_S)
    assert told(kafka) == [Sighting(*PLACE, "t.a", "/s"), Sighting(*PLACE, "t.b", "/s")]


async def test_what_kafka_does_not_take_is_reported_later_and_said_once() -> None:
    kafka, sightings = MemoryKafka(), Sightings()
    note(sightings, "t.a")
    taken = []
    take = sightings.take
    sightings.take = lambda: taken.append(1) or take()  # type: ignore[func-returns-value,method-assign]
    with structlog.testing.capture_logs() as logs:
        async with reporting(sightings, kafka):
            await until(lambda: len(taken) > 3, PATIENCE_S)
            kafka.create_topic("seen", 1)
            await until(lambda: len(told(kafka)) == 1, PATIENCE_S)
    assert [one["event"] for one in logs] == ["event types that were seen can't be noted yet"]


async def test_a_process_that_knows_enough_says_so_once() -> None:
    kafka, sightings = MemoryKafka(), Sightings(known=1)
    kafka.create_topic("seen", 1)
    rounds = []
    take = sightings.take
    sightings.take = lambda: rounds.append(1) or take()  # type: ignore[func-returns-value,method-assign]
    with structlog.testing.capture_logs() as logs:
        async with reporting(sightings, kafka):
            note(sightings, "t.a")
            note(sightings, "t.b")
            await until(lambda: len(rounds) > 3, PATIENCE_S)
    assert [one["event"] for one in logs] == [
        "so many event types were seen that no further ones are noted in this process"
    ]
    assert len(told(kafka)) == 1
