"""Server-side apply: who owns which field of an object, told by `metadata.managedFields`.

`managed` is that list as documents hold it; the documents that come back are without it, so the caller puts it there.
Lists merge by key where `keys` says so, every other list is one value with one owner. In an applied configuration null is
the same as left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from eventing.errors import Conflict, Invalid
from kanal.api.kube.fieldset import Changes, Field, Fields, changes, places, spelt
from kanal.api.kube.keyed import METADATA_KEYS, Keys
from kanal.api.kube.layering import layered, without
from kanal.api.kube.managers import APPLY, FIRST, UPDATE, Entry, Managed, Manager, manager_of, read, written
from kanal.api.kube.plain import copied

Document = Mapping[str, Any]
Entries = dict[Manager, Entry]

_METADATA: Field = ("f:metadata",)
_SERVERS = (
    "name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
    "deletionGracePeriodSeconds", "selfLink", "managedFields",
)  # fmt: skip
_NOBODYS: Fields = frozenset(
    [("f:apiVersion",), ("f:kind",), _METADATA, *((*_METADATA, f"f:{name}") for name in _SERVERS)]
)
_STATUS = "status"
_CHANGE = "leave the fields out, write the values that they have, or take them over with force"


class Taken(Conflict):
    """Fields of the applied configuration belong to others and have other values; `causes` are (field, manager) pairs."""

    def __init__(self, message: str, causes: Sequence[tuple[str, str]], *, where: str = "", fix: str = _CHANGE) -> None:
        super().__init__(message, where=where, fix=fix)
        self.causes = tuple(causes)


def applied(
    live: Document | None,
    managed: Managed,
    config: Document,
    *,
    manager: str,
    force: bool,
    now: str,
    keys: Keys = METADATA_KEYS,
    subresource: str = "",
    settled: Callable[[dict[str, Any]], Document] = lambda document: document,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The object and its managed fields after a server-side apply; `live` is None where the object is not there yet.

    With `subresource` only the fields below it are applied, without it all but the status. `now` is RFC 3339. `settled`
    writes the result as `live` is written, so that a default that is spelt out is no change. Raises `Taken` without
    `force`, and `Invalid` for a configuration that carries managedFields or items without their keys.
    """
    if (config.get("metadata") or {}).get("managedFields"):
        message = "a configuration that is applied can't say who owns its fields"
        raise Invalid(message, field="metadata.managedFields", fix="take it out")
    before = _bare(live or {})
    wanted = _part(_without_nulls(copied(dict(config))), subresource)
    who = manager_of(manager, APPLY, str(config.get("apiVersion", "")), subresource)
    others = _known(managed)
    if live is not None and not others:
        others = _first(before, who.version, keys, now)
    mine = others.pop(who.identity, Entry(who, frozenset()))
    fields = frozenset(field for field, place in places(wanted, keys).items() if place.is_own) - _NOBODYS

    after = layered(before, wanted, keys)
    left = _with_holders(mine.fields) - _with_holders(
        frozenset().union(fields, *(one.fields for one in others.values()))
    )
    after = copied(without(after, left - {_METADATA}, keys))

    made = changes(before, settled(after) if live is not None else after, keys)
    if not force:
        # A default that is spelt out is gone once settled, and yet takes the place of another manager's value.
        _refuse_taken(others.values(), made.given | (made.gone & fields) | _written_over(made))
    is_news = fields != mine.fields or who != mine.manager or any(made)
    return after, written([*_losing(others, made).values(), Entry(who, fields, now) if is_news else mine])


def updated(
    before: Document | None,
    after: Document,
    managed: Managed,
    *,
    manager: str,
    operation: str = UPDATE,
    now: str,
    keys: Keys = METADATA_KEYS,
    subresource: str = "",
) -> list[dict[str, Any]]:
    """The managed fields after a create (`before` is None), an update or a patch: whoever changed a field owns it.

    An object whose fields have no owners stays one until somebody applies something to it.
    """
    entries = _known(managed)
    if before is not None and not entries:
        return []
    who = manager_of(manager, operation, str(after.get("apiVersion", "")), subresource)
    made = changes(_part(_bare(before or {}), subresource), _part(_bare(after), subresource), keys)
    entries = _losing(entries, made)
    if made.given - _NOBODYS:
        own = entries.get(who.identity, Entry(who, frozenset()))
        entries[who.identity] = Entry(who, own.fields | (made.given - _NOBODYS), now)
    return written(entries.values())


def told(before: Managed, sent: Any) -> list[dict[str, Any]]:
    """The managed fields to go on from, where an update sent some: those sent if sound, none for `[{}]`, else `before`."""
    if sent == [{}]:
        return []
    is_sound = isinstance(sent, list) and bool(_known(sent))
    return [copied(dict(one)) for one in (sent if is_sound else before)]


def _known(managed: Managed) -> Entries:
    """The entries; none where somebody has stored a list that can't be read."""
    try:
        return read(managed)
    except Invalid:
        return {}


def _bare(document: Document) -> dict[str, Any]:
    """A copy without the list of managed fields, which nobody owns."""
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        return dict(copied(dict(document)))
    kept = {name: value for name, value in metadata.items() if name != "managedFields"}
    return dict(copied({**document, "metadata": kept}))


def _part(document: dict[str, Any], subresource: str) -> dict[str, Any]:
    """What a request to this subresource is about."""
    if subresource:
        return {name: value for name, value in document.items() if name == subresource}
    return {name: value for name, value in document.items() if name != _STATUS}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _first(document: dict[str, Any], version: str, keys: Keys, now: str) -> Entries:
    """The entry for what was there before anybody's fields were noted."""
    who = Manager(UPDATE, FIRST, version, "")
    return {who: Entry(who, changes({}, _part(document, ""), keys).given - _NOBODYS, now)}


def _with_holders(fields: Fields) -> Fields:
    """The fields and the maps that hold them, as far up as there is a name: who wrote `a.b` wrote `a` too."""
    found = set(fields)
    for field in fields:
        for length in range(len(field) - 1, 0, -1):
            if field[:length] in found:
                break
            if field[length - 1].startswith("f:"):
                found.add(field[:length])
    return frozenset(found)


def _written_over(made: Changes) -> Fields:
    """What is gone because a value stands where the map or list was that held it."""
    return frozenset(field for field in made.gone if any(field[:n] in made.given for n in range(1, len(field))))


def _refuse_taken(others: Iterable[Entry], given: Fields) -> None:
    causes = [(spelt(field), entry.manager) for entry in others for field in sorted(entry.fields & given)]
    if causes:
        lines = [f"{field}: {who.name} ({who.operation} in {who.version})" for field, who in sorted(causes)]
        several = "fields belong" if len(causes) > 1 else "field belongs"
        message = f"{len(causes)} {several} to other managers: " + ", ".join(lines)
        raise Taken(message, [(field, who.name) for field, who in sorted(causes)])


def _losing(entries: Entries, made: Changes) -> Entries:
    """The entries without what somebody else has changed; each keeps its time."""
    lost = made.given | made.gone
    return {who: replace(entry, fields=entry.fields - lost) for who, entry in entries.items()}
