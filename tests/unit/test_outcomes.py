"""Reports in the outcome topic: they come back as they went, and what is no report is told."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventing import outcomes
from eventing.errors import Invalid
from eventing.outcomes import Report, Row, checked_keep, decode, encode, encode_raw, head

NUMBERS = st.integers(0, 2**53)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
ROWS = st.builds(
    Row,
    NUMBERS,
    NUMBERS,
    st.sampled_from([outcomes.DELIVERED, outcomes.RETRIES, outcomes.KEPT]),
    st.none() | st.integers(100, 599),
    NUMBERS,
    st.floats(0, 1e6),
    NUMBERS,
    NUMBERS,
    TEXTS,
)
REPORTS = st.builds(
    Report, TEXTS, TEXTS, NUMBERS, NUMBERS, NUMBERS, st.lists(ROWS, max_size=5).map(tuple), NUMBERS, TEXTS, TEXTS
)


@given(REPORTS)
def test_a_report_comes_back_as_it_went(report: Report) -> None:
    assert decode(encode(report)) == report


@given(REPORTS)
def test_the_head_is_the_report_without_its_rows(report: Report) -> None:
    told = head(encode(report))
    assert (told.egress, told.at_ms, told.in_flight, told.finished) == (
        report.egress,
        report.at_ms,
        report.in_flight,
        report.finished,
    )
    assert told.rows == ()


def test_a_row_may_leave_out_what_stands_at_its_default_and_may_say_more_than_we_know() -> None:
    report = Report("uid", "d", 1, 0, 0)
    short, long = (0, 7, "delivered", 202, 1, 3.2, 99), (0, 8, "kept", 500, 3, 0, 99, 0, "no", "what comes later")
    rows = decode(encode_raw(report, [short, long])).rows
    assert rows == (Row(*short), Row(*long[:9]))


@pytest.mark.parametrize("value", [None, b"", b"{}", b"[]", b'{"rows":[]}', b"\xff", b'{"a":1,"rows":[]}', b"7"])
def test_what_is_no_report_is_invalid(value: bytes | None) -> None:
    for read in (decode, head):
        with pytest.raises(Invalid, match="no report"):
            read(value)


@pytest.mark.parametrize("rows", [[[1]], [5], "text"])
def test_rows_that_are_none_are_invalid(rows: object) -> None:
    document = orjson.loads(encode(Report("uid", "d", 1, 0, 0))) | {"rows": rows}
    with pytest.raises(Invalid, match="no report"):
        decode(orjson.dumps(document))


def test_a_wrong_word_for_what_is_kept_names_the_right_ones() -> None:
    assert [checked_keep(word) for word in ("all", "failures", "none")] == ["all", "failures", "none"]
    with pytest.raises(Invalid, match=r"outcomes\.keep: 'some' is no choice; use all, failures or none"):
        checked_keep("some")
