"""What is wrong with filter documents, said to whoever wrote them, before they become a filter.

A filter that can't be read must never mean that everything passes (behaviour §9, case B46): whoever stores documents asks
here first, and whoever compiles them is refused with the first of the same faults.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import orjson

from eventing.errors import Invalid
from eventing.event import shown
from eventing.filters import cesql

MAX_DEPTH = 32
"""How deep `all`, `any` and `not` may stand in each other."""

MAX_BYTES = 262_144
"""Of all filters of one Trigger, as JSON: they travel in the plan, whose rows are Kafka records."""

DIALECTS = ("exact", "prefix", "suffix", "all", "any", "not", "cesql")
_MEANT = {"and": "all", "or": "any", "sql": "cesql", "equals": "exact", "none": "not", "attributes": "exact"}
_NAME = re.compile(r"[a-z][a-z0-9]*").fullmatch

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: its place below the list of filters, what it is, and what to do."""

    path: Path
    message: str
    fix: str

    def place(self, root: str) -> str:
        """The path as text below a field, for instance `spec.filters[0].exact.type`."""
        return root + "".join(f"[{step}]" if isinstance(step, int) else f".{shown(step)}" for step in self.path)


def faults(filters: object) -> list[Fault]:
    """All that is wrong with the list `spec.filters` of a Trigger; nothing for None and for an empty list."""
    if filters is None:
        return []
    if not isinstance(filters, list | tuple):
        return [Fault((), "is no list", "write a list of filters, one dialect each")]
    return _size(filters) or [
        fault for place, document in enumerate(filters) for fault in _document(document, (place,), DIALECTS)
    ]


def attribute_faults(attributes: object, path: Path = ()) -> list[Fault]:
    """All that is wrong with a Trigger's older `filter.attributes`, where an empty text stands for any value."""
    return _size(attributes) or _attributes(attributes, path, empty_is_any=True)


def document_faults(documents: object) -> list[Fault]:
    """As `faults`, for what compiles: a document may also be the older `attributes`."""
    known = (*DIALECTS, "attributes")
    if not isinstance(documents, list | tuple):
        return faults(documents)
    return _size(documents) or [
        fault for place, document in enumerate(documents) for fault in _document(document, (place,), known)
    ]


def _size(filters: object) -> list[Fault]:
    try:
        size = len(orjson.dumps(filters))
    except orjson.JSONEncodeError:
        return []  # What JSON can't hold is a fault of its own.
    fix = "ask for less, for instance by prefix, or with several Triggers"
    return [] if size <= MAX_BYTES else [Fault((), f"has {size} bytes, more than {MAX_BYTES}", fix)]


def _document(document: object, path: Path, known: tuple[str, ...]) -> list[Fault]:
    if sum(isinstance(step, str) for step in path) >= MAX_DEPTH:
        return [Fault(path, f"stands deeper than {MAX_DEPTH} filters in each other", "take levels out")]
    if not isinstance(document, Mapping):
        return [Fault(path, "is no filter", f"write one of {', '.join(DIALECTS)} with its value")]
    if not document:
        fix = f"write one of {', '.join(DIALECTS)}, or leave it out"
        return [Fault(path, "is empty, and so asks for nothing", fix)]
    if len(document) > 1:
        names = " and ".join(shown(str(name)) for name in list(document)[:4])
        return [Fault(path, f"holds {names}, and a filter has one dialect", "write a filter for each, below all")]
    ((dialect, value),) = document.items()
    if dialect not in known:
        return [_unknown(dialect, path)]
    return _value(str(dialect), value, (*path, str(dialect)), known)


def _value(dialect: str, value: Any, path: Path, known: tuple[str, ...]) -> list[Fault]:
    match dialect:
        case "attributes":
            return attribute_faults(value, path)
        case "exact" | "prefix" | "suffix":
            return _attributes(value, path, empty_is_any=False)
        case "not":
            if isinstance(value, list | tuple):
                return [Fault(path, "is a list, and negates one filter", "write one filter, or `not` of `any`")]
            return _document(value, path, known)
        case "cesql":
            return _cesql(value, path)
        case _:
            if not isinstance(value, list | tuple) or not value:
                return [Fault(path, "is no list of at least one filter", f"write - exact: ... below {dialect}")]
            return [fault for place, one in enumerate(value) for fault in _document(one, (*path, place), known)]


def _attributes(value: object, path: Path, *, empty_is_any: bool) -> list[Fault]:
    if not isinstance(value, Mapping) or not (value or empty_is_any):
        return [Fault(path, "names no attribute", "write for instance type: com.example.created")]
    found = []
    for name, text in value.items():
        place = (*path, str(name))
        if not (isinstance(name, str) and _NAME(name)):
            fix = "use only a-z and 0-9, and begin with a letter"
            found.append(Fault(place, f"'{shown(str(name))}' is no attribute name", fix))
        if not isinstance(text, str):
            found.append(Fault(place, "is no text", f'write it in quotes: "{_plain(text)}"'))
        elif not (text or empty_is_any):
            found.append(Fault(place, "is empty", f"give it a value, or ask with cesql: EXISTS {shown(str(name))}"))
    return found


def _cesql(value: object, path: Path) -> list[Fault]:
    if not isinstance(value, str):
        return [Fault(path, "is no text", "write an expression, for instance type = 'com.example.created'")]
    try:
        expression = cesql.parse(value)
    except Invalid as error:
        return [Fault(path, error.message, error.fix)]
    return [Fault(path, message, fix) for message, fix in expression.missing_functions()]


def _unknown(dialect: object, path: Path) -> Fault:
    name = str(dialect)
    near = _MEANT.get(name.lower()) or next(iter(get_close_matches(name.lower(), DIALECTS, 1)), None)
    fix = f"write {near}" if near else f"write one of {', '.join(DIALECTS)}"
    return Fault((*path, name), f"'{shown(name)}' is no dialect of filters", fix)


def _plain(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return shown(text)
