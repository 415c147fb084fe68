"""How much work a JSON schema can ask for: its size once every reference in it is followed.

Thirty short lines that refer to each other twice stand for a million schemas, and a long enough chain of references
overflows the stack of whoever follows it. Both would end an ingress, so such schemas are refused before they are compiled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from eventing.errors import Invalid

MOST = 10_000
"""Schemas in a schema, each counted as often as a way leads to it."""
DEEPEST = 200
"""Levels and references one inside the other."""
_FORKS = ("anyOf", "oneOf")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_DEFINED = ("$defs", "definitions")
_FIX = "make it simpler"


class Extent(NamedTuple):
    """`size` in schemas; whether it refers to itself; whether it leaves a choice (`anyOf`, `oneOf`) anywhere."""

    size: int
    circular: bool
    forks: bool


def extent(document: Any) -> Extent:
    """The extent of a schema. Raises `Invalid` for one that is too much."""
    walk = _Walk(document)
    size, _ = walk.measure(walk.top, 0)
    return Extent(size, walk.circular, walk.forks)


class _Walk:
    """One way through a schema, with what was met on it."""

    def __init__(self, root: Any) -> None:
        self.circular = False
        self.forks = False
        # What is defined at the top counts where it is referred to.
        self.top = {k: v for k, v in root.items() if k not in _DEFINED} if isinstance(root, dict) else root
        self._root = root
        self._known: dict[int, tuple[int, int]] = {}
        self._open: set[int] = set()
        self._named = _named(root)

    def measure(self, node: Any, depth: int) -> tuple[int, int]:
        """How many schemas a node stands for, and over how many levels. Raises `Invalid` where that is too much."""
        if not isinstance(node, dict | list):
            return 0, 0
        mark = id(node)
        if mark in self._open:
            self.circular = True
            return 1, 0
        size, height = self._known.get(mark) or (int(isinstance(node, dict)), 0)
        _bounded(size, depth + height)
        if mark not in self._known:
            self._open.add(mark)
            for part in node if isinstance(node, list) else self._parts(node):
                inside, levels = self.measure(part, depth + 1)
                size, height = size + inside, max(height, levels + 1)
                _bounded(size, depth + height)
            self._open.discard(mark)
            self._known[mark] = size, height
        return size, height

    def _parts(self, node: Mapping[str, Any]) -> list[Any]:
        self.forks = self.forks or any(name in node for name in _FORKS)
        return [*node.values(), *(self._target(node[n]) for n in _REFERENCES if isinstance(node.get(n), str))]

    def _target(self, reference: str) -> Any:
        """What a reference means; the whole schema where that is not plain to see."""
        found = self._pointed(reference)
        return self.top if found is None or found is self._root else found

    def _pointed(self, reference: str) -> Any:
        base, _, fragment = unquote(reference).partition("#")
        if fragment and not fragment.startswith("/"):
            return self._named.get(f"#{fragment}")
        found = self._named.get(base) if base else self._root
        for step in fragment.split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict):
                found = found.get(key)
            elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            else:
                return None
        return found


def _bounded(size: int, depth: int) -> None:
    if size > MOST:
        message = f"the schema can't be used: it stands for more than {MOST} schemas once its references are followed"
        raise Invalid(message, fix=_FIX)
    if depth > DEEPEST:
        message = f"the schema can't be used: it is deeper than {DEEPEST} levels once its references are followed"
        raise Invalid(message, fix=_FIX)


def _named(root: Any) -> dict[str, Any]:
    """The parts of a schema that have names of their own, anchors with `#` in front."""
    found: dict[str, Any] = {}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            for name, mark in (("$id", ""), ("id", ""), ("$anchor", "#"), ("$dynamicAnchor", "#")):
                if isinstance(node.get(name), str):
                    found.setdefault(mark + node[name].rstrip("#"), node)
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return found
