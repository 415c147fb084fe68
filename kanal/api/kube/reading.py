"""A document that a client sent becomes a resource, by the same rules as one that stands in a file.

Unlike a file, a client says how strictly: `Warn` and `Ignore` drop fields that are not there, as Kubernetes does.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from eventing.errors import Invalid
from eventing.kinds.field_error import Path, dotted
from eventing.kinds.meta import DEFAULT_NAMESPACE, Defaults, Features, Resource
from eventing.kinds.registry import InvalidResource, parse
from kanal.api.kube.target import Strictness, Target

Document = dict[str, Any]


class BadRequest(Invalid):
    """What was sent does not belong to the path that it was sent to."""

    reason = "BadRequest"


def fitted(document: Mapping[str, Any], target: Target) -> Document:
    """The document with the namespace of its path. Raises `BadRequest` where kind, version, namespace or name are others."""
    served = target.served
    expected = {"apiVersion": served.group_version, "kind": served.kind}
    for name, wanted in expected.items():
        if document.get(name, wanted) != wanted:
            raise BadRequest(f"{name} is {document[name]!r} and the path is that of {wanted!r}", field=name)
    metadata = document.get("metadata")
    if not isinstance(metadata, Mapping):
        if metadata is not None:
            raise BadRequest("fields are needed here", field="metadata")
        metadata = {}
    place = {"namespace": target.namespace or DEFAULT_NAMESPACE} if served.namespaced else {}
    if target.name:
        place["name"] = target.name
    for name, wanted in place.items():
        if metadata.get(name) not in (None, "", wanted):
            message = f"the {name} is {metadata[name]!r} and the path is that of {wanted!r}"
            raise BadRequest(message, field=f"metadata.{name}")
    return {**document, **expected, "metadata": {**metadata, **place}}


def resource_of(
    document: Document, *, strictness: Strictness, features: Features, defaults: Defaults
) -> tuple[Resource, tuple[str, ...]]:
    """The resource with its defaults, and a warning for each field that was dropped. Raises `InvalidResource`."""
    resource, warnings = plain_of(document, strictness=strictness, features=features)
    return resource.defaulted(defaults), warnings


def plain_of(document: Document, *, strictness: Strictness, features: Features) -> tuple[Resource, tuple[str, ...]]:
    """The same before anything is filled in."""
    try:
        return parse(document, features=features), ()
    except InvalidResource as error:
        unknown = _unknown(error)
        if strictness == "Strict" or not unknown:
            raise
    resource = parse(_without(document, unknown), features=features)
    warnings = tuple(f'unknown field "{dotted(path)}"' for path in unknown)
    return resource, warnings if strictness == "Warn" else ()


def _unknown(error: InvalidResource) -> list[Path]:
    """The fields that no model has."""
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return []
    details = cause.errors(include_url=False)
    return [tuple(detail["loc"]) for detail in details if detail["type"] == "extra_forbidden"]


def _without(document: Document, paths: list[Path]) -> Document:
    kept = copy.deepcopy(document)
    for path in paths:
        inner: Any = kept
        for step in path[:-1]:
            inner = inner[step]
        inner.pop(path[-1], None)
    return kept
