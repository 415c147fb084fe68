"""Resources as a person reads them: one line each, and a line more when something about one changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from eventing.kinds.broker import CLASS_ANNOTATION, KAFKA_CLASS
from eventing.kinds.key import Key, key_of
from eventing.kinds.registry import find
from eventing.store import Store

Document = Mapping[str, Any]
_State = tuple[str, str, str, bool]


def ready_condition(document: Document) -> Mapping[str, Any]:
    """The condition Ready of a resource; unknown where it has no status yet, empty where its kind has no conditions."""
    kind = find(str(document.get("apiVersion")), str(document.get("kind")))
    if kind is not None and not kind.DEPENDENTS:
        return {"status": ""}
    return _condition(document, "Ready") or {"status": "Unknown", "message": _untold(document)}


def _untold(document: Document) -> str:
    """Why there is no status. One of a class that nobody serves never gets one, and waiting for it must not look useful."""
    annotations = document.get("metadata", {}).get("annotations") or {}
    other = annotations.get(CLASS_ANNOTATION, KAFKA_CLASS)
    return "not looked at yet" if other == KAFKA_CLASS else f"nobody has taken the class {other} yet"


def is_paused(document: Document) -> bool:
    """Whether its status says that it is ready to deliver and told not to."""
    return (_condition(document, "Paused") or {}).get("status") == "True"


def target(document: Document) -> str:
    """Where a resource is reached, or where it delivers to."""
    status = document.get("status") or {}
    url = (status.get("address") or {}).get("url") or status.get("subscriberUri")
    url = url or (status.get("physicalSubscription") or {}).get("subscriberUri")
    return str(url or "")


def _condition(document: Document, type_: str) -> Mapping[str, Any] | None:
    conditions = (document.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one.get("type") == type_), None)


def columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """The rows as aligned lines, two spaces between columns."""
    table = [list(map(str, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


class Board:
    """Says each resource's state when it changes: what `kanal up` prints."""

    LOOK_S = 0.1
    DOUBTS = 5
    """Looks for which a resource has to be not ready before that is said: what has only just been made is, for a moment."""

    def __init__(self, store: Store, say: Callable[[str], None], place: Callable[[Key], str]) -> None:
        self._store = store
        self._place = place
        self._say = say
        self._said: dict[Key, _State] = {}
        self._doubts: dict[Key, tuple[_State, int]] = {}

    async def run(self) -> None:
        """Look and say, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(self.LOOK_S)

    def look(self) -> None:
        """Say what is new since the last look. What has only just begun is passed over: it says nothing yet."""
        present = {}
        for resource in self._store.list():
            if resource.metadata.owner_references or not resource.DEPENDENTS:
                continue
            document = resource.document()
            ready = ready_condition(document)
            state = (str(ready["status"]), target(document), str(ready.get("message", "")), is_paused(document))
            present[key_of(resource)] = state
            if state != self._said.get(key_of(resource)) and self._is_sure(key_of(resource), state):
                self._said[key_of(resource)] = state
                self._say(_line(key_of(resource), state, self._place(key_of(resource))))
        self._doubts = {key: doubt for key, doubt in self._doubts.items() if key in present}
        for key in self._said.keys() - present.keys():
            del self._said[key]
            self._say(f"{'gone':<10}{key}")

    def _is_sure(self, key: Key, state: _State) -> bool:
        """Whether this state may be said already."""
        if state[0] != "False":
            self._doubts.pop(key, None)
            return state[0] == "True"
        before, looks = self._doubts.get(key, (state, 0))
        self._doubts[key] = state, looks + 1 if before == state else 1
        return self._doubts[key][1] >= self.DOUBTS


def _line(key: Key, state: _State, place: str) -> str:
    status, url, message, paused = state
    if status == "True":
        return f"{'paused' if paused else 'ready':<10}{key}  {url}".rstrip()
    return f"{'NOT READY':<10}{f'{place}: ' if place else ''}{key}: {message}"
