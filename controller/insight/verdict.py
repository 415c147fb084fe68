"""What became of one event at one subscription or trigger: a function of what Kafka says. Pure; `trace` gathers the facts.

Two witnesses: the group's mark knows for certain whether the event is finished and nothing of how; the reports know how, are
forgotten after a while and may be lost. Where they disagree, the mark decides what will happen and the report what happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eventing import marks, outcomes
from eventing.outcomes import Row
from eventing.plan.model import Pace
from eventing.record import Mark, Position

FILTERED_OUT, WOULD_BE_FILTERED = "filtered out", "would be filtered out"
COMMITTED_WITHIN_MS = 30_000
"""A mark that does not tell of an end after this long will never do so."""
_STATES = {word: word.replace("_", "-") for word in (outcomes.DEAD_LETTERED, outcomes.DISCARDED)}
_STATES |= {word: word for word in (outcomes.DELIVERED, outcomes.REPLIED, outcomes.KEPT)}
_OLD = "details are older than what is kept"
_ONLY_FAILURES = "no failure is written down, and only failures are (setting outcomes.keep)"
_NOTHING_KEPT = "nothing is written down (setting outcomes.keep), so how it ended is not known"
_UNTOLD = "no dispatcher told of it: {} began after it, its offsets were set past it, or the report is still to come or was lost"
_BEGAN, _FILTERED = "the delivery", "other filters passed it over, the delivery"
_UNTOLD_END = "how it ended is not written down, or not yet"
_AGAIN = "the group's offsets were set back, so it is delivered again"


@dataclass(frozen=True, slots=True)
class KeptLetter:
    """A dead letter of this event: where it lies, why, and what became of it since (empty while it is open)."""

    offset: int
    at_ms: int
    reason: str = ""
    outcome: str = ""
    outcome_time: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of one event at one subscription or trigger.

    `rows` are what the reports say of it, in any order; `complete` says whether the reports reach back to the event, and
    `keep` is the setting `outcomes.keep`. A `mark` of None: the group has committed nothing in the event's partition.
    `refusal` is why today's filters pass the event over: None where there are none, empty where they let it pass.
    """

    position: Position
    mark: Mark | None
    topic_id: str
    rows: Sequence[Row]
    complete: bool
    keep: str
    pace: Pace
    letter: KeptLetter | None
    now_ms: int
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state in one word (`docs/insight.md` explains each), with what is known of it.

    Times are Unix milliseconds, 0 where there is none; `status` is None where no answer came or none is known.
    """

    state: str
    status: int | None = None
    attempts: int = 0
    took_ms: float = 0
    at_ms: int = 0
    next_ms: int = 0
    reason: str = ""
    note: str = ""


def verdict(facts: Facts) -> Verdict:
    """What became of the event, or what it waits for."""
    last = max(facts.rows, key=lambda row: (row.at_ms, row.what != outcomes.RETRIES), default=None)
    finished = is_finished(facts)
    if last is not None and last.what != outcomes.RETRIES:
        again = not finished and facts.now_ms - last.at_ms > COMMITTED_WITHIN_MS
        return _ended(last, facts, _AGAIN if again else "")
    if finished:
        return _finished_untold(facts, last)
    if last is not None:
        due = "" if last.next_ms > facts.now_ms else "the next attempt is due or under way"
        return _of(last, "waiting", _paced(facts.pace) or due)
    note = _paced(facts.pace) or _behind(facts)
    return Verdict("queued", note=f"{note}; the filters will pass it over: {facts.refusal}" if facts.refusal else note)


def is_finished(facts: Facts) -> bool:
    """Whether the group's mark says that nothing more will be done for the event."""
    mark, offset = facts.mark, facts.position.offset
    if mark is None or marks.stale(mark, facts.topic_id):
        return False
    return offset < mark.offset or any(span.first <= offset < span.end for span in marks.finished_of(mark))


def _ended(row: Row, facts: Facts, note: str) -> Verdict:
    if row.what == outcomes.KEPT and facts.letter is not None:
        note = "; ".join(filter(None, (_since(facts.letter), note)))
    return _of(row, _STATES.get(row.what, row.what), note)


def _finished_untold(facts: Facts, last: Row | None) -> Verdict:
    letter = facts.letter
    if letter is not None:
        return Verdict("kept", at_ms=letter.at_ms, reason=letter.reason, note=_since(letter))
    if last is not None:
        return _of(last, "finished", _UNTOLD_END)
    if facts.refusal:
        return _refused(facts)
    if facts.keep == outcomes.KEEP_NONE:
        return Verdict("finished", note=_NOTHING_KEPT)
    if not facts.complete:
        return Verdict("finished", note=_OLD)
    if facts.keep == outcomes.KEEP_FAILURES:
        return Verdict("delivered", note=_ONLY_FAILURES)
    return Verdict("finished", note=_UNTOLD.format(_BEGAN if facts.refusal is None else _FILTERED))


def _refused(facts: Facts) -> Verdict:
    """Passed over by its filters, unless others were in force and what they let through is not known any more."""
    if facts.keep == outcomes.KEEP_NONE:
        return Verdict(WOULD_BE_FILTERED, reason=facts.refusal or "", note=_NOTHING_KEPT)
    if not facts.complete:
        return Verdict(WOULD_BE_FILTERED, reason=facts.refusal or "", note=_OLD)
    return Verdict(FILTERED_OUT, reason=facts.refusal or "")


def _since(letter: KeptLetter) -> str:
    """What became of a letter; a discarded one was not sent to anybody."""
    if not letter.outcome:
        return ""
    word = _STATES.get(letter.outcome, letter.outcome)
    return f"{'' if letter.outcome == outcomes.DISCARDED else 'redelivered since: '}{word} at {letter.outcome_time}"


def _of(row: Row, state: str, note: str) -> Verdict:
    return Verdict(state, row.status, row.attempts, row.took_ms, row.at_ms, row.next_ms, row.reason, note)


def _paced(pace: Pace) -> str:
    return {"paused": "the delivery is paused", "held": "its offsets are being set", "running": ""}[pace]


def _behind(facts: Facts) -> str:
    mark = facts.mark
    if mark is None or marks.stale(mark, facts.topic_id):
        return "the group has no offset in this partition yet"
    before = marks.unfinished(mark, facts.position.offset)
    return f"{before:,} unfinished before it in its partition" if before else "next in its partition"
