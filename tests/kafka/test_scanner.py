"""What only the real scanner can get wrong: a Kafka that is away, logs with holes, and consumers that are used again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from raw_http import free_port, until

from eventing.errors import Unavailable
from eventing.kafka.librdkafka.admin import KafkaAdmin
from eventing.kafka.librdkafka.scanner import KafkaScanner
from eventing.plan.model import TopicSpec
from eventing.record import Record, Span
from eventing.settings import Kafka

PATIENCE_S = 30.0


@dataclass
class Stand:
    kafka: str
    topic: str
    admin: KafkaAdmin
    scanner: KafkaScanner

    def write(self, count: int, *, transaction: bool = False) -> None:
        more = {"transactional.id": self.topic} if transaction else {}
        producer = Producer({"bootstrap.servers": self.kafka, "acks": "all", **more})
        if transaction:
            producer.init_transactions(PATIENCE_S)
            producer.begin_transaction()
        for number in range(count):
            producer.produce(self.topic, b"x" * 1_000, b"%d" % (number % 2))
        if transaction:
            producer.commit_transaction(PATIENCE_S)
        assert producer.flush(PATIENCE_S) == 0

    def cut(self, offset: int) -> None:
        """Delete everything before the offset."""
        client = AdminClient({"bootstrap.servers": self.kafka})
        wanted = TopicPartition(self.topic, 0, offset)
        client.delete_records([wanted])[wanted].result(PATIENCE_S)

    async def offsets(self, first: int, end: int) -> list[int]:
        batches = self.scanner.scan(self.topic, {0: Span(first, end)})
        return [record.offset async for batch in batches for record in batch]


@pytest.fixture
async def stand(kafka: str, topic: str) -> AsyncIterator[Stand]:
    settings = Kafka(bootstrap=kafka)
    stand = Stand(kafka, topic, KafkaAdmin(settings), KafkaScanner(settings))
    await stand.admin.create_topic(TopicSpec(topic))
    yield stand
    await stand.scanner.aclose()
    await stand.admin.aclose()


async def test_what_was_deleted_is_passed_over(stand: Stand) -> None:
    stand.write(40)
    stand.cut(30)
    assert await stand.admin.spans(stand.topic) == {0: Span(30, 40)}
    assert await stand.offsets(0, 33) == [30, 31, 32]
    assert await stand.offsets(29, 31) == [30]
    assert await stand.offsets(0, 40) == list(range(30, 40))


async def test_a_span_that_was_deleted_as_a_whole_ends(stand: Stand) -> None:
    stand.write(40)
    stand.cut(40)
    assert await stand.offsets(3, 9) == []
    assert await stand.offsets(0, 40) == []
    stand.write(5)
    assert await stand.offsets(3, 9) == []


async def test_a_span_that_ends_on_what_no_reader_sees_ends(stand: Stand) -> None:
    stand.write(3, transaction=True)
    async with asyncio.timeout(PATIENCE_S):
        # Kafka writes what ends a transaction after it has said yes.
        while (spans := await stand.admin.spans(stand.topic))[0].end <= 3:
            await asyncio.sleep(0.05)
    assert await stand.offsets(*spans[0]) == [0, 1, 2]
    assert await stand.offsets(3, 4) == []


async def test_small_scans_share_a_consumer(stand: Stand) -> None:
    stand.write(200)
    await stand.offsets(0, 1)
    (kept,) = stand.scanner._idle
    for number in range(100):
        assert await stand.offsets(number, number + 1) == [number]
    assert stand.scanner._idle == [kept]


async def test_a_large_scan_reads_no_further_ahead_than_its_queue(stand: Stand) -> None:
    stand.write(600)
    scan = stand.scanner.scan(stand.topic, {0: Span(0, 600)})
    begun = await anext(scan)
    (work,) = stand.scanner._scans
    # One batch waits for us, and the thread waits until it is taken.
    await until(lambda: not work._taken.is_set(), PATIENCE_S)
    assert work._batches.qsize() <= 1
    assert len(begun) + await rest(scan) == 600


async def test_closing_ends_scans_that_are_under_way(stand: Stand) -> None:
    stand.write(1_200)
    scan = stand.scanner.scan(stand.topic, {0: Span(0, 1_200)})
    await anext(scan)
    await stand.scanner.aclose()
    with pytest.raises(Unavailable, match="closing"):
        await rest(scan)
    with pytest.raises(Unavailable, match="closing"):
        await stand.offsets(0, 1)


async def rest(scan: AsyncIterator[list[Record]]) -> int:
    """How many more records come."""
    return sum([len(batch) async for batch in scan])


async def test_without_kafka_a_scan_is_unavailable_in_time() -> None:
    scanner = KafkaScanner(Kafka(bootstrap=f"127.0.0.1:{free_port()}", request_timeout_s=1.5))
    async with asyncio.timeout(30):
        with pytest.raises(Unavailable, match="does not answer"):
            async for _ in scanner.scan("t", {0: Span(0, 1)}):
                pass
        await scanner.aclose()
