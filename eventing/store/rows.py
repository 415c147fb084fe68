"""Objects as rows of the topic `kanal.resources`: one row an object, its whole document with metadata and status.

Keys are `object/GROUP/KIND/NAMESPACE/NAME`; values JSON, `{"object": DOCUMENT}`. The row `writer` names who may write and
how far revisions had come when an object was deleted last: a deletion leaves no row that could say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from eventing.errors import EventingError, Invalid
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Features, Resource
from eventing.kinds.registry import parse

WRITER = "writer"
_OBJECT = "object/"
_LENIENT = Features(cross_namespace_event_links=True)
"""What was once allowed is not refused when it is read again."""


class Claim(NamedTuple):
    """Who writes: a number that grows with each writer, its name, and the last revision that it gave to a deletion."""

    epoch: int = 0
    name: str = ""
    revision: int = 0

    def encoded(self) -> bytes:
        """The value of the row `writer`."""
        return orjson.dumps(self._asdict())


class Read(NamedTuple):
    """What rows tell: the objects, the newest revision, and of each row that is no object which and why."""

    objects: tuple[Resource, ...]
    revision: int
    problems: tuple[EventingError, ...]


def claim(value: bytes | None) -> Claim:
    """The claim in the row `writer`; that of nobody where there is none, or none that can be read."""
    found = _json(value)
    try:
        return Claim(int(found.get("epoch", 0)), str(found.get("name", "")), int(found.get("revision", 0)))
    except (TypeError, ValueError):
        return Claim()


def row_of(key: Key) -> str:
    """The key of an object's row."""
    return _OBJECT + "/".join(key)


def key_in(row: str) -> str:
    """The object of a row as messages name it; the row's own key where it is no object's."""
    parts = row.removeprefix(_OBJECT).split("/")
    return str(Key(*parts)) if row.startswith(_OBJECT) and len(parts) == len(Key._fields) else f"row {row}"


def encoded(resource: Resource) -> bytes:
    """The value of an object's row. Raises `Invalid` for what no JSON can hold, which YAML lets through."""
    try:
        return orjson.dumps({"object": resource.document()})
    except orjson.JSONEncodeError as error:
        fix = "leave out halves of characters and numbers beyond 64 bits"
        raise Invalid(f"it can't be written as JSON: {error}", where=str(key_of(resource)), fix=fix) from error


def decoded(table: Mapping[str, bytes]) -> Read:
    """What the rows tell."""
    objects: list[Resource] = []
    problems: list[EventingError] = []
    revision = claim(table.get(WRITER)).revision
    for row, value in table.items():
        if not row.startswith(_OBJECT):
            continue
        document = _json(value).get("object")
        if not isinstance(document, dict):
            problems.append(Invalid("the row holds no object", where=key_in(row), fix="delete the row, or mend it"))
            continue
        revision = max(revision, _version(document))
        try:
            objects.append(resource_of(document))
        except EventingError as error:
            problems.append(error)
    return Read(tuple(objects), revision, tuple(problems))


def resource_of(document: Mapping[str, Any]) -> Resource:
    """A document that a store has kept. Raises `Invalid` where it can't be understood."""
    # A status is kept as it is; what is null in it is not for us to leave out.
    status = document.get("status") or {}
    found = parse({name: value for name, value in document.items() if name != "status"}, features=_LENIENT)
    return found.model_copy(update={"status": status})


def _version(document: Mapping[str, Any]) -> int:
    metadata = document.get("metadata")
    text = str(metadata.get("resourceVersion", "")) if isinstance(metadata, dict) else ""
    return int(text) if text.isascii() and text.isdigit() else 0


def _json(value: bytes | None) -> dict[str, Any]:
    try:
        found = orjson.loads(value or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
