"""Schemas of what Kubernetes' own API defines, as far as it is served here: metadata, and the kinds of the core group."""

from __future__ import annotations

from typing import Any

from eventing.kinds.configmap import ConfigMap
from eventing.kinds.meta import Resource
from eventing.kinds.schema import OPEN
from eventing.kinds.secret import Secret
from eventing.kinds.service import Service, ServicePort, ServiceSpec

Schema = dict[str, Any]
_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"type": "object", "additionalProperties": _TEXT}
_TIME: Schema = {"type": "string", "format": "date-time"}
_NUMBER: Schema = {"type": "integer", "format": "int64"}


def _object(description: str, properties: Schema, required: tuple[str, ...] = ()) -> Schema:
    found: Schema = {"description": description, "type": "object", "properties": properties}
    return found | ({"required": list(required)} if required else {})


def _said(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description}


_OWNER = _object(
    "An object without which this one goes too.",
    dict.fromkeys(("apiVersion", "kind", "name", "uid"), _TEXT)
    | {name: {"type": "boolean"} for name in ("controller", "blockOwnerDeletion")},
    ("apiVersion", "kind", "name", "uid"),
)
OBJECT_META = _object(
    "What every object has.",
    {
        "name": _said(_TEXT, "The name, unique for this kind in its namespace."),
        "generateName": _said(_TEXT, "The beginning of a name that the server completes."),
        "namespace": _said(_TEXT, "The namespace."),
        "labels": _said(_TEXTS, "Short values to select by."),
        "annotations": _said(_TEXTS, "Any further text."),
        "finalizers": {
            "type": "array",
            "items": _TEXT,
            "description": "What has to be cleared before the object goes.",
            "x-kubernetes-list-type": "set",
            "x-kubernetes-patch-strategy": "merge",
        },
        "ownerReferences": {
            "type": "array",
            "items": _OWNER,
            "description": "Who owns the object.",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["uid"],
            "x-kubernetes-patch-merge-key": "uid",
            "x-kubernetes-patch-strategy": "merge",
        },
        "uid": _said(_TEXT, "Given by the server."),
        "resourceVersion": _said(_TEXT, "Changes with the object; a write that names another one is refused."),
        "generation": _said(_NUMBER, "Grows with the spec."),
        "creationTimestamp": _said(_TIME, "When the object was made."),
        "deletionTimestamp": _said(_TIME, "When its deletion was asked for."),
        "deletionGracePeriodSeconds": _NUMBER,
        "managedFields": {
            "type": "array",
            "items": {"type": "object"},
            "description": "Who set which field.",
        },
        "selfLink": _TEXT,
    },
)
LIST_META = _object(
    "What every list has.", {"resourceVersion": _TEXT, "continue": _TEXT, "remainingItemCount": _NUMBER}
)
DELETE_OPTIONS = _object(
    "How to delete.",
    {
        "apiVersion": _TEXT,
        "kind": _TEXT,
        "propagationPolicy": _said(_TEXT, "Orphan leaves alone what the object owns."),
        "preconditions": {"type": "object", "properties": {"uid": _TEXT, "resourceVersion": _TEXT}},
        "dryRun": {"type": "array", "items": _TEXT},
    },
)


def _whole(description: str, more: Schema) -> Schema:
    return _object(description, {"apiVersion": _TEXT, "kind": _TEXT, "metadata": {"type": "object"}, **more})


def _flat(kind: type[Resource]) -> Schema:
    """A kind whose fields stand beside its metadata; keys have values of bytes or text, both texts here."""
    types = {
        "type": _TEXT,
        "data": _TEXTS,
        "binary_data": _TEXTS,
        "string_data": _TEXTS,
        "immutable": {"type": "boolean"},
    }
    own = {
        info.alias or name: _said(types[name], info.description or "")
        for name, info in kind.model_fields.items()
        if name in types
    }
    return _whole((kind.__doc__ or "").strip(), own)


def _open(model: type[ServiceSpec | ServicePort], **types: Schema) -> Schema:
    """An object of which Kubernetes knows more fields than Kanal reads."""
    fields = {name: model.model_fields[name] for name in types}
    own = {info.alias or name: _said(types[name], info.description or "") for name, info in fields.items()}
    return _object((model.__doc__ or "").strip(), own) | {OPEN: True}


def _service() -> Schema:
    ports = {"type": "array", "items": _open(ServicePort, port=_NUMBER)}
    spec = _open(ServiceSpec, type=_TEXT, external_name=_TEXT, ports=ports)
    return _whole((Service.__doc__ or "").strip(), {"spec": spec})


CORE: dict[str, Schema] = {
    "ConfigMap": _flat(ConfigMap),
    "Secret": _flat(Secret),
    "Service": _service(),
    "Namespace": _whole(
        "A name that groups objects.",
        {
            "spec": _object("Nothing that counts here.", {"finalizers": {"type": "array", "items": _TEXT}}),
            "status": _object("Whether it is there.", {"phase": _TEXT}),
        },
    ),
    "CustomResourceDefinition": _whole(
        "A kind, with its names, versions and schemas.",
        {"spec": {"type": "object", OPEN: True}, "status": {"type": "object", OPEN: True}},
    ),
    "Event": _whole(
        "Something that happened to an object.",
        {
            "involvedObject": _object(
                "The object.",
                dict.fromkeys(("apiVersion", "kind", "namespace", "name", "uid", "resourceVersion"), _TEXT),
            ),
            "type": _said(_TEXT, "Normal or Warning."),
            "reason": _said(_TEXT, "Why, in one word."),
            "message": _said(_TEXT, "Why, in a sentence."),
            "count": _said(_NUMBER, "How often."),
            "firstTimestamp": _said(_TIME, "When for the first time."),
            "lastTimestamp": _said(_TIME, "When for the last time."),
            "source": _object("Who says it.", {"component": _TEXT}),
            "reportingComponent": _said(_TEXT, "Who says it."),
            "reportingInstance": _TEXT,
        },
    ),
}
