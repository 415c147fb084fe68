"""The store port: where resources live, and how one hears of their changes.

`snapshots` yields whole states, never deltas, so a controller can miss nothing. `changes` yields every single change in
order, for a watch of the Kubernetes API. What the calls mean stands in `objects`, and every home follows it.

Errors that leave this port: `NotFound`, `AlreadyExists`, `Conflict`, `Invalid` (a field that may not change), `TooLarge`
(more than the home can keep), `Gone` (changes that are no longer kept) and `Unavailable`; then nothing has changed. A
cluster adds `Denied`. There uids are the server's, revisions count everybody's changes, and what an object owns goes a
little later than the object.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal, NamedTuple, Protocol

from eventing.kinds.key import Key
from eventing.kinds.meta import Resource


class Change(NamedTuple):
    """One change of one object. `resource` is what it is afterwards; where it was deleted, what it was at last."""

    revision: int
    """Of the whole store: it grows with every change, and `metadata.resource_version` of the resource is its text.

    In a cluster, changes of different objects may be heard of in another order; none is missed for that.
    """
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    resource: Resource
    before: Resource | None


class Store(Protocol):
    """Holds resources. With `dry_run` a call answers and raises as it would, and changes nothing."""

    @property
    def revision(self) -> int:
        """The revision of the newest change; 0 before the first."""

    def get(self, key: Key) -> Resource | None:
        """The object as it is."""

    def list(self) -> tuple[Resource, ...]:
        """Everything, sorted by key."""

    def snapshots(self) -> AsyncIterator[tuple[Resource, ...]]:
        """What `list` tells, at once and again after changes; changes that come together may come as one.

        A change of status alone wakes nobody.
        """

    def changes(self, since: int) -> AsyncIterator[Change]:
        """Every change after this revision, then each new one. Raises `Gone` where one of them is no longer kept."""

    async def create(self, resource: Resource, *, dry_run: bool = False) -> Resource:
        """Store a new object; it gets what only a server sets, and the end of a name that `generateName` begins.

        Raises `AlreadyExists`.
        """

    async def update(self, resource: Resource, *, dry_run: bool = False) -> Resource:
        """Replace metadata and spec; status, uid and times stay. What changes nothing has no revision of its own.

        Raises `NotFound`, `Conflict` where `resourceVersion` or `uid` are given and not the object's, and `Invalid` where
        a field may not change. An object that is being deleted goes with its last finalizer.
        """

    async def apply(self, resource: Resource) -> Resource:
        """Create the object, or update it whatever its version. Raises `Invalid` where a field may not change."""

    async def set_status(
        self, key: Key, status: Mapping[str, Any], *, version: str = "", dry_run: bool = False
    ) -> Resource | None:
        """Replace the status; None where the object is gone. Raises `Conflict` where `version` is not the object's."""

    async def delete(
        self, key: Key, *, uid: str = "", version: str = "", orphan: bool = False, dry_run: bool = False
    ) -> Resource | None:
        """Delete the object and those whose every owner is gone; the object as it is then, None where there was none.

        One with finalizers gets a `deletionTimestamp` and stays until they are cleared. With `orphan`, what it owns stays
        and names it no longer as an owner. Raises `Conflict` where `uid` or `version` are given and not the object's.
        """
