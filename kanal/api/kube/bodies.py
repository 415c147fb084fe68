"""The body of a request as the document that it holds: JSON, YAML as a person may send, or protobuf as `kubectl` may."""

from __future__ import annotations

from typing import Any

import orjson

from eventing.errors import Invalid, TooLarge
from eventing.yamltext import documents
from eventing.yamltree import Document, Flaw
from kanal.api.kube import protobuf

MOST_BYTES = 3 * 1024 * 1024
"""What Kubernetes' own server takes."""
JSON = "application/json"
_YAML = {"application/yaml", "application/x-yaml", "text/yaml"}


class UnsupportedMediaType(Invalid):
    """The body has a form that is not read here."""

    http_status = 415
    reason = "UnsupportedMediaType"


def media_type(content_type: str) -> str:
    """The type without its parameters, in small letters."""
    return content_type.partition(";")[0].strip().lower()


def document(body: bytes, content_type: str) -> dict[str, Any]:
    """The one document of a request. Raises `Invalid` where there is none or the form is unknown."""
    sort = media_type(content_type) or JSON
    if sort in _YAML:
        found = from_yaml(body)
    elif sort == JSON:
        found = from_json(body)
    elif sort == protobuf.MEDIA_TYPE:
        _bounded(body)
        found = protobuf.from_protobuf(body)
    else:
        raise UnsupportedMediaType(
            f"a body of {sort} is not read here", field="Content-Type", fix=f"send {JSON} or application/yaml"
        )
    if not isinstance(found, dict):
        raise Invalid("the body is no document", fix='write "name: value" lines, or an object in JSON')
    return found


def from_json(body: bytes) -> Any:
    """What JSON text says."""
    _bounded(body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"the body is no JSON: {error}") from error


def from_yaml(body: bytes) -> Any:
    """What YAML text says; JSON is YAML too. A text of several documents is refused."""
    _bounded(body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    found = list(documents(body))
    flaws = [flaw for one in found for flaw in ([one] if isinstance(one, Flaw) else one.flaws)]
    if flaws:
        raise Invalid(f"the body is no YAML: line {flaws[0].line}: {flaws[0].message}", fix=flaws[0].fix)
    values = [one.value for one in found if isinstance(one, Document)]
    if len(values) != 1:
        raise Invalid(f"the body holds {len(values)} documents, one is needed")
    return values[0]


def _bounded(body: bytes) -> None:
    if len(body) > MOST_BYTES:
        raise TooLarge(f"the body is longer than {MOST_BYTES // 1024 // 1024} MiB")
