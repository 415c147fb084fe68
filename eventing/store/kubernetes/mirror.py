"""What a copy of one collection makes of what it hears: lists, events of a watch, and answers to our own requests. Pure.

The rule: events of a collection come in the order of their versions, and `position` is how far they have come. An answer
that is older than that is known already, one that is newer counts at once, and its event is old when it comes. An object
that we have deleted ourselves is not seen again, whatever comes late.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from operator import attrgetter
from typing import Any, NamedTuple

from eventing.errors import EventingError
from eventing.kinds.key import Key
from eventing.kinds.meta import Resource
from eventing.store import Change
from eventing.store.draft import with_metadata
from eventing.store.kubernetes.documents import Head, head_of, read, version_of
from eventing.store.objects import Objects


class Unreadable(NamedTuple):
    """An object that is there and that our models refuse, or a ConfigMap that may not be read.

    Such an object is not in `list` (or as it was when it could be read), but it is not gone: nothing that was made for its
    uid may be taken away. `set_status` by its key works, so that its author can be told.
    """

    error: EventingError
    uid: str = ""
    generation: int = 0
    version: str = ""


class Mirror:
    """One collection; `objects` and `unreadable` are shared with the mirrors of others, and only read here and written there.

    What it returns are the changes that follow; who calls commits them before the next call.
    """

    def __init__(self, kind: type[Resource], objects: Objects, unreadable: MutableMapping[Key, Unreadable]) -> None:
        self.kind = kind
        self.position = 0
        self._objects = objects
        self._unreadable = unreadable
        self.news: list[Key] = []
        """Whose being readable has changed, until somebody clears it."""
        self._known: dict[Key, Head] = {}
        self._buried: set[str] = set()
        self._refused: set[Key] = set()

    def listed(self, documents: Iterable[Mapping[str, Any]], version: int) -> list[Change]:
        """Everything that there is at a version; the changes come in the order of their own."""
        self._buried.clear()
        self._allowed()
        there: set[Key] = set()
        changes: list[Change] = []
        for document in documents:
            head = head_of(self.kind, document)
            there.add(head.key)
            changes += self._seen(head, document)
        self.position = max(self.position, version)
        for key, head in list(self._known.items()):
            if key not in there and head.version <= version:
                changes += self._gone(head, version, None)
        return sorted(changes, key=attrgetter("revision"))

    def told(self, type_: str, document: Mapping[str, Any]) -> list[Change]:
        """An event of the watch."""
        self.position = max(self.position, version_of(document.get("metadata") or {}))
        if type_ == "BOOKMARK":
            return []
        head = head_of(self.kind, document)
        if type_ != "DELETED":
            return list(self._seen(head, document))
        self._buried.discard(head.uid)
        known = self._known.get(head.key)
        return [] if known is None or known.uid != head.uid else self._gone(known, head.version, document)

    def answered(self, document: Mapping[str, Any], made: Resource | None = None) -> list[Change]:
        """What the server answered to a request of ours; `made` is the same where it has been read."""
        head = head_of(self.kind, document)
        return list(self._seen(head, document, made)) if head.version > self.position else []

    def knows(self, key: Key, uid: str) -> bool:
        """Whether this very object is here."""
        known = self._known.get(key)
        return known is not None and known.uid == uid

    def bury(self, uid: str) -> None:
        """An object was deleted; events from before that may come yet."""
        self._buried.add(uid)

    def lost(self, key: Key) -> list[Change]:
        """An object is gone, though nobody said so: the watch does not come through."""
        known = self._known.get(key)
        return [] if known is None else self._gone(known, known.version, None)

    def refused(self, key: Key, error: EventingError) -> None:
        """An object may not be read, or can't be for now; what was known of it before stands."""
        if key not in self._known and key not in self._unreadable:
            self._refused.add(key)
            self._unreadable[key] = Unreadable(error)
            self.news.append(key)

    def emptied(self) -> list[Change]:
        """The collection is no longer of interest."""
        self._allowed()
        return [change for head in list(self._known.values()) for change in self._gone(head, head.version, None)]

    def _allowed(self) -> None:
        for key in self._refused:
            self._readable(key)
        self._refused.clear()

    def _seen(self, head: Head, document: Mapping[str, Any], made: Resource | None = None) -> Iterator[Change]:
        known = self._known.get(head.key)
        if head.uid in self._buried or (known is not None and head.version <= known.version):
            return
        self._known[head.key] = head
        before = self._objects.get(head.key)
        if before is not None and before.metadata.uid != head.uid:
            yield _deletion(before, head.version - 1)
            before = None
        try:
            resource = made or read(self.kind, document)
        except EventingError as error:
            was = self._unreadable.get(head.key)
            self._unreadable[head.key] = Unreadable(error, head.uid, head.generation, str(head.version))
            if was is None or (was.generation, str(was.error)) != (head.generation, str(error)):
                self.news.append(head.key)
            return
        self._readable(head.key)
        yield Change(head.version, "ADDED" if before is None else "MODIFIED", resource, before)

    def _readable(self, key: Key) -> None:
        if self._unreadable.pop(key, None) is not None:
            self.news.append(key)

    def _gone(self, head: Head, version: int, document: Mapping[str, Any] | None) -> list[Change]:
        del self._known[head.key]
        self._readable(head.key)
        before = self._objects.get(head.key)
        if before is None:
            return []
        try:
            last = before if document is None else read(self.kind, document)
        except EventingError:
            last = before
        return [_deletion(last, version)._replace(before=before)]


def _deletion(resource: Resource, version: int) -> Change:
    return Change(version, "DELETED", with_metadata(resource, resource_version=str(version)), resource)
