"""Whether data fits a JSON schema, and which schemas are taken at all."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventing.errors import Invalid
from eventing.event import Event
from eventing.schemas import MOST_BYTES, alternatives, compiled, require_schema

ORDER = json.dumps(
    {
        "type": "object",
        "required": ["id"],
        "properties": {"id": {"type": "string"}, "a/b": {"type": "array", "items": {"type": "integer"}}},
    }
)


def event(data: bytes | None, content_type: str | None = "application/json") -> Event:
    more = {} if content_type is None else {"datacontenttype": content_type}
    return Event({"specversion": "1.0", "type": "t", "source": "/s", "id": "1", **more}, data)


def misfit(schema: str, data: bytes | None, content_type: str | None = "application/json") -> str:
    with pytest.raises(Invalid) as caught:
        compiled(schema).check(event(data, content_type))
    return str(caught.value)


@pytest.mark.parametrize("content_type", ["application/json", "text/json; charset=utf-8", "application/x+json", None])
def test_json_data_that_fits_passes_whatever_its_media_type_is_called(content_type: str | None) -> None:
    compiled(ORDER).check(event(b'{"id": "7", "a/b": [1, 2]}', content_type))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{}", 'data: it does not fit the schema of its type: "id" is a required property'),
        (b"[]", 'data: it does not fit the schema of its type: the value is not of type "object"'),
        (
            b'{"id": "7", "a/b": [1, "secret"]}',
            'data: it does not fit the schema of its type: at /a~1b/1: the value is not of type "integer"',
        ),
        (b"{", "data: it is no JSON: "),
        (b"NaN", "data: it is no JSON: "),
        (None, "data: there is none, and its type has a JSON schema; send the data"),
    ],
)
def test_data_that_does_not_fit_is_told_where_and_why_without_its_values(data: bytes | None, reason: str) -> None:
    assert misfit(ORDER, data).startswith(reason)


def test_data_that_is_not_json_can_not_be_checked_and_says_so() -> None:
    assert misfit(ORDER, b"<a/>", "text/xml") == (
        "datacontenttype: text/xml can't be checked against the type's JSON schema; send application/json"
    )


def test_of_several_schemas_one_has_to_fit() -> None:
    schema = alternatives([ORDER, '{"type": "integer"}'])
    for data in (b'{"id": "7"}', b"5"):
        compiled(schema).check(event(data))
    assert misfit(schema, b"true").startswith("data: it does not fit any of the 2 schemas of its type; by the first: ")


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ("{", "the schema is no JSON: "),
        ("5", "JSON of this sort is no JSON schema"),
        ('["a"]', "JSON of this sort is no JSON schema"),
        ("[]", "JSON of this sort is no JSON schema"),
        ('{"type": "record"}', 'it is no JSON schema: at /type: "record" fits none of the forms that are allowed'),
        ('{"properties": {"a": {"minLength": -1}}}', "it is no JSON schema: at /properties/a/minLength: -1 is less"),
        ('{"pattern": "("}', 'it is no JSON schema: at /pattern: "(" is not a "regex"'),
        ('{"$ref": "#/$defs/a"}', "the schema can't be used: Pointer '/$defs/a' does not exist"),
        ('{"$schema": "urn:mine"}', "the schema can't be used: Unknown meta-schema: 'urn:mine'"),
        ('{"a":' * 300 + "1" + "}" * 300, "the schema can't be used: "),
    ],
)
def test_what_is_no_json_schema_is_refused_with_the_place(schema: str, reason: str) -> None:
    for take in (require_schema, compiled):
        with pytest.raises(Invalid) as caught:
            take(schema)
        assert str(caught.value).startswith(reason)


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:1/s.json", "https://example.com/s", "file:///etc/passwd", "other.json#/a"]
)
def test_nothing_is_ever_fetched_for_a_schema(uri: str) -> None:
    with pytest.raises(Invalid) as caught:
        require_schema(json.dumps({"properties": {"a": {"$ref": uri}}}))
    assert str(caught.value) == (
        f"the schema refers to {uri}, and nothing is ever fetched; "
        "put what it refers to into this schema, under $defs, and refer to that"
    )


def test_not_even_a_file_of_this_machine_is_read_for_a_schema(tmp_path: Path) -> None:
    there = tmp_path / "there.json"
    there.write_text("true")
    with pytest.raises(Invalid, match="nothing is ever fetched"):
        require_schema(json.dumps({"$ref": there.as_uri()}))


def test_a_list_of_schemas_is_for_the_plan_and_not_for_people() -> None:
    compiled('[{"type": "object"}]')
    with pytest.raises(Invalid):
        require_schema('[{"type": "object"}]')


def test_a_schema_has_a_size() -> None:
    require_schema(json.dumps({"description": "x" * (MOST_BYTES - 100)}))
    with pytest.raises(Invalid, match="larger than 262144 bytes"):
        require_schema(json.dumps({"description": "x" * MOST_BYTES}))


@pytest.mark.parametrize("draft", ["draft-04", "draft-06", "draft-07"])
def test_older_drafts_are_known_by_their_schema(draft: str) -> None:
    schema = {"$schema": f"http://json-schema.org/{draft}/schema#", "items": [{"type": "integer"}]}
    compiled(json.dumps(schema)).check(event(b"[1]"))
    assert "at /0: " in misfit(json.dumps(schema), b'["x"]')


@pytest.mark.parametrize(
    ("schema", "data"),
    [
        ({"pattern": "^(a+)+$(?=b)"}, json.dumps("a" * 60 + "b")),
        ({"pattern": r"^(?:(a+)\1?)+(?!x)$"}, json.dumps("a" * 60 + "b")),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"properties": {"a": {"$ref": "#/$defs/a"}}}}}, '{"a":' * 2_000),
        ({"allOf": [{"$ref": "#"}], "type": "string"}, "1"),
    ],
)
def test_a_strange_schema_or_strange_data_is_refused_and_not_waited_for(schema: Any, data: str) -> None:
    assert misfit(json.dumps(schema), data.encode()).startswith("data: ")


def doubling(levels: int, last: bool) -> str:
    """A schema in which each definition refers to the next one twice."""
    nexts = [{"$ref": f"#/$defs/n{level + 1}"} for level in range(levels)]
    named = {f"n{level}": {"anyOf": [{"allOf": [one, last]}, one]} for level, one in enumerate(nexts)}
    return json.dumps({"$ref": "#/$defs/n0", "$defs": {**named, f"n{levels}": last}})


def chain(levels: int) -> str:
    nexts = {f"n{level}": {"anyOf": [{"$ref": f"#/$defs/n{level + 1}"}]} for level in range(levels)}
    return json.dumps({"$ref": "#/$defs/n0", "$defs": {**nexts, f"n{levels}": False}})


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (doubling(20, last=False), "it stands for more than 10000 schemas"),
        (doubling(20, last=True), "it stands for more than 10000 schemas"),
        (
            re.sub(r'"(n\d+)": {', r'"\1": {"$anchor": "\1", ', doubling(20, last=True)).replace("#/$defs/", "#"),
            "it stands",
        ),
        (chain(5_000), "it is deeper than 200 levels"),
        (
            chain(5_000).replace('"$ref": "#/$defs/n0"', '"properties": {"definitions": {"$ref": "#/$defs/n0"}}'),
            "it is",
        ),
    ],
)
def test_a_schema_that_would_make_endless_work_or_overflow_a_stack_is_refused(schema: str, reason: str) -> None:
    for take in (require_schema, compiled):
        with pytest.raises(Invalid) as caught:
            take(schema)
        assert str(caught.value).startswith(f"the schema can't be used: {reason}")


def test_what_a_schema_defines_counts_where_it_is_used() -> None:
    big: dict[str, Any] = {f"d{n}": {"properties": {f"p{m}": {} for m in range(100)}} for n in range(200)}
    compiled(json.dumps({"$ref": "#/$defs/d1", "$defs": big})).check(event(b"{}"))
    tree: dict[str, Any] = {"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}, "required": ["value"]}
    assert "at /left: " in misfit(json.dumps(tree), b'{"value": 1, "left": {}}')
    several = doubling(6, last=False)
    assert "fits none of the forms" in misfit(several, b"1")


@pytest.mark.parametrize("choice", ["anyOf", "oneOf"])
def test_deep_data_that_fits_no_branch_of_a_schema_of_itself_is_refused_at_once(choice: str) -> None:
    """Explaining it would go into each branch at each level: 2^60 times here."""
    parts = [{"op": {"const": op}, "of": {"$ref": "#"}} for op in "ab"]
    branches = [{"type": "object", "properties": part, "required": ["op", "of"]} for part in parts]
    schema = {choice: [*branches, {"type": "string"}]}
    compiled(json.dumps(schema)).check(event(b'{"op":"a","of":' * 60 + b'"x"' + b"}" * 60))
    data = b'{"op":"x","of":' * 60 + b'"x"' + b"}" * 60
    assert misfit(json.dumps(schema), data) == "data: it does not fit the schema of its type"


def refusal(do: Callable[[], object]) -> str:
    """The reason of an `Invalid`; empty where there is none."""
    try:
        do()
    except Invalid as error:
        return str(error)
    return ""


@given(st.text())
def test_any_text_is_a_schema_or_is_refused(text: str) -> None:
    assert refusal(lambda: require_schema(text)).isprintable()


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists), st.binary())
def test_any_data_fits_or_is_refused_in_one_line(document: Any, raw: bytes) -> None:
    schema = compiled(ORDER)
    for data in (json.dumps(document).encode(), raw):
        assert refusal(lambda data=data: schema.check(event(data))).isprintable()  # type: ignore[misc]
