"""What is worth a Kubernetes Event: the condition Ready of an object has changed. Pure: a change in, words out.

At home the Events are remembered beside the API (`kanal.api.kube.happenings`), in a cluster the controller writes them
(`controller.cluster.events`); both say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from eventing.kinds.condition import READY
from eventing.kinds.meta import Resource
from eventing.store import Change
from eventing.timestamp import rfc3339

COMPONENT = "kanal-controller"
Document = dict[str, Any]


class Happening(NamedTuple):
    """What an Event says: `Normal` or `Warning`, a CamelCase reason and a sentence."""

    type: str
    reason: str
    message: str


def happening(change: Change) -> Happening | None:
    """What this change means; None where it is no news."""
    after, before = _ready(change.resource), None if change.before is None else _ready(change.before)
    state = after.get("status")
    if change.type == "DELETED" or state not in ("True", "False") or after == before:
        return None
    reason = str(after.get("reason") or (READY if state == "True" else f"Not{READY}"))
    message = str(after.get("message") or ("it is ready" if state == "True" else "it is not ready"))
    return Happening("Normal" if state == "True" else "Warning", reason, message)


def event(
    resource: Resource, what: Happening, metadata: Mapping[str, Any], first: str, last: str, count: int
) -> Document:
    """The Event as `v1` has it; `metadata` is its own, `first` and `last` are times, `count` how often it happened."""
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"namespace": resource.metadata.namespace, **metadata},
        "involvedObject": {
            "apiVersion": resource.api_version,
            "kind": resource.KIND,
            "namespace": resource.metadata.namespace,
            "name": resource.metadata.name,
            "uid": resource.metadata.uid,
            "resourceVersion": resource.metadata.resource_version,
        },
        **what._asdict(),
        "count": count,
        "firstTimestamp": first,
        "lastTimestamp": last,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": "",
    }


def stamp(when: datetime) -> str:
    """A time as Events have it."""
    return rfc3339(when, "seconds")


def _ready(resource: Resource) -> Mapping[str, Any]:
    """Status, reason and message of Ready; when it was said is no news."""
    conditions = resource.status.get("conditions") or ()
    found: Mapping[str, Any] = next((one for one in conditions if one.get("type") == READY), {})
    return {name: found.get(name) for name in ("status", "reason", "message")}
