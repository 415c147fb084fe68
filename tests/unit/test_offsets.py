"""What is committed: never past an unfinished record, and nothing finished is delivered again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dispatcher.offsets import Progress
from eventing.marks import METADATA_BYTES, finished_of, marked
from eventing.record import Mark, Span


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, list[int], list[int]]:
    """A first offset, the offsets that began (with gaps, as transactions leave them), and those finished, in any order."""
    first = draw(st.integers(0, 10**12))
    steps = draw(st.lists(st.sampled_from([1, 1, 1, 2, 7]), min_size=1, max_size=200))
    begun = [first + sum(steps[: i + 1]) - 1 for i in range(len(steps))]
    finished = draw(st.lists(st.sampled_from(begun), unique=True))
    return first, begun, finished


def progress_of(first: int, begun: list[int], finished: list[int]) -> Progress:
    progress = Progress(Mark(first))
    assert all(progress.begin(offset) for offset in begun)
    for offset in finished:
        progress.finish(offset)
    return progress


@given(histories())
def test_the_mark_never_passes_an_unfinished_offset(history: tuple[int, list[int], list[int]]) -> None:
    first, begun, finished = history
    mark = progress_of(first, begun, finished).mark()
    unfinished = [offset for offset in begun if offset not in finished]
    assert mark.offset == (min(unfinished) if unfinished else begun[-1] + 1)


@given(histories())
def test_a_successor_delivers_just_what_was_unfinished(history: tuple[int, list[int], list[int]]) -> None:
    first, begun, finished = history
    mark = progress_of(first, begun, finished).mark()
    successor = Progress(mark)
    again = [offset for offset in begun if offset >= mark.offset and successor.begin(offset)]
    assert again == [offset for offset in begun if offset not in finished]


@given(histories(), st.data())
def test_a_third_generation_remembers_what_the_first_finished(
    history: tuple[int, list[int], list[int]], data: st.DataObject
) -> None:
    first, begun, finished = history
    second = Progress(progress_of(first, begun, finished).mark())
    seen = data.draw(st.integers(0, len(begun)))
    again = [offset for offset in begun[:seen] if second.begin(offset)]
    done = data.draw(st.lists(st.sampled_from(again), unique=True)) if again else []
    for offset in done:
        second.finish(offset)
    mark = second.mark()
    third = Progress(mark)
    rest = [offset for offset in begun if offset >= mark.offset and third.begin(offset)]
    assert rest == [offset for offset in begun if offset not in finished and offset not in done]


def test_metadata_stays_within_kafkas_limit_and_drops_the_furthest_runs_first() -> None:
    begun = list(range(20_000))
    mark = progress_of(0, begun, begun[1::2]).mark()
    assert len(mark.metadata) <= METADATA_BYTES
    successor = Progress(mark)
    again = [offset for offset in begun if successor.begin(offset)]
    skipped = sorted(set(begun) - set(again))
    assert len(skipped) > 1_000
    assert skipped == begun[1::2][: len(skipped)]


def test_metadata_of_others_is_no_reason_to_skip_anything() -> None:
    for metadata in ("", "hello", "k1:", "k1::!!", "k1::gICA", "k2::AAAA"):
        progress = Progress(Mark(5, metadata))
        assert progress.begin(5)


def test_a_record_seen_twice_is_begun_once() -> None:
    progress = Progress(Mark(3))
    assert progress.begin(3)
    assert not progress.begin(3)
    assert not progress.begin(2)
    assert progress.unfinished == 1


def test_a_group_without_an_offset_starts_where_its_first_record_is() -> None:
    progress = Progress(Mark(-1))
    assert progress.begin(41)
    progress.finish(41)
    assert progress.mark() == Mark(42)


def test_a_mark_says_of_which_topic_it_is() -> None:
    progress = Progress(Mark(3), "abc")
    assert progress.begin(3)
    assert progress.mark() == marked(3, (), "abc")


def test_only_the_offsets_that_a_job_names_are_begun_and_the_others_count_as_finished() -> None:
    progress = Progress(Mark(2), only=[Span(3, 5), Span(8, 9)])
    assert [offset for offset in range(2, 12) if progress.begin(offset)] == [3, 4, 8]
    progress.finish(3)
    progress.finish(4)
    assert progress.mark() == marked(8, [Span(9, 12)])


def test_progress_is_describable_as_long_as_one_mark_can_hold_all_that_is_finished() -> None:
    """A solid block of unfinished offsets costs one run, however long; a gap each costs one each."""
    solid = progress_of(0, list(range(20_000)), [19_999])
    assert solid.describable
    begun = list(range(4_000))
    holes = progress_of(0, begun, begun[1::2])
    assert not holes.describable
    for offset in begun[0:2_000:2]:
        holes.finish(offset)
    assert holes.describable
    successor = Progress(holes.mark())
    assert [o for o in begun[2_000:] if successor.begin(o)] == begun[2_000::2]


def test_what_was_inherited_counts_as_well_and_never_stops_the_reading_by_itself() -> None:
    runs = [Span(n * 200 + 1, n * 200 + 2) for n in range(850)]
    inherited = marked(0, runs, "t" * 36)
    assert finished_of(inherited) == tuple(runs)
    progress = Progress(inherited, "t" * 36)
    assert progress.describable
    for offset in range(1_300):
        if progress.begin(offset) and offset % 2:
            progress.finish(offset)
        if progress.describable:
            assert sum(span.end - span.first for span in finished_of(progress.mark())) == told(progress)
    assert not progress.describable


def told(progress: Progress) -> int:
    return sum(span.end - span.first for span in progress._finished())


def test_what_is_passed_over_counts_as_such_only_where_it_would_have_been_begun() -> None:
    progress = Progress(marked(0, [Span(2, 4)]), only=[Span(0, 5)])
    assert [progress.pass_over(offset) for offset in (0, 0, 1, 2, 3, 4, 5, 6)] == [
        True, False, True, False, False, True, False, False,
    ]  # fmt: skip
    assert progress.mark() == marked(7, [])
