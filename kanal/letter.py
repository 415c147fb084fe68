"""What `kanal send` puts into a request. Events are built by the CloudEvents SDK, as any sender's are. No network here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from cloudevents.core.bindings.http import HTTPMessage, to_binary, to_structured
from cloudevents.core.exceptions import BaseCloudEventException, CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from eventing.errors import Invalid
from eventing.http import RawHeaders

Mode = Literal["binary", "structured", "batched"]
_BATCH = b"application/cloudevents-batch+json; charset=utf-8"
_JSON = JSONFormat()


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What to send: attributes without `id`, the data, and how."""

    attributes: dict[str, str]
    data: bytes | None
    mode: Mode = "binary"
    batch_size: int = 100


def request(letter: Letter, ids: list[str]) -> tuple[RawHeaders, bytes]:
    """The request that carries one event for each id. Raises `Invalid` where the SDK finds no whole event."""
    try:
        events = [_event(letter, id_) for id_ in ids]
        if letter.mode == "batched":
            bodies = [bytes(to_structured(event, _JSON).body) for event in events]
            return [(b"content-type", _BATCH)], b"[" + b",".join(bodies) + b"]"
        message: HTTPMessage = (to_structured if letter.mode == "structured" else to_binary)(events[0], _JSON)
        headers = [(name.encode(), value.encode("latin-1")) for name, value in message.headers.items()]
    except BaseCloudEventException as error:
        first = next(iter(error.errors.values()))[0] if isinstance(error, CloudEventValidationError) else error
        raise Invalid(f"this is no whole event: {first}", fix="see --type, --source, --id and --extension") from error
    except UnicodeEncodeError as error:
        raise Invalid(f"{error.object!r} can't be sent", fix="see --type, --content-type and --extension") from error
    return headers, bytes(message.body)


def _event(letter: Letter, id_: str) -> CloudEvent:
    attributes: dict[str, Any] = {**letter.attributes, "id": id_}
    if "time" in attributes:
        attributes["time"] = _time(attributes["time"])
    data: Any = letter.data
    if data is not None and JSONFormat.JSON_CONTENT_TYPE_PATTERN.match(attributes.get("datacontenttype", "")):
        try:
            parsed = json.loads(data, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise Invalid(f"the data is no JSON: {error}", field="--data", fix="or name its --content-type") from error
        # In binary mode the SDK would print a list or a number as Python does.
        data = data if letter.mode == "binary" else parsed
    return CloudEvent(attributes, data)


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            raise ValueError(text)
    except ValueError as error:
        fix = "write for instance 2026-11-25T02:30:00Z"
        raise Invalid(f"{text!r} is no RFC 3339 time", field="--extension time", fix=fix) from error
    return time


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
