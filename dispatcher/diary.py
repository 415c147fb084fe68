"""Writes down what becomes of each record, for `kanal trace` and `kanal lag`: one report an egress and interval.

A `Listener` that costs one tuple an event; every `interval_s` the tuples become reports in the outcome topic. It must never
stand in a delivery's way: where Kafka is slow or its queue full, rows are dropped and counted, and nothing waits. What is
dropped costs details in a trace; whether an event is finished is in its group's mark and never here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import structlog
from prometheus_client import Counter

from dispatcher.outcome import DeadLettered, Delivered, Discarded, Failed, Kept, Outcome, Replied, Standing, word_of
from eventing import outcomes
from eventing.errors import EventingError, Overloaded
from eventing.kafka import Admin, Appender
from eventing.outcomes import Report
from eventing.plan.model import Egress, TopicSpec
from eventing.record import Position, Record
from eventing.settings import Outcomes
from eventing.telemetry import Telemetry

ROWS_A_REPORT = 5_000
BYTES_A_REPORT = 500_000
ROWS_HELD = 200_000
REASON_CHARS = 200
STILL_THERE_S = 5.0
LAST_S = 2.0
_SHORTEST_S = 0.05
_NOTHING = Standing(0, 0)
_log = structlog.get_logger("dispatcher")
Standings = Callable[[], Mapping[str, Standing]]


def outcome_topic(name: str, settings: Outcomes, replicas: int) -> TopicSpec:
    """The topic for reports. Segments are small, since Kafka forgets nothing but whole ones."""
    kept_ms = int(settings.retention_h * 3_600_000)
    kept_bytes = settings.retention_mib * 1_048_576
    config = {
        "cleanup.policy": "delete",
        "compression.type": "zstd",
        "retention.ms": str(kept_ms),
        "retention.bytes": str(kept_bytes),
        "segment.ms": str(max(kept_ms // 8, 60_000)),
        "segment.bytes": str(min(max(kept_bytes // 8, 1_048_576), 1_073_741_824)),
    }
    return TopicSpec(name, 1, replicas, config)


class LostOutcomes:
    """How many rows were dropped."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._lost = Counter(
            "kanal_dispatcher_outcomes_lost",
            "Outcomes that were not written down for `kanal trace`, because Kafka took no more; no event is lost by that.",
            registry=telemetry.registry,
        )

    def __call__(self, rows: int) -> None:
        self._lost.inc(rows)


class _Page:
    """What one egress did since its last report."""

    __slots__ = ("egress", "finished", "rows", "told", "told_at", "uid")

    def __init__(self, uid: str, egress: Egress | None) -> None:
        self.uid = uid
        self.egress = egress
        self.rows: list[tuple[Any, ...]] = []
        self.finished = 0
        self.told = Standing(0, 0)
        self.told_at = 0.0


