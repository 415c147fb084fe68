"""Which old events a person means, and the marks with which a group delivers them again. Pure: offsets and times in, marks out.

A point is a time, an offset, the beginning or now. A replay in the own group of who gets them is nothing but another
mark: the offsets to deliver again become unfinished, everything that was unfinished stays so, and all else stays finished.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from eventing.errors import Invalid
from eventing.marks import finished_of, marked, stale
from eventing.record import Mark, Span, count

_OFFSET = re.compile(r"(?:([0-9]{1,9}):)?([0-9]{1,18})")
_AGO = re.compile(r"-?([0-9]{1,9})(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_TIMES = "write an RFC 3339 time, or an age such as 15m"
_FIX = "write an RFC 3339 time, an age such as 15m, an offset, PARTITION:OFFSET, beginning or now"


@dataclass(frozen=True, slots=True)
class Point:
    """A place in a topic: just one of a time (Unix milliseconds), offsets by partition (None: every one), or an edge."""

    since_ms: int | None = None
    offsets: Mapping[int | None, int] | None = None
    edge: str = ""


def point(texts: Sequence[str], now: datetime, where: str) -> Point:
    """The point that these words name: one word, or several `PARTITION:OFFSET`. Raises `Invalid`, naming `where`."""
    if not texts:
        raise Invalid("is empty", where=where, fix=_FIX)
    offsets: dict[int | None, int] = {}
    for text in texts:
        found = _OFFSET.fullmatch(text)
        if found is not None:
            offsets[None if found[1] is None else int(found[1])] = int(found[2])
        elif len(texts) > 1:
            raise Invalid(f"{text!r} is no PARTITION:OFFSET, the only thing that may come more than once", where=where)
    if offsets:
        return Point(offsets=offsets)
    text = texts[0]
    if text in ("beginning", "now"):
        return Point(edge=text)
    return Point(since_ms=unix_ms(text, now, where, "point in a topic", _FIX))


def unix_ms(text: str, now: datetime, where: str, what: str = "time", fix: str = _TIMES) -> int:
    """The time that an RFC 3339 text names, or an age before `now`, in Unix milliseconds. Raises `Invalid`."""
    try:
        ago = _AGO.fullmatch(text)
        when = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}) if ago else datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise Invalid(f"{text!r} is no {what}", where=where, fix=fix) from error
    if when.tzinfo is None:
        raise Invalid(f"{text!r} has no time zone", where=where, fix="write for instance 2026-11-25T02:30:00Z")
    return max(int(when.timestamp() * 1000), 0)


def offset_of(at: Point, partition: int, there: Span, since: Mapping[int, Span]) -> int | None:
    """The offset of a point in one partition; None where the point does not speak of it.

    `there` is where the partition's records lie, `since` where those lie that are not older than the point's time.
    """
    if at.offsets is not None:
        return at.offsets.get(partition, at.offsets.get(None))
    if at.since_ms is not None:
        return since[partition].first if partition in since else there.end
    return there.first if at.edge == "beginning" else there.end


def between(first: int | None, end: int | None, there: Span) -> Span:
    """The records from one offset to before another that are there; no `first`: none, no `end`: to the last one."""
    if first is None:
        return Span(there.end, there.end)
    begin = min(max(first, there.first), there.end)
    return Span(begin, max(min(there.end if end is None else end, there.end), begin))


def rewound(mark: Mark, span: Span, topic_id: str = "") -> Mark:
    """The mark that leaves unfinished what `mark` does and all of `span`; as far as it fits, see `repeated`."""
    first, finished = _asked(mark, span, topic_id)
    return marked(first, finished, topic_id)


def repeated(mark: Mark, span: Span, topic_id: str = "") -> int:
    """How many finished offsets outside of `span` come again, because Kafka's metadata has no room for their runs."""
    return count(_asked(mark, span, topic_id)[1]) - count(finished_of(rewound(mark, span, topic_id)))


def _asked(mark: Mark, span: Span, topic_id: str) -> tuple[int, list[Span]]:
    """The first unfinished offset, and the finished spans beyond it."""
    if stale(mark, topic_id):
        mark = Mark(0)
    finished = [Span(0, mark.offset), *finished_of(mark)] if mark.offset > 0 else list(finished_of(mark))
    if span.end > span.first:
        finished = list(_without(finished, span))
    first = 0
    if finished and finished[0].first == 0:
        first = finished.pop(0).end
    return first, finished


def _without(spans: Iterable[Span], hole: Span) -> Iterable[Span]:
    for span in spans:
        for part in (Span(span.first, min(span.end, hole.first)), Span(max(span.first, hole.end), span.end)):
            if part.end > part.first:
                yield part
