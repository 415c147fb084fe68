"""Case B23 (c): a topic that somebody deletes stays deleted, even where the broker makes any topic that is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from log_contract import Member
from raw_http import until

from eventing.errors import Unavailable
from eventing.kafka import appended
from eventing.kafka.embedded import EmbeddedKafka, Options
from eventing.kafka.librdkafka.admin import KafkaAdmin
from eventing.kafka.librdkafka.appender import KafkaAppender
from eventing.kafka.librdkafka.reader import KafkaReader
from eventing.kafka.librdkafka.scanner import KafkaScanner
from eventing.kafka.librdkafka.table import TableReader
from eventing.plan.model import TopicSpec
from eventing.record import Span
from eventing.settings import Kafka

pytestmark = pytest.mark.kafka
PATIENCE_S = 30.0


@pytest.fixture
async def generous(tmp_path: Path) -> AsyncIterator[str]:
    """A Kafka that makes topics by itself."""
    kafka = await EmbeddedKafka.start(Options(data=tmp_path, port=0, properties={"auto.create.topics.enable": "true"}))
    yield kafka.bootstrap
    await kafka.stop()


def topics(kafka: str) -> set[str]:
    found = AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=PATIENCE_S).topics
    return {name for name in found if not name.startswith("__")}


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
async def test_no_client_of_ours_brings_a_deleted_topic_back(generous: str, protocol: str) -> None:
    settings = Kafka(
        bootstrap=generous,
        ack_timeout_s=1.5,
        request_timeout_s=3.0,
        group_protocol=protocol,
        properties={"topic.metadata.refresh.interval.ms": "200"},
    )
    admin, scanner = KafkaAdmin(settings), KafkaScanner(settings)
    appender = KafkaAppender(settings, max_record_bytes=1_000_000)
    await admin.create_topic(TopicSpec("gone"))
    member = Member()
    reader = KafkaReader(settings, "gone", "g", member, revoke_patience_s=1.0)
    reader.start()
    table = TableReader(settings, "gone", lambda _: None)
    await appended(appender, "gone", None, b"x", [])
    await until(lambda: member.records, PATIENCE_S)
    other = AdminClient({"bootstrap.servers": generous})
    other.delete_topics(["gone"])["gone"].result(PATIENCE_S)

    async def scan() -> None:
        async for _ in scanner.scan("gone", {0: Span(0, 5)}):
            pass

    for _ in range(2):
        answers = await asyncio.gather(
            appended(appender, "gone", None, b"x", []),
            appended(appender, "never", None, b"x", []),
            scan(),
            admin.spans("gone"),
            admin.settle_group("g2", "gone"),
            return_exceptions=True,
        )
        assert [type(one) for one in answers] == [Unavailable] * 5
        assert topics(generous) == set()
    assert await admin.topic("gone") is None
    for one in (reader, table, scanner, appender, admin):
        await one.aclose()
    assert topics(generous) == set()
    # That it would have come back with any other client says that the broker was asked to.
    careless = Producer({"bootstrap.servers": generous})
    careless.produce("gone", b"x")
    assert careless.flush(PATIENCE_S) == 0
    assert topics(generous) == {"gone"}
