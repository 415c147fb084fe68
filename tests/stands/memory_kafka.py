"""Kafka in a dictionary: topics, groups and clients behind the log port, for tests that need no broker.

It passes the same contract as the real adapter (`tests/contract/log_contract.py`) and does nothing by itself: no thread, no
clock, everything on the loop in the order in which it was asked for. A test can hold acknowledgements or make them fail,
and take a member's partitions away behind its back. One topic a group, no compaction, no retention.
"""

from __future__ import annotations

import asyncio
import itertools
import zlib
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eventing.errors import EventingError, Invalid, Overloaded, TooLarge, Unavailable
from eventing.kafka import Done, ReaderListener
from eventing.marks import marked, stale
from eventing.plan.model import TopicSpec
from eventing.record import Headers, Mark, Position, Record, Span, TopicState

BATCH_RECORDS = 500
_NOTHING = Mark(-1)


@dataclass
class Topic:
    """A topic: its records by partition."""

    logs: list[list[Record]]
    max_record_bytes: int
    id: str = "memory"
    config: dict[str, str] = field(default_factory=dict)
    next_partition: itertools.count[int] = field(default_factory=itertools.count)

    def append(self, name: str, key: bytes | None, value: bytes | None, headers: Headers, now_ms: int) -> Position:
        number = next(self.next_partition) if key is None else zlib.crc32(key)
        partition = number % len(self.logs)
        log = self.logs[partition]
        log.append(Record(name, partition, len(log), key, value, [*headers], now_ms))
        return Position(partition, len(log) - 1)


class MemoryKafka:
    """The broker, and the maker of its clients."""

    def __init__(self) -> None:
        self.topics: dict[str, Topic] = {}
        self.groups: dict[str, Group] = {}
        self.failure: EventingError | None = None
        """What every append is answered with from now on."""
        self.now_ms = 1_000_000
        """The time of the last append; each one is a millisecond later than the one before."""
        self._held: list[tuple[Done, Position | EventingError]] | None = None
        self._ids = itertools.count(1)

    def appender(self, *, queue_events: int = 20_000) -> MemoryAppender:
        return MemoryAppender(self, queue_events)

    def admin(self) -> MemoryAdmin:
        return MemoryAdmin(self)

    def scanner(self) -> MemoryScanner:
        return MemoryScanner(self)

    def reader(self, topic: str, group: str, listener: ReaderListener, topic_id: str = "") -> MemoryReader:
        return MemoryReader(self, topic, group, listener, topic_id)

    def create_topic(self, name: str, partitions: int, max_record_bytes: int = 1_048_588) -> None:
        self.topics[name] = Topic([[] for _ in range(partitions)], max_record_bytes, f"id{next(self._ids)}")
        for group in self.groups.values():
            if any(member.topic == name for member in group.members):
                group.soon(group.rebalance())

    def delete_topic(self, name: str) -> None:
        """As by hand: its members lose their partitions, and marks stay as they are."""
        del self.topics[name]
        for group in self.groups.values():
            for member in group.members:
                if member.topic == name and member.positions:
                    member.lose()

    def records(self, topic: str) -> list[Record]:
        """Everything in a topic, partition after partition; nothing where there is none."""
        return [record for log in self.topics[topic].logs for record in log] if topic in self.topics else []

    def committed(self, group: str) -> Mapping[int, Mark]:
        return self.groups[group].marks if group in self.groups else {}

    def hold(self) -> None:
        """Append, but acknowledge nothing until `release`."""
        self._held = []

    def release(self) -> None:
        held, self._held = self._held or [], None
        for done, outcome in held:
            asyncio.get_running_loop().call_soon(done, outcome)

    def group(self, name: str) -> Group:
        return self.groups.setdefault(name, Group(self))

    def answer(self, done: Done, outcome: Position | EventingError) -> None:
        if self._held is not None:
            self._held.append((done, outcome))
        else:
            asyncio.get_running_loop().call_soon(done, outcome)

    def wake(self, topic: str) -> None:
        for group in self.groups.values():
            for member in group.members:
                if member.topic == topic:
                    member.wake()


