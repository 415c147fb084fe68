"""A Kafka as Knative's data plane leaves it, made by plain Kafka clients: topics and groups under its names, binary CloudEvents,
offsets without metadata in classic groups. Its dispatcher is such a client, too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

GROUP = {"session.timeout.ms": "6000", "enable.auto.commit": False, "partition.assignment.strategy": "range"}
_STARTING = (KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE)


def named(prefix: str, count: int, first: int = 0) -> list[str]:
    """Ids of events."""
    return [f"{prefix}{number}" for number in range(first, count)]


class Left:
    """A Kafka with what Knative's data plane leaves in it."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    async def topic(self, name: str, events: Mapping[int, Iterable[str]]) -> None:
        """A topic with a partition for each key, in which lie events with these ids."""
        await asyncio.to_thread(self._topic, name, events)

    async def more(self, name: str, events: Mapping[int, Iterable[str]]) -> None:
        """Further events, as Knative's receiver appends them."""
        await asyncio.to_thread(self._append, name, events)

    async def committed(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """A group that has finished so much and has no member."""
        await asyncio.to_thread(self._committed, group, topic, offsets)

    def _topic(self, name: str, events: Mapping[int, Iterable[str]]) -> None:
        new = NewTopic(name, num_partitions=len(events), replication_factor=1)
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        admin.create_topics([new])[name].result(20)
        self._append(name, events)

    def _append(self, name: str, events: Mapping[int, Iterable[str]]) -> None:
        producer = Producer({"bootstrap.servers": self.bootstrap, "acks": "all"})
        for partition, named in events.items():
            for id_ in named:
                attributes = {"ce_specversion": "1.0", "ce_id": id_, "ce_type": "t.a", "ce_source": "/s"}
                headers = [*attributes.items(), ("content-type", "application/json")]
                producer.produce(name, b"{}", partition=partition, headers=headers)
        assert producer.flush(20) == 0

    def _committed(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": group, **GROUP})
        places = [TopicPartition(topic, number, offset) for number, offset in offsets.items()]
        ends = time.monotonic() + 30
        try:
            while True:
                try:
                    # The group's coordinator is found before, because a commit does not wait for it.
                    consumer.committed(places, timeout=20)
                    consumer.commit(offsets=places, asynchronous=False)
                    return
                except KafkaException as error:
                    # The first group of a new Kafka waits for the topic of all offsets.
                    if error.args[0].code() not in _STARTING or time.monotonic() > ends:
                        raise
                consumer.poll(0.1)
        finally:
            consumer.close()


class KnativeDispatcher:
    """A member of a group with an eager assignor, as Knative's dispatcher is one: reads, delivers to nobody, commits on request."""

    def __init__(self, bootstrap: str, group: str, topic: str) -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "latest", **GROUP}
        )
        self._consumer.subscribe([topic])
        self._topic = topic

    async def read(self, count: int) -> list[str]:
        """The ids of the next events; they are finished, and committed."""
        return await asyncio.to_thread(self._read, count)

    def _read(self, count: int) -> list[str]:
        found: list[str] = []
        while len(found) < count:
            message = self._consumer.poll(20)
            assert message is not None
            assert message.error() is None, message.error()
            found.append(dict(message.headers() or ())["ce_id"].decode())
            place = TopicPartition(self._topic, message.partition() or 0, (message.offset() or 0) + 1)
            self._consumer.commit(offsets=[place], asynchronous=False)
        return found

    async def stop(self) -> None:
        """Leave the group."""
        await asyncio.to_thread(self._consumer.close)
