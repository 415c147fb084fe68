"""The part of JSONPath that printer columns use: `.status.address.url`, `.spec.steps[0]`, `[?(@.type=="Ready")]`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

from eventing.errors import Invalid
from eventing.kinds.wording import shown

_PART = re.compile(
    r'\.(?P<name>[A-Za-z_$][\w$-]*)|\[(?P<index>\d{1,9})\]|\[\?\(@\.(?P<field>[A-Za-z_]\w*)==(?P<q>["\'])(?P<text>[^"\']*)(?P=q)\)\]',
    re.ASCII,
)


class _Part(NamedTuple):
    """One step: by name, by index, or to the first item whose field has a text."""

    name: str | None
    position: int | None
    field: str | None
    text: str | None


def at(document: Any, path: str) -> Any:
    """The value at a path, the first where several fit; None where there is none. Raises `Invalid` for what is no path."""
    here = document
    for part in _parts(path):
        here = _step(here, part)
    return here


@lru_cache(maxsize=256)
def _parts(path: str) -> tuple[_Part, ...]:
    found, place = [], 0
    while place < len(path):
        part = _PART.match(path, place)
        if part is None:
            raise Invalid(f"{shown(path)} is no JSONPath for a column", fix='write .a.b, .a[0] or .a[?(@.type=="b")].c')
        index = part["index"]
        found.append(_Part(part["name"], None if index is None else int(index), part["field"], part["text"]))
        place = part.end()
    return tuple(found)


def _step(here: Any, part: _Part) -> Any:
    if part.name is not None:
        return here.get(part.name) if isinstance(here, dict) else None
    if not isinstance(here, list):
        return None
    if part.position is not None:
        return here[part.position] if part.position < len(here) else None
    return next((one for one in here if isinstance(one, dict) and one.get(part.field) == part.text), None)
