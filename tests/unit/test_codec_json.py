"""The JSON format, rule by rule."""

from __future__ import annotations

import pytest

from eventing.codec import json
from eventing.errors import Invalid
from eventing.event import Event

HEAD = '"specversion":"1.0","id":"1","source":"/s","type":"t"'
ATTRIBUTES = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}


def read(rest: str, head: str = HEAD) -> Event:
    return json.decode(f"{{{head}{',' if rest else ''}{rest}}}".encode())


def refused(body: str | bytes) -> str:
    with pytest.raises(Invalid) as caught:
        json.decode(body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass"))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        "{}", "[]", '""', "0", "-0", "1.50", "1E400", "12345678901234567890123", "true", "false", '"a\\u00e9\\ud800"',
        '{ "b" : 1,\n\t"a":1.0, "b":2 }', '[ "€", "😀" ]', "9" * 5000,
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "content_type", [None, "application/json", "application/vnd.x+JSON; charset=utf-8", "text/json"]
)
def test_json_data_is_the_slice_of_the_body_that_it_was(data: str, content_type: str | None) -> None:
    member = "" if content_type is None else f'"datacontenttype":"{content_type}",'
    event = read(f'{member}"data" : {data} \n,"after":"x"')
    assert event.data == data.encode()
    assert event.attributes["datacontenttype"] == (content_type or "application/json")
    assert event.attributes["after"] == "x"


@pytest.mark.parametrize(
    ("content_type", "literal", "data"),
    [
        ("text/plain", '"a\\n\\u20ac\\ud83d\\ude00"', "a\n€😀".encode()),
        ("application/xml", '"<a/>"', b"<a/>"),
        ("text/plain", '""', b""),
        ("text/plain", '{"a": 1}', b'{"a": 1}'),
    ],
)
def test_data_of_another_type_is_the_text_of_its_string(content_type: str, literal: str, data: bytes) -> None:
    assert read(f'"datacontenttype":"{content_type}","data":{literal}').data == data


def test_no_data_is_not_empty_data() -> None:
    assert read("").data is None
    assert read('"data":null,"data_base64":null') == Event(ATTRIBUTES)
    assert read('"data_base64":""').data == b""


def test_base64_data_is_decoded_strictly() -> None:
    event = read('"datacontenttype":"image/png","data_base64":"AP\\/+gA=="')
    assert event.data == b"\x00\xff\xfe\x80"
    for wrong in ('"AP/+g"', '"AP_-gA=="', '"AP/+ gA=="', "1", '"é"', '"\\ud800"'):
        assert "data_base64" in refused(f'{{{HEAD},"data_base64":{wrong}}}')
    assert "data_base64" in refused(f'{{{HEAD},"data":1,"data_base64":"AA=="}}')


def test_0_3_says_base64_with_an_encoding() -> None:
    head = HEAD.replace("1.0", "0.3")
    event = read('"data":"AP/+gA==","datacontentencoding":"Base64","schemaurl":"/x"', head)
    assert event.data == b"\x00\xff\xfe\x80"
    assert event.attributes == ATTRIBUTES | {"specversion": "0.3", "schemaurl": "/x"}
    assert "data" in refused(f'{{{head},"data":1,"datacontentencoding":"base64"}}')
    assert json.encode(event).endswith(b'"schemaurl":"/x","datacontentencoding":"base64","data":"AP/+gA=="}')


def test_extensions_are_strings_integers_and_booleans_as_they_were_written() -> None:
    event = read('"a":"x\\u0041\\"","b":42,"c":-7,"d":true,"e":false,"f":null,"g":2147483648,"\\u0068":"y"')
    assert event.attributes == ATTRIBUTES | {
        "a": 'xA"', "b": "42", "c": "-7", "d": "true", "e": "false", "g": "2147483648", "h": "y",
    }  # fmt: skip


@pytest.mark.parametrize(
    "value", ["1.0", "1e3", "{}", "[]", '["a"]', "-1.5", "1.", "01", "NaN", "Infinity", "-", "tru"]
)
def test_an_attribute_of_any_other_type_is_refused(value: str) -> None:
    refused(f'{{{HEAD},"ext":{value}}}')
    refused(f'{{{HEAD},"ext":{value}')


