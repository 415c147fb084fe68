"""Namespaces: names that group objects. One exists as soon as it is used or somebody made it, and `default` always does.

Nothing hangs on a namespace here, so what was made of one by hand (its labels) is kept as long as the process runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from eventing.errors import AlreadyExists, Denied, Invalid, NotFound
from eventing.kinds.columns import AGE, Column
from eventing.kinds.identifiers import Namespace
from eventing.kinds.key import key_of
from eventing.kinds.meta import DEFAULT_NAMESPACE, stable_uid
from eventing.store import Store
from eventing.timestamp import rfc3339
from kanal.api.kube.records import Records

Document = dict[str, Any]
COLUMNS = (Column("Status", "string", ".status.phase"), AGE)
_OWN_LABEL = "kubernetes.io/metadata.name"
_NAME: TypeAdapter[str] = TypeAdapter(Namespace)


class Namespaces:
    """Those that there are, as documents."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._started = rfc3339(now(), "seconds")
        self._made: set[str] = set()
        self._records = Records(store.revision)

    @property
    def records(self) -> Records:
        """Every one, as they are now."""
        self.settle()
        return self._records

    def settle(self) -> None:
        """Take note of those that are used since the last time, and of those that no longer are."""
        wanted = {DEFAULT_NAMESPACE, *self._used(), *self._made}
        there = {one["metadata"]["name"] for one in self._records.all()}
        for name in sorted(there - wanted):
            self._records.drop("", name)
        for name in sorted(wanted - there):
            self._records.put(_document(name, {}, self._started))

    async def follow(self) -> AsyncIterator[None]:
        """Keep the records up to date for as long as somebody goes on."""
        async for _ in self._store.snapshots():
            self.settle()
            yield

    def all(self) -> list[Document]:
        """Every one, sorted by name."""
        return sorted(self.records.all(), key=lambda one: str(one["metadata"]["name"]))

    def get(self, name: str) -> Document:
        """One of them. Raises `NotFound`."""
        found = self.find(name)
        if found is None:
            raise NotFound("does not exist", where=f"Namespace {name}", fix=f"kubectl create namespace {name}")
        return found

    def find(self, name: str) -> Document | None:
        """One of them, where there is one of this name."""
        return self.records.get("", name)

    def create(self, document: Mapping[str, Any], *, dry_run: bool = False) -> Document:
        """Make one. Raises `AlreadyExists`, `Invalid` for what can be no namespace."""
        name = str(document["metadata"].get("name") or "")
        try:
            _NAME.validate_python(name)
        except ValidationError as error:
            message = f"{name!r} can't be a namespace; 63 of a-z, 0-9 and - are allowed"
            raise Invalid(message, where=f"Namespace {name}", field="metadata.name") from error
        if self.find(name) is not None:
            raise AlreadyExists("it exists already", where=f"Namespace {name}")
        return self._keep(name, document, rfc3339(self._now(), "seconds"), dry_run=dry_run)

    def replace(self, document: Mapping[str, Any], *, dry_run: bool = False) -> Document:
        """Change labels and annotations of one. Raises `NotFound`."""
        name = str(document["metadata"]["name"])
        there = self.get(name)
        return self._keep(name, document, there["metadata"]["creationTimestamp"], dry_run=dry_run)

    async def delete(self, name: str, *, dry_run: bool = False) -> Document:
        """Delete one and everything in it. Raises `NotFound`, and `Denied` for the one that is always there."""
        gone = self.get(name)
        if name == DEFAULT_NAMESPACE:
            raise Denied("this namespace is always there", where=f"Namespace {name}", fix="delete what is in it")
        if not dry_run:
            self._made.discard(name)
            for one in [one for one in self._store.list() if one.metadata.namespace == name]:
                await self._store.delete(key_of(one))
            self.settle()
        return gone

    def _used(self) -> set[str]:
        return {one.metadata.namespace for one in self._store.list()}

    def _keep(self, name: str, document: Mapping[str, Any], created: str, *, dry_run: bool) -> Document:
        made, before = _document(name, document["metadata"], created), self._records.get("", name)
        if before is not None and _unversioned(before) == made:
            return before
        if dry_run:
            return made
        self._made.add(name)
        return self._records.put(made)


def _unversioned(document: Document) -> Document:
    metadata = {name: value for name, value in document["metadata"].items() if name != "resourceVersion"}
    return {**document, "metadata": metadata}


def _document(name: str, metadata: Mapping[str, Any], created: str) -> Document:
    own: Document = {
        "name": name,
        "uid": stable_uid("", "Namespace", "", name),
        "creationTimestamp": created,
        "labels": {**(metadata.get("labels") or {}), _OWN_LABEL: name},
    }
    if metadata.get("annotations"):
        own["annotations"] = dict(metadata["annotations"])
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": own,
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }
