"""Topics, groups and offsets through librdkafka's admin client; its futures are awaited on the loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec  # type: ignore[attr-defined]

from eventing.errors import Invalid, Unavailable
from eventing.kafka.librdkafka import client, errors
from eventing.marks import marked, stale
from eventing.plan.model import TopicSpec
from eventing.record import Mark, Span, TopicState
from eventing.settings import Kafka
from eventing.threads import answered, in_thread

_POLL_S = 0.1
_LETTING_GO_S = 1.0
_T = TypeVar("_T")
_ELECTING_S = 0.05
_ELECTING = frozenset({KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE})
"""What a partition answers for a moment when its topic has just been made."""
_HAS_MEMBERS = frozenset(
    {
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.NON_EMPTY_GROUP,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.STALE_MEMBER_EPOCH,
        KafkaError.FENCED_MEMBER_EPOCH,
    }
)


class _Members(Unavailable):
    """Only the members of a group may commit while there are any."""


class KafkaAdmin:
    """An `Admin`."""

    def __init__(self, settings: Kafka) -> None:
        self._settings = settings
        self._client = client.made(AdminClient, client.admin(settings))
        self._timeout_s = settings.request_timeout_s

    async def topic(self, name: str) -> TopicState | None:
        """See `Admin`."""
        future = self._client.describe_topics(TopicCollection([name]), request_timeout=self._timeout_s)[name]
        try:
            found = await answered(future)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return None
            raise errors.raised(error, f"topic {name}", topic=name) from error
        id_ = found.topic_id
        known = id_ is not None and (id_.get_most_significant_bits() or id_.get_least_significant_bits())
        return TopicState(str(id_) if known else "", len(found.partitions))

    async def topic_config(self, name: str) -> Mapping[str, str]:
        """See `Admin`."""
        asked = ConfigResource(ConfigResource.Type.TOPIC, name)
        (future,) = self._client.describe_configs([asked], request_timeout=self._timeout_s).values()
        try:
            found = await answered(future)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return {}
            raise errors.raised(error, f"topic {name}", topic=name) from error
        return {entry.name: entry.value for entry in found.values() if entry.value is not None}

    async def create_topic(self, spec: TopicSpec) -> None:
        """See `Admin`."""
        new = NewTopic(spec.name, spec.partitions, spec.replication_factor, config=dict(spec.config))
        future = self._client.create_topics([new], request_timeout=self._timeout_s)[spec.name]
        try:
            await answered(future)
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

    async def settle_group(self, group: str, topic: str, *, anew: bool = False) -> None:
        """See `Admin`."""
        state = await self._there(topic, f"consumer group {group}")
        committed = await self._committed(group, topic, state.partitions)
        old = [p for p, mark in committed.items() if stale(mark, state.id)]
        missing = [p for p in range(state.partitions) if p not in committed]
        if not old and not missing:
            return
        spans = await self._spans(topic, state.partitions)
        anew = anew or bool(old)
        known = max(committed, default=state.partitions)
        starts = {
            p: marked(spans[p].first if anew or p > known else spans[p].end, (), state.id) for p in [*old, *missing]
        }
        try:
            await self._commit(group, topic, starts)
        except _Members:
            # A group at work reads partitions that are new to it from their beginning, which is as good a start.
            if not anew and not committed:
                raise

    async def marks(self, group: str, topic: str) -> Mapping[int, Mark]:
        """See `Admin`."""
        state = await self._there(topic, f"consumer group {group}")
        return await self._committed(group, topic, state.partitions)

    async def set_marks(self, group: str, topic: str, marks: Mapping[int, Mark]) -> None:
        """See `Admin`."""
        if marks:
            await self._commit(group, topic, marks)

    async def spans(self, topic: str, since_ms: int | None = None) -> Mapping[int, Span]:
        """See `Admin`."""
        state = await self._there(topic, f"topic {topic}")
        return await self._spans(topic, state.partitions, since_ms)

    async def keep_group(self, group: str, topic: str) -> None:
        """See `Admin`."""
        where = f"consumer group {group}"
        future = self._client.describe_consumer_groups([group], request_timeout=self._timeout_s)[group]
        try:
            if not (await answered(future)).members:
                await self._as_group(group, lambda consumer: self._join_once(consumer, topic))
        except KafkaException as error:
            if error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
                raise errors.raised(error, where, topic=topic) from error

    async def delete_topic(self, name: str) -> None:
        """See `Admin`."""
        future = self._client.delete_topics([name], request_timeout=self._timeout_s)[name]
        try:
            await answered(future)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise errors.raised(error, f"topic {name}", topic=name) from error

    async def delete_group(self, group: str) -> None:
        """See `Admin`."""
        future = self._client.delete_consumer_groups([group], request_timeout=self._timeout_s)[group]
        try:
            await answered(future)
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
                await in_thread(held.clear)

    async def _brokers(self) -> int:
        future = self._client.describe_cluster(request_timeout=self._timeout_s)
        try:
            return len((await answered(future)).nodes)
        except KafkaException as error:
            raise errors.raised(error, "kafka") from error

    async def _there(self, topic: str, where: str) -> TopicState:
        state = await self.topic(topic)
        if state is None:
            raise Unavailable(f"the topic {topic} does not exist in Kafka", where=where)
        return state

    async def _committed(self, group: str, topic: str, partitions: int) -> dict[int, Mark]:
        """The mark of each partition that has one."""
        wanted = [TopicPartition(topic, partition) for partition in range(partitions)]
        try:
            found = await self._as_group(group, lambda consumer: consumer.committed(wanted, timeout=self._timeout_s))
            for one in found:
                if one.error is not None:
                    raise KafkaException(one.error)
        except KafkaException as error:
            raise errors.raised(error, f"consumer group {group}", topic=topic) from error
        return {one.partition: Mark(one.offset, one.metadata or "") for one in found if one.offset >= 0}

    async def _commit(self, group: str, topic: str, marks: Mapping[int, Mark]) -> None:
        offsets = [TopicPartition(topic, p, mark.offset, mark.metadata) for p, mark in marks.items()]
        where = f"consumer group {group}"

        def commit(consumer: Consumer) -> None:
            # A commit waits for the group's coordinator as long as librdkafka likes, a question as long as we do.
            consumer.committed(offsets, timeout=self._timeout_s)
            client.commit(consumer, offsets)

        try:
            await self._as_group(group, commit)
        except KafkaException as error:
            if error.args[0].code() in _HAS_MEMBERS:
                raise _Members("the group has members", where=where, fix="end those first") from error
            raise errors.raised(error, where, topic=topic) from error

    def _join_once(self, consumer: Consumer, topic: str) -> None:
        """Be a member until there is a share, and commit again what is committed for it.

        Kafka counts the retention of a classic group's offsets from when its last member left, whatever was committed
        since, and that of a KIP-848 group from each commit.
        """
        joined = threading.Event()

        def renew(_: Consumer, partitions: list[TopicPartition]) -> None:
            found = [one for one in consumer.committed(partitions, timeout=self._timeout_s) if one.offset >= 0]
            if found:
                client.commit(consumer, found)
            joined.set()

        consumer.subscribe([topic], on_assign=renew)
        deadline = time.monotonic() + self._timeout_s
        while not joined.is_set() and time.monotonic() < deadline:
            consumer.poll(_POLL_S)

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

        return await in_thread(visit)

    async def _spans(self, topic: str, partitions: int, since_ms: int | None = None) -> dict[int, Span]:
        firsts, ends = await asyncio.gather(
            self._offsets(topic, partitions, OffsetSpec.earliest()),  # type: ignore[no-untyped-call]
            self._offsets(topic, partitions, OffsetSpec.latest()),  # type: ignore[no-untyped-call]
        )
        if since_ms is not None:
            # Where nothing is that young, Kafka answers -1.
            young = await self._offsets(topic, partitions, OffsetSpec.for_timestamp(since_ms))
            firsts = {p: offset if offset >= 0 else ends[p] for p, offset in young.items()}
        return {p: Span(min(first, ends[p]), ends[p]) for p, first in firsts.items()}

    async def _offsets(self, topic: str, partitions: int, spec: OffsetSpec) -> dict[int, int]:
        wanted = {TopicPartition(topic, partition): spec for partition in range(partitions)}
        deadline = asyncio.get_running_loop().time() + self._timeout_s
        while True:
            futures = self._client.list_offsets(
                wanted, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=self._timeout_s
            )
            try:
                return {one.partition: (await answered(future)).offset for one, future in futures.items()}
            except KafkaException as error:
                late = asyncio.get_running_loop().time() > deadline
                if late or error.args[0].code() not in _ELECTING:
                    raise errors.raised(error, f"topic {topic}", topic=topic) from error
            await asyncio.sleep(_ELECTING_S)
