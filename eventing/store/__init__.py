"""The store port: where resources live. It yields whole snapshots, never deltas, so a reader can miss nothing.

The store gives each object its `uid`, counts its `generation` (which grows with the spec only) and keeps its status.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from eventing.kinds.key import Key
from eventing.kinds.meta import Resource


class Store(Protocol):
    """Holds resources; every call is seen by the next snapshot."""

    def list(self) -> tuple[Resource, ...]:
        """Everything, sorted by key."""

    def snapshots(self) -> AsyncIterator[tuple[Resource, ...]]:
        """What `list` tells, at once and again after changes; changes that come together may come as one."""

    async def apply(self, resource: Resource) -> Resource:
        """Create the object, or replace its metadata and spec. Raises `Invalid` where a field may not change."""

    async def delete(self, key: Key) -> None:
        """Delete the object and those it owns; one that is not there is fine."""

    async def set_status(self, key: Key, status: Mapping[str, Any]) -> None:
        """Replace the status; an object that is gone is fine."""
