"""The CloudEvents SDK 2.x as oracle: it reads all that we write, and we read all that it writes.

What the SDK itself loses is taken out of the comparison and nothing else: it keeps a time to the microsecond, parses JSON
data, shows UTF-8 data as text, invents a time where there is none, and sees no difference between no data and empty data.
"""

from __future__ import annotations

import base64
import json as stdlib_json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from cloudevents.core.bindings import http as sdk_http
from cloudevents.core.bindings import kafka as sdk_kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v03.event import CloudEvent as CloudEventV03
from cloudevents.core.v1.event import CloudEvent
from dateutil.parser import isoparse
from event_strategies import events, filled, json_values, moments, names, sources, texts
from hypothesis import given, settings
from hypothesis import strategies as st

from eventing.codec import http, json, kafka
from eventing.errors import Invalid
from eventing.event import Event

FORMAT = JSONFormat()
STRUCTURED = (b"content-type", b"application/cloudevents+json")


def as_the_sdk_sees(event: Event) -> tuple[dict[str, Any], Any]:
    attributes: dict[str, Any] = dict(event.attributes)
    if "time" in attributes:
        attributes["time"] = isoparse(attributes["time"])
    return attributes, FORMAT.read_data(event.data or b"", attributes.get("datacontenttype"))


def seen(event: Any, *, time: bool) -> tuple[dict[str, Any], Any]:
    attributes = dict(event.get_attributes())
    if not time:
        attributes.pop("time", None)
    return attributes, event.get_data()


@given(events())
@settings(max_examples=300)
def test_the_sdk_reads_the_binary_requests_that_we_send(event: Event) -> None:
    headers, body = http.encode_binary(event)
    message = sdk_http.HTTPMessage({name.decode(): value.decode() for name, value in headers}, body)
    assert seen(sdk_http.from_http(message, FORMAT), time="time" in event.attributes) == as_the_sdk_sees(event)


@given(events())
@settings(max_examples=300)
def test_the_sdk_reads_the_records_that_we_write(event: Event) -> None:
    key, value, headers = kafka.to_record(event)
    message = sdk_kafka.KafkaMessage(dict(headers), key, value or b"")
    assert seen(sdk_kafka.from_kafka(message, FORMAT), time="time" in event.attributes) == as_the_sdk_sees(event)


@given(events())
@settings(max_examples=300)
def test_the_sdk_reads_the_structured_events_that_we_write(event: Event) -> None:
    message = sdk_http.HTTPMessage({"content-type": "application/cloudevents+json"}, json.encode(event))
    attributes, data = seen(sdk_http.from_http(message, FORMAT), time="time" in event.attributes)
    attributes.pop("datacontentencoding", None)
    expected, expected_data = as_the_sdk_sees(event)
    assert attributes == expected
    # Structured mode keeps bytes bytes and empty text empty, where binary mode lets the SDK guess.
    assert data in (expected_data, event.data) or (data, event.data) == ("", b"")


def written(attributes: dict[str, Any], *, structured: bool) -> dict[str, str]:
    """What the SDK makes of attribute values."""
    canonical = {}
    for name, value in attributes.items():
        if isinstance(value, datetime):
            canonical[name] = value.isoformat().replace("+00:00", "Z")
        elif structured and isinstance(value, bool):
            canonical[name] = "true" if value else "false"
        else:
            canonical[name] = str(value)
    return canonical


@st.composite
def sdk_events(draw: st.DrawFn) -> Any:
    attributes: dict[str, Any] = {
        "id": draw(filled),
        "source": draw(sources),
        "type": draw(filled),
        "time": draw(moments),
    }
    attributes |= draw(st.fixed_dictionaries({}, optional={"subject": filled, "partitionkey": filled}))
    attributes |= draw(st.dictionaries(names, texts | st.integers(-(2**31), 2**31 - 1) | st.booleans(), max_size=4))
    content_type = draw(st.sampled_from(["application/json", "application/x+json", "text/plain", "image/png", None]))
    if content_type is not None:
        attributes["datacontenttype"] = content_type
    data = draw(st.none() | texts | st.binary(max_size=40) | st.dictionaries(texts, json_values, max_size=3))
    return draw(st.sampled_from([CloudEvent, CloudEventV03]))(attributes, data)


@given(sdk_events())
@settings(max_examples=300)
def test_we_read_the_binary_requests_that_the_sdk_makes(event: Any) -> None:
    message = sdk_http.to_binary(event, FORMAT)
    raw = [(name.encode(), value.encode()) for name, value in message.headers.items()]
    (read,) = http.decode(raw, message.body)
    assert read.attributes == written(event.get_attributes(), structured=False)
    assert read.data == (message.body or None)


@given(sdk_events())
@settings(max_examples=300)
def test_we_read_the_records_that_the_sdk_makes(event: Any) -> None:
    message = sdk_kafka.to_binary(event, FORMAT)
    read = kafka.from_record(list(message.headers.items()), message.value)
    assert read.attributes == written(event.get_attributes(), structured=False)
    assert read.data == message.value
    assert read.key == message.key


@given(sdk_events())
@settings(max_examples=300)
def test_we_read_the_structured_events_that_the_sdk_makes(event: Any) -> None:
    message = sdk_http.to_structured(event, FORMAT)
    (read,) = http.decode([STRUCTURED], message.body)
    expected, data = written(event.get_attributes(), structured=True), event.get_data()
    if isinstance(data, bytes):
        assert read.data == data
    elif data is None:
        assert read.data is None
    elif json.is_json(expected.setdefault("datacontenttype", "application/json")):
        assert read.data is not None
        assert stdlib_json.loads(read.data) == data
    else:
        assert read.data == str(data).encode()
    assert read.attributes == expected
    stored = sdk_kafka.to_structured(event, FORMAT)
    assert kafka.from_record(list(stored.headers.items()), stored.value) == read


@given(events())
@settings(max_examples=300)
def test_an_event_survives_every_encoding_byte_for_byte(event: Event) -> None:
    no_data = Event(event.attributes, event.data or None)
    headers, body = http.encode_binary(event)
    assert http.decode(headers, body) == [no_data]
    _, value, stored = kafka.to_record(event)
    assert kafka.from_record(stored, value) == event
    again = json.decode(json.encode(event))
    if event.data is not None and again.data != event.data:
        # White space around a JSON value is not part of it.
        assert again.data == event.data.strip(b" \t\r\n")
    assert again.attributes == event.attributes
    assert json.decode_batch(json.encode_batch([event, event])) == [again, again]


@given(st.binary(max_size=60) | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_whatever_bytes_come_the_answer_is_an_event_or_invalid(noise: bytes) -> None:
    batched = (b"content-type", b"application/cloudevents-batch+json")
    readings: list[Callable[[], object]] = [
        lambda: http.decode([STRUCTURED], noise),
        lambda: http.decode([batched], noise),
        lambda: http.decode([(b"ce-" + noise, noise)], noise),
        lambda: kafka.from_record([("ce_id", noise), ("content-type", noise)], noise),
        lambda: kafka.from_record([("ce_" + noise.decode("latin-1"), noise)], noise),
    ]
    for read in readings:
        reason = ""
        try:
            read()
        except Invalid as error:
            reason = str(error)
        assert "\n" not in reason


@given(st.binary())
def test_base64_data_is_the_bytes_that_were_meant(data: bytes) -> None:
    member = base64.b64encode(data).decode()
    body = f'{{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"{member}"}}'
    assert json.decode(body.encode()).data == data
