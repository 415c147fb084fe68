"""The memory twin against the contract of the log port."""

from __future__ import annotations

import pytest
from log_contract import AppendingCases, TopicCases
from log_holding import HoldingCases
from log_marks import GroupCases
from log_readers import ReadingCases, SharingCases
from log_scans import ScanningCases
from memory_kafka import MemoryAppender, MemoryKafka, MemoryReader
from raw_http import until

from eventing.errors import Overloaded, Unavailable
from eventing.kafka import ReaderListener, appended
from eventing.plan.model import TopicSpec
from eventing.record import Position


class MemoryLog:
    prefix = "test"

    def __init__(self) -> None:
        self.kafka = MemoryKafka()
        self.appender = self.kafka.appender()
        self.admin = self.kafka.admin()
        self.scanner = self.kafka.scanner()

    async def delete_topic(self, name: str) -> None:
        self.kafka.delete_topic(name)

    def another_appender(self) -> MemoryAppender:
        return self.kafka.appender()

    def reader(self, topic: str, group: str, listener: ReaderListener, topic_id: str = "") -> MemoryReader:
        return self.kafka.reader(topic, group, listener, topic_id)


class TestMemory(AppendingCases, TopicCases, GroupCases, ReadingCases, SharingCases, HoldingCases, ScanningCases):
    @pytest.fixture
    def log(self) -> MemoryLog:
        return MemoryLog()


async def test_held_acknowledgements_fill_the_queue_and_come_in_order_when_released() -> None:
    kafka = MemoryKafka()
    appender = kafka.appender(queue_events=2)
    await kafka.admin().create_topic(TopicSpec("t"))
    kafka.hold()
    outcomes: list[object] = []
    appender.append("t", None, b"a", [], outcomes.append)
    appender.append("t", None, b"b", [], outcomes.append)
    with pytest.raises(Overloaded):
        appender.append("t", None, b"c", [], outcomes.append)
    assert outcomes == []
    kafka.release()
    await until(lambda: len(outcomes) == 2)
    assert await appended(appender, "t", None, b"d", []) == Position(0, 2)
    assert outcomes == [Position(0, 0), Position(0, 1)]


async def test_what_was_never_acknowledged_fails_when_the_appender_closes() -> None:
    kafka = MemoryKafka()
    await kafka.admin().create_topic(TopicSpec("t"))
    appender = kafka.appender()
    outcomes: list[object] = []
    kafka.hold()
    appender.append("t", None, b"a", [], outcomes.append)
    await appender.aclose()
    assert [type(outcome) for outcome in outcomes] == [Unavailable]
