"""The entries of `metadata.managedFields`: which manager owns which fields of an object, and since when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from eventing.errors import Invalid
from kanal.api.kube.fieldset import Fields, folded, unfolded

Managed = Sequence[Mapping[str, Any]]
APPLY, UPDATE = "Apply", "Update"
FIRST = "before-first-apply"
"""Owns what was there before anybody applied anything to an object whose fields had no owners."""
OLDEST = "ancient-changes"
"""Owns what the oldest updates changed, once there are too many of them."""
MOST_UPDATES = 10
_LONGEST_NAME = 128


class Manager(NamedTuple):
    """Whose fields: an entry for each name, operation and subresource, for updates for each version too."""

    operation: str
    name: str
    version: str
    subresource: str

    @property
    def identity(self) -> Manager:
        """The same for every apply of one name, whatever version it wrote."""
        return self._replace(version="") if self.operation == APPLY else self


@dataclass(frozen=True, slots=True)
class Entry:
    """The fields of one manager; `time` is RFC 3339 and that of the last change of the entry."""

    manager: Manager
    fields: Fields
    time: str = ""


def manager_of(name: str, operation: str, version: str, subresource: str) -> Manager:
    """Raises `Invalid` for what is no name of a manager or no operation."""
    if operation not in (APPLY, UPDATE):
        raise Invalid(f"{operation!r} is no operation of a field manager", fix=f"write {APPLY} or {UPDATE}")
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        message = f"the name of a field manager has 1 to {_LONGEST_NAME} printable characters"
        raise Invalid(message, field="fieldManager", fix="write for instance kubectl")
    return Manager(operation, name, version, subresource)


def read(managed: Managed) -> dict[Manager, Entry]:
    """The entries of the list in a document, by the identity of their manager. Raises `Invalid` where one is none."""
    found: dict[Manager, Entry] = {}
    for entry in map(_entry, managed):
        known = found.get(entry.manager.identity)
        found[entry.manager.identity] = replace(entry, fields=entry.fields | known.fields) if known else entry
    return found


def _entry(written: Any) -> Entry:
    if not isinstance(written, Mapping) or written.get("fieldsType") != "FieldsV1":
        raise Invalid("an entry has no fieldsType: FieldsV1", field="metadata.managedFields")
    told = [written.get(name, "") for name in ("manager", "operation", "apiVersion", "subresource", "time")]
    name, operation, version, subresource, time = (one if isinstance(one, str) else "" for one in told)
    if operation not in (APPLY, UPDATE):
        raise Invalid("an entry has no operation Apply or Update", field="metadata.managedFields")
    return Entry(Manager(operation, name, version, subresource), unfolded(written.get("fieldsV1") or {}), time)


def written(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """The list for a document: those that applied first, then by time; entries without fields are left out."""
    kept = _capped([entry for entry in entries if entry.fields])
    return [_written(entry) for entry in sorted(kept, key=_rank)]


def _rank(entry: Entry) -> tuple[str, ...]:
    return (entry.manager.operation, entry.time, *entry.manager)


def _written(entry: Entry) -> dict[str, Any]:
    manager = entry.manager
    found = {
        "manager": manager.name,
        "operation": manager.operation,
        "apiVersion": manager.version,
        "time": entry.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": folded(entry.fields),
        "subresource": manager.subresource,
    }
    return {name: value for name, value in found.items() if value != ""}


def _capped(entries: Sequence[Entry]) -> list[Entry]:
    """The entries, where too many of them are updates the oldest put together: an object must not grow for ever."""
    updates = sorted((entry for entry in entries if entry.manager.operation == UPDATE), key=_rank)
    found = [entry for entry in entries if entry.manager.operation != UPDATE]
    old: dict[tuple[str, str], Entry] = {}
    while updates and len(updates) + len(old) > MOST_UPDATES:
        entry = updates.pop(0)
        group = (entry.manager.version, entry.manager.subresource)
        fields = entry.fields | (old[group].fields if group in old else frozenset())
        old[group] = replace(entry, manager=entry.manager._replace(name=OLDEST), fields=fields)
    return [*found, *old.values(), *updates]
