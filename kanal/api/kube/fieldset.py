"""Sets of fields as `metadata.managedFields` holds them (FieldsV1), and which fields a document has or changes.

A field is a path of elements: `f:NAME` in a map, `k:{"uid":"7"}` or `v:"text"` in a list whose items merge by key. In
FieldsV1 paths are folded into a tree, in which `.` says that the place itself belongs to the set too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from eventing.errors import Invalid
from kanal.api.kube.keyed import ITEM, Keys, Pattern, compact, elements, key_names
from kanal.api.kube.plain import DEEPEST, same

Field = tuple[str, ...]
Fields = frozenset[Field]

_HOLDER = object()
"""The value of a place that holds fields of its own; whether it's the same is told by those."""


class Place(NamedTuple):
    """Something at a path of a document. `is_own` of what somebody who writes it into a configuration owns."""

    value: Any
    is_own: bool


class Changes(NamedTuple):
    """What is not the same in two documents."""

    given: Fields
    """New, or of another value."""
    gone: Fields


def folded(fields: Iterable[Field]) -> dict[str, Any]:
    """The set as FieldsV1."""
    tree: dict[str, Any] = {}
    for field in sorted(fields):
        here = tree
        for step in field:
            here = here.setdefault(step, {})
        here["."] = {}
    return _without_lonely_dots(tree)


def _without_lonely_dots(tree: dict[str, Any]) -> dict[str, Any]:
    return {name: {} if inner.keys() == {"."} else _without_lonely_dots(inner) for name, inner in sorted(tree.items())}


def unfolded(tree: Any) -> Fields:
    """The set in a FieldsV1. Raises `Invalid` for anything else."""
    return frozenset(_unfolded(tree, ()))


def _unfolded(tree: Any, above: Field) -> Iterator[Field]:
    if not isinstance(tree, Mapping) or len(above) > DEEPEST:
        raise Invalid("this is no FieldsV1", field="metadata.managedFields")
    if above and (not tree or "." in tree):
        yield above
    for name, inner in tree.items():
        if name != ".":
            yield from _unfolded(inner, (*above, _canonical(name)))


def _canonical(step: str) -> str:
    sort, colon, rest = step.partition(":")
    if not colon or sort not in ("f", "k", "v", "i"):
        raise Invalid(f"{step[:80]!r} is no element of a FieldsV1", field="metadata.managedFields")
    if sort in ("f", "i"):
        return step
    try:
        return f"{sort}:{compact(json.loads(rest))}"
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{step[:80]!r} is no element of a FieldsV1", field="metadata.managedFields") from error


def places(document: Any, keys: Keys) -> dict[Field, Place]:
    """Everything in a document by its path, the document itself left out."""
    return dict(_places(document, (), (), keys))


def _places(value: Any, field: Field, pattern: Pattern, keys: Keys) -> Iterator[tuple[Field, Place]]:
    if isinstance(value, dict):
        if field:
            yield field, Place(_HOLDER, is_own=not value or not field[-1].startswith("f:"))
        for name, inner in value.items():
            yield from _places(inner, (*field, f"f:{name}"), (*pattern, name), keys)
        return
    names = key_names(pattern, keys) if isinstance(value, list) else None
    items = None if names is None else elements(value, names)
    if items is None:
        yield field, Place(value, is_own=True)
        return
    yield field, Place(_HOLDER, is_own=not items)
    for step, item in items.items():
        yield from _places(item, (*field, step), (*pattern, ITEM), keys)


def changes(before: Any, after: Any, keys: Keys) -> Changes:
    """What a change from one document to the other gives and takes away."""
    old, new = places(before, keys), places(after, keys)
    given = frozenset(field for field, place in new.items() if field not in old or not _same(old[field], place))
    return Changes(given, frozenset(old.keys() - new.keys()))


def _same(old: Place, new: Place) -> bool:
    return (old.value is new.value) if _HOLDER in (old.value, new.value) else same(old.value, new.value)


def spelt(field: Field) -> str:
    """A field for people: `.spec.delivery.retry`, `.metadata.ownerReferences[uid="7"].name`."""
    return "".join(map(_spelt, field))


def _spelt(step: str) -> str:
    sort, _, rest = step.partition(":")
    if sort == "f":
        return f".{rest}"
    if sort == "k":
        return "[" + ",".join(f"{name}={compact(value)}" for name, value in json.loads(rest).items()) + "]"
    return f"[{'=' if sort == 'v' else ''}{rest}]"
