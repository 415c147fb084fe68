"""Bodies in Kubernetes' protobuf form: `kubectl create configmap` and its like send core kinds in nothing else.

Messages are read by tables of what is needed of them: field number -> name and sort. What stands in no table is passed
over, as protobuf has it. Answers are always JSON, which those clients take too.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from eventing.errors import Invalid

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"


class _Field(NamedTuple):
    name: str
    sort: str = "text"
    """`text`, `bytes` (base64 in JSON), `raw`, `flag`, `number`, `message` (with a table), `map` (from text to `of`), or
    `either` (a message of a number and a text, and which of them it is)."""
    table: Mapping[int, Any] | None = None
    many: bool = False
    of: str = "text"


_OWNER = {
    1: _Field("kind"),
    3: _Field("name"),
    4: _Field("uid"),
    5: _Field("apiVersion"),
    6: _Field("controller", "flag"),
    7: _Field("blockOwnerDeletion", "flag"),
}
_METADATA = {
    1: _Field("name"),
    2: _Field("generateName"),
    3: _Field("namespace"),
    5: _Field("uid"),
    6: _Field("resourceVersion"),
    11: _Field("labels", "map"),
    12: _Field("annotations", "map"),
    13: _Field("ownerReferences", "message", _OWNER, many=True),
    14: _Field("finalizers", many=True),
}
_TYPE = {1: _Field("apiVersion"), 2: _Field("kind")}
_ENVELOPE = {1: _Field("type", "message", _TYPE), 2: _Field("raw", "raw")}
_EITHER = {1: _Field("is_text", "flag"), 2: _Field("number", "number"), 3: _Field("text")}
_PORT = {
    1: _Field("name"),
    2: _Field("protocol"),
    3: _Field("port", "number"),
    4: _Field("targetPort", "either"),
    5: _Field("nodePort", "number"),
    6: _Field("appProtocol"),
}
_SERVICE = {
    1: _Field("ports", "message", _PORT, many=True),
    2: _Field("selector", "map"),
    3: _Field("clusterIP"),
    4: _Field("type"),
    10: _Field("externalName"),
}
_KINDS: dict[str, Mapping[int, _Field]] = {
    "ConfigMap": {
        1: _Field("metadata", "message", _METADATA),
        2: _Field("data", "map"),
        3: _Field("binaryData", "map", of="bytes"),
        4: _Field("immutable", "flag"),
    },
    "Namespace": {1: _Field("metadata", "message", _METADATA)},
    "Secret": {
        1: _Field("metadata", "message", _METADATA),
        2: _Field("data", "map", of="bytes"),
        3: _Field("type"),
        4: _Field("stringData", "map"),
        5: _Field("immutable", "flag"),
    },
    "Service": {1: _Field("metadata", "message", _METADATA), 2: _Field("spec", "message", _SERVICE)},
    "DeleteOptions": {
        2: _Field("preconditions", "message", {1: _Field("uid"), 2: _Field("resourceVersion")}),
        3: _Field("orphanDependents", "flag"),
        4: _Field("propagationPolicy"),
        5: _Field("dryRun", many=True),
    },
}


def from_protobuf(body: bytes) -> dict[str, Any]:
    """The document in a body. Raises `Invalid` where it is damaged, or of a kind that is not sent so."""
    try:
        if not body.startswith(_MAGIC):
            raise ValueError("the beginning is missing")
        envelope = _message(body[len(_MAGIC) :], _ENVELOPE)
        type_: dict[str, Any] = envelope.get("type", {})
        table = _KINDS.get(type_.get("kind", ""))
        if table is None:
            raise Invalid(f"a {type_.get('kind') or 'document'} is not read in this form", fix="send application/json")
        return type_ | _message(envelope.get("raw", b""), table)
    except (ValueError, IndexError) as error:
        raise Invalid("the body is no protobuf that Kubernetes writes", fix="send application/json") from error


def _message(data: bytes, table: Mapping[int, _Field]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, value in _fields(data):
        field = table.get(number)
        if field is None:
            continue
        if field.sort == "map":
            entry = _message(_taken(value), {1: _Field("key"), 2: _Field("value", field.of)})
            found.setdefault(field.name, {})[entry.get("key", "")] = entry.get("value", "")
        elif field.many:
            found.setdefault(field.name, []).append(_value(value, field))
        else:
            found[field.name] = _value(value, field)
    # An empty text is how these messages say that a field is not there.
    return {name: value for name, value in found.items() if value not in ("", None) or name in ("key", "value")}


def _value(value: int | bytes, field: _Field) -> Any:
    if field.sort == "flag":
        return bool(value)
    if field.sort == "number":
        # Written as 0 where it is not there.
        return value or None
    data = _taken(value)
    if field.sort == "either":
        both = _message(data, _EITHER)
        return both.get("text") if both.get("is_text") else both.get("number")
    if field.sort == "message":
        return _message(data, field.table or {})
    if field.sort == "raw":
        return data
    return b64encode(data).decode() if field.sort == "bytes" else data.decode()


def _taken(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number stands where bytes are needed")  # noqa: TRY004 - one error for what is damaged
    return value


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Each field with its number, as protobuf writes them one after the other."""
    at = 0
    while at < len(data):
        head, at = _varint(data, at)
        number, sort = head >> 3, head & 7
        if sort == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        length, at = (8, at) if sort == 1 else (4, at) if sort == 5 else _varint(data, at)
        if sort not in (1, 2, 5) or at + length > len(data):
            raise ValueError("it ends in the middle")
        yield number, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")
