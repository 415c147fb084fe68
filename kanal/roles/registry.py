"""The registry that fills itself, beside the controller."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from controller.registry import Registry, RegistryMetrics
from eventing.feed.seen import topic_spec
from eventing.kafka import Admin
from eventing.kafka.librdkafka.table import TableReader
from eventing.settings import Settings
from eventing.store import Store
from eventing.telemetry import Telemetry
from kanal.roles.common import beside


@asynccontextmanager
async def registering(
    settings: Settings, store: Store, admin: Admin, telemetry: Telemetry | None
) -> AsyncIterator[None]:
    """Make EventTypes of what is reported while inside, where the setting is on."""
    if not settings.control.event_type_auto_create:
        yield
        return
    topic = settings.names.event_types_topic
    spec = topic_spec(topic, settings.kafka.default_replication_factor or 1)
    registry = Registry(store, admin, spec, None if telemetry is None else RegistryMetrics(telemetry))
    reader = TableReader(settings.kafka, topic, registry.take)
    try:
        async with beside(registry.run()):
            yield
    finally:
        await reader.aclose()
