"""The verbs that change objects of our kinds: what a client sent is checked, its fields get their owner, the store keeps it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from eventing.errors import Conflict, Invalid
from eventing.kinds.meta import Defaults, Features, Resource
from eventing.store import Store
from eventing.store.home import HomeStore
from eventing.timestamp import rfc3339
from kanal.api.kube import ownership
from kanal.api.kube.changes import APPLY, Patch
from kanal.api.kube.reading import Document, fitted, resource_of
from kanal.api.kube.refusal import missing
from kanal.api.kube.target import Asked, Target

_ATTEMPTS = 5
"""How often a patch that names no version is tried on what others have changed in the meantime."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The object after a write, whether it is new, and what a person should know about the request."""

    document: Document
    created: bool = False
    warnings: tuple[str, ...] = ()


class Objects:
    """Writes objects of our kinds as documents of the version in the path."""

    def __init__(self, store: Store, defaults: Defaults, features: Features, now: Callable[[], datetime]) -> None:
        self._store = store
        self._defaults = defaults
        self._features = features
        self._now = now

    async def create(self, target: Target, document: Document, asked: Asked) -> Answer:
        """Make a new object. Raises `AlreadyExists`, and `Invalid` with every field that is wrong."""
        resource, warnings = self._read(fitted(document, target), asked)
        # Exported YAML carries what only a server sets; a new object gets its own.
        resource = _with(resource, uid="", resource_version="")
        resource = self._owned(target, None, resource, [], asked)
        stored = await self._store.create(resource, dry_run=asked.dry_run)
        return Answer(stored.document_in(target.served.version), created=True, warnings=warnings)

    async def replace(self, target: Target, document: Document, asked: Asked) -> Answer:
        """Replace an object, or its status. Raises `NotFound`, `Conflict`, and `Invalid` as `create`."""
        live = self.live(target)
        return await self._write(target, live, fitted(document, target), asked)

    async def patch(self, target: Target, patch: Patch, asked: Asked) -> Answer:
        """Change parts of an object, or of its status; server-side apply makes one that is not there."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return await self._patched(target, patch, asked)
            except Conflict as error:
                if type(error) is not Conflict or patch.names_version:
                    raise
        return await self._patched(target, patch, asked)

    async def _patched(self, target: Target, patch: Patch, asked: Asked) -> Answer:
        live = self._find(target)
        if patch.sort == APPLY:
            return await self._applied(target, live, patch.body, asked)
        if live is None:
            raise missing(target)
        document = patch.on(live.document_in(target.served.version))
        return await self._write(target, live, fitted(document, target), asked)

    async def _applied(self, target: Target, live: Resource | None, body: Any, asked: Asked) -> Answer:
        if not asked.manager:
            raise Invalid(
                "server-side apply needs to know who applies", field="fieldManager", fix="add ?fieldManager=NAME"
            )
        if not isinstance(body, dict):
            raise Invalid("the body is no document")
        if live is None and target.status:
            raise missing(target)
        version = target.served.version
        there = None if live is None else _bare(live.document_in(version))
        managed = [] if live is None else live.metadata.managed_fields
        document, managed = ownership.applied(
            there,
            managed,
            fitted(body, target),
            manager=asked.manager,
            force=asked.force,
            now=self._time(),
            subresource="status" if target.status else "",
            settled=lambda found: found if target.status else self._settled(target, found, asked),
        )
        if target.status:
            return await self._set_status(target, document, asked, managed)
        resource, warnings = self._read(fitted(document, target), asked)
        resource = _with(resource, managed_fields=managed)
        if live is None:
            stored = await self._store.create(resource, dry_run=asked.dry_run)
        else:
            stored = await self._store.update(resource, dry_run=asked.dry_run)
        return Answer(stored.document_in(version), created=live is None, warnings=warnings)

    async def _write(self, target: Target, live: Resource, document: Document, asked: Asked) -> Answer:
        if target.status:
            before = _bare(live.document_in(target.served.version))
            known = live.metadata.managed_fields
            managed = ownership.updated(
                before, document, known, manager=asked.manager, now=self._time(), subresource="status"
            )
            return await self._set_status(target, document, asked, managed)
        resource, warnings = self._read(document, asked)
        managed = ownership.told(live.metadata.managed_fields, document["metadata"].get("managedFields"))
        resource = self._owned(target, live, resource, managed, asked)
        stored = await self._store.update(resource, dry_run=asked.dry_run)
        return Answer(stored.document_in(target.served.version), warnings=warnings)

    async def _set_status(self, target: Target, document: Document, asked: Asked, managed: Any) -> Answer:
        status = document.get("status") or {}
        if not isinstance(status, dict):
            raise Invalid("fields are needed here", where=target.path, field="status")
        version = str(document["metadata"].get("resourceVersion") or "")
        # An API server keeps its own note of who wrote what.
        owners = {"managed_fields": managed} if isinstance(self._store, HomeStore) else {}
        stored = await self._store.set_status(target.key, status, version=version, dry_run=asked.dry_run, **owners)
        if stored is None:
            raise missing(target)
        return Answer(stored.document_in(target.served.version))

    async def delete(self, target: Target, asked: Asked, *, uid: str = "", version: str = "") -> Document:
        """Delete an object; what it was at last, or is while a finalizer holds it. Raises `NotFound` and `Conflict`."""
        key = target.key
        gone = await self._store.delete(key, uid=uid, version=version, orphan=asked.orphan, dry_run=asked.dry_run)
        if gone is None:
            raise missing(target)
        return gone.document_in(target.served.version)

    def live(self, target: Target) -> Resource:
        """The object that the path names. Raises `NotFound`."""
        found = self._find(target)
        if found is None:
            raise missing(target)
        return found

    def _find(self, target: Target) -> Resource | None:
        return self._store.get(target.key)

    def _read(self, document: Document, asked: Asked) -> tuple[Resource, tuple[str, ...]]:
        return resource_of(document, strictness=asked.strictness, features=self._features, defaults=self._defaults)

    def _settled(self, target: Target, document: Document, asked: Asked) -> Document:
        """A document with its defaults spelt out, as that of an object in the store is."""
        resource, _ = self._read(fitted(document, target), asked)
        return _bare(resource.document_in(target.served.version))

    def _owned(self, target: Target, live: Resource | None, resource: Resource, managed: Any, asked: Asked) -> Resource:
        """The resource with a note of who changed which of its fields."""
        version = target.served.version
        before = None if live is None else _bare(live.document_in(version))
        after = _bare(resource.document_in(version))
        managed = ownership.updated(before, after, managed, manager=asked.manager, now=self._time())
        return _with(resource, managed_fields=managed)

    def _time(self) -> str:
        return rfc3339(self._now(), "seconds")


def _with(resource: Resource, **metadata: Any) -> Resource:
    return resource.model_copy(update={"metadata": resource.metadata.model_copy(update=metadata)})


def _bare(document: Document) -> Document:
    """The document without its own list of owners."""
    metadata = {name: value for name, value in document["metadata"].items() if name != "managedFields"}
    return {**document, "metadata": metadata}
