"""Documents to predicates: each dialect as one closure, checked before, so that nothing is decided while events pass.

A missing attribute makes `exact`, `prefix` and `suffix` false, and so `not` of them true. Values are compared as the texts
that they are: "42" is an attribute 42 from JSON, and a time equals another only where it is written the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eventing.filters import cesql

Document = Mapping[str, Any]
Lookup = Callable[[str], str | None]
"""An attribute's canonical string by its name; None where the event does not have it."""
Filter = Callable[[Lookup], bool]


def everything(_: Lookup) -> bool:
    """The filter that every event passes."""
    return True


def predicate(document: Document) -> Filter:
    """The filter that one document asks for; it was checked before."""
    ((dialect, value),) = document.items()
    match dialect:
        case "exact" | "prefix" | "suffix" | "attributes":
            return _every([leaf(dialect, name, text) for name, text in value.items()])
        case "all":
            return together(value)
        case "any":
            return _any(value)
        case "not":
            inner = predicate(value)
            return lambda get: not inner(get)
        case _:
            return cesql.parse(value).filter()


def together(documents: Sequence[Document]) -> Filter:
    """The filter that asks for all of these documents."""
    return _every([predicate(document) for document in documents])


def leaf(dialect: str, name: str, text: str) -> Filter:
    """The filter that one attribute of `exact`, `prefix`, `suffix` or `attributes` asks for."""
    match dialect:
        case "prefix":
            return lambda get: (found := get(name)) is not None and found.startswith(text)
        case "suffix":
            return lambda get: (found := get(name)) is not None and found.endswith(text)
        case "attributes" if not text:
            return lambda get: get(name) is not None
        case _:
            return lambda get: get(name) == text


def _every(filters: list[Filter]) -> Filter:
    if not filters:
        return everything
    if len(filters) == 1:
        return filters[0]
    if len(filters) == 2:
        first, second = filters
        return lambda get: first(get) and second(get)
    several = tuple(filters)

    def passes(get: Lookup) -> bool:
        for one in several:  # noqa: SIM110 - a generator costs twice as much
            if not one(get):
                return False
        return True

    return passes


def _any(documents: Sequence[Document]) -> Filter:
    choice = _choice(documents)
    if choice is not None:
        return choice
    several = tuple(predicate(document) for document in documents)

    def passes(get: Lookup) -> bool:
        for one in several:  # noqa: SIM110 - as above
            if one(get):
                return True
        return False

    return passes


def _choice(documents: Sequence[Document]) -> Filter | None:
    """One look into a set, where all that is asked for is one of several texts of the same attribute."""
    pairs = [tuple(document["exact"].items()) for document in documents if "exact" in document]
    if len(pairs) < len(documents) or any(len(pair) != 1 for pair in pairs):
        return None
    names = {name for ((name, _),) in pairs}
    if len(names) != 1:
        return None
    (name,) = names
    texts = frozenset(text for ((_, text),) in pairs)
    return lambda get: get(name) in texts
