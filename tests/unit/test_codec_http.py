"""The HTTP binding, rule by rule."""

from __future__ import annotations

import pytest

from eventing.codec import http
from eventing.errors import Invalid
from eventing.event import Event

REQUIRED = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t.a"}


def raw(*pairs: tuple[str, str | bytes], **replaced: str) -> list[tuple[bytes, bytes]]:
    """The required headers, some replaced (`id=...`), then the others as they stand."""
    required = REQUIRED | {f"ce-{name}": value for name, value in replaced.items()}
    everything: list[tuple[str, str | bytes]] = [*required.items(), *pairs]
    return [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in everything]


def one(headers: list[tuple[bytes, bytes]], body: bytes = b"") -> Event:
    (event,) = http.decode(headers, body)
    return event


def refused(headers: list[tuple[bytes, bytes]], body: bytes = b"") -> str:
    with pytest.raises(Invalid) as caught:
        http.decode(headers, body)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (b"Euro%20%e2%82%ac%20%F0%9F%98%80", "Euro € 😀"),
        (b"100%25", "100%"),
        (b"a%41b", "aAb"),
        (b"%2541", "%41"),
        (b"a b", "a b"),
        (b" \t a ", "a"),
        (b'"a \\"b\\" \\\\ %41"', 'a "b" \\ A'),
        (b'a"b', 'a"b'),
        (b'"half', '"half'),
        (b'""', ""),
        (b"", ""),
        (b"~!#$&'()*+,-./:;<=>?@[\\]^_`{|}", "~!#$&'()*+,-./:;<=>?@[\\]^_`{|}"),
        ("Abraão".encode(), "Abraão"),
    ],
)
def test_a_header_value_is_unquoted_then_percent_decoded_once(sent: bytes, meant: str) -> None:
    assert one(raw(("ce-ext", sent))).attributes["ext"] == meant


@pytest.mark.parametrize("sent", [b"%", b"%4", b"%zz", b"100%", b"%C0%A0", b"%ed%a0%80", b"Abra\xe3o", b"%ff"])
def test_a_bad_escape_or_what_is_not_utf8_is_refused_by_name(sent: bytes) -> None:
    assert "ce-ext" in refused(raw(("ce-ext", sent)))


@pytest.mark.parametrize("sent", [b"a%0D%0AX-Evil:%201", b"%00", b"%7f", b"%C2%85", b"%EF%BF%BF", b"a\tb"])
def test_a_control_or_noncharacter_is_refused_by_name(sent: bytes) -> None:
    assert refused(raw(("ce-ext", sent))).startswith("ext: holds the forbidden character")


def test_names_come_in_any_case_and_values_keep_theirs() -> None:
    headers = [
        (b"CE-ID", b"1"),
        (b"Ce-Type", b"T"),
        (b"cE-sOuRcE", b"/S"),
        (b"CE-SPECVERSION", b"1.0"),
        (b"ce-FOO", b"Bar"),
    ]
    assert one(headers).attributes == {"id": "1", "type": "T", "source": "/S", "specversion": "1.0", "foo": "Bar"}


@pytest.mark.parametrize(
    "name", ["content-type", "Fc-Code-Checksum", "my_ext", "data", "data_base64", "", "ext.a", "é"]
)
@pytest.mark.parametrize("version", ["1.0", "0.3"])
def test_an_illegal_attribute_name_is_refused_by_name(name: str, version: str) -> None:
    reason = refused(raw((f"ce-{name}", "x"), specversion=version))
    assert "is no attribute name" in reason
    if name.isascii():
        assert name.lower() in reason


def test_a_header_that_comes_twice_is_refused() -> None:
    assert "ce-type" in refused(raw(("ce-type", "t.b")))
    assert "ce-ext" in refused(raw(("ce-ext", "1"), ("Ce-Ext", "1")))
    assert "content-type" in refused(raw(("content-type", "text/plain"), ("Content-Type", "text/plain")))


def test_content_type_alone_says_the_type_of_the_data() -> None:
    event = one(raw(("ce-datacontenttype", "text/xml"), ("Content-Type", "application/json")), b"{}")
    assert event.attributes["datacontenttype"] == "application/json"
    assert "datacontenttype" not in one(raw(("ce-datacontenttype", "text/xml"))).attributes


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=UTF-8", 'application/json;charset="iso-8859-1"', "a/b"]
)
def test_content_type_and_body_are_taken_as_they_are(content_type: str) -> None:
    body = b'{"n":"\xe9"} \n'
    event = one(raw(("Content-Type", content_type)), body)
    assert event.attributes["datacontenttype"] == content_type
    assert event.data == body


def test_without_content_type_there_is_no_datacontenttype() -> None:
    event = one(raw(), b"\x00\xff\xfe\x80")
    assert "datacontenttype" not in event.attributes
    assert event.data == b"\x00\xff\xfe\x80"
    assert one(raw()).data is None


