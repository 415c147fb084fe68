"""A trigger's filter in a line of words (behaviour §9)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kanal.graph.documents import at, list_at

_VERBS = {"exact": "=", "prefix": "starts with", "suffix": "ends with"}
_DEEPEST = 8


def filter_text(spec: Any) -> str:
    """What the filters of a Trigger's spec let pass; empty where everything does."""
    filters = list_at(spec, "filters")
    if filters:
        return _joined(filters, " and ", 0)
    return _compared(at(spec, "filter", "attributes"), "=", "has {}")


def _joined(filters: list[Any], word: str, depth: int) -> str:
    texts = [text for one in filters if (text := _one(one, depth))]
    return word.join(f"({text})" if len(texts) > 1 and _is_compound(text) else text for text in texts)


def _is_compound(text: str) -> bool:
    return " and " in text or " or " in text


def _one(document: Any, depth: int) -> str:
    if depth > _DEEPEST:
        return "…"
    if not isinstance(document, Mapping):
        return json.dumps(document, ensure_ascii=False, default=str)
    return " and ".join(filter(None, (_dialect(name, value, depth) for name, value in document.items())))


def _dialect(name: str, value: Any, depth: int) -> str:
    if name in _VERBS:
        return _compared(value, _VERBS[name])
    if name in ("all", "any") and isinstance(value, list):
        return _joined(value, " and " if name == "all" else " or ", depth + 1)
    if name == "not":
        return f"not ({_one(value, depth + 1)})"
    if name == "cesql" and isinstance(value, str):
        return value
    return f"{name} {json.dumps(value, ensure_ascii=False, default=str)}"


def _compared(values: Any, verb: str, of_empty: str = "") -> str:
    if not isinstance(values, Mapping):
        return ""
    return " and ".join(
        of_empty.format(name) if of_empty and value == "" else f"{name} {verb} {value}"
        for name, value in values.items()
    )
