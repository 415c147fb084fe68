"""Putting an applied configuration over an object, and taking single fields out of one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from eventing.errors import Invalid
from kanal.api.kube.fieldset import Field, Fields
from kanal.api.kube.keyed import ITEM, Keys, Pattern, elements, key_names


def layered(live: Any, config: Any, keys: Keys, path: Pattern = ()) -> Any:
    """The object with the configuration over it: maps and keyed lists merge, all else is replaced. May share parts.

    Raises `Invalid` where an item of a keyed list in the configuration lacks its key, or two share one.
    """
    if isinstance(config, dict):
        under = live if isinstance(live, dict) else {}
        over = {name: layered(under.get(name), value, keys, (*path, name)) for name, value in config.items()}
        return {**under, **over}
    names = key_names(path, keys) if isinstance(config, list) else None
    if names is None:
        return config
    wanted = elements(config, names)
    if wanted is None:
        what = f"a {' and a '.join(names)} of its own" if names else "to be a value that no other item has"
        raise Invalid(f"each item of the list needs {what}", field=".".join(path))
    there = (elements(live, names) if isinstance(live, list) else None) or {}
    both = there | {step: layered(there.get(step), item, keys, (*path, ITEM)) for step, item in wanted.items()}
    return [both[step] for step in _in_order(there, wanted)]


def _in_order(there: Collection[str], wanted: Collection[str]) -> list[str]:
    """All of both: those wanted in the order that is wanted, others as near to their old place as that allows."""
    order, at, found = list(wanted), 0, list[str]()
    # Each item that both have, with the place in `order` behind it.
    shared = iter([(step, place) for place, step in enumerate(order, 1) if step in there])
    ahead, behind = next(shared, ("", 0))
    for step in there:
        if step not in wanted:
            found.append(step)
        elif step == ahead:
            found += order[at:behind]
            at = behind
            ahead, behind = next(shared, ("", 0))
    return found + order[at:]


def without(value: Any, fields: Fields, keys: Keys) -> Any:
    """A document without these fields and all that is below them. May share parts."""
    return _without(value, fields, keys, (), ())


def _without(value: Any, fields: Fields, keys: Keys, field: Field, pattern: Pattern) -> Any:
    if isinstance(value, dict):
        return {
            name: _without(inner, fields, keys, (*field, f"f:{name}"), (*pattern, name))
            for name, inner in value.items()
            if (*field, f"f:{name}") not in fields
        }
    names = key_names(pattern, keys) if isinstance(value, list) else None
    items = None if names is None else elements(value, names)
    if items is None:
        return value
    return [
        _without(item, fields, keys, (*field, step), (*pattern, ITEM))
        for step, item in items.items()
        if (*field, step) not in fields
    ]
