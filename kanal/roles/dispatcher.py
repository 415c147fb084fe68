"""The dispatcher as a part of a stack, and as a process of its own."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dispatcher.deliver import Clock
from dispatcher.dispatcher import Dispatcher
from dispatcher.graveyard import Graveyard
from dispatcher.loop import EgressLoop
from dispatcher.metrics import OutcomeMetrics
from eventing.feed import Feed
from eventing.http.lean import LeanSender
from eventing.kafka import Admin, Appender, ReaderListener
from eventing.kafka.librdkafka.reader import KafkaReader
from eventing.plan.model import Egress
from eventing.settings import Settings
from eventing.telemetry import Telemetry
from kanal.health import health_app
from kanal.roles.common import alone, beside, follow
from kanal.serve import serving

_RETAIN_FOR_EVER = "-1"
_GRAVE_HEADROOM_BYTES = 1_048_576


@asynccontextmanager
async def dispatching(
    settings: Settings, feed: Feed, appender: Appender, admin: Admin, telemetry: Telemetry
) -> AsyncIterator[Dispatcher]:
    """Deliver while inside; on the way out finish what finishes quickly and commit."""
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
    clock = Clock(time.time, time.monotonic, lambda: random.random() * settings.delivery.jitter)  # noqa: S311
    metrics = OutcomeMetrics(telemetry)

    def reader(egress: Egress, listener: ReaderListener) -> KafkaReader:
        return KafkaReader(
            settings.kafka, egress.topic, egress.group, listener, revoke_patience_s=settings.delivery.drain_s + 1
        )

    def loop(egress: Egress) -> EgressLoop:
        return EgressLoop(
            egress,
            sender=sender,
            graveyard=graveyard,
            listener=metrics,
            clock=clock,
            settings=settings.delivery,
            readers=reader,
        )

    dispatcher = Dispatcher(loop)
    metrics.watch(dispatcher)
    try:
        async with beside(follow(feed, dispatcher.apply)):
            yield dispatcher
    finally:
        await dispatcher.aclose()
        await sender.aclose()


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