class MemoryAppender:
    """An `Appender`."""

    def __init__(self, kafka: MemoryKafka, queue_events: int) -> None:
        self._kafka = kafka
        self._most = queue_events
        self._numbers = itertools.count()
        self._dones: dict[int, Done] = {}
        self._closing = False

    def append(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, done: Done) -> None:
        if self._closing:
            raise Unavailable("the connection to Kafka is closing", where="kafka")
        if len(self._dones) >= self._most:
            raise Overloaded("too many events wait for Kafka's acknowledgement", where="kafka")
        number = next(self._numbers)
        self._dones[number] = done
        self._kafka.answer(lambda outcome: self._tell(number, outcome), self._append(topic, key, value, headers))

    def _append(self, name: str, key: bytes | None, value: bytes | None, headers: Headers) -> Position | EventingError:
        topic = self._kafka.topics.get(name)
        if self._kafka.failure is not None:
            return self._kafka.failure
        if topic is None:
            return Unavailable(f"the topic {name} does not exist in Kafka", where="kafka")
        size = len(key or b"") + len(value or b"") + sum(len(n) + len(v or b"") for n, v in headers)
        if size > topic.max_record_bytes:
            return TooLarge(f"the record is larger than the topic {name} allows (max.message.bytes)", where="kafka")
        self._kafka.now_ms += 1
        position = topic.append(name, key, value, headers, self._kafka.now_ms)
        self._kafka.wake(name)
        return position

    def _tell(self, number: int, outcome: Position | EventingError) -> None:
        done = self._dones.pop(number, None)
        if done is not None:
            done(outcome)

    async def aclose(self) -> None:
        self._closing = True
        await asyncio.sleep(0)
        for number in list(self._dones):
            self._tell(number, Unavailable("Kafka does not answer", where="kafka"))


class Group:
    """A consumer group: what it has committed, its members, and who owns what."""

    def __init__(self, kafka: MemoryKafka) -> None:
        self._kafka = kafka
        self.marks: dict[int, Mark] = {}
        self.members: list[MemoryReader] = []
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def rebalance(self) -> None:
        """Share the partitions evenly; whatever can stay with its owner stays."""
        async with self._turn:
            await self._rebalance()

    async def leave(self, member: MemoryReader) -> None:
        async with self._turn:
            if member in self.members:
                await member.give_up(sorted(member.positions))
                self.members.remove(member)
                await self._rebalance()

    async def _rebalance(self) -> None:
        if not self.members:
            return
        topic = self._kafka.topics.get(self.members[0].topic)
        everything = range(len(topic.logs)) if topic else range(0)
        share, more = divmod(len(everything), len(self.members))
        by_size = sorted(self.members, key=lambda member: -len(member.positions))
        wanted = {member: share + (place < more) for place, member in enumerate(by_size)}
        for member, count in wanted.items():
            if len(member.positions) > count:
                await member.give_up(sorted(member.positions)[count:])
        free = sorted(set(everything) - {p for member in self.members for p in member.positions})
        for member, count in wanted.items():
            missing = count - len(member.positions)
            if missing > 0:
                member.take({p: self.marks.get(p, _NOTHING) for p in free[:missing]})
                free = free[missing:]


class MemoryReader:
    """A `Reader`."""

    def __init__(self, kafka: MemoryKafka, topic: str, group: str, listener: ReaderListener, topic_id: str) -> None:
        self.topic = topic
        self._topic_id = topic_id
        self.positions: dict[int, int] = {}
        self.defects: list[Exception] = []
        self._kafka = kafka
        self._name = group
        self._listener = listener
        self._paused = False
        self._woken = False
        self._leaving: set[int] = set()
        self._resting: set[int] = set()

    def start(self) -> None:
        self._group = self._kafka.group(self._name)
        self._group.members.append(self)
        self._group.soon(self._group.rebalance())

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self.wake()

    def hold(self, partition: int) -> None:
        self._resting.add(partition)

    def go_on(self, partition: int, offset: int) -> None:
        if partition in self.positions:
            self._resting.discard(partition)
            self.positions[partition] = offset
            self.wake()

    def start_over(self, error: Exception) -> None:
        self.defects.append(error)
        self._group.soon(self._join_anew())

    async def _join_anew(self) -> None:
        await self._group.leave(self)
        self._group.members.append(self)
        await self._group.rebalance()

    def commit(self, marks: Mapping[int, Mark]) -> None:
        self._group.marks.update({p: mark for p, mark in marks.items() if p in self.positions})

    async def aclose(self) -> None:
        await self._group.leave(self)

    def lose(self) -> None:
        """What happens to a member that was silent for too long: its partitions are gone, and it joins anew."""
        lost = sorted(self.positions)
        self.positions.clear()
        self._resting.clear()
        self._listener.on_lost(lost)
        self._group.soon(self._group.rebalance())

    def take(self, marks: Mapping[int, Mark]) -> None:
        counting = {p: _NOTHING if stale(mark, self._topic_id) else mark for p, mark in marks.items()}
        self.positions.update({p: max(mark.offset, 0) for p, mark in counting.items()})
        self._listener.on_assigned(counting)
        self.wake()

    async def give_up(self, partitions: Sequence[int]) -> None:
        self._leaving.update(partitions)
        if partitions:
            self.commit(await self._listener.on_revoked(partitions))
        for partition in partitions:
            del self.positions[partition]
            self._resting.discard(partition)
        self._leaving.clear()

    def wake(self) -> None:
        if not self._woken:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._read)

    def _read(self) -> None:
        self._woken = False
        topic = self._kafka.topics.get(self.topic)
        if self._paused or topic is None:
            return
        for partition, position in self.positions.items():
            records = topic.logs[partition][position : position + BATCH_RECORDS]
            if records and partition not in self._leaving and partition not in self._resting:
                self.positions[partition] += len(records)
                self.wake()
                self._listener.on_records(records)
                return


