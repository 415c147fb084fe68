"""Reviews as an API server sends them, and an API server in memory as far as the webhook asks one."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

from eventing.errors import AlreadyExists, Conflict, EventingError, NotFound
from eventing.kinds.registry import KINDS, find
from kanal.api.kube.jsonpatch import json_patched

Document = dict[str, Any]
NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
VERSIONS = {kind.KIND: kind.full_version(kind.VERSIONS[0]) for kind in KINDS}
SERVICE = {"apiVersion": "v1", "kind": "Service", "name": "s"}
CHANNEL = {"apiVersion": "messaging.knative.dev/v1", "kind": "Channel", "name": "c"}
SPECS: dict[str, Document] = {
    "Broker": {},
    "Trigger": {"broker": "b", "subscriber": {"ref": SERVICE}},
    "Channel": {},
    "KafkaChannel": {},
    "Subscription": {"channel": CHANNEL, "subscriber": {"ref": SERVICE}},
    "Sequence": {"steps": [{"uri": "http://a"}, {"ref": SERVICE}]},
    "Parallel": {"branches": [{"subscriber": {"ref": SERVICE}}]},
    "EventType": {"type": "t", "reference": {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "name": "b"}},
}
"""The least that a sound object of each kind says."""


def sent(kind: str, spec: Document | None = None, version: str = "", **metadata: Any) -> Document:
    """An object as an API server sends it."""
    api_version = VERSIONS[kind].rpartition("/")[0] + f"/{version}" if version else VERSIONS[kind]
    placed = {"name": "x", "namespace": "default", "managedFields": [{"manager": "kubectl"}], **metadata}
    told = SPECS[kind] if spec is None else spec
    return {"apiVersion": api_version, "kind": kind, "metadata": placed, "spec": copy.deepcopy(told)}


def review(new: Document | None, old: Document | None = None, operation: str = "", **request: Any) -> Document:
    """What the API server asks about a change."""
    one = new or old or {}
    model = find(str(one.get("apiVersion")), str(one.get("kind")))
    group, _, version = str(one.get("apiVersion")).rpartition("/")
    resource = {"group": group, "version": version, "resource": "others" if model is None else model.PLURAL}
    asked = {
        "uid": "u-1",
        "resource": resource,
        "namespace": "default",
        "name": one["metadata"].get("name", ""),
        "operation": operation or ("CREATE" if old is None else "UPDATE"),
        "object": new,
        "oldObject": old,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": asked | request}


def patched(document: Document, answer: Document) -> Document:
    """The object as the API server goes on with it."""
    response = answer["response"]
    assert response["allowed"], response
    operations = json.loads(base64.b64decode(response.get("patch", "W10=")))
    found: Document = json_patched(document, operations)
    return found


class MemoryApi:
    """Objects by their paths. `fails` is raised by every call on a path that begins with its key."""

    def __init__(self, found: Mapping[str, Document] | None = None) -> None:
        self.found: dict[str, Document] = dict(found or {})
        self.fails: dict[str, EventingError] = {}
        self.calls: list[tuple[str, str]] = []
        self.events: dict[str, asyncio.Queue[Document | EventingError | None]] = {}
        """What a watch of a path tells; None ends it."""
        self._version = 0

    async def get(self, path: str) -> Document:
        self._called("GET", path)
        if path.endswith("/configmaps"):
            items = [one for place, one in self.found.items() if place.startswith(f"{path}/")]
            return {"metadata": {"resourceVersion": str(self._version)}, "items": copy.deepcopy(items)}
        return copy.deepcopy(self._there(path))

    async def post(self, path: str, body: Mapping[str, Any]) -> Document:
        place = f"{path}/{body['metadata']['name']}"
        self._called("POST", place)
        if place in self.found:
            raise AlreadyExists("it exists already")
        return self.put_in(place, body)

    async def put(self, path: str, body: Mapping[str, Any]) -> Document:
        self._called("PUT", path)
        if self._there(path)["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            raise Conflict("it has been changed")
        return self.put_in(path, body)

    async def patch(self, path: str, body: Any, sort: str) -> Document:
        self._called("PATCH", path)
        assert sort == "json"
        return self.put_in(path, json_patched(self._there(path), body))

    async def watch(self, path: str, *, resourceVersion: str) -> AsyncIterator[Document]:  # noqa: N803
        self._called("WATCH", path)
        queue = self.events.setdefault(path, asyncio.Queue())
        while (event := await queue.get()) is not None:
            if isinstance(event, EventingError):
                raise event
            yield event

    def put_in(self, path: str, body: Mapping[str, Any]) -> Document:
        """Have an object at this path, with a version of its own."""
        self._version += 1
        made = copy.deepcopy(dict(body))
        made["metadata"] = {**made["metadata"], "resourceVersion": str(self._version)}
        self.found[path] = made
        return made

    def written(self) -> list[str]:
        """The paths that were written so far, each as often as it was."""
        return [path for verb, path in self.calls if verb not in ("GET", "WATCH")]

    def _called(self, verb: str, path: str) -> None:
        self.calls.append((verb, path))
        for beginning, error in self.fails.items():
            if path.startswith(beginning):
                raise error

    def _there(self, path: str) -> Document:
        if path not in self.found:
            raise NotFound("there is no such object")
        return self.found[path]
