"""What is said of an event at a subscription, for every way in which marks, reports and dead letters can stand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.insight.verdict import COMMITTED_WITHIN_MS, Facts, KeptLetter, Verdict, verdict
from eventing.marks import marked
from eventing.outcomes import Row
from eventing.record import Mark, Position, Span

NOW = 1_000_000_000
BASE = Facts(Position(0, 10), Mark(5), "id1", (), True, "all", "running", None, NOW)
PASSED = Mark(11)
TRIED = Row(0, 10, "retries", 503, 2, 4.5, NOW - 100, NOW + 900, "answered 503")
LETTER = KeptLetter(3, NOW - 50, "answered 500")
HANDLED = replace(LETTER, outcome="dead_lettered", outcome_time="2026-01-01T00:00:00Z")


def end(what: str, status: int | None = 202, at_ms: int = NOW - 10, reason: str = "") -> Row:
    return Row(0, 10, what, status, 3, 4.5, at_ms, 0, reason)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (replace(BASE), Verdict("queued", note="5 unfinished before it in its partition")),
        (replace(BASE, mark=Mark(10)), Verdict("queued", note="next in its partition")),
        (
            replace(BASE, mark=marked(5, [Span(6, 10)], "id1")),
            Verdict("queued", note="1 unfinished before it in its partition"),
        ),
        (replace(BASE, mark=None), Verdict("queued", note="the group has no offset in this partition yet")),
        (
            replace(BASE, mark=marked(90, (), "older")),
            Verdict("queued", note="the group has no offset in this partition yet"),
        ),
        (replace(BASE, pace="paused"), Verdict("queued", note="the delivery is paused")),
        (
            replace(BASE, refusal="type is a"),
            Verdict("queued", note="5 unfinished before it in its partition; the filters will pass it over: type is a"),
        ),
        (replace(BASE, refusal=""), Verdict("queued", note="5 unfinished before it in its partition")),
        (replace(BASE, pace="held"), Verdict("queued", note="its offsets are being set")),
        (replace(BASE, rows=[TRIED]), Verdict("waiting", 503, 2, 4.5, NOW - 100, NOW + 900, "answered 503")),
        (
            replace(BASE, rows=[TRIED._replace(next_ms=NOW)]),
            Verdict("waiting", 503, 2, 4.5, NOW - 100, NOW, "answered 503", "the next attempt is due or under way"),
        ),
        (
            replace(BASE, rows=[TRIED], pace="paused"),
            Verdict("waiting", 503, 2, 4.5, NOW - 100, NOW + 900, "answered 503", "the delivery is paused"),
        ),
    ],
)
def test_an_event_that_is_not_finished(facts: Facts, expected: Verdict) -> None:
    assert verdict(facts) == expected


@pytest.mark.parametrize(
    ("what", "state"),
    [
        ("delivered", "delivered"),
        ("replied", "replied"),
        ("dead_lettered", "dead-lettered"),
        ("kept", "kept"),
        ("discarded", "discarded"),
        ("a newer word", "a newer word"),
    ],
)
@pytest.mark.parametrize("mark", [PASSED, marked(5, [Span(9, 12)], "id1")], ids=["prefix", "beyond"])
def test_an_end_that_is_written_down_is_told(mark: Mark, what: str, state: str) -> None:
    facts = replace(BASE, mark=mark, rows=[TRIED, end(what, reason="why")])
    assert verdict(facts) == Verdict(state, 202, 3, 4.5, NOW - 10, 0, "why")


def test_an_end_counts_before_its_commit_and_a_mark_that_never_tells_of_it_was_set_back() -> None:
    assert verdict(replace(BASE, rows=[end("delivered")])).note == ""
    late = replace(BASE, rows=[end("delivered", at_ms=NOW - COMMITTED_WITHIN_MS - 1)])
    assert verdict(late).state == "delivered"
    assert verdict(late).note == "the group's offsets were set back, so it is delivered again"


def test_a_retry_after_an_end_is_a_delivery_under_way_again() -> None:
    assert verdict(replace(BASE, rows=[end("delivered", at_ms=NOW - 500), TRIED])).state == "waiting"


def test_of_two_ends_the_newer_one_counts() -> None:
    ends = [end("delivered", at_ms=NOW - 10), end("dead_lettered", at_ms=NOW - 90)]
    assert verdict(replace(BASE, mark=PASSED, rows=ends)).state == "delivered"


@pytest.mark.parametrize(
    ("facts", "state", "note"),
    [
        (BASE, "finished", "no dispatcher told of it: the delivery began after it"),
        (replace(BASE, refusal=""), "finished", "no dispatcher told of it: other filters passed it over"),
        (replace(BASE, complete=False), "finished", "details are older than what is kept"),
        (replace(BASE, keep="failures"), "delivered", "no failure is written down"),
        (replace(BASE, keep="failures", complete=False), "finished", "details are older"),
        (replace(BASE, keep="none"), "finished", "nothing is written down"),
        (replace(BASE, rows=[TRIED]), "finished", "how it ended is not written down"),
        (replace(BASE, letter=LETTER, complete=False), "kept", ""),
        (replace(BASE, letter=HANDLED), "kept", "redelivered since: dead-lettered at 2026-01-01T00:00:00Z"),
    ],
)
def test_a_finished_event_of_which_nothing_is_written_down(facts: Facts, state: str, note: str) -> None:
    found = verdict(replace(facts, mark=PASSED))
    assert found.state == state
    assert found.note.startswith(note)
    assert bool(found.note) is bool(note)


@pytest.mark.parametrize(
    ("facts", "state", "note"),
    [
        (BASE, "filtered out", ""),
        (replace(BASE, keep="failures"), "filtered out", ""),
        (replace(BASE, keep="none"), "would be filtered out", "nothing is written down"),
        (replace(BASE, complete=False), "would be filtered out", "details are older than what is kept"),
    ],
)
def test_an_event_that_the_filters_refuse_was_passed_over_unless_nobody_knows_what_they_were(
    facts: Facts, state: str, note: str
) -> None:
    found = verdict(replace(facts, mark=PASSED, refusal="type is a"))
    assert (found.state, found.reason) == (state, "type is a")
    assert found.note.startswith(note)
    assert bool(found.note) is bool(note)


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (replace(BASE, mark=PASSED, rows=[end("delivered")]), "delivered"),
        (replace(BASE, mark=PASSED, letter=LETTER), "kept"),
        (replace(BASE, mark=PASSED, rows=[TRIED]), "finished"),
        (replace(BASE, rows=[TRIED]), "waiting"),
    ],
)
def test_what_the_filters_refuse_today_and_let_pass_before_is_told_as_it_went(facts: Facts, state: str) -> None:
    assert verdict(replace(facts, refusal="type is a")).state == state


def test_a_kept_event_tells_what_became_of_its_letter() -> None:
    kept = [end("kept", 500, reason="answered 500")]
    assert verdict(replace(BASE, mark=PASSED, rows=kept, letter=LETTER)).note == ""
    since = verdict(replace(BASE, mark=PASSED, rows=kept, letter=HANDLED))
    assert (since.state, since.note) == ("kept", "redelivered since: dead-lettered at 2026-01-01T00:00:00Z")
