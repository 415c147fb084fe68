"""The CloudEvents Kafka binding: events to binary records, binary and structured records to events.

We write binary records only; others may have written structured ones (behaviour §2). Reading asks for less than an ingress
does, because the record is there and refusing it helps nobody: what makes it an event must be there and every value must
be UTF-8, and that is all. A record that can't be read is `Invalid`, never a crash.

W3C trace context is not an attribute: it travels beside the event as the record headers `traceparent` and `tracestate`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress

from eventing.codec import json
from eventing.errors import Invalid
from eventing.event import Event, require, shown

_CLOUDEVENTS = "application/cloudevents"
_CLOUDEVENTS_BYTES = _CLOUDEVENTS.encode()
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-[!-~]*)?").fullmatch
_TRACESTATE = re.compile(rb"[ -~]{1,4096}").fullmatch
_CONTROL = re.compile(r"[\x00-\x1f\x7f]").search


def to_record(event: Event) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]:
    """Key, value and headers of the record that holds this event; no data is a null value, no partitionkey a null key."""
    attributes = event.attributes
    headers = [
        ("ce_" + name if name != "datacontenttype" else "content-type", value.encode())
        for name, value in attributes.items()
    ]
    key = attributes.get("partitionkey")
    return None if key is None else key.encode(), event.data, headers


def from_record(headers: Sequence[tuple[str, bytes | None]], value: bytes | None) -> Event:
    """The event that a record holds. Raises `Invalid` where it holds none; a header without a value counts as absent."""
    attributes: dict[str, str] = {}
    content_type = None
    for header, raw in headers:
        if raw is None:
            continue
        if header[:3] == "ce_":
            name = header[3:]
        elif header[:3].lower() == "ce_":
            name = header[3:].lower()
        elif header.lower() == "content-type":
            content_type = _utf8(header, raw)
            continue
        else:
            continue
        if name in attributes:
            raise Invalid("the header is there more than once", field=f"ce_{shown(name)}")
        attributes[name] = _utf8(header, raw)
    if content_type and content_type[:23].lower() == _CLOUDEVENTS:
        event = _structured(content_type, value)
    else:
        attributes.pop("datacontenttype", None)
        if content_type:
            attributes["datacontenttype"] = content_type
        event = Event(attributes, value)
    require(event.attributes)
    if _CONTROL(event.attributes.get("datacontenttype", "")):
        raise Invalid("holds a control character", field="datacontenttype")
    return event


class _Attributes(dict[str, str | None]):
    """What was asked of a record so far: an attribute is decoded when it is asked for the first time."""

    __slots__ = ("_is_lower", "_raw", "_record")

    def __init__(self, headers: Sequence[tuple[str, bytes | None]], value: bytes | None) -> None:
        self._record = headers, value
        self._raw: dict[str, bytes | None] | None = None

    def __missing__(self, name: str) -> str | None:
        raw = self._raw
        if raw is None:
            raw = self._open()
            if name in self:
                return self[name]
        found = raw.get("ce_" + name)
        if found is None and not self._is_lower:
            found = self._lowered().get("ce_" + name)
        self[name] = text = None if found is None else _text(found)
        return text

    def _open(self) -> dict[str, bytes | None]:
        """The headers by their names; all attributes of a structured record are known from here on."""
        headers, value = self._record
        self._raw = raw = dict(headers)
        self._is_lower = False
        if len(raw) != len(headers) or "content-type" not in raw:
            raw = self._lowered()
        content_type = raw.get("content-type") or b""
        if content_type[:23].lower() != _CLOUDEVENTS_BYTES:
            self["datacontenttype"] = _text(content_type) or None
            return raw
        self._raw, self._is_lower = {}, True
        with suppress(Invalid, UnicodeDecodeError):
            self.update(_structured(content_type.decode(), value).attributes)
        return self._raw

    def _lowered(self) -> dict[str, bytes | None]:
        """The headers by their names in lower case. Capitals are rare, so this is asked for last, and once."""
        headers, _ = self._record
        raw = self._raw or {}
        names = "".join(raw)
        if len(raw) != len(headers) or names.lower() != names:
            self._raw = raw = _by_name(headers)
        self._is_lower = True
        return raw


def lookup(headers: Sequence[tuple[str, bytes | None]], value: bytes | None) -> Callable[[str], str | None]:
    """A function from attribute names to the texts that `from_record` would find, None for what is not there.

    Nothing is decoded before it is asked for, nor twice. A header that is there more than once, or is not UTF-8, counts as
    absent: such a record is no event, which `from_record` says.
    """
    return _Attributes(headers, value).__getitem__


def trace_headers(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[str, bytes]]:
    """The record headers that carry an HTTP message's trace context; none where it is absent or broken."""
    parents: list[bytes] = []
    states: list[bytes] = []
    for name, value in headers:
        if name[:5].lower() == b"trace":
            lower = name.lower()
            if lower == b"traceparent":
                parents.append(value.strip(b" \t"))
            elif lower == b"tracestate":
                states.append(value.strip(b" \t"))
    if len(parents) != 1 or _TRACEPARENT(parents[0]) is None:
        return []
    state = b",".join(filter(None, states))
    found = [("traceparent", parents[0])]
    return [*found, ("tracestate", state)] if _TRACESTATE(state) else found


def trace_of(headers: Sequence[tuple[str, bytes | None]]) -> list[tuple[bytes, bytes]]:
    """The HTTP headers that carry a record's trace context on; none where it is absent or broken."""
    raw = [(name.encode(), value) for name, value in headers if value is not None and name[:5].lower() == "trace"]
    return [(name.encode(), value) for name, value in trace_headers(raw)] if raw else []


def _by_name(headers: Sequence[tuple[str, bytes | None]]) -> dict[str, bytes | None]:
    """The headers that have a value, by their names in lower case; None for an attribute that is there more than once."""
    found: dict[str, bytes | None] = {}
    for header, raw in headers:
        if raw is None:
            continue
        name = header.lower()
        found[name] = None if name in found and name != "content-type" else raw
    return found


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _structured(content_type: str, value: bytes | None) -> Event:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != "application/cloudevents+json":
        raise Invalid(f"the event format {shown(media_type)} is not known", field="content-type")
    if value is None:
        raise Invalid("a structured record without a value is no event")
    return json.decode(value)


def _utf8(header: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise Invalid("the value is not UTF-8", field=shown(header)) from error
