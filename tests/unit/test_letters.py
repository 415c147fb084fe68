"""A dead letter topic, read from its records: which letters are open, and which of them a person means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from control_stand import NOON
from hypothesis import given
from hypothesis import strategies as st

from eventing.codec import kafka as kafka_codec
from eventing.event import Event
from eventing.letters import Fold, Marker, Wanted, letter_in, marker, marker_in
from eventing.record import Record, Span, count

ALL = Wanted()


def letter(offset: int, **attributes: str) -> Record:
    event = Event({"specversion": "1.0", "id": f"e{offset}", "source": "/s", "type": "t.a", **attributes}, b"{}")
    key, value, headers = kafka_codec.to_record(event)
    return Record("graves", 0, offset, key, value, headers)


def handled(offset: int, of: int, outcome: str = "delivered") -> Record:
    return Record("graves", 0, offset, None, None, marker(of, outcome, "2026-11-25T12:00:00Z"))


def fold(records: list[Record], wanted: Wanted = ALL, **more: Any) -> Fold:
    found = Fold(Span(0, len(records)), wanted, **more)
    for record in records:
        found.add(record)
    return found


def test_a_marker_says_offset_outcome_and_time_and_is_no_letter() -> None:
    record = handled(7, 3)
    assert marker_in(record.headers) == Marker(3, "delivered", "2026-11-25T12:00:00Z")
    assert letter_in(record) is None


@pytest.mark.parametrize("offset", [b"", b"-1", b"x", "\uff11".encode(), b"\xff", None])
def test_headers_of_a_stranger_are_no_marker(offset: bytes | None) -> None:
    assert marker_in([("kanal_redelivered", offset)]) is None


def test_a_letter_with_a_marker_is_not_open_and_one_kept_again_is_a_new_letter() -> None:
    found = fold([letter(0), letter(1), letter(2), handled(3, 0), letter(4), handled(5, 2, "kept")])
    assert (found.spans(), found.chosen, found.handled) == ([Span(1, 2), Span(4, 5)], 2, 2)


def test_a_second_marker_and_one_that_points_at_nothing_count_for_nothing() -> None:
    found = fold([letter(0), handled(1, 0), handled(2, 0), handled(3, 999), handled(4, 4)])
    assert (found.chosen, found.handled) == (0, 1)


def test_handled_letters_can_be_asked_for_too() -> None:
    found = fold([letter(0), handled(1, 0), letter(2)], handled_too=True)
    assert (found.spans(), found.chosen, found.handled) == ([Span(0, 1), Span(2, 3)], 2, 1)


def test_a_record_that_is_no_event_is_no_letter() -> None:
    assert fold([Record("graves", 0, 0, None, b"?", [])]).chosen == 0


def test_the_newest_letters_are_the_last_ones() -> None:
    found = fold([letter(n) for n in range(20)])
    assert found.spans(3) == [Span(17, 20)]
    assert found.spans(0) == []
    assert found.spans(99) == [Span(0, 20)]


@given(st.lists(st.integers(-1, 40), max_size=60))
def test_open_letters_are_those_that_no_later_marker_names(kinds: list[int]) -> None:
    records = [letter(n) if of < 0 else handled(n, of) for n, of in enumerate(kinds)]
    closed = {of for n, of in enumerate(kinds) if 0 <= of < n}
    expected = [n for n, of in enumerate(kinds) if of < 0 and n not in closed]
    found = fold(records)
    assert [offset for span in found.spans() for offset in range(*span)] == expected
    assert found.chosen == count(found.spans()) == len(expected)
    assert [n for n in range(-2, len(kinds) + 2) if found.has(n)] == expected


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (Wanted(type="t.a", source="/s", id="e0"), True),
        (Wanted(type="t.b"), False),
        (Wanted(source="/"), False),
        (Wanted(code="500"), True),
        (Wanted(code="50"), False),
        (Wanted(reason="ANSWERED 5"), True),
        (Wanted(reason="refused"), False),
        (Wanted(since=NOON), True),
        (Wanted(since=NOON + timedelta(seconds=1)), False),
        (Wanted(until=NOON), False),
        (Wanted(until=NOON + timedelta(seconds=1)), True),
        (Wanted(offsets=frozenset({0})), True),
        (Wanted(offsets=frozenset({1})), False),
    ],
)
def test_a_letter_is_wanted_when_it_fits_every_field_that_is_set(wanted: Wanted, fits: bool) -> None:
    told = {"knativeerrorcode": "500", "kanalreason": "subscriber answered 500"}
    found = letter_in(letter(0, kanallastattempt="2026-11-25T12:00:00.000Z", **told))
    assert found is not None
    assert wanted.fits(found) is fits


@pytest.mark.parametrize("time", ["", "yesterday", "2026-11-25T12:00:00"])
def test_a_letter_whose_time_is_unknown_fits_no_time(time: str) -> None:
    found = letter_in(letter(0, kanallastattempt=time))
    assert found is not None
    assert not Wanted(since=datetime(1970, 1, 1, tzinfo=UTC)).fits(found)
