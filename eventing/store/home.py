"""What the stores without an API server have in common: every change passes one point.

Each home says there what has to happen before changes count (`_change`).
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from eventing.kinds.key import Key
from eventing.kinds.meta import Resource
from eventing.store.objects import Given, Objects, Prepared
from eventing.store.readers import Readers
from eventing.timestamp import rfc3339

Operation = Callable[[Objects], Prepared]
Now = Callable[[], datetime]
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""Kubernetes' own for generated names: no vowels, so no words."""


class HomeStore(Readers, ABC):
    """A `Store` but for how changes are kept; uids are the same at every start. Belongs to one event loop."""

    def __init__(self, now: Now, objects: Objects | None = None) -> None:
        super().__init__(objects or Objects())
        self._now = now

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
        self,
        key: Key,
        status: Mapping[str, Any],
        *,
        version: str = "",
        dry_run: bool = False,
        managed_fields: Sequence[Mapping[str, Any]] | None = None,
    ) -> Resource | None:
        """See `Store`; `managed_fields`, where given, take the place of those in the metadata."""
        return await self._do(lambda objects: objects.set_status(key, status, version, managed_fields), dry_run=dry_run)

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

    async def _do(self, operation: Operation, *, dry_run: bool) -> Resource | None:
        return operation(self._objects).dry if dry_run else await self._change(operation)

    def _given(self) -> Given:
        suffix = "".join(secrets.choice(_LETTERS) for _ in range(5))
        return Given(rfc3339(self._now(), "seconds"), suffix)


def _there(answer: Resource | None) -> Resource:
    if answer is None:  # pragma: no cover - only what asks for an object by its key finds none
        raise AssertionError
    return answer
