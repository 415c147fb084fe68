"""OpenAPI of what is served, a document for each group version: `kubectl explain` and the checks of clients read it.

Of version 2 there is an empty document only: clients that know version 3 ask for nothing in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import orjson

from eventing.kinds.schema import schema
from kanal import __version__
from kanal.api.kube.coreschemas import CORE, DELETE_OPTIONS, LIST_META, OBJECT_META
from kanal.api.kube.served import SERVED, STATUS_VERBS, Served, within

V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
Document = dict[str, Any]
_TITLE = "Kanal"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1"
_KIND = "x-kubernetes-group-version-kind"
_METHODS = {"get": "get", "list": "get", "create": "post", "update": "put", "patch": "patch", "delete": "delete"}
_METHODS |= {"deletecollection": "delete"}
_ON_MANY = ("list", "create", "deletecollection")
_ON_ONE = ("get", "update", "patch", "delete")
_WRITING = {"dryRun": "string", "fieldManager": "string", "fieldValidation": "string"}
_PARAMETERS: dict[str, dict[str, str]] = {
    "list": {"labelSelector": "string", "fieldSelector": "string", "watch": "boolean", "resourceVersion": "string"}
    | {"timeoutSeconds": "integer", "allowWatchBookmarks": "boolean", "sendInitialEvents": "boolean"},
    "create": _WRITING,
    "update": _WRITING,
    "patch": {**_WRITING, "force": "boolean"},
    "delete": {"dryRun": "string", "propagationPolicy": "string"},
    "deletecollection": {"dryRun": "string", "labelSelector": "string", "fieldSelector": "string"},
}
_PATCHES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)


def index() -> Document:
    """The document of `/openapi/v3`: where the others are. An address changes with its text, so that it can be kept."""
    paths = {}
    for path in dict.fromkeys(map(_place, SERVED)):
        mark = hashlib.sha256(document(path) or b"").hexdigest()[:32].upper()
        paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={mark}"}
    return {"paths": paths}


@cache
def document(path: str) -> bytes | None:
    """The JSON text for `apis/GROUP/VERSION` or `api/VERSION`; None where nothing is served there."""
    held = [served for served in SERVED if _place(served) == path]
    if not held:
        return None
    schemas: Document = {
        f"{_META}.ObjectMeta": OBJECT_META,
        f"{_META}.ListMeta": LIST_META,
        f"{_META}.DeleteOptions": DELETE_OPTIONS,
    }
    paths: Document = {}
    for served in within(held[0].group, held[0].version):
        schemas |= _schemas(served)
        paths |= dict(_paths(served))
    whole = {
        "openapi": "3.0.0",
        "info": {"title": _TITLE, "version": __version__},
        "paths": paths,
        "components": {"schemas": schemas},
    }
    return orjson.dumps(whole)


def v2() -> Document:
    """An OpenAPI document of version 2 that defines nothing."""
    return {"swagger": "2.0", "info": {"title": _TITLE, "version": __version__}, "paths": {}, "definitions": {}}


def v2_protobuf() -> bytes:
    """The same as the protobuf message `openapi.v2.Document`: swagger is its field 1, info 2 (title 1, version 2)."""
    info = _field(1, _TITLE.encode()) + _field(2, __version__.encode())
    return _field(1, b"2.0") + _field(2, info)


def _field(number: int, content: bytes) -> bytes:
    """A field of bytes, shorter than 128 of them."""
    return bytes([number << 3 | 2, len(content)]) + content


def _place(served: Served) -> str:
    return f"apis/{served.group}/{served.version}" if served.group else f"api/{served.version}"


def _name(served: Served) -> str:
    """The name of the schema, as Kubernetes makes it of a group: the domain the other way round."""
    domain = ".".join(reversed(served.group.split("."))) if served.group else "io.k8s.api.core"
    return f"{domain}.{served.version}.{served.kind}"


def _kind(served: Served, suffix: str = "") -> Document:
    return {"group": served.group, "version": served.version, "kind": served.kind + suffix}


def _reference(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


def _schemas(served: Served) -> Document:
    """The schema of the kind and of its list."""
    found = CORE[served.kind] if served.shape is None or served.kind in CORE else schema(served.shape)
    metadata = {"allOf": [_reference(f"{_META}.ObjectMeta")], "description": "The name of the object, at least."}
    one = {**found, "properties": {**found["properties"], "metadata": metadata}, _KIND: [_kind(served)]}
    items = {"type": "array", "items": _reference(_name(served))}
    many = {
        "description": f"A list of {served.plural}.",
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": _reference(f"{_META}.ListMeta"),
            "items": items,
        },
        _KIND: [_kind(served, "List")],
    }
    return {_name(served): one, f"{_name(served)}List": many}


def _paths(served: Served) -> Iterator[tuple[str, Document]]:
    root = f"/{_place(served)}"
    inside = f"{root}/namespaces/{{namespace}}" if served.namespaced else root
    if served.namespaced and "list" in served.verbs:
        yield f"{root}/{served.plural}", _operations(served, ("list",), ())
    place = ("namespace",) if served.namespaced else ()
    many = [verb for verb in _ON_MANY if verb in served.verbs]
    one = [verb for verb in _ON_ONE if verb in served.verbs]
    yield f"{inside}/{served.plural}", _operations(served, many, place)
    yield f"{inside}/{served.plural}/{{name}}", _operations(served, one, (*place, "name"))
    if served.has_status:
        yield f"{inside}/{served.plural}/{{name}}/status", _operations(served, STATUS_VERBS, (*place, "name"))


def _operations(served: Served, verbs: tuple[str, ...] | list[str], place: tuple[str, ...]) -> Document:
    named = [{"name": one, "in": "path", "required": True, "schema": {"type": "string"}} for one in place]
    return {_METHODS[verb]: _operation(served, verb) for verb in verbs} | ({"parameters": named} if named else {})


def _operation(served: Served, verb: str) -> Document:
    name = f"{_name(served)}List" if verb in ("list", "deletecollection") else _name(served)
    answer = {"description": "OK", "content": {"application/json": {"schema": _reference(name)}}}
    found: Document = {
        "x-kubernetes-action": verb,
        _KIND: _kind(served),
        "parameters": [
            {"name": parameter, "in": "query", "schema": {"type": sort, "uniqueItems": True}}
            for parameter, sort in _PARAMETERS.get(verb, {}).items()
        ],
        "responses": {"200": answer},
    }
    if verb in ("create", "update"):
        content = {one: {"schema": _reference(_name(served))} for one in ("application/json", "application/yaml")}
        found["requestBody"] = {"required": True, "content": content}
    elif verb == "patch":
        found["requestBody"] = {"required": True, "content": {one: {"schema": {"type": "object"}} for one in _PATCHES}}
    elif verb == "delete":
        content = {"application/json": {"schema": _reference(f"{_META}.DeleteOptions")}}
        found["requestBody"] = {"content": content}
    return found
