"""Which offsets a replay means, and the marks that make a group deliver just those again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from control_stand import NOON
from hypothesis import given
from hypothesis import strategies as st

from controller.replay import Point, between, offset_of, point, repeated, rewound, unix_ms
from eventing.errors import Invalid
from eventing.marks import finished_of, marked, topic_id_of
from eventing.record import Mark, Span

TOP = 400


def unfinished(mark: Mark) -> set[int]:
    finished = {offset for span in finished_of(mark) for offset in range(*span)}
    return {offset for offset in range(mark.offset, TOP) if offset not in finished}


@st.composite
def marks(draw: st.DrawFn) -> Mark:
    at = offset = draw(st.integers(0, 100))
    runs = []
    for gap, length in draw(st.lists(st.tuples(st.integers(1, 10), st.integers(1, 10)), max_size=5)):
        runs.append(Span(at + gap, at + gap + length))
        at += gap + length
    return marked(offset, runs, draw(st.sampled_from(["", "id"])))


@given(marks(), st.integers(0, 200), st.integers(0, 60))
def test_unfinished_is_what_was_so_before_and_all_that_is_replayed(mark: Mark, first: int, length: int) -> None:
    span = Span(first, first + length)
    after = rewound(mark, span, "id")
    assert unfinished(after) == unfinished(mark) | set(range(*span))
    assert repeated(mark, span, "id") == 0
    assert topic_id_of(after) == "id"


def test_a_mark_of_a_topic_that_is_gone_counts_for_nothing() -> None:
    assert rewound(marked(50, [Span(60, 70)], "old"), Span(10, 20), "new").offset == 0


def test_runs_for_which_the_metadata_has_no_room_come_again_and_are_counted() -> None:
    apart = 1_000_000
    full = marked(0, [Span(n * apart, n * apart + 1) for n in range(1, 10_000)])
    assert 0 < len(finished_of(full)) < 9_999
    assert repeated(full, Span(apart, apart + 1)) == 0
    assert repeated(Mark(10**12, full.metadata), Span(0, 1)) > 0


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["beginning"], Point(edge="beginning")),
        (["now"], Point(edge="now")),
        (["17"], Point(offsets={None: 17})),
        (["0:5", "2:7"], Point(offsets={0: 5, 2: 7})),
        (["1", "2:7"], Point(offsets={None: 1, 2: 7})),
        (["2026-11-25T12:00:00Z"], Point(since_ms=int(NOON.timestamp() * 1000))),
        (["2026-11-25T13:00:00.5+01:00"], Point(since_ms=int(NOON.timestamp() * 1000) + 500)),
        (["-2h"], Point(since_ms=int((NOON - timedelta(hours=2)).timestamp() * 1000))),
        (["15m"], Point(since_ms=int((NOON - timedelta(minutes=15)).timestamp() * 1000))),
    ],
)
def test_a_point_is_a_time_an_age_an_offset_or_an_edge(texts: list[str], expected: Point) -> None:
    assert point(texts, NOON, "--from") == expected


@pytest.mark.parametrize(
    "texts", [[], ["soon"], [""], ["-5"], ["1:"], ["5", "now"], ["2026-11-25"], ["2026-11-25T12:00"]]
)
def test_anything_else_is_refused_with_the_option_and_what_could_be_written(texts: list[str]) -> None:
    with pytest.raises(Invalid) as caught:
        point(texts, NOON, "--from")
    assert caught.value.where == "--from"


def test_an_age_before_all_time_is_refused() -> None:
    with pytest.raises(Invalid):
        point(["999999999d"], datetime(2026, 1, 1, tzinfo=UTC), "--from")


def test_where_only_a_time_is_meant_an_age_or_rfc_3339_is_taken_and_nothing_else() -> None:
    noon = int(NOON.timestamp() * 1000)
    ages = {"30s": 30, "5m": 300, "1h": 3_600, "2d": 172_800}
    assert {text: (noon - unix_ms(text, NOON, "--since")) / 1000 for text in ages} == ages
    assert unix_ms("2026-11-25T12:00:00Z", NOON, "--since") == noon
    for text in ("", "h", "1", "1y", "1.5h", "\u0661h", "beginning", "0:1"):
        with pytest.raises(Invalid, match=r"--since: .* is no time; write an RFC 3339 time, or an age"):
            unix_ms(text, NOON, "--since")


def test_a_point_is_an_offset_in_each_partition_of_which_it_speaks() -> None:
    there, since = Span(10, 20), {0: Span(15, 20)}
    assert offset_of(Point(edge="beginning"), 0, there, {}) == 10
    assert offset_of(Point(edge="now"), 0, there, {}) == 20
    assert offset_of(Point(since_ms=1), 0, there, since) == 15
    assert offset_of(Point(offsets={0: 12}), 0, there, {}) == 12
    assert offset_of(Point(offsets={0: 12}), 1, there, {}) is None
    assert offset_of(Point(offsets={None: 3, 0: 12}), 1, there, {}) == 3


@pytest.mark.parametrize(
    ("first", "end", "expected"),
    [
        (12, 15, (12, 15)),
        (0, 99, (10, 20)),
        (15, 12, (15, 15)),
        (None, 15, (20, 20)),
        (12, None, (12, 20)),
        (30, 40, (20, 20)),
    ],
)
def test_a_span_lies_within_what_is_there(first: int | None, end: int | None, expected: tuple[int, int]) -> None:
    assert between(first, end, Span(10, 20)) == Span(*expected)
