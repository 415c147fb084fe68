"""The shape of a filter document as OpenAPI says it to an API server, which then refuses what `check` would."""

from __future__ import annotations

from typing import Any

_OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_ONE_DIALECT = {"minProperties": 1, "maxProperties": 1}
_ATTRIBUTES = {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}, "minProperties": 1}
_DEPTH = 2
"""How deep filters in filters are spelled out; a schema can't refer to itself, and each level makes it four times as large."""


def filter_schema(depth: int = _DEPTH) -> dict[str, Any]:
    """The schema of one filter; below `depth` levels of `all`, `any` and `not` any object is taken."""
    if depth < 0:
        return {"description": "A filter.", **_OPEN, **_ONE_DIALECT}
    inner = filter_schema(depth - 1)
    several = {"type": "array", "items": inner, "minItems": 1}
    return {
        "type": "object",
        **_ONE_DIALECT,
        "properties": {
            "exact": {"description": "Attributes and the texts that they have, all of them.", **_ATTRIBUTES},
            "prefix": {"description": "Attributes and the texts that they begin with, all of them.", **_ATTRIBUTES},
            "suffix": {"description": "Attributes and the texts that they end with, all of them.", **_ATTRIBUTES},
            "all": {"description": "Filters that an event passes, all of them.", **several},
            "any": {"description": "Filters of which an event passes at least one.", **several},
            "not": {**inner, "description": "A filter that an event does not pass."},
            "cesql": {"description": "An expression in CloudEvents SQL that is true of an event.", "type": "string"},
        },
    }
