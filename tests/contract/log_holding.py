"""What every adapter behind the log port must do: cases for partitions that somebody else reads for a member."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest
from log_contract import PATIENCE_S, Log, LogCases, Member, write
from raw_http import until

from eventing.record import Mark


class HoldsAtOnce(Member):
    def on_assigned(self, marks: Mapping[int, Mark]) -> None:
        super().on_assigned(marks)
        for partition in marks:
            self.reader.hold(partition)


class GoesOnAtOnce(Member):
    """Holds a partition, and goes on in it while it still hears of it."""

    def on_assigned(self, marks: Mapping[int, Mark]) -> None:
        super().on_assigned(marks)
        for partition, mark in marks.items():
            self.reader.hold(partition)
            self.reader.go_on(partition, max(mark.offset, 0))


class HoldingCases(LogCases):
    async def test_a_partition_that_is_held_stays_ours_and_goes_on_where_it_is_told(
        self, log: Log, topic: str, join: Callable[..., Member]
    ) -> None:
        await write(log, topic, "a", "b", "c")
        member, other = join(topic), join(topic, f"{topic}-other")
        await until(lambda: len(member.records) == 3, PATIENCE_S)
        held_at = await self._held(log, topic, member, other)
        assert member.assigned == {0: Mark(-1)}
        member.reader.commit({0: Mark(2)})
        member.records.clear()
        member.reader.go_on(0, 1)
        await until(lambda: len(member.records) == held_at - 1, PATIENCE_S)
        assert [record.offset for record in member.records] == list(range(1, held_at))
        await write(log, topic, "z")
        await until(lambda: member.values[-1] == b"z", PATIENCE_S)

    async def test_a_partition_that_is_held_as_it_is_assigned_hands_over_nothing(
        self, log: Log, topic: str, join: Callable[..., Member]
    ) -> None:
        await write(log, topic, "a", "b")
        member = join(topic, kind=HoldsAtOnce)
        await until(lambda: member.assigned, PATIENCE_S)
        await self._long_enough()
        assert member.records == []
        member.reader.go_on(0, 1)
        await until(lambda: member.values == [b"b"], PATIENCE_S)

    @pytest.mark.parametrize("mark", [None, 1])
    async def test_who_goes_on_while_it_hears_of_a_partition_reads_it_and_does_not_start_over(
        self, log: Log, topic: str, join: Callable[..., Member], mark: int | None
    ) -> None:
        await write(log, topic, "a", "b")
        if mark is not None:
            await log.admin.set_marks(topic, topic, {0: Mark(mark)})
        member = join(topic, kind=GoesOnAtOnce)
        await until(lambda: member.values == [b"a", b"b"][mark or 0 :], PATIENCE_S)
        assert member.heard.count("assigned 0") == 1

    async def test_a_pause_and_its_end_leave_a_partition_held(
        self, log: Log, topic: str, join: Callable[..., Member]
    ) -> None:
        await write(log, topic, "a")
        member, other = join(topic), join(topic, f"{topic}-other")
        await until(lambda: member.records, PATIENCE_S)
        await self._held(log, topic, member, other)
        before = len(member.records)
        member.reader.pause()
        await self._long_enough()
        member.reader.resume()
        await write(log, topic, "y")
        await until(lambda: other.values[-1:] == [b"y"], PATIENCE_S)
        assert len(member.records) == before
        member.reader.go_on(0, other.records[-1].offset)
        await until(lambda: member.values[-1] == b"y", PATIENCE_S)
        assert len(member.records) == before + 1

    async def test_the_next_owner_of_a_held_partition_reads_it(
        self, log: Log, topic: str, join: Callable[..., Member]
    ) -> None:
        await write(log, topic, "a")
        member, other = join(topic), join(topic, f"{topic}-other")
        await until(lambda: member.records, PATIENCE_S)
        await self._held(log, topic, member, other)
        await member.reader.aclose()
        heir = join(topic)
        await until(lambda: heir.assigned, PATIENCE_S)
        await write(log, topic, "last")
        await until(lambda: heir.values[-1:] == [b"last"], PATIENCE_S)

    async def test_a_member_that_starts_over_leaves_joins_and_goes_on(
        self, log: Log, topic: str, join: Callable[..., Member]
    ) -> None:
        await write(log, topic, "a", "b")
        member = join(topic)
        await until(lambda: len(member.records) == 2, PATIENCE_S)
        member.reader.start_over(ValueError("a defect"))
        await until(lambda: member.heard.count("assigned 0") == 2, PATIENCE_S)
        assert member.heard.count("gone 0") == 1
        await write(log, topic, "c")
        await until(lambda: len(member.records) == 3, PATIENCE_S)

    async def _held(self, log: Log, topic: str, member: Member, other: Member) -> int:
        """Hold the partition and wait until that counts; how many records there are then."""
        member.reader.hold(0)
        for n in range(50):
            await write(log, topic, f"q{n}")
            await until(lambda n=n: len(other.records) > len(member.records) or _same(member, other, n), PATIENCE_S)
            if len(other.records) > len(member.records):
                await self._long_enough()
                if len(other.records) > len(member.records):
                    return len(other.records)
        raise AssertionError("the partition is not held")

    async def _long_enough(self) -> None:
        """As long as a member may take to hear of something."""
        loop = asyncio.get_running_loop()
        end = loop.time() + 1.3
        await until(lambda: loop.time() > end, PATIENCE_S)


def _same(member: Member, other: Member, n: int) -> bool:
    return member.values[-1:] == other.values[-1:] == [f"q{n}".encode()]
