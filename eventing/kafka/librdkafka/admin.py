"""Topics, groups and offsets through librdkafka's admin client; its futures are awaited on the loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TypeVar

from confluent_kafka import (
    OFFSET_INVALID,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec  # type: ignore[attr-defined]

from eventing.errors import Invalid, Unavailable
from eventing.kafka.librdkafka import client, errors
from eventing.plan.model import TopicSpec
from eventing.settings import Kafka

_LETTING_GO_S = 1.0
_T = TypeVar("_T")
_HAS_MEMBERS = frozenset({KafkaError.UNKNOWN_MEMBER_ID, KafkaError.NON_EMPTY_GROUP, KafkaError.REBALANCE_IN_PROGRESS})


class KafkaAdmin:
    """An `Admin`."""

    def __init__(self, settings: Kafka) -> None:
        self._settings = settings
        self._client = client.made(AdminClient, client.admin(settings))
        self._timeout_s = settings.request_timeout_s

    async def partitions(self, topic: str) -> int | None:
        """See `Admin`."""
        future = self._client.describe_topics(TopicCollection([topic]), request_timeout=self._timeout_s)[topic]
        try:
            return len((await _result(future)).partitions)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return None
            raise errors.raised(error, f"topic {topic}", topic=topic) from error

    async def create_topic(self, spec: TopicSpec) -> None:
        """See `Admin`."""
        new = NewTopic(spec.name, spec.partitions, spec.replication_factor, config=dict(spec.config))
        future = self._client.create_topics([new], request_timeout=self._timeout_s)[spec.name]
        try:
            await _result(future)
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.TOPIC_ALREADY_EXISTS:
                return
            if code == KafkaError.INVALID_REPLICATION_FACTOR:
                brokers = await self._brokers()
                raise Invalid(
                    f"replication factor {spec.replication_factor} > {brokers} broker{'s'[: brokers != 1]}",
                    where=f"topic {spec.name}",
                    field="replicationFactor",
                    fix=f"ask for at most {brokers}, or add brokers to Kafka",
                ) from error
            raise errors.raised(error, f"topic {spec.name}", topic=spec.name) from error

    async def settle_group(self, group: str, topic: str) -> None:
        """See `Admin`."""
        committed = await self._committed(group, topic)
        missing = [partition for partition, offset in committed.items() if offset is None]
        if not missing:
            return
        ends = await self._ends(topic, missing)
        starts = [TopicPartition(topic, partition, offset) for partition, offset in ends.items()]
        try:
            await self._as_group(group, lambda consumer: client.commit(consumer, starts))
        except KafkaException as error:
            # A group at work reads partitions that are new to it from their beginning, which is as good a start.
            if error.args[0].code() not in _HAS_MEMBERS or len(missing) == len(committed):
                raise errors.raised(error, f"consumer group {group}", topic=topic) from error

    async def lag(self, group: str, topic: str) -> Mapping[int, int]:
        """See `Admin`."""
        committed = {p: offset for p, offset in (await self._committed(group, topic)).items() if offset is not None}
        ends = await self._ends(topic, list(committed))
        return {partition: max(ends[partition] - offset, 0) for partition, offset in committed.items()}

    async def delete_group(self, group: str) -> None:
        """See `Admin`."""
        future = self._client.delete_consumer_groups([group], request_timeout=self._timeout_s)[group]
        try:
            await _result(future)
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.GROUP_ID_NOT_FOUND:
                return
            if code == KafkaError.NON_EMPTY_GROUP:
                raise Unavailable("the group still has members", where=f"consumer group {group}") from error
            raise errors.raised(error, f"consumer group {group}") from error

    async def aclose(self) -> None:
        """See `Admin`."""
        # Letting go joins librdkafka's threads, and one may sit in a name lookup; nobody has to wait for that.
        held = [self.__dict__.pop("_client")]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LETTING_GO_S):
                await _in_thread(held.clear)

    async def _brokers(self) -> int:
        future = self._client.describe_cluster(request_timeout=self._timeout_s)
        try:
            return len((await _result(future)).nodes)
        except KafkaException as error:
            raise errors.raised(error, "kafka") from error

    async def _committed(self, group: str, topic: str) -> dict[int, int | None]:
        """The committed offset of each partition, None where there is none."""
        count = await self.partitions(topic)
        if count is None:
            raise Unavailable(f"the topic {topic} does not exist in Kafka", where=f"consumer group {group}")
        wanted = [TopicPartition(topic, partition) for partition in range(count)]
        try:
            found = await self._as_group(group, lambda consumer: consumer.committed(wanted, timeout=self._timeout_s))
        except KafkaException as error:
            raise errors.raised(error, f"consumer group {group}", topic=topic) from error
        return {one.partition: None if one.offset == OFFSET_INVALID else one.offset for one in found}

    async def _as_group(self, group: str, work: Callable[[Consumer], _T]) -> _T:
        """Do something with a group's offsets without joining it.

        The admin client's own calls for this end the process (librdkafka 2.16: a null group handle in `OffsetFetch` and
        `OffsetCommit`) when the group's coordinator is still loading or has just moved, so a consumer does it.
        """
        settings = client.group_member(self._settings, group)

        def visit() -> _T:
            consumer = Consumer(settings)
            try:
                return work(consumer)
            finally:
                consumer.close()

        return await _in_thread(visit)

    async def _ends(self, topic: str, partitions: list[int]) -> dict[int, int]:
        """The offset behind the last record of each partition."""
        if not partitions:
            return {}
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        wanted = {TopicPartition(topic, partition): latest for partition in partitions}
        futures = self._client.list_offsets(
            wanted, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=self._timeout_s
        )
        try:
            return {one.partition: (await _result(future)).offset for one, future in futures.items()}
        except KafkaException as error:
            raise errors.raised(error, f"topic {topic}", topic=topic) from error


async def _in_thread(work: Callable[[], _T]) -> _T:
    """Run blocking work in a thread that nobody waits for when the process ends, unlike those of an executor."""
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  it is raised where it is awaited
            future.set_exception(error)

    threading.Thread(target=run, name="kafka-admin", daemon=True).start()
    return await _result(future)


async def _result(future: Future[_T]) -> _T:
    """Wait for librdkafka's answer.

    Unlike `asyncio.wrap_future` a cancelled caller leaves the future alone: librdkafka answers it later all the same, and
    would find it closed.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[_T] = loop.create_future()

    def settle() -> None:
        if answer.done():
            return
        error = future.exception()
        if error is None:
            answer.set_result(future.result())
        else:
            answer.set_exception(error)

    def tell(_: Future[_T]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle)

    future.add_done_callback(tell)
    return await answer
