"""What the stores without an API server have in common: they read in memory, and every change passes one point.

Each home says there what has to happen before changes count (`_change`).
"""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from eventing.kinds.key import Key
from eventing.kinds.meta import Resource
from eventing.store import Change
from eventing.store.history import History
from eventing.store.objects import Given, Objects, Prepared
from eventing.timestamp import rfc3339

Operation = Callable[[Objects], Prepared]
Now = Callable[[], datetime]
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""Kubernetes' own for generated names: no vowels, so no words."""


class HomeStore(ABC):
    """A `Store` but for how changes are kept; uids are the same at every start. Belongs to one event loop."""

    def __init__(self, now: Now, objects: Objects | None = None) -> None:
        self._now = now
        self._objects = objects or Objects()
        self._history = History(self._objects.revision)
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
        while True:
            bell = self._news
            for change in self._history.after(since):
                since = change.revision
                yield change
            await bell.wait()

    async def create(self, resource: Resource, *, dry_run: bool = False) -> Resource:
        """See `Store`."""
        given = self._given()
        return _there(await self._do(lambda objects: objects.create(resource, given), dry_run=dry_run))

    async def update(self, resource: Resource, *, dry_run: bool = False) -> Resource:
        """See `Store`."""
        given = self._given()
        return _there(await self._do(lambda objects: objects.update(resource, given), dry_run=dry_run))

    async def apply(self, resource: Resource) -> Resource:
        """See `Store`."""
        given = self._given()
        return _there(await self._do(lambda objects: objects.apply(resource, given), dry_run=False))

    async def set_status(
        self, key: Key, status: Mapping[str, Any], *, version: str = "", dry_run: bool = False
    ) -> Resource | None:
        """See `Store`."""
        return await self._do(lambda objects: objects.set_status(key, status, version), dry_run=dry_run)

    async def delete(
        self, key: Key, *, uid: str = "", version: str = "", orphan: bool = False, dry_run: bool = False
    ) -> Resource | None:
        """See `Store`."""
        given = self._given()
        return await self._do(
            lambda objects: objects.delete(key, uid, version, given, orphan=orphan), dry_run=dry_run
        )  # fmt: skip

    @abstractmethod
    async def _change(self, operation: Operation) -> Resource | None:
        """Do what the operation says and make it count (`_count`); its answer."""

    def _count(self, changes: Iterable[Change]) -> None:
        """From here on these changes are so, and everybody hears of them."""
        changes = tuple(changes)
        self._objects.commit(changes)
        self._history.add(changes)
        if changes:
            self._news = _rung(self._news)
        if not all(map(_is_of_status, changes)):
            self._changed = _rung(self._changed)

    async def _do(self, operation: Operation, *, dry_run: bool) -> Resource | None:
        return operation(self._objects).dry if dry_run else await self._change(operation)

    def _given(self) -> Given:
        suffix = "".join(secrets.choice(_LETTERS) for _ in range(5))
        return Given(rfc3339(self._now(), "seconds"), suffix)


def _there(answer: Resource | None) -> Resource:
    if answer is None:  # pragma: no cover - only what asks for an object by its key finds none
        raise AssertionError
    return answer


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
