"""Which lists are sets of named things: their items merge by key where other lists are replaced as one.

Patches and server-side apply share this. A pattern is a path of field names, `*` for any field and for the items of a
list; its value names the fields that tell items apart, none where the items are plain values that tell themselves apart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Pattern = tuple[str, ...]
Keys = Mapping[Pattern, tuple[str, ...]]

ITEM = "*"
_PLAIN = (str, int, float, bool)
_ENCODER = json.JSONEncoder(separators=(",", ":"), sort_keys=True, ensure_ascii=False)
METADATA_KEYS: Keys = {("metadata", "ownerReferences"): ("uid",), ("metadata", "finalizers"): ()}
"""What holds for every kind; kinds with keyed lists of their own add to it."""


def key_names(path: Pattern, keys: Keys) -> tuple[str, ...] | None:
    """The fields that tell the items of the list at this path apart; None where the list is one value."""
    if path in keys:
        return keys[path]
    for pattern, names in keys.items():
        if len(pattern) == len(path) and all(part in (ITEM, step) for part, step in zip(pattern, path, strict=True)):
            return names
    return None


def element(item: Any, names: tuple[str, ...]) -> str | None:
    """An item as managed fields name it, `k:{"uid":"7"}` or `v:"text"`; None where it lacks its key."""
    if not names:
        return f"v:{compact(item)}" if isinstance(item, _PLAIN) else None
    if not isinstance(item, dict):
        return None
    told = {name: item.get(name) for name in names}
    return f"k:{compact(told)}" if all(isinstance(value, _PLAIN) for value in told.values()) else None


def elements(items: Sequence[Any], names: tuple[str, ...]) -> dict[str, Any] | None:
    """The items by their element, in their order; None where one lacks its key or two share one."""
    found: dict[str, Any] = {}
    for item in items:
        name = element(item, names)
        if name is None or name in found:
            return None
        found[name] = item
    return found


def compact(value: Any) -> str:
    """JSON in the one spelling that managed fields have."""
    return _ENCODER.encode(value)
