"""Event types that were seen, as rows of a compacted topic: what the registry is filled from when it fills itself.

Ingresses and dispatchers note each event's type here, off its way: a set of what is known, of bounded size, and a queue of
what is new, of bounded length. Nothing waits, nothing fails, and what does not fit is left for the next event of its type.
A row has everything in its key, so that the topic keeps one a type, source and place, however many processes saw it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import orjson

KNOWN = 10_000
WAITING = 1_000
LONGEST = 1_024
"""Characters of a type or a source that is noted at all; a registry is for people."""


class Sighting(NamedTuple):
    """A type of a source, seen at a resource: where it was sent to, or (a Trigger or Subscription) whose reply it was.

    `dataschema` is the event's, empty where it has none.
    """

    kind: str
    namespace: str
    name: str
    type: str
    source: str
    dataschema: str = ""


class Sightings:
    """What one process has seen. `full` says that it knows as much as it may, and takes nothing new any more."""

    def __init__(self, known: int = KNOWN, waiting: int = WAITING) -> None:
        self._most_known = known
        self._most_waiting = waiting
        # Hashes, since what strangers send is long; where two are the same, one type is missing in a registry.
        self._known: set[int] = set()
        self._waiting: list[Sighting] = []

    @property
    def full(self) -> bool:
        return len(self._known) >= self._most_known

    def note(self, kind: str, namespace: str, name: str, attributes: Mapping[str, str]) -> None:
        """Note the type of an event with these attributes, at this resource."""
        type_, source = attributes["type"], attributes["source"]
        mark = hash((kind, namespace, name, type_, source))
        known = self._known
        if mark in known or len(known) >= self._most_known or len(self._waiting) >= self._most_waiting:
            return
        known.add(mark)
        if len(type_) <= LONGEST and len(source) <= LONGEST:
            schema = attributes.get("dataschema", "")
            schema = schema if len(schema) <= LONGEST else ""
            self._waiting.append(Sighting(kind, namespace, name, type_, source, schema))

    def take(self) -> list[Sighting]:
        """What is new since the last call."""
        taken, self._waiting = self._waiting, []
        return taken

    def put_back(self, sightings: Iterable[Sighting]) -> None:
        """Take these the next time: they could not be handed on."""
        self._waiting[:0] = sightings


def row(sighting: Sighting) -> tuple[bytes, bytes]:
    """Key and value of the record for a sighting."""
    *place, schema = sighting
    return orjson.dumps(place), orjson.dumps({"dataschema": schema} if schema else {})


def sighting(key: str, value: bytes) -> Sighting | None:
    """The sighting that a record tells; None for one that tells none."""
    try:
        kind, namespace, name, type_, source = orjson.loads(key)
        found = Sighting(kind, namespace, name, type_, source, orjson.loads(value).get("dataschema", ""))
    except (ValueError, TypeError, AttributeError):
        return None
    return found if all(isinstance(part, str) for part in found) else None
