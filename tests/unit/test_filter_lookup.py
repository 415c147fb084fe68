"""The lazy look at a record's attributes agrees with the event that the record holds."""

from __future__ import annotations

import pytest
from event_strategies import events
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventing.codec import json, kafka
from eventing.errors import Invalid
from eventing.event import Event

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The machine may be busy with something else."""

HEADERS = [
    ("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/s"), ("ce_type", b"t"), ("content-type", b"a/b"),
]  # fmt: skip


@unhurried
@given(events(), st.booleans())
def test_a_lookup_finds_what_the_whole_event_has(event: Event, structured: bool) -> None:
    _, value, headers = kafka.to_record(event)
    if structured:
        headers, value = [("content-type", b"application/cloudevents+json")], json.encode(event)
    find = kafka.lookup(headers, value)
    whole = kafka.from_record(headers, value)
    names = [*event.attributes, "datacontenttype", "subject", "nothing"]
    assert [find(name) for name in names] == [whole.attributes.get(name) for name in names]
    assert [find(name) for name in names] == [whole.attributes.get(name) for name in names]


@unhurried
@given(st.permutations(range(5)), st.lists(st.sampled_from(["ce_", "CE_", "Ce_", "cE_"]), min_size=5, max_size=5))
def test_the_case_and_the_order_of_headers_do_not_matter(order: list[int], prefixes: list[str]) -> None:
    headers = [
        (name.replace("ce_", prefix).replace("content", "Content" if prefix == "CE_" else "content"), value)
        for (name, value), prefix in zip([HEADERS[place] for place in order], prefixes, strict=True)
    ]
    find = kafka.lookup([*headers, ("traceparent", b"x"), ("CE_MyExt", b"Y")], None)
    assert [find(name) for name in ("type", "datacontenttype", "id", "myext", "subject")] == [
        "t",
        "a/b",
        "1",
        "Y",
        None,
    ]


def test_nothing_is_decoded_that_is_not_asked_for_and_nothing_twice() -> None:
    class Counting(bytes):
        decoded = 0

        def decode(self, *_: str) -> str:  # type: ignore[override]
            self.decoded += 1
            return str(bytes(self), "utf-8")

    asked, unasked = Counting(b"a"), Counting(b"b")
    find = kafka.lookup([*HEADERS, ("ce_asked", asked), ("ce_unasked", unasked)], None)
    assert [find("asked") for _ in range(3)] == ["a"] * 3
    assert (asked.decoded, unasked.decoded) == (1, 0)


@pytest.mark.parametrize(
    ("headers", "name", "expected"),
    [
        ([*HEADERS, ("ce_a", b"1"), ("ce_a", b"1")], "a", None),
        ([*HEADERS, ("ce_a", b"1"), ("CE_A", b"2"), ("ce_a", b"3")], "b", None),
        ([*HEADERS, ("ce_a", b"1"), ("ce_a", b"2"), ("ce_a", b"3")], "a", None),
        ([*HEADERS, ("ce_a", b"1"), ("ce_a", b"1")], "type", "t"),
        ([*HEADERS, ("ce_a", b"\xff")], "a", None),
        ([*HEADERS, ("ce_a", None)], "a", None),
        ([*HEADERS, ("ce_a", None), ("ce_a", b"1")], "a", "1"),
        ([*HEADERS, ("ce_datacontenttype", b"c/d")], "datacontenttype", "a/b"),
        ([*HEADERS[:4], ("ce_datacontenttype", b"c/d")], "datacontenttype", None),
        ([*HEADERS[:4], ("content-type", b"")], "datacontenttype", None),
        ([*HEADERS[:4], ("content-type", b"\xff")], "datacontenttype", None),
        ([*HEADERS, ("content-type", b"e/f")], "datacontenttype", "e/f"),
        ([*HEADERS, ("type", b"x"), ("cetype", b"x")], "type", "t"),
        ([], "type", None),
    ],
)
def test_what_is_no_attribute_is_missing(
    headers: list[tuple[str, bytes | None]], name: str, expected: str | None
) -> None:
    assert kafka.lookup(headers, None)(name) == expected
    try:
        whole = kafka.from_record(headers, None)
    except Invalid:
        return
    assert whole.attributes.get(name) == expected


@pytest.mark.parametrize("value", [None, b"{", b'{"type": 1}', b"\xff"])
def test_a_structured_record_that_is_broken_has_no_attributes_at_all(value: bytes | None) -> None:
    find = kafka.lookup([("content-type", b"Application/CloudEvents+JSON"), ("ce_type", b"t")], value)
    assert [find(name) for name in ("type", "datacontenttype", "id")] == [None, None, None]
    with pytest.raises(Invalid):
        kafka.from_record([("content-type", b"Application/CloudEvents+JSON"), ("ce_type", b"t")], value)
