"""Namespaces: names that group objects. One exists as soon as it is used or somebody made it, and `default` always does.

Nothing hangs on a namespace here, so what was made of one by hand (its labels) is kept as long as the process runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
        self._made: dict[str, Document] = {}
        self._changes = 1

    def all(self) -> list[Document]:
        """Every one, sorted by name."""
        names = sorted({DEFAULT_NAMESPACE, *self._used(), *self._made})
        return [self._made.get(name) or _document(name, {}, self._started, 1) for name in names]

    def get(self, name: str) -> Document:
        """One of them. Raises `NotFound`."""
        if name in self._made:
            return self._made[name]
        if name == DEFAULT_NAMESPACE or name in self._used():
            return _document(name, {}, self._started, 1)
        raise NotFound("does not exist", where=f"Namespace {name}", fix=f"kubectl create namespace {name}")

    def create(self, document: Mapping[str, Any], *, dry_run: bool = False) -> Document:
        """Make one. Raises `AlreadyExists`, `Invalid` for what can be no namespace."""
        name = str(document["metadata"].get("name") or "")
        try:
            _NAME.validate_python(name)
        except ValidationError as error:
            message = f"{name!r} can't be a namespace; 63 of a-z, 0-9 and - are allowed"
            raise Invalid(message, where=f"Namespace {name}", field="metadata.name") from error
        if name in {one["metadata"]["name"] for one in self.all()}:
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
            for one in [one for one in self._store.list() if one.metadata.namespace == name]:
                await self._store.delete(key_of(one))
            self._made.pop(name, None)
        return gone

    def _used(self) -> set[str]:
        return {one.metadata.namespace for one in self._store.list()}

    def _keep(self, name: str, document: Mapping[str, Any], created: str, *, dry_run: bool) -> Document:
        made = _document(name, document["metadata"], created, self._changes + 1)
        if not dry_run:
            self._changes += 1
            self._made[name] = made
        return made


def _document(name: str, metadata: Mapping[str, Any], created: str, version: int) -> Document:
    own: Document = {
        "name": name,
        "uid": stable_uid("", "Namespace", "", name),
        "resourceVersion": str(version),
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
