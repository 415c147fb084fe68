"""What the calls of a store mean, for every home that has no API server: objects in, the changes that follow out.

A call is prepared first, which changes nothing and may be refused, and its changes are committed together afterwards; what a
home does in between (nothing, or to write them down) is its own. Time, uids and the ends of generated names are arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import ValidationError

from eventing.errors import AlreadyExists, Conflict, Invalid, NotFound
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import ObjectMeta, Resource, stable_uid
from eventing.kinds.registry import InvalidResource, check_update
from eventing.store import Change
from eventing.store.draft import Draft, with_metadata

_LONGEST_BEGINNING = 58
"""Kubernetes cuts `generateName` here, so that what is made of it fits into a label."""


def _stable(key: Key) -> str:
    return stable_uid(*key)


@dataclass(frozen=True, slots=True)
class Given:
    """What only a server gives: the time (RFC 3339), a uid, the end of a generated name."""

    time: str
    suffix: str = ""
    uid_of: Callable[[Key], str] = _stable


class Prepared(NamedTuple):
    """What a call would change, in order, and its answer."""

    changes: tuple[Change, ...]
    answer: Resource | None

    @property
    def dry(self) -> Resource | None:
        """The answer where nothing is changed: no version is given that no object ever has."""
        for change in self.changes:
            if change.resource is self.answer:
                before = change.before
                version = "" if before is None else before.metadata.resource_version
                return with_metadata(change.resource, resource_version=version)
        return self.answer


class Objects:
    """All objects of a store at one revision."""

    def __init__(self, found: Iterable[Resource] = (), revision: int = 0) -> None:
        self.revision = revision
        self._found = {key_of(one): one for one in found}
        self._listed: tuple[Resource, ...] | None = None

    def copy(self) -> Objects:
        """The same objects, which go their own way from here."""
        made = Objects(revision=self.revision)
        made._found = dict(self._found)
        return made

    def get(self, key: Key) -> Resource | None:
        """The object of this key."""
        return self._found.get(key)

    def list(self) -> tuple[Resource, ...]:
        """Everything, sorted by key."""
        if self._listed is None:
            self._listed = tuple(self._found[key] for key in sorted(self._found))
        return self._listed

    def commit(self, changes: Iterable[Change]) -> None:
        """Make these changes, which were prepared at the revision that is still the newest."""
        for change in changes:
            self.revision = max(self.revision, change.revision)
            if change.type == "DELETED":
                del self._found[key_of(change.resource)]
            else:
                self._found[key_of(change.resource)] = change.resource
            self._listed = None

    def create(self, resource: Resource, given: Given) -> Prepared:
        """See `Store.create`."""
        meta = named(resource, given.suffix)
        made = resource.model_copy(update={"metadata": meta, "status": {}})
        key = key_of(made)
        if key in self._found:
            raise AlreadyExists("it exists already", where=str(key), fix="update it, or choose another name")
        own = {
            "uid": meta.uid or given.uid_of(key),
            "generation": 1,
            "creation_timestamp": given.time,
            "deletion_timestamp": None,
            "deletion_grace_period_seconds": None,
            "self_link": "",
        }
        draft = self._draft()
        return _prepared(draft, draft.put(with_metadata(made, **own)))

    def update(self, resource: Resource, given: Given) -> Prepared:
        """See `Store.update`."""
        key, meta = key_of(resource), resource.metadata
        old = self._found.get(key)
        if old is None:
            raise NotFound("there is no such object", where=str(key), fix="create it")
        _check(key, old, meta.uid, meta.resource_version)
        allowed(old, resource)
        leaving = old.metadata.deletion_timestamp is not None
        new = with_metadata(resource, **_kept(old, resource)).model_copy(update={"status": old.status})
        if new == old:
            return Prepared((), old)
        draft = self._draft(given.time)
        if leaving and not new.metadata.finalizers:
            return _prepared(draft, draft.remove(new))
        return _prepared(draft, draft.put(new))

    def apply(self, resource: Resource, given: Given) -> Prepared:
        """See `Store.apply`. What others keep in the metadata (finalizers, `managedFields`) stays where this has none."""
        old = self._found.get(key_of(resource))
        if old is None:
            return self.create(resource, given)
        meta = resource.metadata
        kept: dict[str, Any] = {"uid": "", "resource_version": ""}
        kept["finalizers"] = meta.finalizers or old.metadata.finalizers
        kept["managed_fields"] = meta.managed_fields or old.metadata.managed_fields
        return self.update(with_metadata(resource, **kept), given)

    def set_status(
        self,
        key: Key,
        status: Mapping[str, Any],
        version: str,
        managed_fields: Sequence[Mapping[str, Any]] | None = None,
    ) -> Prepared:
        """See `Store.set_status`; without `managed_fields` those in the metadata stay."""
        old = self._found.get(key)
        if old is None:
            return Prepared((), None)
        _check(key, old, "", version)
        new = old.model_copy(update={"status": dict(status)})
        if managed_fields is not None:
            new = with_metadata(new, managed_fields=[dict(one) for one in managed_fields])
        if new == old:
            return Prepared((), old)
        draft = self._draft()
        return _prepared(draft, draft.put(new))

    def delete(self, key: Key, uid: str, version: str, given: Given, *, orphan: bool) -> Prepared:
        """See `Store.delete`."""
        old = self._found.get(key)
        if old is None:
            return Prepared((), None)
        _check(key, old, uid, version)
        draft = self._draft(given.time)
        if orphan:
            draft.orphan(old.metadata.uid)
        return _prepared(draft, draft.delete(draft.get(key) or old))

    def _draft(self, time: str = "") -> Draft:
        return Draft(self._found, self.revision, time)


def allowed(old: Resource, new: Resource) -> None:
    """Raises `Invalid` where an object may not become this one."""
    key = key_of(old)
    problems = check_update(old, new)
    if problems:
        raise InvalidResource(str(key), problems)
    added = [one for one in new.metadata.finalizers if one not in old.metadata.finalizers]
    if old.metadata.deletion_timestamp is not None and added:
        message, fix = "an object that is being deleted gets no further finalizers", f"leave out {', '.join(added)}"
        raise Invalid(message, where=str(key), field="metadata.finalizers", fix=fix)


def _prepared(draft: Draft, answer: Resource) -> Prepared:
    return Prepared(tuple(draft.changes), answer)


def named(resource: Resource, suffix: str) -> ObjectMeta:
    """The metadata with a name, which `generateName` may begin. Raises `Invalid` where it begins none."""
    meta = resource.metadata
    if meta.name:
        return meta
    name = f"{meta.generate_name[:_LONGEST_BEGINNING]}{suffix}"
    try:
        return meta.model_copy(update={"name": ObjectMeta(name=name).name})
    except ValidationError as error:
        fix = "begin it with letters a-z and digits, which - and . may separate"
        where = f"{resource.KIND} {meta.namespace}/{meta.generate_name}"
        message = f"{name!r} can't be a name"
        raise Invalid(message, where=where, field="metadata.generateName", fix=fix) from error


def _check(key: Key, old: Resource, uid: str, version: str) -> None:
    if uid and uid != old.metadata.uid:
        message, fix = f"the object of this name has the uid {old.metadata.uid}", "read it again: it was made anew"
        raise Conflict(message, where=str(key), field="metadata.uid", fix=fix)
    if version and version != old.metadata.resource_version:
        message, fix = "the object has been changed meanwhile", "read it again and change what it is now"
        raise Conflict(message, where=str(key), field="metadata.resourceVersion", fix=fix)


def _kept(old: Resource, new: Resource) -> dict[str, Any]:
    """What only the server sets."""
    names = (
        "uid", "creation_timestamp", "deletion_timestamp", "deletion_grace_period_seconds", "resource_version", "self_link",
        "generate_name",
    )  # fmt: skip
    same = old.spec_document() == new.spec_document()
    generation = (old.metadata.generation or 1) + (0 if same else 1)
    return {name: getattr(old.metadata, name) for name in names} | {"generation": generation}
