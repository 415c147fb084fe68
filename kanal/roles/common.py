"""What every role needs around it: a log, a producer, an admin client, the feed, a port for probes and metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from eventing.errors import EventingError
from eventing.feed import Feed
from eventing.feed.topic import TopicFeed
from eventing.kafka import Admin, Appender, Scanner
from eventing.kafka.librdkafka.admin import KafkaAdmin
from eventing.kafka.librdkafka.appender import KafkaAppender
from eventing.kafka.librdkafka.scanner import KafkaScanner
from eventing.plan.model import Plan
from eventing.settings import Settings
from eventing.telemetry import Telemetry, configure_logging

_RECORD_HEADROOM_BYTES = 262_144
_log = structlog.get_logger("kanal")


@dataclass(frozen=True, slots=True)
class Clients:
    """The process's connections to Kafka."""

    appender: Appender
    admin: Admin
    scanner: Scanner


@asynccontextmanager
async def clients(settings: Settings) -> AsyncIterator[Clients]:
    """A producer, an admin client and a reader for people; what is queued is flushed on the way out."""
    largest = settings.ingress.max_body_bytes + _RECORD_HEADROOM_BYTES
    appender = KafkaAppender(settings.kafka, max_record_bytes=largest)
    admin = KafkaAdmin(settings.kafka)
    scanner = KafkaScanner(settings.kafka)
    try:
        yield Clients(appender, admin, scanner)
    finally:
        await scanner.aclose()
        await appender.aclose()
        await admin.aclose()


@dataclass(frozen=True, slots=True)
class Role:
    """What a role alone in its process works with."""

    kafka: Clients
    feed: Feed
    telemetry: Telemetry

    @property
    def appender(self) -> Appender:
        return self.kafka.appender

    @property
    def admin(self) -> Admin:
        return self.kafka.admin


@asynccontextmanager
async def alone(settings: Settings) -> AsyncIterator[Role]:
    """The surroundings of one role in a process of its own; the plan comes through Kafka."""
    configure_logging(settings.log.level, settings.log.format)
    async with clients(settings) as kafka:
        feed = TopicFeed(settings.kafka, settings.names.plan_topic, kafka.appender, kafka.admin)
        try:
            yield Role(kafka, feed, Telemetry())
        finally:
            await feed.aclose()


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` while inside and cancel it on the way out; an error in it ends the block and leaves as it is."""
    try:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(work)
            try:
                yield
            finally:
                task.cancel()
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from group.exceptions[0].__cause__
        raise


async def follow(feed: Feed, apply: Callable[[Plan], Awaitable[None]]) -> None:
    """Apply each plan as it comes. One that can't be applied is logged; the next one has its chance."""
    async for plan in feed.plans():
        try:
            await apply(plan)
        except EventingError as error:
            _log.error("the plan could not be applied", error=str(error))