@pytest.mark.parametrize("name", ["id", "source", "type", "specversion"])
def test_a_required_attribute_that_is_missing_or_empty_is_named(name: str) -> None:
    assert refused(raw(**{name: ""})).startswith(f"{name}: ")
    assert refused([(header, value) for header, value in raw() if header != f"ce-{name}".encode()]).startswith(
        f"{name}: "
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("specversion", "2.0"), ("specversion", "1.0.1"), ("subject", ""), ("partitionkey", ""), ("time", "yesterday"),
        ("time", "2026-11-25T02:30:00"), ("time", "2026-02-30T02:30:00Z"), ("time", "2026-11-25T24:00:00Z"),
        ("dataschema", "not a uri"), ("dataschema", "/relative"), ("source", "a b"), ("schemaurl", "a b"),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_shape_is_named(name: str, value: str) -> None:
    assert refused(raw(**{name: value})).startswith(f"{name}: ")


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-25T02:30:00.123456789Z", "2026-11-25T02:30:00.1234567+05:30", "2026-11-25T02:30:00Z",
        "2016-12-31T23:59:60Z", "2026-11-25t02:30:00z",
    ],
)  # fmt: skip
def test_a_time_keeps_every_character(time: str) -> None:
    event = one(raw(time=time))
    assert event.attributes["time"] == time
    assert (b"ce-time", time.encode()) in http.encode_binary(event)[0]


@pytest.mark.parametrize("content_type", ["json", "application/json, application/json", "application/json\x85;", ""])
def test_a_content_type_that_is_no_media_type_is_refused_and_an_empty_one_absent(content_type: str) -> None:
    headers = raw(("content-type", content_type))
    if content_type:
        assert "datacontenttype" in refused(headers)
    else:
        assert "datacontenttype" not in one(headers).attributes


def test_the_mode_follows_from_the_media_type_in_any_case() -> None:
    body = b'{"specversion":"1.0","id":"9","source":"/s","type":"t"}'
    assert one([(b"content-type", b"Application/CloudEvents+JSON; charset=utf-8")], body).id == "9"
    # Copies of the attributes in headers are legal in structured mode, and ignored (HTTP binding §3.2.2).
    assert one([*raw(), (b"content-type", b"application/cloudevents+json")], body).id == "9"
    batch = http.decode(
        [(b"content-type", b"APPLICATION/CLOUDEVENTS-BATCH+JSON;charset=utf-8")], b"[%s,%s]" % (body, body)
    )
    assert [event.id for event in batch] == ["9", "9"]
    assert http.decode([(b"content-type", b"application/cloudevents-batch+json")], b" [ ] ") == []


@pytest.mark.parametrize(
    "media_type", ["application/cloudevents+avro", "application/cloudevents", "application/cloudevents-batch"]
)
def test_an_unknown_event_format_is_refused_although_headers_would_do(media_type: str) -> None:
    assert media_type in refused(raw(("content-type", media_type)))


def test_what_does_not_claim_to_be_an_event_is_told_what_is_missing() -> None:
    assert "ce-specversion" in refused([(b"content-type", b"application/json")], b'{"n":1}')
    assert "ce-specversion" in refused([])


def test_every_element_of_a_batch_is_validated() -> None:
    good = b'{"specversion":"1.0","id":"9","source":"/s","type":"t"}'
    bad = b'{"specversion":"1.0","id":"9","source":"/s"}'
    assert refused([(b"content-type", b"application/cloudevents-batch+json")], b"[%s,%s]" % (good, bad)).startswith(
        "event 2 of the batch: type: "
    )


def test_values_are_encoded_once_and_only_where_they_must_be() -> None:
    event = Event(
        {
            "specversion": "1.0", "id": "1", "source": "/s", "type": "t", "subject": "Euro € 😀", "pct": "100%",
            "quote": 'a"b', "crlf": "a\r\nX-Evil: 1", "rest": "~!#$&'()*+,-./:;<=>?@[\\]^_`{|}", "empty": "",
            "datacontenttype": "text/plain; x=1",
        },
        b"x",
    )  # fmt: skip
    headers, body = http.encode_binary(event)
    assert headers == [
        (b"ce-specversion", b"1.0"), (b"ce-id", b"1"), (b"ce-source", b"/s"), (b"ce-type", b"t"),
        (b"ce-subject", b"Euro%20%E2%82%AC%20%F0%9F%98%80"), (b"ce-pct", b"100%25"), (b"ce-quote", b"a%22b"),
        (b"ce-crlf", b"a%0D%0AX-Evil:%201"), (b"ce-rest", b"~!#$&'()*+,-./:;<=>?@[\\]^_`{|}"), (b"ce-empty", b""),
        (b"content-type", b"text/plain; x=1"),
    ]  # fmt: skip
    assert body == b"x"


def test_a_datacontenttype_can_not_forge_a_header() -> None:
    event = Event({"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "datacontenttype": "a/b\r\nX-Evil: 1"})
    with pytest.raises(Invalid, match="datacontenttype"):
        http.encode_binary(event)


def test_only_what_claims_to_be_an_event_is_a_reply() -> None:
    assert http.decode_reply([(b"content-type", b"application/json")], b'{"status":"ok"}') is None
    assert http.decode_reply([(b"content-type", b"text/plain")], b"OK") is None
    assert http.decode_reply([(b"ce-id", b"1")], b"") is None
    assert http.decode_reply([], b"") is None
    assert http.decode_reply(raw(), b"") == Event({"specversion": "1.0", "id": "1", "source": "/s", "type": "t.a"})


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([(b"ce-specversion", b"1.0"), (b"ce-id", b"1")], b""),
        ([(b"Content-Type", b"application/cloudevents+json")], b'{"id":'),
        ([(b"content-type", b"application/cloudevents-batch+json")], b"[]"),
        ([(b"Content-Type", b"Application/CloudEvents-Batch+JSON; charset=utf-8")], b"[]"),
        ([(b"content-type", b"application/cloudevents+avro")], b"x"),
    ],
)
def test_a_reply_that_claims_to_be_an_event_and_is_malformed_is_invalid(
    headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    with pytest.raises(Invalid):
        http.decode_reply(headers, body)
