"""The CloudEvents JSON format: structured events and batches, read so that nothing in them changes.

A JSON library gives back what a text means, not what it was: it forgets a duplicate member, prints numbers its own way and
re-orders nothing only by luck. So the outermost object is walked here, member by member, with the standard library's C
scanner for what lies inside; the slice of text that is the `data` member becomes the event's data as it stands.

Choices where the JSON format leaves one: `null` means absent, for `data` too; core attributes must be strings, extensions
may be strings, integers or booleans; a duplicate member is refused; white space around JSON data is not part of it.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterator
from contextlib import contextmanager
from json.decoder import JSONDecoder, scanstring  # type: ignore[attr-defined]
from json.scanner import make_scanner
from typing import Any, NoReturn

import orjson

from eventing.errors import Invalid
from eventing.event import Event, shown

_SPACE = re.compile(r"[ \t\n\r]*")
_KEY = re.compile(r'[ \t\n\r]*"((?:[^"\\\x00-\x1f]|\\.)*)"[ \t\n\r]*:[ \t\n\r]*')
_ATOM = re.compile(r"(-?(?:0|[1-9][0-9]*)(?![0-9.eE])|true|false|null)")
_NEXT = re.compile(r"[ \t\n\r]*([,}\]])")
_JSON_TYPE = re.compile(r"[^/;]+/(?:[^;]*\+)?json[ \t]*(?:;.*)?", re.IGNORECASE | re.DOTALL)
_TEXT_TYPE = re.compile(
    r"(?:text/[^;]+|[^/;]+/(?:[^;]*\+)?xml)[ \t]*(?:;[ \t]*charset=\"?utf-8\"?[ \t]*)?", re.IGNORECASE
)

_STRINGS = frozenset(
    ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "schemaurl")
)


def decode(body: bytes) -> Event:
    """The event of a structured-mode body, not yet validated. Raises `Invalid`."""
    text = _text(body)
    event, end = _event(text, _skip(text, 0))
    _expect_end(text, end)
    return event


def decode_batch(body: bytes) -> list[Event]:
    """The events of a batch in their order, not yet validated; the reason names the element, counted from 1."""
    text = _text(body)
    place = _skip(text, 0)
    if text[place : place + 1] != "[":
        _refuse("a batch is a JSON array of events", place)
    place = _skip(text, place + 1)
    events: list[Event] = []
    if text[place : place + 1] == "]":
        _expect_end(text, place + 1)
        return events
    while True:
        with element(len(events) + 1):
            event, place = _event(text, _skip(text, place))
        events.append(event)
        after = _NEXT.match(text, place)
        if after is None or after[1] == "}":
            _refuse("a comma or the end of the array should follow", place)
        place = after.end()
        if after[1] == "]":
            _expect_end(text, place)
            return events


@contextmanager
def element(number: int) -> Iterator[None]:
    """Let an `Invalid` raised inside say that it is about this element of a batch, counted from 1."""
    try:
        yield
    except Invalid as error:
        where = f"event {number} of the batch"
        raise Invalid(error.message, where=where, field=error.field, fix=error.fix) from error


def encode(event: Event) -> bytes:
    """The event in structured mode.

    JSON data stands in it as it is; text stands as a JSON string; everything else, also what claims to be JSON and is not,
    stands in base64.
    """
    return orjson.dumps(_members(event))


def encode_batch(events: list[Event]) -> bytes:
    """The events as a batch."""
    return orjson.dumps([_members(event) for event in events])


def is_json(datacontenttype: str) -> bool:
    """Whether this media type says that the data is JSON: subtype `json`, or suffix `+json` (JSON format §3.1)."""
    return _JSON_TYPE.fullmatch(datacontenttype) is not None


def _members(event: Event) -> dict[str, Any]:
    members: dict[str, Any] = dict(event.attributes)
    data = event.data
    if data is None:
        return members
    media_type = event.attributes.get("datacontenttype", "")
    json = is_json(media_type)
    if json and _is_json_text(data):
        members["data"] = orjson.Fragment(data)
    elif not json and _TEXT_TYPE.fullmatch(media_type) and _is_utf8(data):
        members["data"] = data.decode()
    elif event.attributes["specversion"] == "0.3":
        members |= {"datacontentencoding": "base64", "data": b64encode(data).decode()}
    else:
        members["data_base64"] = b64encode(data).decode()
    return members


def _is_json_text(data: bytes) -> bool:
    # `null` is JSON too, but as a member it would mean that there is no data.
    try:
        return orjson.loads(data) is not None
    except orjson.JSONDecodeError:
        return False


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _event(text: str, place: int) -> tuple[Event, int]:
    """The event whose object begins at `place`, and where it ends."""
    if text[place : place + 1] != "{":
        _refuse("an event is a JSON object", place)
    attributes: dict[str, str] = {}
    data: dict[str, str] = {}
    seen: set[str] = set()
    place = _skip(text, place + 1)
    more = text[place : place + 1] != "}"
    if not more:
        place += 1
    while more:
        key = _KEY.match(text, place)
        if key is None:
            _refuse("a member name in double quotes and a colon should stand here", place)
        name = key[1] if "\\" not in key[1] else _string(text, key.start(1))[0]
        if name in seen:
            raise Invalid("the member came more than once", field=shown(name), fix="send it once")
        seen.add(name)
        start = key.end()
        if name in ("data", "data_base64"):
            _, place = _scan(text, start)
            data[name] = text[start:place]
        else:
            value, place = _attribute(name, text, start)
            if value is not None:
                attributes[name] = value
        after = _NEXT.match(text, place)
        if after is None or after[1] == "]":
            _refuse("a comma or the end of the object should follow", place)
        place = after.end()
        more = after[1] == ","
    return _with_data(attributes, data), place


def _attribute(name: str, text: str, place: int) -> tuple[str | None, int]:
    """The canonical string of an attribute (CloudEvents §2.4), None for null, and where it ends."""
    if text[place : place + 1] == '"':
        value, end = _string(text, place + 1)
        if not (value.isascii() or _is_encodable(value)):
            raise Invalid("holds half of a surrogate pair", field=shown(name), fix="leave it out")
        return value, end
    atom = _ATOM.match(text, place)
    if atom is None:
        _scan(text, place)
        raise Invalid("is no string, integer or boolean", field=shown(name), fix="write the value as a string")
    if atom[1] == "null":
        return None, atom.end()
    if name in _STRINGS:
        raise Invalid("is no string", field=name, fix=f'write "{atom[1][:40]}"')
    return atom[1], atom.end()


def _with_data(attributes: dict[str, str], members: dict[str, str]) -> Event:
    """The event with the data that its members stand for (JSON format §3.1; 0.3: §3.1.1 `datacontentencoding`)."""
    plain, base64 = members.get("data", "null"), members.get("data_base64", "null")
    if plain != "null" and base64 != "null":
        raise Invalid("stands beside data", field="data_base64", fix="send one of the two")
    if base64 != "null":
        return Event(attributes, _from_base64("data_base64", base64))
    if plain == "null":
        return Event(attributes)
    if attributes.get("specversion") == "0.3" and attributes.get("datacontentencoding", "").lower() == "base64":
        # Decoded here, so it would be a lie from here on.
        del attributes["datacontentencoding"]
        return Event(attributes, _from_base64("data", plain))
    media_type = attributes.setdefault("datacontenttype", "application/json")
    if plain[0] != '"' or is_json(media_type):
        return Event(attributes, plain.encode())
    try:
        return Event(attributes, _string(plain, 1)[0].encode())
    except UnicodeEncodeError as error:
        raise Invalid("holds half of a surrogate pair", field="data", fix="leave it out or use data_base64") from error


def _from_base64(name: str, literal: str) -> bytes:
    if literal[0] != '"':
        raise Invalid("is no string", field=name, fix="write the bytes in base64")
    try:
        return b64decode(_string(literal, 1)[0], validate=True)
    except (Base64Error, ValueError) as error:
        raise Invalid(
            f"is no base64: {error}", field=name, fix="use the alphabet of RFC 4648 §4 with padding"
        ) from error


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"the body is no UTF-8: byte {error.start} is wrong", fix="send JSON in UTF-8") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


# Numbers inside of data are only skipped, so no number is made of them.
_scanner = make_scanner(JSONDecoder(parse_int=str, parse_float=str, parse_constant=_no_constant))  # type: ignore[arg-type]


def _scan(text: str, place: int) -> tuple[Any, int]:
    try:
        return _scanner(text, place)
    except StopIteration as error:
        _refuse("a JSON value should stand here", place, error)
    except ValueError as error:
        _refuse("the JSON value that begins here is broken", place, error)
    except RecursionError as error:
        _refuse("the JSON value that begins here is nested too deeply", place, error)


def _string(text: str, place: int) -> tuple[str, int]:
    """The string whose opening quote is just before `place`, and where it ends."""
    try:
        value, end = scanstring(text, place, True)
    except ValueError as error:
        _refuse("the string that begins here is broken", place, error)
    return value, end


def _is_encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _skip(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return place if found is None else found.end()


def _expect_end(text: str, place: int) -> None:
    if _skip(text, place) != len(text):
        _refuse("nothing should follow here", place)


def _refuse(message: str, place: int, cause: BaseException | None = None) -> NoReturn:
    raise Invalid(f"the body is broken at character {place}: {message}", fix="send a CloudEvent in JSON") from cause
