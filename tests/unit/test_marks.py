"""What a mark remembers comes back whole, never outgrows Kafka's limit, and counts only in its own topic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventing.marks import METADATA_BYTES, finished_of, marked, stale, topic_id_of, unfinished
from eventing.record import Mark, Span

KAFKA_LIMIT_BYTES = 4_096
topic_ids = st.text("abcXYZ019+/-_=", max_size=22)


@st.composite
def runs(draw: st.DrawFn, most: int = 100) -> tuple[int, list[Span]]:
    """A first offset and spans beyond it, ascending and not touching."""
    first = at = draw(st.integers(0, 2**62))
    spans = []
    numbers = st.one_of(st.integers(1, 300), st.integers(1, 2**40))
    for gap, length in draw(st.lists(st.tuples(numbers, numbers), max_size=most)):
        spans.append(Span(at + gap, at + gap + length))
        at += gap + length
    return first, spans


@given(runs(), topic_ids)
def test_what_fits_comes_back_as_it_was(history: tuple[int, list[Span]], topic_id: str) -> None:
    first, spans = history
    mark = marked(first, spans, topic_id)
    assert mark.offset == first
    assert topic_id_of(mark) == topic_id
    assert finished_of(mark) == tuple(spans)


@given(runs(), topic_ids)
def test_unfinished_counts_what_no_span_covers(history: tuple[int, list[Span]], topic_id: str) -> None:
    first, spans = history
    mark = marked(first, spans, topic_id)
    end = spans[-1].end if spans else first
    covered = sum(span.end - span.first for span in spans)
    assert unfinished(mark, end + 5) == end + 5 - first - covered
    assert unfinished(mark, end) == end - first - covered
    assert unfinished(mark, first) == 0
    assert unfinished(mark, first - 1) == 0


def test_unfinished_counts_a_span_only_as_far_as_the_end() -> None:
    assert [unfinished(marked(10, [Span(12, 20)]), end) for end in (11, 12, 13, 20, 21)] == [1, 2, 2, 2, 3]


@pytest.mark.parametrize("step", [2, 300, 2**40])
def test_what_does_not_fit_is_left_out_furthest_first(step: int) -> None:
    spans = [Span(n * step, n * step + step // 2) for n in range(1, 5_000)]
    mark = marked(0, spans, "x" * 22)
    kept = finished_of(mark)
    assert 200 < len(kept) < len(spans)
    assert kept == tuple(spans[: len(kept)])
    assert len(mark.metadata) <= METADATA_BYTES < KAFKA_LIMIT_BYTES


@given(st.text(max_size=60))
def test_metadata_of_somebody_else_says_nothing(text: str) -> None:
    if not text.startswith("k1:"):
        assert finished_of(Mark(5, text)) == ()
        assert topic_id_of(Mark(5, text)) == ""


@given(st.text(max_size=60))
def test_metadata_that_is_broken_is_read_without_an_error(text: str) -> None:
    for metadata in (f"k1:{text}", f"k1:id:{text}"):
        mark = Mark(5, metadata)
        assert all(5 <= span.first <= span.end for span in finished_of(mark))
        assert unfinished(mark, 10) <= 5


def test_a_mark_with_nothing_to_remember_has_no_metadata() -> None:
    assert marked(7, []) == Mark(7)


def test_a_mark_is_stale_only_where_both_ids_are_known_and_differ() -> None:
    ours = marked(7, [], "a")
    assert stale(ours, "b")
    assert not stale(ours, "a")
    assert not stale(ours, "")
    assert not stale(Mark(7), "a")
    assert not stale(Mark(7, "k1:AQE="), "a")
