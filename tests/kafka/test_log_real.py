"""The librdkafka adapter against the contract of the log port, on a real Kafka."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
from log_contract import ACK_TIMEOUT_S, AppendingCases, GroupCases, TopicCases
from log_readers import ReadingCases, SharingCases

from eventing.kafka import ReaderListener
from eventing.kafka.librdkafka.admin import KafkaAdmin
from eventing.kafka.librdkafka.appender import KafkaAppender
from eventing.kafka.librdkafka.reader import KafkaReader
from eventing.settings import Kafka


class RealLog:
    def __init__(self, settings: Kafka, prefix: str) -> None:
        self.prefix = prefix
        self.settings = settings
        self.appenders: list[KafkaAppender] = []
        self.appender = self.another_appender()
        self.admin = KafkaAdmin(settings)

    def another_appender(self) -> KafkaAppender:
        self.appenders.append(KafkaAppender(self.settings, max_record_bytes=4_000_000))
        return self.appenders[-1]

    def reader(self, topic: str, group: str, listener: ReaderListener) -> KafkaReader:
        return KafkaReader(self.settings, topic, group, listener, revoke_patience_s=10.0)


class TestLibrdkafka(AppendingCases, TopicCases, GroupCases, ReadingCases, SharingCases):
    @pytest.fixture
    async def log(self, kafka: str) -> AsyncIterator[RealLog]:
        quick = {"heartbeat.interval.ms": "200", "topic.metadata.refresh.interval.ms": "1000"}
        settings = Kafka(bootstrap=kafka, ack_timeout_s=ACK_TIMEOUT_S, session_timeout_s=6.0, properties=quick)
        log = RealLog(settings, f"log-{uuid.uuid4().hex[:12]}")
        yield log
        for appender in log.appenders:
            await appender.aclose()
        await log.admin.aclose()
