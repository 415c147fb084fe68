"""Filters as documents: what each dialect lets through, and what is no filter."""

from __future__ import annotations

import json as stdlib_json
from typing import Any

import pytest

from eventing.codec import http, json
from eventing.errors import Invalid
from eventing.filters import Lookup, compile_filters
from eventing.filters.check import MAX_BYTES, MAX_DEPTH, attribute_faults, faults

EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "/orders",
    "type": "com.example.created",
    "the": "42",
    "time": "2026-11-25T02:30:00.123456789Z",
    "empty": "",
}


def passes(*documents: dict[str, Any], **more: str) -> bool:
    return compile_filters(documents)((EVENT | more).get)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"exact": {"type": "com.example.created"}}, True),
        ({"exact": {"type": "com.example.Created"}}, False),
        ({"exact": {"type": "com.example.created", "source": "/orders"}}, True),
        ({"exact": {"type": "com.example.created", "source": "/order"}}, False),
        ({"exact": {"type": "com.example.created", "source": "/orders", "the": "42"}}, True),
        ({"exact": {"type": "com.example.created", "source": "/orders", "the": "43"}}, False),
        ({"exact": {"subject": "a"}}, False),
        ({"prefix": {"type": "com.example."}}, True),
        ({"prefix": {"type": "example."}}, False),
        ({"prefix": {"type": "com.", "subject": "a"}}, False),
        ({"suffix": {"type": ".created"}}, True),
        ({"suffix": {"type": ".deleted"}}, False),
        ({"suffix": {"subject": "a"}}, False),
        ({"all": [{"exact": {"the": "42"}}, {"prefix": {"type": "com"}}]}, True),
        ({"all": [{"exact": {"the": "42"}}, {"prefix": {"type": "org"}}]}, False),
        ({"any": [{"exact": {"the": "43"}}, {"prefix": {"type": "com"}}]}, True),
        ({"any": [{"exact": {"the": "43"}}, {"prefix": {"type": "org"}}]}, False),
        ({"any": [{"exact": {"the": "41"}}, {"exact": {"the": "42"}}]}, True),
        ({"any": [{"exact": {"the": "41"}}, {"exact": {"the": "43"}}]}, False),
        ({"any": [{"exact": {"subject": "41"}}, {"exact": {"subject": "42"}}]}, False),
        ({"any": [{"exact": {"the": "41"}}, {"exact": {"type": "com.example.created"}}]}, True),
        ({"any": [{"exact": {"the": "42", "type": "b"}}, {"exact": {"the": "43"}}]}, False),
        ({"not": {"exact": {"the": "43"}}}, True),
        ({"not": {"any": [{"exact": {"the": "43"}}, {"exact": {"the": "42"}}]}}, False),
        ({"cesql": "the = 42 AND type LIKE '%.created'"}, True),
        ({"cesql": "the = 43"}, False),
        ({"cesql": "type"}, False),
        ({"cesql": "missingattr = 'x'"}, False),
        ({"cesql": "missingattr != 'x'"}, False),
        ({"not": {"cesql": "missingattr = 'x'"}}, True),
        ({"attributes": {"type": "com.example.created", "source": ""}}, True),
        ({"attributes": {"type": ""}}, True),
        ({"attributes": {"empty": ""}}, True),
        ({"attributes": {"subject": ""}}, False),
        ({"attributes": {"type": "com.example"}}, False),
        ({"attributes": {}}, True),
    ],
    ids=str,
)
def test_a_document_lets_through_what_its_dialect_says(document: dict[str, Any], expected: bool) -> None:
    assert passes(document) is expected
    assert passes({"not": document}) is not expected


def test_all_documents_of_the_list_must_pass_and_an_empty_list_lets_everything_through() -> None:
    yes, no = {"exact": {"the": "42"}}, {"exact": {"the": "43"}}
    assert passes()
    assert passes(yes, yes, yes)
    assert not passes(yes, no)
    assert not passes(yes, yes, no)


def test_a_missing_attribute_fits_no_exact_prefix_or_suffix_and_so_not_of_them_passes() -> None:
    for dialect in ("exact", "prefix", "suffix"):
        assert passes({"not": {dialect: {"subject": "a"}}})
        assert not passes({"not": {dialect: {"subject": "a"}}}, subject="a")


