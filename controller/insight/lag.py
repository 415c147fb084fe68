"""How subscriptions and triggers stand: what is unfinished and since when, how fast it goes, what waits, what was given up.

Unfinished events are counted by each group's mark against the ends of its topic, so they are exact however deliveries are
spread over dispatchers; rate, in flight and waiting come from the dispatchers' last reports.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from controller.insight.backlog import Backlog, Open
from controller.insight.reading import reading
from controller.insight.reports import Activity, activity
from eventing import marks
from eventing.errors import EventingError
from eventing.kafka import Admin, Scanner
from eventing.plan.model import Egress
from eventing.record import Mark, Span

AT_ONCE = 8
WINDOW_MS = 15_000
_A_FEW = 16


@dataclass(frozen=True, slots=True)
class Lag:
    """One subscription or trigger. `oldest_ms` (Unix time) is when its oldest unfinished event was accepted, 0 for none.

    `rate` is events finished a second; it, `in_flight` and `waiting` are None where no dispatcher told of it lately.
    `dead_letters` are open ones, at most so many where `dead_letters_exact` is false. `problem` says why the rest is empty.
    """

    kind: str
    namespace: str
    name: str
    topic: str
    group: str
    pace: str
    lag: int = 0
    oldest_ms: int = 0
    rate: float | None = None
    in_flight: int | None = None
    waiting: int | None = None
    dead_letters: int = 0
    dead_letters_exact: bool = True
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Behind:
    """What is unfinished in one partition: how many offsets, and the first one."""

    unfinished: int
    first: int


def behind(mark: Mark | None, there: Span, topic_id: str = "") -> Behind:
    """What a mark leaves unfinished of the records that are there; one of a topic that is gone counts for nothing."""
    if mark is None or marks.stale(mark, topic_id):
        mark = Mark(there.first)
    first = max(mark.offset, there.first)
    for span in marks.finished_of(mark):
        if span.first <= first < span.end:
            first = span.end
    return Behind(marks.unfinished_in(mark, [there]), first)


class Gauger:
    """Measures subscriptions and triggers; `now` is Unix seconds, `interval_s` how often dispatchers report."""

    def __init__(
        self, admin: Admin, scanner: Scanner, outcome_topic: str, interval_s: float, now: Callable[[], float]
    ) -> None:
        self._admin = admin
        self._scanner = scanner
        self._outcome_topic = outcome_topic
        self._window_ms = max(WINDOW_MS, int(interval_s * 3_000))
        self._now = now
        self._backlog = Backlog(admin, scanner)
        self._limit = asyncio.Semaphore(AT_ONCE)

    async def lag(self, egresses: Iterable[Egress]) -> list[Lag]:
        """How each of these stands, by namespace, kind and name. Raises where Kafka's reports can't be read at all."""
        now_ms = int(self._now() * 1000)
        wanted = sorted(egresses, key=lambda egress: (egress.namespace, egress.kind, egress.name, egress.uid))
        active = await activity(self._admin, self._scanner, self._outcome_topic, now_ms, self._window_ms)
        return list(await asyncio.gather(*(self._one(egress, active) for egress in wanted)))

    async def _one(self, egress: Egress, active: Mapping[str, Activity]) -> Lag:
        named = egress.kind, egress.namespace, egress.name, egress.topic, egress.group, egress.pace
        seen = active.get(egress.uid)
        async with self._limit:
            try:
                by_partition = await self._behind(egress)
                oldest_ms = await self._oldest(egress.topic, by_partition)
                open_ = await self._backlog.open(egress.dead_letter_topic) if egress.dead_letter_topic else Open(0)
            except EventingError as error:
                return Lag(*named, problem=str(error))
        return Lag(
            *named,
            sum(one.unfinished for one in by_partition.values()),
            oldest_ms,
            seen.rate if seen else None,
            seen.in_flight if seen else None,
            seen.waiting if seen else None,
            open_.letters,
            open_.exact,
        )

    async def _behind(self, egress: Egress) -> Mapping[int, Behind]:
        # The ends come after the marks, else what is finished in between would count as less than nothing.
        state = await self._admin.topic(egress.topic)
        set_ = await self._admin.marks(egress.group, egress.topic)
        spans = await self._admin.spans(egress.topic)
        topic_id = state.id if state else ""
        return {partition: behind(set_.get(partition), span, topic_id) for partition, span in spans.items()}

    async def _oldest(self, topic: str, by_partition: Mapping[int, Behind]) -> int:
        """When the oldest of the first unfinished records was accepted; offsets may have gaps, so a few are looked at."""
        times = []
        for partition, one in by_partition.items():
            if not one.unfinished:
                continue
            span = Span(one.first, one.first + min(one.unfinished, _A_FEW))
            async with reading(self._scanner, topic, {partition: span}) as batches:
                async for batch in batches:
                    times += [record.timestamp_ms for record in batch[:1]]
                    break
        return min(times, default=0)
