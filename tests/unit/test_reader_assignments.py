"""What a reader asks of librdkafka as partitions come and go, without a Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import TopicPartition

from eventing.kafka.librdkafka.reader import KafkaReader
from eventing.record import Mark, Record
from eventing.settings import Kafka

COMMITTED = 7


class Hears:
    """A listener that notes what comes and goes."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_assigned(self, marks: Mapping[int, Mark]) -> None:
        self.heard.append("assigned")

    def on_records(self, records: list[Record]) -> None:
        pass

    async def on_revoked(self, partitions: Sequence[int]) -> Mapping[int, Mark]:
        return {}

    def on_lost(self, partitions: Sequence[int]) -> None:
        self.heard.append("lost")


class Asked:
    """A consumer that notes where it is to read."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.seeks: list[int] = []
        self.paused: list[int] = []

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        return [TopicPartition("t", one.partition, COMMITTED) for one in partitions]

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        self.starts += [one.offset for one in partitions]

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        pass

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.paused += [one.partition for one in partitions]

    def resume(self, partitions: list[TopicPartition]) -> None:
        pass

    def seek(self, partition: TopicPartition) -> None:
        self.seeks.append(partition.offset)


async def test_what_was_asked_for_before_a_loss_was_heard_does_not_count_for_the_next_time() -> None:
    listener, consumer = Hears(), Asked()
    reader: Any = KafkaReader(Kafka(), "t", "g", listener, revoke_patience_s=10.0)
    reader._loop, reader._member = asyncio.get_running_loop(), consumer
    mine = [TopicPartition("t", 0)]
    await asyncio.to_thread(reader._assign, consumer, mine)
    reader._lost(consumer, mine)
    assert listener.heard == ["assigned"]
    reader.go_on(0, COMMITTED + 100)
    await asyncio.to_thread(reader._assign, consumer, mine)
    reader._move(consumer)
    assert listener.heard == ["assigned", "lost", "assigned"]
    assert (consumer.starts, consumer.seeks) == ([COMMITTED, COMMITTED], [])
