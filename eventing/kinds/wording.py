"""How values and choices are put into a message: short, on one line, with nothing in it that a terminal would obey."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

_LONGEST = 80


def shown(value: Any) -> str:
    """A value as JSON, cut short; mappings and lists by their name only."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return printable(json.dumps(value, ensure_ascii=False, default=str))


def sort_of(value: Any) -> str:
    """A value of the wrong sort, named so that the sort is seen."""
    if value is None:
        return "nothing"
    return f"the text {shown(value)}" if isinstance(value, str) else shown(value)


def printable(text: str) -> str:
    """The text cut to what fits a message, its unprintable characters escaped."""
    cut = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in cut)


def either(words: Sequence[str], conjunction: str = "or") -> str:
    """`a`, `a or b`, `a, b or c`."""
    return f" {conjunction} ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""


def nearest(word: str, candidates: Sequence[str]) -> str | None:
    """The candidate that somebody who wrote `word` most likely meant; None where nothing is near."""
    by_folded = {folded(candidate): candidate for candidate in reversed(candidates)}
    near = get_close_matches(folded(word[:_LONGEST]), by_folded, 1, 0.7)
    return by_folded[near[0]] if near else None


def folded(word: str) -> str:
    """What is left of a name when case, `-` and `_` don't count."""
    return word.lower().replace("_", "").replace("-", "")
