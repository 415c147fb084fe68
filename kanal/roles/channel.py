"""The ingress as a part of a stack, and as a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import structlog

from channel.app import create_app
from channel.ingress import EventIngress, Noticed
from channel.server import Server
from eventing.feed import Feed
from eventing.kafka import Appender
from eventing.plan.model import Ingress, Plan
from eventing.settings import Settings
from eventing.sightings import Sightings
from eventing.telemetry import IngressMetrics, Telemetry
from kanal.roles.common import alone, beside, follow
from kanal.roles.seen import noting, reporting

_log = structlog.get_logger("channel")


@asynccontextmanager
async def ingress(settings: Settings, feed: Feed, appender: Appender, telemetry: Telemetry) -> AsyncIterator[int]:
    """Take events while inside; yields the port. On the way out requests under way are answered first."""
    own, sightings = settings.ingress, noting(settings)
    events = EventIngress(appender, IngressMetrics(telemetry), own, None if sightings is None else _into(sightings))

    async def replace(plan: Plan) -> None:
        events.replace(plan)

    server = await Server.start(
        create_app(events, telemetry),
        own.host,
        own.port,
        where="ingress",
        setting="--port",
        keep_alive_s=own.keep_alive_s,
    )
    try:
        async with reporting(settings, sightings, appender), beside(follow(feed, replace)):
            yield server.port
    finally:
        await server.aclose(grace_s=settings.kafka.ack_timeout_s + 1)


def _into(sightings: Sightings) -> Noticed:
    def noticed(target: Ingress, attributes: Mapping[str, str]) -> None:
        sightings.note(target.kind, target.namespace, target.name, attributes)

    return noticed


async def serve_channel(settings: Settings, stop: asyncio.Event) -> None:
    """Run until `stop`: `kanal channel`."""
    async with (
        alone(settings) as role,
        ingress(settings, role.feed, role.appender, role.telemetry) as port,
    ):
        _log.info("ingress listens", host=settings.ingress.host, port=port, kafka=settings.kafka.bootstrap)
        await stop.wait()
