"""The CloudEvents HTTP binding: binary, structured and batched requests to events, events to binary requests.

The mode follows from the Content-Type alone, else from `ce-specversion` (HTTP binding §3). Attribute values are decoded
once, strictly, and encoded once (§3.1.3.2); the body is never touched. An event without problems costs a handful of calls
whatever its number of attributes: names and values are looked at joined, and one by one only where that finds something.

Not here: HTTP itself, and the difference between a request and its route. Header names may come in any case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote, unquote_to_bytes

from eventing.codec import json
from eventing.errors import Invalid
from eventing.event import Event, shown, validate

RawHeaders = Sequence[tuple[bytes, bytes]]

STRUCTURED = b"application/cloudevents+json"
BATCHED = b"application/cloudevents-batch+json"
_CLOUDEVENTS = b"application/cloudevents"
_PREFIXES = frozenset((b"ce-", b"Ce-", b"CE-", b"cE-"))

_PLAIN = re.compile(rb"[!#$&-~\n]*").fullmatch
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL).fullmatch
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})").search
_ENCODED_AS_IS = re.compile(r"[!#$&-~\n]*").fullmatch
_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
_HEADER_TEXT = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*").fullmatch


def decode(headers: RawHeaders, body: bytes) -> list[Event]:
    """The events of a request, in order: one, or those of a batch (perhaps none).

    Raises `Invalid`, which names the attribute, where anything is not as the CloudEvents specification wants it.
    """
    names: list[bytes] = []
    values: list[bytes] = []
    content_types: list[bytes] = []
    for header, value in headers:
        if header[:3] in _PREFIXES:
            names.append(header)
            values.append(value)
        elif len(header) == 12 and header.lower() == b"content-type":
            content_types.append(value.strip(b" \t"))
    content_type = _one_content_type(content_types)
    if content_type[:23].lower() == _CLOUDEVENTS:
        return _structured(content_type, body)
    if not names:
        raise Invalid(
            "the request is no CloudEvent",
            fix="send the ce-specversion, ce-id, ce-source and ce-type headers, "
            "or Content-Type application/cloudevents+json",
        )
    event = _binary(names, values, content_type, body)
    validate(event)
    return [event]


def encode_binary(event: Event) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body of the event in binary mode; header names in lower case, each value encoded exactly once.

    Raises `Invalid` where `datacontenttype` can't be a header, so that no value of an event can forge another header.
    """
    attributes = event.attributes
    content_type = attributes.get("datacontenttype")
    if content_type is not None:
        if _HEADER_TEXT(content_type) is None:
            raise Invalid("holds a control character", field="datacontenttype", fix="leave it out")
        attributes = {name: value for name, value in attributes.items() if name != "datacontenttype"}
    names = ("ce-" + "\nce-".join(attributes)).encode().split(b"\n")
    joined = "\n".join(attributes.values())
    values = joined.encode().split(b"\n") if _ENCODED_AS_IS(joined) is not None else []
    if len(values) != len(names):
        values = [quote(value, safe=_SAFE).encode() for value in attributes.values()]
    headers = list(zip(names, values, strict=True))
    if content_type is not None:
        headers.append((b"content-type", content_type.encode()))
    return headers, event.data or b""


def claims_event(headers: RawHeaders) -> bool:
    """Whether a message says that it is an event: by `ce-specversion` or by a media type `application/cloudevents*`."""
    for header, value in headers:
        name = header.lower()
        if name == b"ce-specversion":
            return True
        if name == b"content-type" and value.strip(b" \t")[:23].lower() == _CLOUDEVENTS:
            return True
    return False


def decode_reply(headers: RawHeaders, body: bytes) -> Event | None:
    """The event in a response, None where the response does not claim to hold one (cases B31).

    Raises `Invalid` where it claims to and is malformed; a batch is no reply. The status is the caller's to judge.
    """
    if not claims_event(headers):
        return None
    media_types = [_media_type(value) for name, value in headers if name.lower() == b"content-type"]
    if BATCHED in media_types:
        raise Invalid(
            "a reply is one event, not a batch", field="content-type", fix=f"reply with {STRUCTURED.decode()}"
        )
    return decode(headers, body)[0]


def _one_content_type(found: list[bytes]) -> bytes:
    if len(found) > 1:
        raise Invalid("the header came more than once", field="content-type", fix="send it once")
    return found[0] if found else b""


def _media_type(content_type: bytes) -> bytes:
    return content_type.partition(b";")[0].strip(b" \t").lower()


def _structured(content_type: bytes, body: bytes) -> list[Event]:
    media_type = _media_type(content_type)
    if media_type == STRUCTURED:
        event = json.decode(body)
        validate(event)
        return [event]
    if media_type == BATCHED:
        events = json.decode_batch(body)
        for number, event in enumerate(events, 1):
            with json.element(number):
                validate(event)
        return events
    name = shown(media_type.decode("latin-1"))
    raise Invalid(f"the event format {name} is not known", field="content-type", fix=f"send {STRUCTURED.decode()}")


def _binary(names: list[bytes], values: list[bytes], content_type: bytes, body: bytes) -> Event:
    keys = b"\n".join(names).decode("ascii", "replace").lower()[3:].split("\nce-")
    attributes = dict(zip(keys, _texts(keys, values), strict=True))
    if len(attributes) != len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise Invalid("the header came more than once", field=f"ce-{shown(twice)}", fix="send it once")
    # Binary mode says the type of the data in Content-Type and nowhere else (§3.1.1); a second opinion is not an attribute.
    attributes.pop("datacontenttype", None)
    if content_type:
        attributes["datacontenttype"] = _utf8("content-type", content_type)
    return Event(attributes, body or None)


def _texts(names: Iterable[str], values: list[bytes]) -> list[str]:
    """Each value as the text it stands for."""
    joined = b"\n".join(values)
    if _PLAIN(joined) is not None:
        texts = joined.decode().split("\n")
        if len(texts) == len(values):
            return texts
    return [_text(name, value) for name, value in zip(names, values, strict=True)]


def _text(name: str, value: bytes) -> str:
    """One round of unquoting, then one of percent-decoding (§3.1.3.2)."""
    value = value.strip(b" \t")
    quoted = _QUOTED(value)
    if quoted is not None:
        value = _QUOTED_PAIR.sub(rb"\1", quoted[1])
    if b"%" in value:
        bad = _BAD_ESCAPE(value)
        if bad is not None:
            escape = value[bad.start() : bad.start() + 3].decode("latin-1")
            raise Invalid(
                f"{escape!r} is no percent escape", field=f"ce-{shown(name)}", fix="write a percent sign as %25"
            )
        value = unquote_to_bytes(value)
    return _utf8(f"ce-{shown(name)}", value)


def _utf8(header: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise Invalid("the value is not UTF-8", field=header, fix="percent-encode the text's UTF-8 bytes") from error