class Diary:
    """A `Listener`; `now` is Unix seconds, `lost` hears how many rows were dropped."""

    def __init__(
        self,
        appender: Appender,
        admin: Admin,
        topic: TopicSpec,
        *,
        keep: str,
        dispatcher: str,
        now: Callable[[], float],
        lost: Callable[[int], None],
    ) -> None:
        self._appender = appender
        self._admin = admin
        self._topic = topic
        self._all = keep == outcomes.KEEP_ALL
        self._dispatcher = dispatcher
        self._now = now
        self._lost = lost
        self._pages: dict[str, _Page] = {}
        self._turned: list[_Page] = []
        self._room = ROWS_HELD
        self._made = False

    def attempted(self, egress: Egress, record: Record, target: str, status: int | None, seconds: float) -> None:
        """See `Listener`; an attempt by itself is no news."""

    def waits(self, egress: Egress, record: Record, failed: Failed) -> None:
        """See `Listener`."""
        now = self._now()
        self._write(
            self._page(egress),
            record,
            outcomes.RETRIES,
            failed.status,
            failed.attempts,
            int(failed.seconds * 10_000) / 10,
            int(now * 1000),
            int((now + failed.wait_s) * 1000),
            failed.reason[:REASON_CHARS],
        )

    def ended(self, egress: Egress, record: Record, outcome: Outcome) -> None:
        """See `Listener`."""
        page = self._page(egress)
        page.finished += 1
        at_ms = int(self._now() * 1000)
        if isinstance(outcome, Delivered | Replied):
            if self._all:
                took_ms = int(outcome.seconds * 10_000) / 10
                self._write(page, record, word_of(outcome), outcome.status, outcome.attempts, took_ms, at_ms)
        elif isinstance(outcome, DeadLettered | Kept):
            reason = outcome.reason[:REASON_CHARS]
            self._write(page, record, word_of(outcome), outcome.status, outcome.attempts, 0, at_ms, 0, reason)
        elif isinstance(outcome, Discarded):
            self._write(page, record, word_of(outcome), None, 0, 0, at_ms, 0, outcome.reason[:REASON_CHARS])

    def passed_over(self, egress: Egress, records: int) -> None:
        """See `Listener`. Which ones that were follows from the filters, so it's not written down."""
        self._page(egress).finished += records

    async def run(self, standings: Standings, interval_s: float) -> None:
        """Write reports until cancelled."""
        while True:
            await asyncio.sleep(max(interval_s, _SHORTEST_S))
            try:
                await self.flush(standings())
            except Exception:  # noqa: BLE001  a defect here may cost a report and no delivery
                _log.exception("outcomes could not be written down")

    async def close(self, standings: Mapping[str, Standing]) -> None:
        """Write what is left, with little patience: nobody waits long for a report."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_S):
                await self.flush(standings)

    async def flush(self, standings: Mapping[str, Standing]) -> None:
        """Write what there is to tell. Waits for nothing but the making of the topic."""
        due = self._due(standings)
        if not due or not (self._made or await self._make()):
            return
        for page in due:
            standing = standings.get(page.uid, _NOTHING)
            for _ in range(len(page.rows) // ROWS_A_REPORT + 1):
                self._report(page, standing)
                await asyncio.sleep(0)
        self._turned = [page for page in self._turned if page.rows]
        for uid in [uid for uid, page in self._pages.items() if uid not in standings and not page.rows]:
            del self._pages[uid]

    def _page(self, egress: Egress) -> _Page:
        page = self._pages.get(egress.uid)
        if page is not None and page.egress is egress:
            return page
        return self._turn(egress, page)

    def _turn(self, egress: Egress, page: _Page | None) -> _Page:
        """The page of an egress that is new or has changed; rows of another topic stay on their own."""
        before = None if page is None else page.egress
        if page is not None and (before is None or (before.topic, before.topic_id) == (egress.topic, egress.topic_id)):
            page.egress = egress
            return page
        if page is not None and page.rows:
            self._turned.append(page)
        self._pages[egress.uid] = new = _Page(egress.uid, egress)
        return new

    def _write(self, page: _Page, record: Record, *rest: Any) -> None:
        if self._room > 0:
            self._room -= 1
            page.rows.append((record.partition, record.offset, *rest))
        else:
            self._lost(1)

    def _due(self, standings: Mapping[str, Standing]) -> list[_Page]:
        """The pages with something to tell: rows, an end, or that records are in flight or no longer are."""
        now = self._now()
        found = []
        for uid, standing in standings.items():
            if standing.in_flight and uid not in self._pages:
                self._pages[uid] = _Page(uid, None)
        for page in [*self._turned, *self._pages.values()]:
            standing = standings.get(page.uid, _NOTHING)
            emptied = page.told.in_flight > 0 and standing.in_flight == 0
            late = standing.in_flight > 0 and now - page.told_at >= STILL_THERE_S
            if page.rows or page.finished or emptied or late:
                found.append(page)
        return found

    async def _make(self) -> bool:
        try:
            await self._admin.create_topic(self._topic)
        except EventingError as error:
            _log.debug("the outcome topic could not be made yet", topic=self._topic.name, error=str(error))
            return False
        self._made = True
        return True

    def _report(self, page: _Page, standing: Standing) -> None:
        rows = page.rows[:ROWS_A_REPORT]
        del page.rows[:ROWS_A_REPORT]
        self._room += len(rows)
        finished, page.finished = page.finished, 0
        page.told, page.told_at = standing, self._now()
        egress = page.egress
        report = Report(
            page.uid,
            self._dispatcher,
            int(page.told_at * 1000),
            *standing,
            finished=finished,
            topic=egress.topic if egress else "",
            topic_id=egress.topic_id if egress else "",
        )
        self._append(report, rows)

    def _append(self, report: Report, rows: list[tuple[Any, ...]]) -> None:
        value = outcomes.encode_raw(report, rows)
        if len(value) > BYTES_A_REPORT and len(rows) > 1:
            self._append(report, rows[: len(rows) // 2])
            # What is finished was counted in the first half.
            self._append(replace(report, finished=0), rows[len(rows) // 2 :])
            return

        def done(outcome: Position | EventingError) -> None:
            if isinstance(outcome, EventingError):
                self._made = False
                self._lost(len(rows))

        try:
            self._appender.append(self._topic.name, report.egress.encode(), value, [], done)
        except EventingError as error:
            self._made = self._made and isinstance(error, Overloaded)
            self._lost(len(rows))
