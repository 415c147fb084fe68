"""Kubernetes Events, made of what changes in the condition Ready of an object: `kubectl describe` ends with them.

They are made where the objects are kept, so every controller's work is seen, and the last thousand are remembered.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

from eventing.errors import Gone, NotFound
from eventing.kinds.columns import Column
from eventing.kinds.meta import Resource
from eventing.store import Change, Store
from eventing.store.happenings import Document, Happening, event, happening, stamp
from kanal.api.kube.records import Name, Records

COLUMNS = (
    Column("Last Seen", "date", ".lastTimestamp"),
    Column("Type", "string", ".type"),
    Column("Reason", "string", ".reason"),
    Column("Object", "string", ".involvedObject.name"),
    Column("Message", "string", ".message"),
)
FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
)
_MOST = 1_000


class Happenings:
    """The Events that there are, as documents; `run` listens to the store."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._since = store.revision
        self._found: OrderedDict[tuple[str, Happening], Name] = OrderedDict()
        self.records = Records(store.revision)

    async def run(self) -> None:
        """Listen for ever; changes that are no longer kept are passed over."""
        while True:
            try:
                async for change in self._store.changes(self._since):
                    self._since = change.revision
                    self.take(change)
            except Gone:
                self._since = self._store.revision

    def take(self, change: Change) -> None:
        """Note what this change means, if anything."""
        what = happening(change)
        if what is not None:
            self._note(change.resource, what)

    def all(self) -> list[Document]:
        """Every one."""
        return self.records.all()

    def get(self, namespace: str, name: str) -> Document:
        """One of them. Raises `NotFound`."""
        found = self.records.get(namespace, name)
        if found is None:
            raise NotFound("does not exist", where=f"Event {namespace}/{name}")
        return found

    def _note(self, resource: Resource, what: Happening) -> None:
        uid, time = resource.metadata.uid, stamp(self._now())
        key = (uid, what)
        name = self._found.pop(key, None)
        before = None if name is None else self.records.get(*name)
        first = before["firstTimestamp"] if before else time
        metadata = {
            "name": before["metadata"]["name"] if before else f"{resource.metadata.name}.{self._since:x}",
            "uid": f"{uid}-{self._since:x}",
            "creationTimestamp": first,
        }
        count = (before["count"] if before else 0) + 1
        made = self.records.put(event(resource, what, metadata, first, time, count))
        self._found[key] = (made["metadata"]["namespace"], made["metadata"]["name"])
        while len(self._found) > _MOST:
            self.records.drop(*self._found.popitem(last=False)[1])
