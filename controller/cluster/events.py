"""Writes Kubernetes Events, so that `kubectl describe` ends with what happened. One that can't be written harms nobody."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

import structlog

from eventing.errors import EventingError, Gone, NotFound
from eventing.kinds.meta import Resource
from eventing.store import Change, Store
from eventing.store.happenings import Happening, event, happening, stamp
from eventing.store.kubernetes.client import Client
from eventing.store.kubernetes.paths import path_of

REMEMBERED = 1_000
_log = structlog.get_logger("controller")


class Events:
    """The Events of one store's objects; the same that happens again is counted in the one that is there."""

    def __init__(self, store: Store, client: Client, now: Callable[[], datetime]) -> None:
        self._store = store
        self._client = client
        self._now = now
        self._known: OrderedDict[tuple[str, Happening], tuple[str, str, int]] = OrderedDict()
        """By uid and what it was: name of the Event, when it was first, how often."""

    async def run(self) -> None:
        """Write for ever; changes that are no longer kept are passed over."""
        since = self._store.revision
        while True:
            try:
                async for change in self._store.changes(since):
                    since = change.revision
                    await self.take(change)
            except Gone:
                since = self._store.revision

    async def take(self, change: Change) -> None:
        """Write what this change means, if anything."""
        what = happening(change)
        if what is None:
            return
        try:
            await self._write(change.resource, what, change.revision)
        except EventingError as error:
            _log.debug("an Event can't be written", object=change.resource.title, error=str(error))

    async def _write(self, resource: Resource, what: Happening, revision: int) -> None:
        key, time, namespace = (resource.metadata.uid, what), stamp(self._now()), resource.metadata.namespace
        name, first, count = self._known.pop(key, ("", time, 0))
        count += 1
        if name:
            try:
                path = path_of("v1", "events", namespace, name)
                await self._client.patch(path, {"count": count, "lastTimestamp": time})
            except NotFound:
                name, first, count = "", time, 1
        if not name:
            name = f"{resource.metadata.name[:200]}.{revision:x}"
            document = event(resource, what, {"name": name}, first, time, count)
            await self._client.post(path_of("v1", "events", namespace), document)
        self._known[key] = (name, first, count)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
