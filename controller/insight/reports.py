"""Reads the dispatchers' reports: rows of the events that somebody asks for, and how each egress stands.

What can't be read as a report is passed over: the topic is nobody's truth.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from controller.insight.reading import reading
from eventing import outcomes
from eventing.errors import Invalid
from eventing.kafka import Admin, Scanner
from eventing.outcomes import Report, Row
from eventing.record import Record, Span

SLACK_MS = 60_000
"""How far a dispatcher's clock may be behind a sender's."""


class Place(NamedTuple):
    """Where a record lies."""

    topic: str
    partition: int
    offset: int


class Rows:
    """The last end and the last retry of each wanted record at each egress; nothing else is held, however much is read."""

    def __init__(self, places: Collection[Place], uids: Collection[str]) -> None:
        self._places = frozenset(places)
        self._uids = frozenset(uid.encode() for uid in uids)
        self._found: dict[tuple[Place, str], dict[bool, Row]] = {}

    def add(self, record: Record) -> None:
        """Take one report in; those of other egresses aren't even decoded."""
        # A job's egress has the uid of the one that it belongs to, a point, and more.
        if (record.key or b"").partition(b".")[0] not in self._uids:
            return
        try:
            report = outcomes.decode(record.value)
        except Invalid:
            return
        for row in report.rows:
            place = Place(report.topic, row.partition, row.offset)
            if place not in self._places:
                continue
            kept = self._found.setdefault((place, report.egress), {})
            retries = row.what == outcomes.RETRIES
            if retries not in kept or kept[retries].at_ms <= row.at_ms:
                kept[retries] = row

    def of(self, place: Place, uid: str) -> list[Row]:
        """What is written down of this record at this egress."""
        return list(self._found.get((place, uid), {}).values())

    def jobs_of(self, place: Place, uid: str) -> list[str]:
        """The uids of jobs of this egress that had the record too."""
        return sorted(one for where, one in self._found if where == place and one.startswith(f"{uid}."))


class Stretch(NamedTuple):
    """Reports to read: the spans, and whether they hold all since the asked time (none was forgotten since)."""

    spans: Mapping[int, Span]
    complete: bool


async def stretch(admin: Admin, topic: str, since_ms: int) -> Stretch:
    """The reports that were written since `since_ms` (Unix time); none where there is no such topic."""
    if await admin.topic(topic) is None:
        return Stretch({}, complete=True)
    everything, part = await admin.spans(topic), await admin.spans(topic, since_ms)
    complete = all(
        everything[number].first == 0 or span.first > everything[number].first for number, span in part.items()
    )
    return Stretch(part, complete)


@dataclass(frozen=True, slots=True)
class Activity:
    """How an egress stands by its last reports: events a second, in flight, waiting for a retry."""

    rate: float = 0.0
    in_flight: int = 0
    waiting: int = 0


async def activity(admin: Admin, scanner: Scanner, topic: str, now_ms: int, window_ms: int) -> Mapping[str, Activity]:
    """How each egress stands, by uid, over the last `window_ms`; what told nothing for so long is not there."""
    since_ms = now_ms - window_ms
    part = await stretch(admin, topic, since_ms)
    newest: dict[tuple[str, str], Report] = {}
    finished: dict[str, int] = {}
    async with reading(scanner, topic, part.spans) as batches:
        async for batch in batches:
            for record in batch:
                report = _head(record)
                if report is not None and report.at_ms >= since_ms:
                    finished[report.egress] = finished.get(report.egress, 0) + report.finished
                    newest[report.egress, report.dispatcher] = report
    found = {}
    for uid, count in finished.items():
        last = [report for (egress, _), report in newest.items() if egress == uid]
        standing = sum(report.in_flight for report in last), sum(report.waiting for report in last)
        found[uid] = Activity(round(count * 1000 / window_ms, 1), *standing)
    return found


def _head(record: Record) -> Report | None:
    try:
        return outcomes.head(record.value)
    except Invalid:
        return None
