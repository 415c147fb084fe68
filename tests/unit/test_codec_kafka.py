"""The Kafka binding, rule by rule."""

from __future__ import annotations

import pytest

from eventing.codec import kafka
from eventing.errors import Invalid
from eventing.event import Event

ATTRIBUTES = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
HEADERS = [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/s"), ("ce_type", b"t")]


def test_attributes_are_utf8_headers_and_partitionkey_is_the_key_too() -> None:
    event = Event(ATTRIBUTES | {"subject": "Euro € 100%", "datacontenttype": "a/b", "partitionkey": "k€"}, b"\x00\xff")
    key, value, headers = kafka.to_record(event)
    assert key == "k€".encode()
    assert value == b"\x00\xff"
    assert headers == [
        *HEADERS, ("ce_subject", "Euro € 100%".encode()), ("content-type", b"a/b"), ("ce_partitionkey", "k€".encode()),
    ]  # fmt: skip
    assert kafka.from_record(headers, value) == event


def test_no_data_is_a_null_value_and_no_partitionkey_a_null_key() -> None:
    assert kafka.to_record(Event(ATTRIBUTES)) == (None, None, HEADERS)
    assert kafka.from_record(HEADERS, None) == Event(ATTRIBUTES)
    assert kafka.to_record(Event(ATTRIBUTES, b""))[1] == b""


def test_a_structured_record_is_read_whatever_the_case_of_its_type() -> None:
    body = b'{"specversion":"1.0","id":"9","source":"/s","type":"t","data":{"a": 1}}'
    for content_type in (b"application/cloudevents+json", b"Application/CloudEvents+JSON; charset=UTF-8"):
        event = kafka.from_record([("content-type", content_type), ("ce_id", b"ignored")], body)
        assert event.id == "9"
        assert event.data == b'{"a": 1}'


def test_what_is_stored_is_read_though_no_ingress_would_take_it() -> None:
    stored = [
        *HEADERS,
        ("ce_subject", b"a\r\nX-Evil: 1"),
        ("ce_time", b"yesterday"),
        ("ce_none", None),
        ("other", b"\xff"),
    ]
    assert kafka.from_record(stored, b"x") == Event(
        ATTRIBUTES | {"subject": "a\r\nX-Evil: 1", "time": "yesterday"}, b"x"
    )


def test_other_spellings_of_the_header_names_are_read() -> None:
    assert kafka.from_record([*HEADERS, ("CE_Ext", b"x"), ("Content-Type", b"a/b")], None) == Event(
        ATTRIBUTES | {"ext": "x", "datacontenttype": "a/b"}
    )
    assert kafka.from_record([*HEADERS, ("ce_datacontenttype", b"x/y")], None) == Event(ATTRIBUTES)


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        ([], b"hello"), (HEADERS[1:], None), (HEADERS[:-1], None), ([*HEADERS, ("ce_ext", b"\xff")], None),
        ([*HEADERS, ("ce_Ext-Bad", b"1")], None), ([*HEADERS, ("ce_", b"1")], None), ([*HEADERS, ("ce_data", b"1")], None),
        ([*HEADERS, ("ce_a\nb", b"1")], None), ([*HEADERS, ("ce_id", b"2")], None), ([*HEADERS, ("content-type", b"\xff")], None),
        ([*HEADERS, ("content-type", b"a/b\r\nX-Evil: 1")], None), ([("ce_specversion", b"2.0"), *HEADERS[1:]], None),
        ([("content-type", b"application/cloudevents+json")], None), ([("content-type", b"application/cloudevents+json")], b"{"),
        ([("content-type", b"application/cloudevents+avro")], b"x"), ([("content-type", b"application/cloudevents-batch+json")], b"[]"),
        ([("content-type", b"application/cloudevents+json")], b'{"specversion":"1.0","id":"1","source":"/s"}'),
    ],
)  # fmt: skip
def test_a_record_that_holds_no_event_is_invalid_and_not_a_crash(
    headers: list[tuple[str, bytes | None]], value: bytes | None
) -> None:
    with pytest.raises(Invalid):
        kafka.from_record(headers, value)


PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_trace_context_goes_from_http_to_the_record_and_back() -> None:
    stored = kafka.trace_headers(
        [(b"Traceparent", PARENT), (b"x", b"y"), (b"tracestate", b"a=1"), (b"TraceState", b"b=2 ")]
    )
    assert stored == [("traceparent", PARENT), ("tracestate", b"a=1,b=2")]
    assert kafka.trace_of([("ce_id", b"1"), *stored]) == [(b"traceparent", PARENT), (b"tracestate", b"a=1,b=2")]
    assert kafka.trace_headers([(b"traceparent", PARENT)]) == [("traceparent", PARENT)]


@pytest.mark.parametrize(
    "headers",
    [
        [], [("tracestate", b"a=1")], [("traceparent", b"x")], [("traceparent", PARENT + b"\r\nX-Evil: 1")],
        [("traceparent", PARENT), ("traceparent", PARENT)], [("traceparent", None)],
    ],
)  # fmt: skip
def test_a_broken_trace_context_goes_nowhere(headers: list[tuple[str, bytes | None]]) -> None:
    assert kafka.trace_of(headers) == []


def test_a_broken_tracestate_goes_nowhere_alone() -> None:
    assert kafka.trace_of([("traceparent", PARENT), ("tracestate", b"a\r\nb")]) == [(b"traceparent", PARENT)]
