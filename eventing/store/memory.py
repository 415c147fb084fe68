"""Resources in memory: the home of what `kanal up` reads from files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Any

from eventing.errors import Invalid
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Resource, stable_uid
from eventing.kinds.registry import check_update
from eventing.timestamp import rfc3339


class MemoryStore:
    """A `Store` whose objects end with the process; their uids are the same in the next one."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._objects: dict[Key, Resource] = {}
        self._changed = asyncio.Event()

    def list(self) -> tuple[Resource, ...]:
        """See `Store`."""
        return tuple(self._objects[key] for key in sorted(self._objects))

    async def snapshots(self) -> AsyncIterator[tuple[Resource, ...]]:
        """See `Store`; a change of status alone wakes nobody."""
        while True:
            bell = self._changed
            yield self.list()
            if self._changed is bell:
                await bell.wait()

    async def apply(self, resource: Resource) -> Resource:
        """See `Store`."""
        key = key_of(resource)
        old = self._objects.get(key)
        meta = resource.metadata
        if old is None:
            made = {
                "uid": meta.uid or stable_uid(*key),
                "generation": 1,
                "creation_timestamp": rfc3339(self._now(), "seconds"),
            }
            status: dict[str, Any] = {}
        else:
            problems = check_update(old, resource)
            if problems:
                first = problems[0]
                raise Invalid(first.message, where=str(key), field=first.field, fix=first.fix)
            same = old.spec.document() == resource.spec.document()
            made = {
                "uid": old.metadata.uid,
                "generation": (old.metadata.generation or 1) + (0 if same else 1),
                "creation_timestamp": old.metadata.creation_timestamp,
            }
            status = old.status
        stored = resource.model_copy(update={"metadata": meta.model_copy(update=made), "status": status})
        if stored != old:
            self._objects[key] = stored
            self._ring()
        return stored

    async def delete(self, key: Key) -> None:
        """See `Store`."""
        gone = self._objects.pop(key, None)
        if gone is None:
            return
        for other, resource in list(self._objects.items()):
            if any(owner.uid == gone.metadata.uid for owner in resource.metadata.owner_references):
                await self.delete(other)
        self._ring()

    async def set_status(self, key: Key, status: Mapping[str, Any]) -> None:
        """See `Store`."""
        if key in self._objects:
            self._objects[key] = self._objects[key].model_copy(update={"status": dict(status)})

    def _ring(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
