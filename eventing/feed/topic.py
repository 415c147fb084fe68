"""The feed between processes: the compacted topic `kanal.plan`, one record a resource.

Everyone reads the topic from its beginning into a table. Who publishes compares the plan with that table and writes only
what differs, tombstones included, so a controller that starts anew takes away what nobody wants any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import structlog

from eventing.errors import TooLarge, Unavailable
from eventing.feed import wire
from eventing.kafka import Admin, Appender, appended
from eventing.kafka.librdkafka.table import Rows, TableReader
from eventing.plan.model import Plan, TopicSpec
from eventing.settings import Kafka

_log = structlog.get_logger("feed")


class TopicFeed:
    """A `Feed`; belongs to the event loop on which it is made."""

    def __init__(self, settings: Kafka, topic: str, appender: Appender, admin: Admin) -> None:
        self._topic = topic
        self._appender = appender
        self._admin = admin
        self._replicas = settings.default_replication_factor or 1
        self._patience_s = settings.request_timeout_s
        self._made = self._new = False
        self._table: dict[str, bytes] | None = None
        self._changed = asyncio.Event()
        self._refused: dict[str, bytes | None] = {}
        """Rows that Kafka can't take, which must not hold up the others."""
        self._reader = TableReader(settings, topic, self._take)

    async def publish(self, plan: Plan) -> None:
        """See `Feed`."""
        table = await self._known()
        wanted = wire.rows(plan)
        changes: dict[str, bytes | None] = {key: None for key in table if key not in wanted}
        changes |= {key: value for key, value in wanted.items() if table.get(key) != value}
        marker = changes.pop(wire.MARKER, None)
        idle = [key for key, value in changes.items() if value is not None and wire.is_idle(key)]
        await asyncio.gather(*(self._write(key, changes.pop(key)) for key in idle))
        await asyncio.gather(*(self._write(key, value) for key, value in changes.items()))
        if marker is not None:
            await self._write(wire.MARKER, marker)

    async def told(self) -> Plan | None:
        """See `Feed`. All that was written before this call counts, however late we hear of it."""
        table = await self._known()
        if self._new:
            return wire.plan(table)
        (there,) = (await self._admin.spans(self._topic)).values()
        try:
            async with asyncio.timeout(self._patience_s):
                while self._reader.position < there.end:
                    await self._changed.wait()
        except TimeoutError:
            raise Unavailable("the topic can't be read to its end", where=f"topic {self._topic}") from None
        return wire.plan(self._table or {})

    async def plans(self) -> AsyncIterator[Plan]:
        """See `Feed`."""
        told: Plan | None = None
        while True:
            bell = self._changed
            plan = wire.plan(self._table or {})
            if plan is not None and plan != told:
                told = plan
                yield plan
            if self._changed is bell:
                await bell.wait()

    async def aclose(self) -> None:
        """Stop reading."""
        await self._reader.aclose()

    def _take(self, rows: Rows) -> None:
        table = dict(self._table or {})
        for key, value in rows.items():
            if value is None:
                table.pop(key, None)
            else:
                table[key] = value
        self._table = table
        self._changed.set()
        self._changed = asyncio.Event()

    async def _known(self) -> dict[str, bytes]:
        """The table, once its beginning is read; the topic is made where there is none."""
        if not self._made:
            self._new = await self._admin.topic(self._topic) is None
            await self._admin.create_topic(TopicSpec(self._topic, 1, self._replicas, {"cleanup.policy": "compact"}))
            self._made = True
            if self._new and self._table is None:
                # There is nothing to read, and a reader takes two seconds to find that out.
                self._take({})
        try:
            async with asyncio.timeout(self._patience_s):
                while self._table is None:
                    await self._changed.wait()
        except TimeoutError:
            raise Unavailable("the topic can't be read", where=f"topic {self._topic}") from None
        return self._table

    async def _write(self, key: str, value: bytes | None) -> None:
        if key in self._refused and self._refused[key] == value:
            return
        try:
            await appended(self._appender, self._topic, key.encode(), value, [])
        except TooLarge as error:
            self._refused[key] = value
            _log.error(
                "a part of the plan is too large for Kafka and does not reach the data plane", row=key, error=str(error)
            )
            return
        # Our own reader hears of it later; until then it must not be written again.
        self._take({key: value})
