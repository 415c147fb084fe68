"""Structural OpenAPI v3 schemas from the models, as CRDs take them: no references, and every object closed or open on purpose.

A field that is null is one that is not there, for an API server as for us, so nothing is `nullable`. No defaults stand here:
what is filled in is the installation's choice (`Resource.defaulted`), the same with a cluster and without.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable
from typing import Any

from annotated_types import Ge, Le

from eventing.kinds.cel import message, unchanged
from eventing.kinds.facts import Keywords, MayBeEmpty, Rule
from eventing.kinds.meta import Resource
from eventing.kinds.model import Model
from eventing.kinds.typeparts import bare, fields

Schema = dict[str, Any]

OPEN = "x-kubernetes-preserve-unknown-fields"
RULES = "x-kubernetes-validations"
_SCALARS = {str: "string", int: "integer", bool: "boolean"}


def schema(kind: type[Resource]) -> Schema:
    """The schema of a whole resource, its metadata left to the API server."""
    spec, status = kind.model_fields["spec"], kind.model_fields["status"]
    found: Schema = {
        "description": _sentence(kind),
        "type": "object",
        "properties": {
            "apiVersion": {"description": "The group and version in which the resource is written.", "type": "string"},
            "kind": {"description": f"{kind.KIND}.", "type": "string"},
            "metadata": {"type": "object"},
            "spec": {**_of(spec.annotation, spec.metadata), "description": spec.description},
            # Others write into a status, too, and an older CRD must not prune what a newer controller says.
            "status": {**_of_model(kind.STATUS), "description": status.description, OPEN: True},
        },
    }
    if spec.is_required():
        found["required"] = ["spec"]
    if kind.FIXED:
        found[RULES] = [_validation(Rule(unchanged(kind, name), message(kind), f"spec.{name}")) for name in kind.FIXED]
    return found


def _of_model(model: type[Model]) -> Schema:
    properties, required = {}, []
    for name, info in fields(model):
        found = _of(info.annotation, info.metadata)
        properties[name] = {**found, "description": info.description} if info.description else found
        if info.is_required():
            required.append(name)
    whole: Schema = {"description": _sentence(model), "type": "object", "properties": properties}
    whole |= {"required": required} if required else {}
    return whole | ({RULES: [_validation(rule) for rule in model.RULES]} if model.RULES else {})


def _of(annotation: Any, said: Iterable[Any] = ()) -> Schema:
    """The schema of a value of this type; `TypeError` for a type that no resource has had so far."""
    kind, inner = bare(annotation)
    found = _of_kind(kind)
    for one in (*inner, *said):
        if isinstance(one, Keywords):
            found |= _plain(one.words)
        elif isinstance(one, Ge):
            found["minimum"] = one.ge
        elif isinstance(one, Le):
            found["maximum"] = one.le
        elif isinstance(one, MayBeEmpty):
            found = _or_empty(found)
    if found.get("type") == "integer":
        found["format"] = "int32" if found.get("maximum", 2**63) < 2**31 else "int64"
    if "properties" in found:
        found.pop(OPEN, None)  # The keywords have spelled a free object out.
    return found


def _of_kind(kind: Any) -> Schema:
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if kind in _SCALARS:
        return {"type": _SCALARS[kind]}
    if isinstance(kind, type) and issubclass(kind, Model):
        return _of_model(kind)
    if origin is typing.Literal:
        return {"type": "string", "enum": list(parts)}
    if origin is list:
        return {"type": "array", "items": _of(parts[0])}
    if origin is dict:
        free = parts[1] is Any
        return {"type": "object", **({OPEN: True} if free else {"additionalProperties": _of(parts[1])})}
    raise TypeError(f"a schema can't say {kind}")


def _or_empty(found: Schema) -> Schema:
    """The schema of an object that may also have no fields at all."""
    some = " || ".join(f"has(self.{name})" for name in found["properties"])
    rules = [{**rule, "rule": f"!({some}) || {rule['rule']}"} for rule in found.get(RULES, ())]
    return {**found, RULES: rules} if rules else found


def _validation(rule: Rule) -> Schema:
    where = {"fieldPath": f".{rule.field}"} if rule.field else {}
    return {"rule": rule.holds, "message": rule.message, **where}


def _sentence(model: type[Model]) -> str:
    """The first paragraph of what the model says of itself."""
    return " ".join((model.__doc__ or "").split("\n\n")[0].split())


def _plain(value: Any) -> Any:
    """A copy in dicts and lists alone, in which nothing is shared."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
