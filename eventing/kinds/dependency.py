"""`knative.dev/dependency`: the resource that has to be ready before a Trigger is (behaviour §10.4)."""

from __future__ import annotations

from typing import Any

import orjson

from eventing.kinds.field_error import FieldError
from eventing.kinds.key import Key
from eventing.kinds.meta import ObjectMeta
from eventing.kinds.wording import shown, sort_of

DEPENDENCY_ANNOTATION = "knative.dev/dependency"
_PATH = ("metadata", "annotations", DEPENDENCY_ANNOTATION)
_EXAMPLE = 'write for instance {"apiVersion": "sources.knative.dev/v1", "kind": "PingSource", "name": "NAME"}'


def dependency_of(metadata: ObjectMeta) -> Key | None:
    """The resource on which one with this metadata depends; a wrong annotation was refused at apply."""
    text = metadata.annotations.get(DEPENDENCY_ANNOTATION)
    if text is None:
        return None
    found = orjson.loads(text)
    return Key(found["apiVersion"].rpartition("/")[0], found["kind"], metadata.namespace, found["name"])


def dependency_faults(metadata: ObjectMeta) -> list[FieldError]:
    """What is wrong with the annotation: an ObjectReference as JSON, to something in the same namespace."""
    text = metadata.annotations.get(DEPENDENCY_ANNOTATION)
    if text is None:
        return []
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return [FieldError(_PATH, f"{shown(text)} is no JSON", _EXAMPLE)]
    if not isinstance(found, dict):
        return [FieldError(_PATH, f"an object is needed, not {sort_of(found)}", _EXAMPLE)]
    return [*_missing(found), *_elsewhere(found, metadata.namespace)]


def _missing(found: dict[str, Any]) -> list[FieldError]:
    wanted = ("apiVersion", "kind", "name")
    lacking = [name for name in wanted if not isinstance(found.get(name), str) or not found[name]]
    return [FieldError(_PATH, f"{name} is missing or no text", _EXAMPLE) for name in lacking]


def _elsewhere(found: dict[str, Any], own: str) -> list[FieldError]:
    namespace = found.get("namespace")
    if namespace in (None, "", own):
        return []
    message = f"the dependency is in namespace {shown(namespace)}, the Trigger in {shown(own)}"
    return [FieldError(_PATH, message, "name something in the same namespace")]
