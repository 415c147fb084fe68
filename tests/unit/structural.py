"""Kubernetes' rules for a structural schema, as its API server checks them, and the checks that it makes on objects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

LOGIC = ("allOf", "anyOf", "oneOf")
OPEN = "x-kubernetes-preserve-unknown-fields"
RULES = "x-kubernetes-validations"
GENERIC = {"type", "title", "description", "default", "nullable", "properties", "items", "additionalProperties", OPEN}
GENERIC |= {RULES, "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type"}
VALUE = {
    "format",
    "maximum",
    "minimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "enum",
    "required",
}
VALUE |= {"maxProperties", "minProperties", "multipleOf", "exclusiveMaximum", "exclusiveMinimum", "not", *LOGIC}
NOT_IN_LOGIC = GENERIC - {"properties", "items"}
_RE2_KNOWS_NOT = re.compile(r"\(\?[=!<]|\\[1-9]|\\[ZA]|\(\?P?>")


def breaches(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Each place where a schema is not structural, or says what an API server does not take."""
    yield from (f"{path}: {word} is not allowed" for word in schema.keys() - GENERIC - VALUE)
    if schema.get("type") not in ("object", "array", "string", "integer", "number", "boolean"):
        yield f"{path}: has no type"
    if "additionalProperties" in schema and "properties" in schema:
        yield f"{path}: has properties and additionalProperties"
    if isinstance(schema.get("additionalProperties", {}), bool):
        yield f"{path}: additionalProperties is no schema"
    if schema.get(OPEN, True) is not True:
        yield f"{path}: {OPEN} can only be true"
    if (schema.get("type") == "array") != ("items" in schema):
        yield f"{path}: items go with arrays"
    if schema.get("type") == "object" and not schema.keys() & {"properties", "additionalProperties", OPEN} and path:
        yield f"{path}: everything in it would be pruned"
    yield from _sound(schema, path)
    properties = schema.get("properties", {})
    yield from (
        f"{path}: {name} is required and not there" for name in set(schema.get("required", ())) - set(properties)
    )
    for word in LOGIC:
        for one in schema.get(word, ()):
            yield from _logic(one, schema, f"{path}/{word}")
    for name, inner in properties.items():
        if path or name != "metadata":
            yield from breaches(inner, f"{path}.{name}")
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            yield from breaches(schema[word], f"{path}[{word}]")


def _sound(schema: dict[str, Any], path: str) -> Iterator[str]:
    if _RE2_KNOWS_NOT.search(schema.get("pattern", "")):
        yield f"{path}: {schema['pattern']} is not a pattern for Go"
    for rule in schema.get(RULES, ()):
        if not rule["message"] or "\n" in rule["message"] or len(rule["message"]) > 2048:
            yield f"{path}: {rule['message']!r} can't be a message"
        if "fieldPath" in rule and not _leads(schema, rule["fieldPath"].split(".")[1:]):
            yield f"{path}: {rule['fieldPath']} leads nowhere"


def _leads(schema: dict[str, Any], steps: list[str]) -> bool:
    return not steps or (steps[0] in schema["properties"] and _leads(schema["properties"][steps[0]], steps[1:]))


def _logic(schema: dict[str, Any], outer: dict[str, Any], path: str) -> Iterator[str]:
    """Inside anyOf and the like stands nothing but what narrows fields that the outer schema has."""
    yield from (f"{path}: {word} is not allowed here" for word in schema.keys() & NOT_IN_LOGIC)
    yield from _sound({**schema, RULES: []}, path)
    for name, inner in schema.get("properties", {}).items():
        if name not in outer.get("properties", {}):
            yield f"{path}: {name} is not among the properties outside"
        else:
            yield from _logic(inner, outer["properties"][name], f"{path}.{name}")


def closed(schema: Any) -> Any:
    """The schema as `kubectl apply` has it checked: a field that it does not name is refused."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _closed_in(name, inner) for name, inner in schema.items() if not name.startswith("x-")}
    if found.get("type") == "object" and "properties" in found and OPEN not in schema:
        found["additionalProperties"] = False
    return found


def _closed_in(word: str, inner: Any) -> Any:
    if word == "properties":
        return {name: {} if name == "metadata" else closed(one) for name, one in inner.items()}
    return inner if word in LOGIC else closed(inner)


def without_nulls(value: Any) -> Any:
    """What an API server makes of a field that is null and may not be."""
    if isinstance(value, dict):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value
