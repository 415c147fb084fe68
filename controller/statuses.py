"""Writes statuses: only those that changed, each upon the very object that was looked at, each for itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from controller.backoff import Backoff
from eventing.errors import Conflict, EventingError
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Resource
from eventing.plan.status import Status, carry_times
from eventing.store import Store

AT_ONCE = 16
_FIRST = ("KafkaChannel", "Broker", "Channel")
"""Whoever is Ready because of one of these says so only after it does; each of them after those that come before it."""
_log = structlog.get_logger("controller")


class Statuses:
    """The statuses in one store."""

    def __init__(self, store: Store, now: Callable[[], datetime], backoff: Backoff[Key]) -> None:
        self._store = store
        self._now = now
        self._backoff = backoff
        self._limit = asyncio.Semaphore(AT_ONCE)

    async def write(self, resources: tuple[Resource, ...], statuses: Mapping[Key, Status]) -> None:
        """Write what changed. What was applied since `resources` were read has its own round, and no status before it."""
        current = {key_of(r): r for r in self._store.list()}
        self._backoff.only(current)
        changes: dict[str, list[tuple[Key, Status, str]]] = {kind: [] for kind in (*_FIRST, "")}
        for seen in resources:
            key = key_of(seen)
            there = current.get(key)
            if there is None or not _same(there, seen) or key not in statuses or not self._backoff.due(key):
                continue
            new = carry_times(there.status, statuses[key], self._now())
            if new != there.status:
                kind = key.kind if key.kind in _FIRST else ""
                changes[kind].append((key, new, there.metadata.resource_version))
        for together in changes.values():
            await asyncio.gather(*(self._write(*one) for one in together))

    async def _write(self, key: Key, status: Status, version: str) -> None:
        try:
            async with self._limit:
                await self._store.set_status(key, status, version=version)
        except Conflict:
            return
        except EventingError as error:
            if self._backoff.failed(key):
                _log.warning("a status can't be written yet", object=str(key), error=str(error))
            return
        self._backoff.done(key)


def _same(there: Resource, seen: Resource) -> bool:
    """Whether it is the object that was looked at; in a cluster one that was made anew has another uid."""
    return there.metadata.uid == seen.metadata.uid and there.spec == seen.spec
