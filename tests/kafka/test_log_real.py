"""The librdkafka adapter against the contract of the log port, on a real Kafka; readers under both group protocols."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from confluent_kafka.admin import AdminClient
from log_contract import ACK_TIMEOUT_S, PATIENCE_S, AppendingCases, TopicCases
from log_holding import HoldingCases
from log_marks import GroupCases
from log_readers import ReadingCases, SharingCases
from log_scans import ScanningCases
from raw_http import until

from eventing.kafka import ReaderListener
from eventing.kafka.librdkafka.admin import KafkaAdmin
from eventing.kafka.librdkafka.appender import KafkaAppender
from eventing.kafka.librdkafka.reader import KafkaReader
from eventing.kafka.librdkafka.scanner import KafkaScanner
from eventing.settings import Kafka


class RealLog:
    def __init__(self, settings: Kafka, prefix: str) -> None:
        self.prefix = prefix
        self.settings = settings
        self.appenders: list[KafkaAppender] = []
        self.appender = self.another_appender()
        self.admin = KafkaAdmin(settings)
        self.scanner = KafkaScanner(settings)

    async def delete_topic(self, name: str) -> None:
        client = AdminClient({"bootstrap.servers": self.settings.bootstrap})
        client.delete_topics([name])[name].result(PATIENCE_S)
        await until(lambda: name not in client.list_topics(timeout=PATIENCE_S).topics, PATIENCE_S)

    def another_appender(self) -> KafkaAppender:
        self.appenders.append(KafkaAppender(self.settings, max_record_bytes=4_000_000))
        return self.appenders[-1]

    def reader(self, topic: str, group: str, listener: ReaderListener, topic_id: str = "") -> KafkaReader:
        return KafkaReader(self.settings, topic, group, listener, revoke_patience_s=10.0, topic_id=topic_id)


@asynccontextmanager
async def real(kafka: str, protocol: str, **properties: str) -> AsyncIterator[RealLog]:
    quick = {"topic.metadata.refresh.interval.ms": "1000", **properties}
    settings = Kafka(
        bootstrap=kafka,
        ack_timeout_s=ACK_TIMEOUT_S,
        session_timeout_s=6.0,
        group_protocol=protocol,
        properties=quick,
    )
    log = RealLog(settings, f"log-{uuid.uuid4().hex[:12]}")
    yield log
    for appender in log.appenders:
        await appender.aclose()
    await log.scanner.aclose()
    await log.admin.aclose()


class TestClassic(AppendingCases, TopicCases, GroupCases, ReadingCases, SharingCases, HoldingCases, ScanningCases):
    @pytest.fixture
    async def log(self, kafka: str) -> AsyncIterator[RealLog]:
        async with real(kafka, "classic", **{"heartbeat.interval.ms": "200"}) as log:
            yield log


class TestConsumer(GroupCases, ReadingCases, SharingCases, HoldingCases):
    @pytest.fixture
    async def log(self, kafka: str) -> AsyncIterator[RealLog]:
        async with real(kafka, "consumer") as log:
            yield log
