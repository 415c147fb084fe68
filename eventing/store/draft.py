"""Changes in the making: each gets the next revision, and what goes takes along whom it leaves without an owner."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any, Literal

from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Resource
from eventing.store import Change


def with_metadata(resource: Resource, **changed: Any) -> Resource:
    """A copy with these fields of its metadata changed."""
    return resource.model_copy(update={"metadata": resource.metadata.model_copy(update=changed)})


class Draft:
    """Changes upon objects that stay as they are meanwhile; `time` (RFC 3339) is that of deletions."""

    def __init__(self, found: Mapping[Key, Resource], revision: int, time: str = "") -> None:
        self.changes: list[Change] = []
        self._found = found
        self._revision = revision
        self._time = time
        self._over: dict[Key, Resource | None] = {}

    def get(self, key: Key) -> Resource | None:
        """The object of this key as it would be."""
        return self._over[key] if key in self._over else self._found.get(key)

    def put(self, resource: Resource) -> Resource:
        """Store the object; it comes back with its new version."""
        before = self.get(key_of(resource))
        return self._add("ADDED" if before is None else "MODIFIED", resource, before)

    def delete(self, resource: Resource) -> Resource:
        """Take an object away, or mark it where something has to be cleared first; what it is then."""
        return self._mark(resource) if resource.metadata.finalizers else self.remove(resource)

    def remove(self, resource: Resource) -> Resource:
        """Take an object away, whatever it looks like at last, and everything whose last owner it was."""
        gone = self._add("DELETED", resource, self.get(key_of(resource)))
        owned = self._owned()
        there = {one.metadata.uid for one in self._found.values()} - {gone.metadata.uid}
        waiting = deque([gone.metadata.uid])
        while waiting:
            uid = waiting.popleft()
            for key in owned.get(uid, ()):
                one = self.get(key)
                if one is None or uid not in _owners(one):
                    continue
                if not there.isdisjoint(_owners(one)):
                    self._disown(one, uid)
                elif one.metadata.finalizers:
                    self._mark(one)
                else:
                    left = self._add("DELETED", one, one).metadata.uid
                    there.discard(left)
                    waiting.append(left)
        return gone

    def orphan(self, uid: str) -> None:
        """Take this owner from all that it owns."""
        for key in self._owned().get(uid, ()):
            one = self.get(key)
            if one is not None:
                self._disown(one, uid)

    def _owned(self) -> Mapping[str, list[Key]]:
        """Whom each uid owned before."""
        owned: dict[str, list[Key]] = defaultdict(list)
        for key, one in self._found.items():
            for uid in _owners(one):
                owned[uid].append(key)
        return owned

    def _mark(self, resource: Resource) -> Resource:
        if resource.metadata.deletion_timestamp is not None:
            return resource
        return self.put(with_metadata(resource, deletion_timestamp=self._time, deletion_grace_period_seconds=0))

    def _disown(self, resource: Resource, uid: str) -> None:
        left = [owner for owner in resource.metadata.owner_references if owner.uid != uid]
        self.put(with_metadata(resource, owner_references=left))

    def _add(
        self, type_: Literal["ADDED", "MODIFIED", "DELETED"], resource: Resource, before: Resource | None
    ) -> Resource:
        revision = self._revision + len(self.changes) + 1
        made = with_metadata(resource, resource_version=str(revision))
        self._over[key_of(made)] = None if type_ == "DELETED" else made
        self.changes.append(Change(revision, type_, made, before))
        return made


def _owners(resource: Resource) -> set[str]:
    return {owner.uid for owner in resource.metadata.owner_references}