def test_a_number_is_compared_as_the_text_that_it_is_in_both_content_modes() -> None:
    wanted = compile_filters([{"exact": {"the": "42"}}])
    core = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
    structured = json.decode(stdlib_json.dumps(core | {"the": 42}).encode())
    (binary,) = http.decode([(b"ce-" + name.encode(), v.encode()) for name, v in (core | {"the": "42"}).items()], b"")
    assert wanted(structured.attributes.get)
    assert wanted(binary.attributes.get)


def test_a_time_is_compared_as_it_is_written() -> None:
    assert passes({"exact": {"time": "2026-11-25T02:30:00.123456789Z"}})
    assert not passes({"exact": {"time": "2026-11-25T03:30:00.123456789+01:00"}})


def test_the_value_of_an_extension_keeps_its_case() -> None:
    assert passes({"exact": {"foo": "Bar"}}, foo="Bar")
    assert not passes({"exact": {"foo": "bar"}}, foo="Bar")


def test_a_filter_asks_only_for_the_attributes_that_it_needs() -> None:
    asked: list[str] = []

    def lookup(name: str) -> str | None:
        asked.append(name)
        return EVENT.get(name)

    wanted = compile_filters(
        [{"exact": {"type": "other", "source": "/orders"}}, {"cesql": "the = 42 OR subject = 'a'"}]
    )
    assert not wanted(lookup)
    assert asked == ["type"]
    asked.clear()
    assert compile_filters([{"cesql": "the = 42 OR subject = 'a'"}])(lookup)
    assert asked == ["the"]


def test_documents_are_not_read_again_once_they_are_compiled() -> None:
    inner: dict[str, Any] = {"exact": {"the": "42"}}
    document = {"any": [inner, {"prefix": {"type": "org"}}]}
    wanted = compile_filters([document])
    inner["exact"]["the"] = "43"
    document.clear()
    assert wanted(EVENT.get)


@pytest.mark.parametrize(
    ("filters", "place", "message", "fix"),
    [
        ([{"and": [{"exact": {"type": "a"}}]}], "[0].and", "'and' is no dialect", "write all"),
        ([{"Exact": {"type": "a"}}], "[0].Exact", "'Exact' is no dialect", "write exact"),
        ([{"sufix": {"type": "a"}}], "[0].sufix", "'sufix' is no dialect", "write suffix"),
        ([{"attributes": {"type": "a"}}], "[0].attributes", "'attributes' is no dialect", "write exact"),
        ([{"xyzzy": 1}], "[0].xyzzy", "'xyzzy' is no dialect", "write one of exact, prefix"),
        ([{7: 1}], "[0].7", "'7' is no dialect", "write one of"),
        ([{}], "[0]", "is empty", "leave it out"),
        ([None], "[0]", "is no filter", "write one of"),
        (["type"], "[0]", "is no filter", "write one of"),
        ({"exact": {"type": "a"}}, "", "is no list", "write a list"),
        ("cesql", "", "is no list", "write a list"),
        ([{"exact": {"type": "a"}, "prefix": {"type": "a"}}], "[0]", "holds exact and prefix", "a filter for each"),
        ([{"exact": {}}], "[0].exact", "names no attribute", "write for instance"),
        ([{"exact": None}], "[0].exact", "names no attribute", "write for instance"),
        ([{"exact": "type"}], "[0].exact", "names no attribute", "write for instance"),
        ([{"prefix": {"type": ""}}], "[0].prefix.type", "is empty", "EXISTS type"),
        ([{"suffix": {"Type": "a"}}], "[0].suffix.Type", "'Type' is no attribute name", "use only"),
        ([{"exact": {"my-name": "a"}}], "[0].exact.my-name", "'my-name' is no attribute name", "use only"),
        ([{"exact": {"é": "a"}}], "[0].exact.\\xe9", "is no attribute name", "use only"),
        ([{"exact": {"": "a"}}], "[0].exact.", "is no attribute name", "use only"),
        ([{"exact": {"type\n": "a"}}], "[0].exact.type\\n", "is no attribute name", "use only"),
        ([{"exact": {"the": 42}}], "[0].exact.the", "is no text", '"42"'),
        ([{"exact": {"the": True}}], "[0].exact.the", "is no text", '"true"'),
        ([{"exact": {"the": None}}], "[0].exact.the", "is no text", "quotes"),
        ([{"all": []}], "[0].all", "no list of at least one", "below all"),
        ([{"any": {"exact": {"type": "a"}}}], "[0].any", "no list of at least one", "below any"),
        ([{"any": [{"exact": {"type": "a"}}, {"or": []}]}], "[0].any[1].or", "'or' is no dialect", "write any"),
        ([{"not": [{"exact": {"type": "a"}}]}], "[0].not", "is a list", "one filter"),
        ([{"not": {}}], "[0].not", "is empty", "write one of"),
        ([{"not": {"exact": {"type": "a"}, "prefix": {"type": "b"}}}], "[0].not", "holds exact and prefix", "for each"),
        ([{"cesql": ""}], "[0].cesql", "column 1: expected", "write for instance"),
        ([{"cesql": None}], "[0].cesql", "is no text", "write an expression"),
        ([{"cesql": "type == 'x'"}], "[0].cesql", "column 7: expected", "write one ="),
        ([{"cesql": "type = LENGHT(id)"}], "[0].cesql", "column 8: there is no function LENGHT", "use LENGTH"),
        ([{"cesql": "LEFT(id) = 'a'"}], "[0].cesql", "column 1: LEFT can't take 1 argument", "give it 2"),
        ([{"exact": {"type": "a"}}, {"cesql": "("}], "[1].cesql", "column 2", "write for instance"),
    ],
    ids=str,
)
def test_what_is_no_filter_is_told_with_its_place_and_a_fix_and_is_never_compiled(
    filters: Any, place: str, message: str, fix: str
) -> None:
    (fault,) = faults(filters)
    assert fault.place("") == place
    assert message in fault.message
    assert fix in fault.fix
    if place != "[0].attributes":
        with pytest.raises(Invalid) as refused:
            compile_filters(filters)
        assert refused.value.field == f"filters{place}"


