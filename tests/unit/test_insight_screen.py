"""Why a trigger's filters pass a record over, in the one line that a trace has for it."""

from __future__ import annotations

from typing import Any

import pytest

from controller.insight.screen import Screen
from eventing.record import Record

EVENT = [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/s"), ("ce_type", b"t.a")]
A = {"exact": {"type": "t.a"}}
B = {"exact": {"type": "t.b"}}
NOT_B = 'exact: type must be "t.b"; type is "t.a"'


def refusal(*filters: dict[str, Any]) -> str | None:
    return Screen(filters).refusal(Record("t", 0, 0, None, b"{}", tuple(EVENT), 0))


def test_without_filters_there_is_nothing_to_say_and_what_passes_has_no_reason() -> None:
    assert refusal() is None
    assert refusal(A, {"prefix": {"source": "/"}}) == ""


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ([B], NOT_B),
        ([{"attributes": {"type": "t.b"}}], NOT_B.replace("exact", "attributes")),
        ([A, B], f"all of 2 filters must pass ({NOT_B})"),
        ([{"any": [B, B]}], f"any: at least one of these must pass ({NOT_B}, {NOT_B})"),
        ([{"any": [B] * 5}], f"any: at least one of these must pass ({NOT_B}, {NOT_B}, {NOT_B}, 2 more)"),
        ([{"all": [A, B]}], f"all: each of these must pass ({NOT_B})"),
        ([{"not": A}], 'not: this must not pass (exact: type must be "t.a"; type is "t.a")'),
    ],
)
def test_the_line_names_just_what_failed(filters: list[dict[str, Any]], told: str) -> None:
    assert refusal(*filters) == told


def test_an_expression_is_told_with_the_attributes_that_it_read() -> None:
    told = refusal({"cesql": "type = 't.b'"})
    assert told is not None
    assert told.endswith('(type is "t.a")')
