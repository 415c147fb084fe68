"""Kubernetes Events, made of what changes in the condition Ready of an object: `kubectl describe` ends with them.

They are made where the objects are kept, so every controller's work is seen, and the last thousand are remembered.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from eventing.errors import Gone, NotFound
from eventing.kinds.columns import Column
from eventing.kinds.condition import READY
from eventing.kinds.meta import Resource
from eventing.store import Change, Store
from eventing.timestamp import rfc3339

Document = dict[str, Any]
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
_COMPONENT = "kanal-controller"


class Happenings:
    """The Events that there are, as documents; `run` listens to the store."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._since = store.revision
        self._found: OrderedDict[tuple[str, ...], Document] = OrderedDict()

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
        after, before = _ready(change.resource), None if change.before is None else _ready(change.before)
        state = after.get("status")
        if change.type == "DELETED" or state not in ("True", "False") or after == before:
            return
        reason = str(after.get("reason") or (READY if state == "True" else f"Not{READY}"))
        message = str(after.get("message") or ("it is ready" if state == "True" else "it is not ready"))
        self._note(change.resource, "Normal" if state == "True" else "Warning", reason, message)

    def all(self) -> list[Document]:
        """Every one, the latest last."""
        return list(self._found.values())

    def get(self, namespace: str, name: str) -> Document:
        """One of them. Raises `NotFound`."""
        for one in self._found.values():
            if (one["metadata"]["namespace"], one["metadata"]["name"]) == (namespace, name):
                return one
        raise NotFound("does not exist", where=f"Event {namespace}/{name}")

    def _note(self, resource: Resource, type_: str, reason: str, message: str) -> None:
        metadata, time = resource.metadata, rfc3339(self._now(), "seconds")
        key = (metadata.uid, type_, reason, message)
        before = self._found.pop(key, None)
        first = before["firstTimestamp"] if before else time
        name = before["metadata"]["name"] if before else f"{metadata.name}.{self._since:x}"
        self._found[key] = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": name,
                "namespace": metadata.namespace,
                "uid": f"{metadata.uid}-{self._since:x}",
                "resourceVersion": str(self._since),
                "creationTimestamp": first,
            },
            "involvedObject": {
                "apiVersion": resource.api_version,
                "kind": resource.KIND,
                "namespace": metadata.namespace,
                "name": metadata.name,
                "uid": metadata.uid,
                "resourceVersion": metadata.resource_version,
            },
            "type": type_,
            "reason": reason,
            "message": message,
            "count": (before["count"] if before else 0) + 1,
            "firstTimestamp": first,
            "lastTimestamp": time,
            "source": {"component": _COMPONENT},
            "reportingComponent": _COMPONENT,
            "reportingInstance": "",
        }
        while len(self._found) > _MOST:
            self._found.popitem(last=False)


def _ready(resource: Resource) -> Mapping[str, Any]:
    """Status, reason and message of Ready; when it was said is no news."""
    conditions = resource.status.get("conditions") or ()
    found: Mapping[str, Any] = next((one for one in conditions if one.get("type") == READY), {})
    return {name: found.get(name) for name in ("status", "reason", "message")}