def test_each_fault_is_told() -> None:
    found = faults([{"exact": {"A": "", "b": 1}}, {}, {"all": [{"not": {}}, {"cesql": "FOO() = BAR()"}]}])
    assert [fault.path for fault in found] == [
        (0, "exact", "A"),
        (0, "exact", "A"),
        (0, "exact", "b"),
        (1,),
        (2, "all", 0, "not"),
        (2, "all", 1, "cesql"),
        (2, "all", 1, "cesql"),
    ]


def test_no_filters_have_no_fault() -> None:
    assert faults(None) == faults([]) == []
    assert faults([{"not": {"any": [{"exact": {"a1": "x"}}, {"cesql": "LENGTH(id) = 3"}]}}]) == []


def test_the_older_attributes_may_be_empty_texts_but_not_other_names() -> None:
    assert attribute_faults({"type": "", "source": "a"}) == attribute_faults({}) == []
    found = attribute_faults({"Type": "", "my-name": "b", "the": 42}, ("spec", "filter", "attributes"))
    assert [fault.path[-1] for fault in found] == ["Type", "my-name", "the"]
    assert found[0].path == ("spec", "filter", "attributes", "Type")
    with pytest.raises(Invalid, match=r"filters\[0\]\.attributes\.Type"):
        compile_filters([{"attributes": {"Type": ""}}])


def nested(depth: int, dialect: str = "not") -> dict[str, Any]:
    document: dict[str, Any] = {"exact": {"the": "42"}}
    for _ in range(depth):
        document = {dialect: document if dialect == "not" else [document]}
    return document


def test_filters_may_stand_in_each_other_as_deep_as_the_limit_and_deeper_is_refused() -> None:
    for dialect in ("not", "all"):
        assert faults([nested(MAX_DEPTH - 1, dialect)]) == []
        assert passes(nested(MAX_DEPTH - 1, dialect)) is (dialect == "all")
        for depth in (MAX_DEPTH, 5000):
            (fault,) = faults([nested(depth, dialect)])
            assert f"deeper than {MAX_DEPTH}" in fault.message


def test_a_lookup_of_any_kind_serves() -> None:
    lookup: Lookup = {"type": "a"}.get
    assert compile_filters([{"exact": {"type": "a"}}])(lookup)


def test_filters_have_a_size_because_the_plan_of_everybody_else_travels_with_them() -> None:
    many = [{"any": [{"exact": {"type": f"com.example.{n}"}} for n in range(20_000)]}]
    (fault,) = faults(many)
    assert f"more than {MAX_BYTES}" in fault.message
    (fault,) = attribute_faults({f"a{n}": "x" * 1_000 for n in range(1_000)})
    assert f"more than {MAX_BYTES}" in fault.message
    with pytest.raises(Invalid, match="more than"):
        compile_filters(many)
    assert faults([{"any": [{"exact": {"type": f"com.example.{n}"}} for n in range(2_000)]}]) == []