class MemoryScanner:
    """A `Scanner`."""

    def __init__(self, kafka: MemoryKafka) -> None:
        self._kafka = kafka

    async def scan(self, topic: str, spans: Mapping[int, Span]) -> AsyncGenerator[list[Record], None]:
        for partition, span in spans.items():
            at = span.first
            while at < span.end:
                await asyncio.sleep(0)
                if topic not in self._kafka.topics:
                    raise Unavailable(f"the topic {topic} does not exist in Kafka", where=f"topic {topic}")
                batch = self._kafka.topics[topic].logs[partition][at : min(span.end, at + BATCH_RECORDS)]
                if not batch:
                    break
                at += len(batch)
                yield batch

    async def aclose(self) -> None:
        pass


class MemoryAdmin:
    """An `Admin` of one broker."""

    def __init__(self, kafka: MemoryKafka) -> None:
        self._kafka = kafka

    async def topic(self, name: str) -> TopicState | None:
        found = self._kafka.topics.get(name)
        return None if found is None else TopicState(found.id, len(found.logs))

    async def topic_config(self, name: str) -> Mapping[str, str]:
        found = self._kafka.topics.get(name)
        return {} if found is None else {"cleanup.policy": "delete", **found.config}

    async def create_topic(self, spec: TopicSpec) -> None:
        where = f"topic {spec.name}"
        if spec.name in self._kafka.topics:
            return
        if spec.replication_factor > 1:
            wrong = f"replication factor {spec.replication_factor} > 1 broker"
            raise Invalid(wrong, where=where, field="replicationFactor")
        if spec.partitions < 1:
            raise Invalid("a topic has at least one partition", where=where, field="partitions")
        limit = spec.config.get("max.message.bytes", "1048588")
        if not limit.isdigit():
            raise Invalid(f"{limit!r} is no number", where=where, field="max.message.bytes")
        self._kafka.create_topic(spec.name, spec.partitions, int(limit))
        self._kafka.topics[spec.name].config.update(spec.config)

    async def settle_group(self, group: str, topic: str, *, anew: bool = False) -> None:
        found = self._found(topic, f"consumer group {group}")
        committed = self._kafka.committed(group)
        old = {p for p, mark in committed.items() if stale(mark, found.id)}
        anew = anew or bool(old)
        known = max(committed, default=len(found.logs))
        starts = {
            partition: marked(0 if anew or partition > known else len(log), (), found.id)
            for partition, log in enumerate(found.logs)
            if partition in old or partition not in committed
        }
        if starts and self._members(group) and not anew and not committed:
            raise Unavailable("the group has members", where=f"consumer group {group}")
        if starts and not self._members(group):
            self._kafka.group(group).marks.update(starts)

    async def marks(self, group: str, topic: str) -> Mapping[int, Mark]:
        found = self._found(topic, f"consumer group {group}")
        return {p: mark for p, mark in self._kafka.committed(group).items() if p < len(found.logs)}

    async def set_marks(self, group: str, topic: str, marks: Mapping[int, Mark]) -> None:
        if marks and self._members(group):
            raise Unavailable("the group has members", where=f"consumer group {group}")
        self._kafka.group(group).marks.update(marks)

    async def spans(self, topic: str, since_ms: int | None = None) -> Mapping[int, Span]:
        logs = self._found(topic, f"topic {topic}").logs
        young = -1 if since_ms is None else since_ms
        firsts = [next((r.offset for r in log if r.timestamp_ms >= young), len(log)) for log in logs]
        return {p: Span(first, len(logs[p])) for p, first in enumerate(firsts)}

    async def keep_group(self, group: str, topic: str) -> None:
        """Nothing expires in here."""

    async def delete_topic(self, name: str) -> None:
        if name in self._kafka.topics:
            self._kafka.delete_topic(name)

    async def delete_group(self, group: str) -> None:
        found = self._kafka.groups.get(group)
        if found is not None and found.members:
            raise Unavailable("the group still has members", where=f"consumer group {group}")
        self._kafka.groups.pop(group, None)

    async def aclose(self) -> None:
        pass

    def _members(self, group: str) -> bool:
        return group in self._kafka.groups and bool(self._kafka.groups[group].members)

    def _found(self, topic: str, where: str) -> Topic:
        if topic not in self._kafka.topics:
            raise Unavailable(f"the topic {topic} does not exist in Kafka", where=where)
        return self._kafka.topics[topic]
