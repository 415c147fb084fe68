"""Plain documents, as JSON gives them: dict, list, str, int, float, bool, None. Copied with a limit, and compared as JSON is."""

from __future__ import annotations

from typing import Any

from eventing.errors import Invalid

DEEPEST = 100
"""Levels in a document; what a person writes has ten."""


def copied(value: Any, room: int = DEEPEST) -> Any:
    """A copy that shares nothing. Raises `Invalid` where the value is nested deeper than `room`."""
    if not isinstance(value, dict | list):
        return value
    if room <= 0:
        raise Invalid(f"the document is nested deeper than {DEEPEST} levels")
    if isinstance(value, list):
        return [copied(item, room - 1) for item in value]
    return {name: copied(inner, room - 1) for name, inner in value.items()}


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal in JSON: 1 is 1.0, and true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(inner, other[name]) for name, inner in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def size(value: Any) -> int:
    """About as many characters as the value has in JSON."""
    if isinstance(value, dict):
        return 2 + sum(len(name) + 4 + size(inner) for name, inner in value.items())
    if isinstance(value, list):
        return 2 + sum(1 + size(item) for item in value)
    return len(value) + 2 if isinstance(value, str) else 4
