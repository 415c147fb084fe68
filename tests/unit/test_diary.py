"""The diary writes what becomes of records into the outcome topic, and never stands in the way of a delivery."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest
from memory_kafka import MemoryKafka
from raw_http import until

from dispatcher import diary as module
from dispatcher.diary import Diary, outcome_topic
from dispatcher.outcome import DeadLettered, Delivered, Discarded, Failed, Kept, Replied, Standing
from eventing.errors import EventingError, Overloaded, Unavailable
from eventing.kafka import Done
from eventing.outcomes import Report, Row, decode
from eventing.plan.model import Egress, TopicSpec
from eventing.record import Headers, Record
from eventing.settings import Outcomes

EGRESS = Egress("uid", "Subscription", "ns", "s1", "t", "g", "http://s/", "graves", topic_id="id1")
IDLE: Mapping[str, Standing] = {}


def at(offset: int, topic: str = "t") -> Record:
    return Record(topic, 0, offset, None, b"", [])


class Stand:
    """A diary with a Kafka that can refuse, and a clock that stands still unless moved."""

    def __init__(self, keep: str = "all") -> None:
        self.kafka = MemoryKafka()
        self.now = 1_000.0
        self.lost = 0
        self.made: list[TopicSpec] = []
        self.refusal: EventingError | None = None
        self.no_topics: EventingError | None = None
        self._appender, self._admin = self.kafka.appender(), self.kafka.admin()
        topic = outcome_topic("o", Outcomes(), 1)
        self.diary = Diary(self, self, topic, keep=keep, dispatcher="d1", now=lambda: self.now, lost=self._lose)  # type: ignore[arg-type]

    def append(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, done: Done) -> None:
        if self.refusal is not None:
            raise self.refusal
        self._appender.append(topic, key, value, headers, done)

    async def create_topic(self, spec: TopicSpec) -> None:
        if self.no_topics is not None:
            raise self.no_topics
        self.made.append(spec)
        await self._admin.create_topic(spec)

    def _lose(self, rows: int) -> None:
        self.lost += rows

    async def reports(self, standings: Mapping[str, Standing] = IDLE) -> list[Report]:
        """What a flush writes."""
        before = len(self.kafka.records("o"))
        await self.diary.flush(standings)
        return [decode(record.value) for record in self.kafka.records("o")[before:]]


async def test_every_end_and_every_retry_is_a_row() -> None:
    stand = Stand()
    stand.diary.waits(EGRESS, at(1), Failed("subscriber", 503, 2, 0.01234, "subscriber answered 503", 4.0))
    for offset, outcome in enumerate(
        [
            Delivered(202, 1, 0.0051),
            Replied(200, 3, 0.1),
            DeadLettered("answered 500", 4, 500),
            Kept("no answer", 5, None),
            Discarded("no event"),
        ],
        start=2,
    ):
        stand.diary.ended(EGRESS, at(offset), outcome)
    stand.diary.passed_over(EGRESS, 1)
    [report] = await stand.reports({"uid": Standing(3, 1)})
    assert (report.egress, report.dispatcher, report.topic, report.topic_id) == ("uid", "d1", "t", "id1")
    assert (report.at_ms, report.in_flight, report.waiting, report.finished) == (1_000_000, 3, 1, 6)
    assert report.rows == (
        Row(0, 1, "retries", 503, 2, 12.3, 1_000_000, 1_004_000, "subscriber answered 503"),
        Row(0, 2, "delivered", 202, 1, 5.1, 1_000_000),
        Row(0, 3, "replied", 200, 3, 100.0, 1_000_000),
        Row(0, 4, "dead_lettered", 500, 4, 0, 1_000_000, 0, "answered 500"),
        Row(0, 5, "kept", None, 5, 0, 1_000_000, 0, "no answer"),
        Row(0, 6, "discarded", None, 0, 0, 1_000_000, 0, "no event"),
    )
    assert await stand.reports() == [replace(report, rows=(), in_flight=0, waiting=0, finished=0, topic="t")]
    assert await stand.reports() == []


async def test_with_failures_only_what_went_well_is_counted_and_has_no_row() -> None:
    stand = Stand("failures")
    stand.diary.ended(EGRESS, at(1), Delivered(202, 1, 0.1))
    stand.diary.passed_over(EGRESS, 1)
    stand.diary.ended(EGRESS, at(3), Kept("no", 1, 500))
    [report] = await stand.reports()
    assert report.finished == 3
    assert [row.what for row in report.rows] == ["kept"]


async def test_what_is_in_flight_is_told_at_once_then_every_five_seconds_and_when_it_is_over() -> None:
    stand = Stand()
    busy = {"uid": Standing(2, 1)}
    assert [(r.in_flight, r.waiting) for r in await stand.reports(busy)] == [(2, 1)]
    assert await stand.reports(busy) == []
    stand.now += module.STILL_THERE_S
    assert [r.in_flight for r in await stand.reports(busy)] == [2]
    assert [r.in_flight for r in await stand.reports({"uid": Standing(0, 0)})] == [0]
    assert await stand.reports(IDLE) == []


async def test_the_topic_is_made_on_first_use_and_again_after_a_failure() -> None:
    stand = Stand()
    assert await stand.reports() == []
    assert stand.made == []
    stand.no_topics = Unavailable("not now")
    stand.diary.ended(EGRESS, at(1), Delivered(202, 1, 0.1))
    assert await stand.reports() == []
    stand.no_topics = None
    [report] = await stand.reports()
    assert len(report.rows) == 1
    [spec] = stand.made
    assert (spec.name, spec.partitions, spec.config["retention.ms"]) == ("o", 1, "86400000")
    stand.kafka.delete_topic("o")
    stand.diary.ended(EGRESS, at(2), Delivered(202, 1, 0.1))
    await stand.reports()
    await until(lambda: stand.lost == 1)
    stand.diary.ended(EGRESS, at(3), Delivered(202, 1, 0.1))
    assert [row.offset for report in await stand.reports() for row in report.rows] == [3]
    assert stand.lost == 1


async def test_the_last_report_waits_for_kafka_no_longer_than_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    stand = Stand()
    stand.diary.ended(EGRESS, at(1), Delivered(202, 1, 0.1))
    await stand.diary.close(IDLE)
    assert len(stand.kafka.records("o")) == 1
    stand = Stand()
    monkeypatch.setattr(module, "LAST_S", 0.0)
    monkeypatch.setattr(stand, "create_topic", lambda _: asyncio.Event().wait())
    stand.diary.ended(EGRESS, at(1), Delivered(202, 1, 0.1))
    await stand.diary.close(IDLE)
    assert stand.kafka.records("o") == []


async def test_what_kafka_does_not_take_is_dropped_and_counted() -> None:
    stand = Stand()
    for refusal in (Overloaded("full"), Unavailable("closing")):
        stand.refusal = refusal
        stand.diary.ended(EGRESS, at(1), Delivered(202, 1, 0.1))
        stand.diary.ended(EGRESS, at(2), Delivered(202, 1, 0.1))
        assert await stand.reports() == []
    assert stand.lost == 4
    stand.refusal = None
    assert await stand.reports() == []


async def test_rows_that_wait_are_bounded() -> None:
    stand = Stand()
    stand.diary._room = 3
    for offset in range(5):
        stand.diary.ended(EGRESS, at(offset), Delivered(202, 1, 0.1))
    assert stand.lost == 2
    [report] = await stand.reports()
    assert (len(report.rows), report.finished) == (3, 5)
    stand.diary.ended(EGRESS, at(9), Delivered(202, 1, 0.1))
    assert stand.lost == 2


async def test_many_rows_are_several_reports_and_long_ones_too() -> None:
    stand = Stand()
    for offset in range(module.ROWS_A_REPORT + 1):
        stand.diary.ended(EGRESS, at(offset), Delivered(202, 1, 0.1))
    assert [(len(r.rows), r.finished) for r in await stand.reports()] == [(5_000, 5_001), (1, 0)]
    for offset in range(module.ROWS_A_REPORT):
        stand.diary.ended(EGRESS, at(offset), Kept("\x00" * 1_000, 1, 500))
    before = len(stand.kafka.records("o"))
    reports = await stand.reports()
    assert sum(len(report.rows) for report in reports) == module.ROWS_A_REPORT
    assert sum(report.finished for report in reports) == module.ROWS_A_REPORT
    sizes = [len(record.value or b"") for record in stand.kafka.records("o")[before:]]
    assert len(sizes) > 1
    assert max(sizes) <= module.BYTES_A_REPORT


async def test_rows_of_a_topic_that_was_made_again_are_not_mixed() -> None:
    stand = Stand()
    stand.diary.ended(EGRESS, at(1), Delivered(202, 1, 0.1))
    stand.diary.ended(replace(EGRESS, subscriber="http://other/"), at(2), Delivered(202, 1, 0.1))
    stand.diary.ended(replace(EGRESS, topic_id="id2"), at(1), Delivered(202, 1, 0.1))
    told = {report.topic_id: [row.offset for row in report.rows] for report in await stand.reports()}
    assert told == {"id1": [1, 2], "id2": [1]}


async def test_it_writes_at_each_interval_and_a_defect_ends_nothing() -> None:
    stand = Stand()
    broken = [True]

    def standings() -> Mapping[str, Standing]:
        if broken.pop() if broken else False:
            raise RuntimeError
        return IDLE

    task = asyncio.ensure_future(stand.diary.run(standings, 0.0))
    stand.diary.ended(EGRESS, at(1), Delivered(202, 1, 0.1))
    await until(lambda: stand.kafka.records("o"))
    task.cancel()
    await asyncio.wait([task])
    assert not broken
