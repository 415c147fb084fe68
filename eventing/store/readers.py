"""What every home does alike: it answers who reads from memory, and wakes who waits when a change counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from eventing.kinds.key import Key
from eventing.kinds.meta import Resource
from eventing.store import Change
from eventing.store.history import History
from eventing.store.objects import Objects


class Readers:
    """The reading half of a `Store`. Belongs to one event loop."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._history: History[Change] = History(objects.revision)
        self._changed = asyncio.Event()
        self._news = asyncio.Event()

    @property
    def revision(self) -> int:
        """See `Store`."""
        return self._objects.revision

    def get(self, key: Key) -> Resource | None:
        """See `Store`."""
        return self._objects.get(key)

    def list(self) -> tuple[Resource, ...]:
        """See `Store`."""
        return self._objects.list()

    async def snapshots(self) -> AsyncIterator[tuple[Resource, ...]]:
        """See `Store`."""
        while True:
            bell = self._changed
            yield self.list()
            await bell.wait()

    async def changes(self, since: int) -> AsyncIterator[Change]:
        """See `Store`."""
        place = self._history.place(since)
        while True:
            bell = self._news
            for change in self._history.since(place):
                place += 1
                yield change
            await bell.wait()

    def _count(self, changes: Iterable[Change]) -> None:
        """From here on these changes are so, and everybody hears of them."""
        changes = tuple(changes)
        self._objects.commit(changes)
        self._history.add(changes)
        if changes:
            self._tell()
        if not all(map(_is_of_status, changes)):
            self._wake()

    def _tell(self) -> None:
        """Tell who waits for a change to look again."""
        self._news = _rung(self._news)

    def _wake(self) -> None:
        """Tell who waits for a snapshot to look again."""
        self._changed = _rung(self._changed)


def _is_of_status(change: Change) -> bool:
    """Whether nothing but the status has changed."""
    before = change.before
    if change.type != "MODIFIED" or before is None:
        return False
    version = {"resource_version": change.resource.metadata.resource_version}
    as_before = {"status": change.resource.status, "metadata": before.metadata.model_copy(update=version)}
    return before.model_copy(update=as_before) == change.resource


def _rung(bell: asyncio.Event) -> asyncio.Event:
    bell.set()
    return asyncio.Event()