@pytest.mark.parametrize("value", ["1.0", "{}", "[1]"])
def test_the_reason_names_the_attribute(value: str) -> None:
    assert refused(f'{{{HEAD},"ext":{value}}}').startswith("ext: ")


@pytest.mark.parametrize(
    "name", ["id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "specversion"]
)
def test_a_core_attribute_must_be_a_string(name: str) -> None:
    assert refused(f'{{"{name}":1}}').startswith(f"{name}: ")


@pytest.mark.parametrize(
    "body",
    [
        "", " ", "[]", "null", '"x"', "{", '{"id"', '{"id":', '{"id":"1"', '{"id":"1",', '{"id":"1",}', '{"id":"1"}x',
        '{"id":"1"]', '{"id" "1"}', "{id:1}", "{'id':'1'}", '{"id":"a\nb"}', '{"id":"\\x"}', '{"id":"\\ud800"}',
        '{"data":NaN}', '{"data":{"a":[Infinity]}}', '{"data":[1,]}', '{"data":', '{"data":01}', b'{"id":"\xe3"}', b"\xff\xfe{",
        '{"id":"1","id":"1"}', '{"data":1,"data":2}', '{"x":null,"x":"1"}', '{"\\u0069d":"1","id":"1"}', '{"datacontenttype":"a/b","data":"\\ud800"}',
    ],
)  # fmt: skip
def test_a_broken_body_is_refused_with_one_line(body: str | bytes) -> None:
    refused(body)


def test_data_nested_too_deeply_is_refused_and_not_a_crash() -> None:
    assert "nested too deeply" in refused('{"data":' + "[" * 200_000 + "]" * 200_000 + "}")


def test_a_byte_order_mark_is_not_part_of_the_body() -> None:
    assert json.decode(b"\xef\xbb\xbf{" + HEAD.encode() + b"}").id == "1"


def test_a_batch_keeps_its_order_and_names_the_broken_element() -> None:
    one = f'{{{HEAD},"n":%d}}'
    batch = f" [ {one % 1} ,\n{one % 2},{one % 3} ] ".encode()
    assert [event.attributes["n"] for event in json.decode_batch(batch)] == ["1", "2", "3"]
    assert json.decode_batch(b" [ ] ") == []
    for wrong in (
        "{}",
        "[",
        "[1]",
        f"[{one % 1}",
        f"[{one % 1},]",
        f"[{one % 1}}}",
        f"[{one % 1}]x",
        "[]]",
        f"[{one % 1} {one % 2}]",
        "",
    ):
        with pytest.raises(Invalid):
            json.decode_batch(wrong.encode())
    with pytest.raises(Invalid, match=r"event 2 of the batch: ext: .*once"):
        json.decode_batch(f'[{one % 1},{{{HEAD},"ext":1,"ext":1}}]'.encode())


def test_structured_output_shows_json_as_json_text_as_text_and_the_rest_in_base64() -> None:
    def data_of(content_type: str | None, data: bytes) -> bytes:
        declared = {} if content_type is None else {"datacontenttype": content_type}
        return json.encode(Event(ATTRIBUTES | declared, data)).rpartition(b',"data')[2][:-1]

    assert data_of("application/json", b'{ "a":1.0,"a":2 }') == b'":{ "a":1.0,"a":2 }'
    assert data_of("application/json", b"{broken") == b'_base64":"e2Jyb2tlbg=="'
    assert data_of("application/json", b"null") == b'_base64":"bnVsbA=="'
    assert data_of("text/plain", "a€".encode()) == '":"a€"'.encode()
    assert data_of("text/plain; charset=iso-8859-1", b"a") == b'_base64":"YQ=="'
    assert data_of("text/plain", b"\xff") == b'_base64":"/w=="'
    assert data_of(None, b"a") == b'_base64":"YQ=="'
    assert json.encode(Event(ATTRIBUTES)) == f"{{{HEAD}}}".encode()
    assert json.decode_batch(json.encode_batch([Event(ATTRIBUTES), Event(ATTRIBUTES)])) == [Event(ATTRIBUTES)] * 2
