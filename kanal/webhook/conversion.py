"""A ConversionReview as an API server sends it becomes its answer: EventTypes in another of their versions.

A conversion never fails for one object. An API server converts lists as a whole, and it lists every kind before it lets a
namespace go, so one entry that can't be read would hold up all others. Of such a one the other version tells what can be
told, and the spec as it was written is kept in an annotation, from which it comes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from eventing.errors import Invalid
from eventing.kinds.eventattributes import (
    ATTRIBUTES_ANNOTATION,
    FIELDS,
    EventAttribute,
    attributes_of,
    fields_of,
)
from eventing.kinds.eventtype import EventType
from eventing.kinds.registry import InvalidResource, find, parse
from kanal.api.status import failure

Document = dict[str, Any]
API_VERSION = "apiextensions.k8s.io/v1"
KIND = "ConversionReview"
UNREAD_ANNOTATION = "kanal.dev/unread"
"""The spec that could not be read, as JSON, in the version in which it was written."""
_SHARED = ("reference", "description")


def conversion(review: Any) -> Document:
    """The answer with the objects as the wanted version has them. Raises `Invalid` for what is no ConversionReview."""
    request = review.get("request") if isinstance(review, Mapping) else None
    uid = request.get("uid") if isinstance(request, Mapping) else None
    if not isinstance(request, Mapping) or not isinstance(uid, str) or review.get("apiVersion") != API_VERSION:
        raise Invalid(f"this is no {KIND} of {API_VERSION}", fix="only an API server asks here")
    response: Document = {"uid": uid}
    try:
        wanted, objects = str(request.get("desiredAPIVersion")), request.get("objects") or []
        response["convertedObjects"] = [converted(one, wanted) for one in objects]
        response["result"] = {"status": "Success"}
    except Invalid as error:
        response["result"] = failure(error.http_status, str(error)) | {"reason": error.reason}
    return {"apiVersion": API_VERSION, "kind": KIND, "response": response}


def converted(document: Any, api_version: str) -> Document:
    """The object in this version. Raises `Invalid` where it is no EventType, or the version is not served."""
    kind, own = (document.get(name) for name in ("kind", "apiVersion")) if isinstance(document, Mapping) else ("", "")
    if not all(find(str(one), str(kind)) is EventType for one in (own, api_version)):
        raise Invalid(f"{kind} of {own} can't be written as {api_version}", fix="only EventTypes are converted")
    if _by_attributes(api_version) == _by_attributes(str(own)):
        return {**document, "apiVersion": api_version}
    metadata = document.get("metadata") or {}
    annotations = dict(metadata.get("annotations") or {})
    unread = annotations.pop(UNREAD_ANNOTATION, "")
    spec, attributes = _told(document, annotations.pop(ATTRIBUTES_ANNOTATION, ""), unread, api_version)
    annotations |= attributes
    metadata = {name: value for name, value in metadata.items() if name != "annotations"}
    metadata |= {"annotations": annotations} if annotations else {}
    return {**document, "apiVersion": api_version, "metadata": metadata, "spec": spec}


def _told(document: Document, attributes: str, unread: str, api_version: str) -> tuple[Any, dict[str, str]]:
    """The spec in another version, and the annotations that belong to it."""
    spec, metadata = document.get("spec"), document.get("metadata") or {}
    before = _original(unread, api_version)
    if unread and _rest(before, _by_attributes(str(document["apiVersion"]))) == spec:
        return before, {}
    # The API server has judged the name; what stands in the spec is what is to be written anew.
    head = {"name": "x", "annotations": {ATTRIBUTES_ANNOTATION: attributes} if attributes else {}}
    if metadata.get("namespace"):
        head["namespace"] = metadata["namespace"]
    probe = {"apiVersion": document["apiVersion"], "kind": EventType.KIND, "metadata": head, "spec": spec}
    try:
        found = parse(probe).document_in(api_version.rpartition("/")[2])
    except InvalidResource:
        kept = orjson.dumps({"apiVersion": document["apiVersion"], "spec": spec}).decode()
        own = {ATTRIBUTES_ANNOTATION: attributes} if attributes else {}
        return _rest(spec, _by_attributes(api_version)), {UNREAD_ANNOTATION: kept, **own}
    return found["spec"], found["metadata"].get("annotations", {})


def _by_attributes(api_version: str) -> bool:
    """Whether the version has a list of attributes in place of fields."""
    return api_version.rpartition("/")[2] in EventType.SHAPES


def _original(unread: str, api_version: str) -> Any:
    """The spec in the annotation, which anybody can write; None where it holds no spec that belongs to this version."""
    try:
        found = orjson.loads(unread or "null")
    except orjson.JSONDecodeError:
        return None
    own = found.get("apiVersion") if isinstance(found, dict) else None
    is_alike = isinstance(own, str) and _by_attributes(own) == _by_attributes(api_version)
    return found.get("spec") if is_alike else None


def _rest(spec: Any, by_attributes: bool) -> Document:
    """What can be told of a spec that can't be read."""
    known = spec if isinstance(spec, dict) else {}
    shared = {name: known[name] for name in _SHARED if name in known}
    if by_attributes:
        fields = {name: known[name] for name in FIELDS if _is_text(known.get(name))}
        return {"attributes": [one.document() for one in attributes_of(fields)], **shared}
    listed = known.get("attributes")
    told = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    sound = [one for one in told if _is_text(one.get("name")) and _is_text(one.get("value"))]
    return {**fields_of(EventAttribute(name=one["name"], value=one["value"]) for one in sound), **shared}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
