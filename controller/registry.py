"""The registry that fills itself: EventTypes of what ingresses and dispatchers have seen (setting `control.event_type_auto_create`).

What was seen stands in a compacted topic and is kept here as it is read; each time that changes, or the resources do, what
is missing is made. So a broker that is applied after its events were seen still gets their EventTypes, and nothing here can
hold up an event.
"""

from __future__ import annotations

import asyncio

import structlog
from prometheus_client import Gauge

from eventing.errors import AlreadyExists, EventingError
from eventing.kafka import Admin
from eventing.kinds.key import key_of
from eventing.plan.model import TopicSpec
from eventing.plan.sighted import event_types
from eventing.sightings import Sighting, sighting
from eventing.store import Store
from eventing.telemetry import Telemetry

MOST = 1_000
"""EventTypes that come of sightings, in an installation."""
REMEMBERED = 20_000
"""Sightings that are kept in memory."""
SOON_S = 2.0
_log = structlog.get_logger("controller")


class RegistryMetrics:
    """What the registry counts."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.left_out = Gauge(
            "kanal_registry_event_types_left_out",
            "Event types that were seen and have no EventType, because as many were made as may be.",
            registry=telemetry.registry,
        )


class Registry:
    """Makes EventTypes in a store; belongs to one event loop."""

    def __init__(
        self, store: Store, admin: Admin, topic: TopicSpec, metrics: RegistryMetrics | None = None, most: int = MOST
    ) -> None:
        self._store = store
        self._admin = admin
        self._topic = topic
        self._metrics = metrics
        self._most = most
        self._seen: dict[str, Sighting] = {}
        self._changed = asyncio.Event()
        self._told = False

    def take(self, rows: dict[str, bytes | None]) -> None:
        """Take what changed in the topic: a value, or None for a key that was deleted."""
        for key, value in rows.items():
            found = None if value is None else sighting(key, value)
            if found is None:
                self._seen.pop(key, None)
            elif key in self._seen or len(self._seen) < REMEMBERED:
                self._seen[key] = found
        self._changed.set()

    async def run(self) -> None:
        """Make the topic, then EventTypes as they are seen, until cancelled."""
        await self._make_topic()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            while True:
                await self._changed.wait()
                self._changed.clear()
                await self.register()

    async def register(self) -> None:
        """Make what is missing."""
        resources = {key_of(one): one for one in self._store.list()}
        made, left_out = event_types(self._seen.values(), resources, self._most)
        for one in made:
            try:
                await self._store.create(one)
            except AlreadyExists:
                continue  # A person was faster, and what a person says stays.
            except EventingError as error:
                _log.warning("an event type that was seen can't be registered", name=one.title, error=str(error))
        if self._metrics is not None:
            self._metrics.left_out.set(left_out)
        if left_out and not self._told:
            self._told = True
            _log.warning("more event types were seen than are registered by themselves", most=self._most)

    async def _make_topic(self) -> None:
        while True:
            try:
                await self._admin.create_topic(self._topic)
            except EventingError as error:
                _log.info("the topic of event types can't be made yet", topic=self._topic.name, error=str(error))
                await asyncio.sleep(SOON_S)
            else:
                return

    async def _listen(self) -> None:
        async for _ in self._store.snapshots():
            self._changed.set()
