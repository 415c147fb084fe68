"""The dispatcher as a part of a stack, and as a process of its own."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from dispatcher.budget import Budget, Limits
from dispatcher.deliver import Clock
from dispatcher.diary import Diary, LostOutcomes, outcome_topic
from dispatcher.dispatcher import Dispatcher
from dispatcher.graveyard import Graveyard
from dispatcher.loop import EgressLoop
from dispatcher.metrics import OutcomeMetrics
from dispatcher.outcome import Listeners
from dispatcher.replies import Noticed, Replies
from dispatcher.sharing import SharedReading
from eventing.event import Event
from eventing.feed import Feed
from eventing.http.lean import LeanSender
from eventing.kafka import Admin, Appender, ReaderListener
from eventing.kafka.librdkafka.reader import KafkaReader
from eventing.kafka.librdkafka.scanner import KafkaScanner
from eventing.outcomes import KEEP_NONE, checked_keep
from eventing.plan.model import Egress
from eventing.settings import Settings
from eventing.sightings import Sightings
from eventing.telemetry import Telemetry
from kanal.health import health_app
from kanal.roles.common import alone, beside, follow
from kanal.roles.seen import noting, reporting
from kanal.serve import serving

_RETAIN_FOR_EVER = "-1"
_GRAVE_HEADROOM_BYTES = 1_048_576


@asynccontextmanager
async def dispatching(
    settings: Settings, feed: Feed, appender: Appender, admin: Admin, telemetry: Telemetry
) -> AsyncIterator[Dispatcher]:
    """Deliver while inside; on the way out finish what finishes quickly and commit."""
    budget = Budget(Limits(settings.delivery.process_events, settings.delivery.process_kib * 1024))
    scanner = KafkaScanner(settings.kafka)
    diary = _diary(settings, appender, admin, telemetry)
    sender = LeanSender(
        connections_per_host=settings.delivery.connections_per_host,
        idle_connection_s=settings.delivery.idle_connection_s,
        max_response_bytes=settings.delivery.max_response_bytes,
    )
    grave = {
        "retention.ms": _RETAIN_FOR_EVER,
        "max.message.bytes": str(settings.ingress.max_body_bytes + _GRAVE_HEADROOM_BYTES),
    }
    graveyard = Graveyard(appender, admin, grave, settings.kafka.default_replication_factor or 1)
    sightings = noting(settings)
    replies = Replies(appender) if sightings is None else Replies(appender, _into(sightings))
    clock = Clock(time.time, time.monotonic, lambda: random.random() * settings.delivery.jitter)  # noqa: S311
    metrics = OutcomeMetrics(telemetry)
    listener = metrics if diary is None else Listeners(metrics, diary)

    def reader(egress: Egress, listener: ReaderListener) -> KafkaReader:
        return KafkaReader(
            settings.kafka,
            egress.topic,
            egress.group,
            listener,
            revoke_patience_s=settings.delivery.drain_s + 1,
            topic_id=egress.topic_id,
        )

    readers = SharedReading(reader) if settings.delivery.share_reading else reader

    def loop(egress: Egress) -> EgressLoop:
        return EgressLoop(
            egress,
            sender=sender,
            graveyard=graveyard,
            replies=replies,
            listener=listener,
            clock=clock,
            settings=settings.delivery,
            budget=budget,
            readers=readers,
            scanner=scanner,
        )

    dispatcher = Dispatcher(loop)
    metrics.watch(dispatcher)
    try:
        async with AsyncExitStack() as open_:
            if diary is not None:
                # What ends while everything is given up is written down as well.
                open_.push_async_callback(_last_report, diary, dispatcher)
                await open_.enter_async_context(beside(diary.run(dispatcher.standings, settings.outcomes.interval_s)))
            await open_.enter_async_context(reporting(settings, sightings, appender))
            open_.push_async_callback(dispatcher.aclose)
            await open_.enter_async_context(beside(follow(feed, dispatcher.apply)))
            yield dispatcher
    finally:
        await scanner.aclose()
        await sender.aclose()


def _into(sightings: Sightings) -> Noticed:
    def noticed(egress: Egress, reply: Event) -> None:
        sightings.note(egress.kind, egress.namespace, egress.name, reply.attributes)

    return noticed


def _diary(settings: Settings, appender: Appender, admin: Admin, telemetry: Telemetry) -> Diary | None:
    """What writes outcomes down; None where nobody wants them. Raises `Invalid` for a wrong word in `outcomes.keep`."""
    keep = checked_keep(settings.outcomes.keep)
    lost = LostOutcomes(telemetry)
    if keep == KEEP_NONE:
        return None
    replicas = settings.kafka.default_replication_factor or 1
    topic = outcome_topic(settings.names.outcome_topic, settings.outcomes, replicas)
    name = f"{socket.gethostname()}-{os.getpid()}-{random.randrange(1 << 16):04x}"  # noqa: S311
    return Diary(appender, admin, topic, keep=keep, dispatcher=name, now=time.time, lost=lost)


async def _last_report(diary: Diary, dispatcher: Dispatcher) -> None:
    await diary.close(dispatcher.standings())


async def serve_dispatcher(settings: Settings, stop: asyncio.Event) -> None:
    """Run until `stop`: `kanal dispatcher`."""
    async with (
        alone(settings) as role,
        dispatching(settings, role.feed, role.appender, role.admin, role.telemetry) as dispatcher,
        serving(
            health_app(role.telemetry, ready=lambda: dispatcher.loaded),
            settings.health.host,
            settings.health.port,
            what="dispatcher",
            setting="--port",
        ),
    ):
        await stop.wait()
