"""What every adapter behind the log port must do: cases for the write side and for topics.

`LogCases` holds the fixtures; an adapter's test class says in `log` how its clients are made. The cases for readers are in
`log_readers`, those for groups' marks in `log_marks`, those for scanners in `log_scans`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pytest
from raw_http import until

from eventing.errors import EventingError, Invalid, TooLarge, Unavailable
from eventing.kafka import Admin, Appender, Reader, ReaderListener, Scanner, appended
from eventing.marks import unfinished
from eventing.plan.model import TopicSpec
from eventing.record import Mark, Position, Record, TopicState

PATIENCE_S = 30.0
ACK_TIMEOUT_S = 6.0


class Log(Protocol):
    """Makes clients of one Kafka; whatever a test leaves open is closed for it."""

    prefix: str
    appender: Appender
    admin: Admin
    scanner: Scanner

    async def delete_topic(self, name: str) -> None: ...

    def another_appender(self) -> Appender: ...

    def reader(self, topic: str, group: str, listener: ReaderListener, topic_id: str = "") -> Reader: ...


@dataclass
class Member:
    """A member of a group and the listener that notes what it hears; its marks say exactly what it has read."""

    reader: Reader = field(init=False)
    heard: list[str] = field(default_factory=list)
    assigned: dict[int, Mark] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    revocations: list[list[int]] = field(default_factory=list)
    metadata: str = ""
    hesitates: asyncio.Event | None = None
    """A revocation is answered when this is set."""

    def on_assigned(self, marks: Mapping[int, Mark]) -> None:
        self.assigned.update(marks)
        self.heard += [f"assigned {p}" for p in marks]

    def on_records(self, records: list[Record]) -> None:
        assert records
        self.records += records
        self.heard += [f"records {record.partition}" for record in records]

    async def on_revoked(self, partitions: Sequence[int]) -> Mapping[int, Mark]:
        self.revocations.append(list(partitions))
        if self.hesitates is not None:
            await self.hesitates.wait()
        marks = {p: self.mark(p) for p in partitions}
        self.on_lost(partitions)
        return {p: mark for p, mark in marks.items() if mark.offset >= 0}

    def on_lost(self, partitions: Sequence[int]) -> None:
        self.heard += [f"gone {p}" for p in partitions]
        for partition in partitions:
            del self.assigned[partition]

    def mark(self, partition: int) -> Mark:
        read = [record.offset + 1 for record in self.records if record.partition == partition]
        return Mark(max([self.assigned[partition].offset, *read]), self.metadata)

    @property
    def values(self) -> list[bytes | None]:
        return [record.value for record in self.records]


class LogCases:
    """Fixtures and helpers of all cases."""

    @pytest.fixture
    def made(self) -> list[Member]:
        return []

    @pytest.fixture
    async def join(self, log: Log, made: list[Member]) -> AsyncIterator[Callable[..., Member]]:
        """Lets one more member join a group on a topic."""

        def join(
            topic: str, group: str = "", metadata: str = "", topic_id: str = "", kind: type[Member] = Member
        ) -> Member:
            member = kind(metadata=metadata)
            member.reader = log.reader(topic, group or topic, member, topic_id)
            member.reader.start()
            made.append(member)
            return member

        yield join
        for member in made:
            if member.hesitates is not None:
                member.hesitates.set()
            await member.reader.aclose()

    @pytest.fixture
    async def topic(self, log: Log) -> str:
        """The name of a topic of one partition."""
        return await self.new_topic(log)

    async def new_topic(self, log: Log, partitions: int = 1, name: str = "a", **config: str) -> str:
        spec = TopicSpec(f"{log.prefix}-{name}", partitions, 1, {k.replace("_", "."): v for k, v in config.items()})
        await log.admin.create_topic(spec)
        return spec.name


async def lag(log: Log, group: str, topic: str) -> dict[int, int]:
    """By partition that has a mark, how many records the group has yet to finish."""
    marks, spans = await log.admin.marks(group, topic), await log.admin.spans(topic)
    return {p: unfinished(mark, spans[p].end) for p, mark in marks.items()}


async def write(log: Log, topic: str, *values: str, key: bytes | None = None) -> list[Position]:
    return [await appended(log.appender, topic, key, value.encode(), []) for value in values]


async def fails(error: type[EventingError], log: Log, topic: str, value: bytes, match: str) -> float:
    """The append must fail, at once or when it is answered; returns the seconds it took."""
    began = asyncio.get_running_loop().time()
    with pytest.raises(error, match=match):
        await appended(log.appender, topic, None, value, [])
    return asyncio.get_running_loop().time() - began


class AppendingCases(LogCases):
    async def test_an_append_is_acknowledged_with_its_position(self, log: Log, topic: str) -> None:
        assert await write(log, topic, "a", "b") == [Position(0, 0), Position(0, 1)]

    async def test_records_of_one_key_go_to_one_partition_and_keep_their_order(
        self, log: Log, join: Callable[..., Member]
    ) -> None:
        topic = await self.new_topic(log, 3)
        outcomes: list[object] = []
        for number in range(60):
            key = b"k%d" % (number % 6)
            log.appender.append(topic, key, b"%d" % number, [], outcomes.append)
        await until(lambda: len(outcomes) == 60, PATIENCE_S)
        assert all(isinstance(outcome, Position) for outcome in outcomes)
        member = join(topic)
        await until(lambda: len(member.records) == 60, PATIENCE_S)
        for wanted in range(6):
            mine = [record for record in member.records if record.key == b"k%d" % wanted]
            assert [int(record.value or b"") for record in mine] == list(range(wanted, 60, 6))
            assert len({record.partition for record in mine}) == 1
        assert len({record.partition for record in member.records}) > 1

    async def test_key_value_and_headers_come_back_byte_for_byte(
        self, log: Log, topic: str, join: Callable[..., Member]
    ) -> None:
        headers = [
            ("ce_id", b"\x00\xff"),
            ("twice", b"1"),
            ("twice", b"2"),
            ("empty", b""),
            ("none", None),
            ("é", b"x"),
        ]
        await appended(log.appender, topic, b"\x00k", b"\xff\x00v", headers)
        await appended(log.appender, topic, None, None, [])
        await appended(log.appender, topic, b"", b"", [])
        member = join(topic)
        await until(lambda: len(member.records) == 3, PATIENCE_S)
        first, second, third = member.records
        assert (first.topic, first.partition, first.offset) == (topic, 0, 0)
        assert (first.key, first.value, list(first.headers)) == (b"\x00k", b"\xff\x00v", headers)
        assert (second.key, second.value, list(second.headers)) == (None, None, [])
        assert (third.key, third.value) == (b"", b"")

    async def test_a_record_larger_than_the_topic_allows_is_too_large_and_others_are_not(self, log: Log) -> None:
        topic = await self.new_topic(log, max_message_bytes="2000")
        assert await fails(TooLarge, log, topic, b"x" * 5_000, "max.message.bytes") < ACK_TIMEOUT_S
        assert await write(log, topic, "small") == [Position(0, 0)]

    async def test_an_unknown_topic_is_unavailable_in_bounded_time_and_is_not_made(self, log: Log) -> None:
        topic = f"{log.prefix}-nowhere"
        assert await fails(Unavailable, log, topic, b"x", topic) < ACK_TIMEOUT_S + 1
        assert await log.admin.topic(topic) is None

    async def test_a_closed_appender_takes_nothing_more_and_has_answered_everything(self, log: Log, topic: str) -> None:
        appender = log.another_appender()
        outcomes: list[object] = []
        appender.append(topic, None, b"x", [], outcomes.append)
        await appender.aclose()
        assert outcomes == [Position(0, 0)]
        with pytest.raises(Unavailable, match="closing"):
            appender.append(topic, None, b"y", [], outcomes.append)


class TopicCases(LogCases):
    async def test_a_topic_is_there_with_its_partitions_once_it_is_created(self, log: Log) -> None:
        assert await log.admin.topic(f"{log.prefix}-a") is None
        topic = await self.new_topic(log, 3)
        state = await log.admin.topic(topic)
        assert state is not None
        assert state.partitions == 3
        assert state.id
        assert ":" not in state.id

    async def test_a_topic_that_was_made_again_has_another_id(self, log: Log) -> None:
        topic = await self.new_topic(log)
        before = await log.admin.topic(topic)
        assert before == await log.admin.topic(topic)
        await log.delete_topic(topic)
        assert await log.admin.topic(topic) is None
        await self.new_topic(log)
        after = await log.admin.topic(topic)
        assert after is not None
        assert after != before

    async def test_a_topic_that_is_deleted_is_gone_and_one_that_is_not_there_is_no_matter(
        self, log: Log, topic: str
    ) -> None:
        await write(log, topic, "a")
        for _ in range(2):
            await log.admin.delete_topic(topic)
            # A broker hears of it a moment after the one that did it.
            async with asyncio.timeout(PATIENCE_S):
                while await log.admin.topic(topic) is not None:
                    await asyncio.sleep(0.02)

    async def test_creating_a_topic_again_leaves_it_as_it_is(self, log: Log) -> None:
        topic = await self.new_topic(log, 2)
        before = await log.admin.topic(topic)
        await log.admin.create_topic(TopicSpec(topic, 5, 1, {"retention.ms": "1000"}))
        assert await log.admin.topic(topic) == before == TopicState(before.id if before else "", 2)

    async def test_the_settings_of_a_topic_are_told_as_kafka_has_them(self, log: Log) -> None:
        topic, plain = f"{log.prefix}-set", await self.new_topic(log, 1)
        assert await log.admin.topic_config(topic) == {}
        await log.admin.create_topic(TopicSpec(topic, 1, 1, {"cleanup.policy": "compact"}))
        for name, policy in ((topic, "compact"), (plain, "delete")):
            async with asyncio.timeout(PATIENCE_S):
                # Kafka knows a new topic by its settings a moment later.
                while not (found := await log.admin.topic_config(name)):
                    await asyncio.sleep(0)
            assert found["cleanup.policy"] == policy

    @pytest.mark.parametrize(
        ("spec", "match"),
        [
            (TopicSpec("", 1, 3), "replicationFactor: replication factor 3 > 1 broker"),
            (TopicSpec("", 0, 1), "partition"),
            (TopicSpec("", 1, 1, {"max.message.bytes": "many"}), "max.message.bytes"),
        ],
    )
    async def test_a_topic_that_can_not_be_is_invalid_and_named(self, log: Log, spec: TopicSpec, match: str) -> None:
        named = TopicSpec(f"{log.prefix}-bad", spec.partitions, spec.replication_factor, spec.config)
        with pytest.raises(Invalid, match=match) as caught:
            await log.admin.create_topic(named)
        assert named.name in str(caught.value)
        assert await log.admin.topic(named.name) is None
