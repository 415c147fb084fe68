"""What every adapter behind the log port must do: cases for readers and the groups they share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from log_contract import PATIENCE_S, Log, LogCases, Member, lag, write
from raw_http import until

from eventing.errors import Unavailable
from eventing.marks import marked
from eventing.record import Mark


class ReadingCases(LogCases):
    async def test_a_partition_is_assigned_before_its_records_and_gone_after_them(
        self, log: Log, topic: str, join: Callable[..., Member]
    ) -> None:
        await write(log, topic, "a", "b")
        member = join(topic)
        await until(lambda: len(member.records) == 2, PATIENCE_S)
        await member.reader.aclose()
        assert member.heard == ["assigned 0", "records 0", "records 0", "gone 0"]

    async def test_a_group_without_offsets_is_told_so_and_begins_at_the_beginning(
        self, log: Log, topic: str, join: Callable[..., Member]
    ) -> None:
        await write(log, topic, "a")
        member = join(topic)
        await until(lambda: member.records, PATIENCE_S)
        assert member.assigned == {0: Mark(-1)}

    async def test_a_mark_with_its_metadata_comes_back_and_records_before_it_never_do(
        self, log: Log, topic: str, join: Callable[..., Member]
    ) -> None:
        await write(log, topic, "a", "b", "c")
        first = join(topic)
        await until(lambda: len(first.records) == 3, PATIENCE_S)
        first.reader.commit({0: Mark(1, "a note")})
        first.reader.commit({0: Mark(2, "k1:a longer note")})
        await self._committed(log, topic, 1)
        first.records = []  # so that its last mark says nothing new
        first.assigned[0] = Mark(-1)
        await first.reader.aclose()
        second = join(topic)
        await until(lambda: second.records, PATIENCE_S)
        assert second.assigned == {0: Mark(2, "k1:a longer note")}
        assert second.values == [b"c"]

    async def test_a_mark_of_a_topic_that_is_gone_counts_for_nothing_and_one_of_this_topic_does(
        self, log: Log, topic: str, join: Callable[..., Member]
    ) -> None:
        await write(log, topic, "a", "b", "c")
        await log.admin.set_marks(topic, topic, {0: marked(2, [], "old")})
        await log.admin.set_marks(f"{topic}-2", topic, {0: marked(2, [], "new")})
        stale, fresh = join(topic, topic_id="new"), join(topic, f"{topic}-2", topic_id="new")
        await until(lambda: len(stale.records) == 3 and fresh.records, PATIENCE_S)
        assert (stale.assigned, fresh.assigned) == ({0: Mark(-1)}, {0: marked(2, [], "new")})
        assert fresh.values == [b"c"]

    async def test_marks_of_partitions_that_are_not_ours_are_ignored(
        self, log: Log, topic: str, join: Callable[..., Member]
    ) -> None:
        await write(log, topic, "a")
        member = join(topic)
        await until(lambda: member.records, PATIENCE_S)
        member.reader.commit({0: Mark(1), 7: Mark(3)})
        await self._committed(log, topic, 0)

    async def test_closing_asks_for_the_last_marks_commits_them_and_leaves_the_group(
        self, log: Log, topic: str, join: Callable[..., Member]
    ) -> None:
        await write(log, topic, "a", "b")
        member = join(topic, metadata="last words")
        await until(lambda: len(member.records) == 2, PATIENCE_S)
        await member.reader.aclose()
        assert member.revocations == [[0]]
        assert await lag(log, topic, topic) == {0: 0}
        heir = join(topic)
        await until(lambda: heir.assigned, PATIENCE_S)
        assert heir.assigned == {0: Mark(2, "last words")}
        await heir.reader.aclose()
        await log.admin.delete_group(topic)

    async def test_a_member_that_got_nothing_leaves_as_well(
        self, log: Log, topic: str, join: Callable[..., Member]
    ) -> None:
        first = join(topic)
        await until(lambda: first.assigned, PATIENCE_S)
        second = join(topic)
        await second.reader.aclose()
        assert second.records == []
        await first.reader.aclose()
        await log.admin.delete_group(topic)

    @pytest.mark.parametrize("long", [False, True], ids=["short", "longer than a second"])
    async def test_a_pause_hands_over_nothing_and_loses_nothing(
        self, log: Log, topic: str, join: Callable[..., Member], *, long: bool
    ) -> None:
        await write(log, topic, "a")
        member, other = join(topic), join(topic, f"{topic}-other")
        await until(lambda: member.records and other.records, PATIENCE_S)
        member.reader.pause()
        sent = [f"n{n}" for n in range(20)]
        await write(log, topic, *sent)
        # That another group has them all says that they could have come.
        await until(lambda: len(other.records) == 21, PATIENCE_S)
        if long:
            end = asyncio.get_running_loop().time() + 1.6
            await until(lambda: asyncio.get_running_loop().time() > end)
        assert member.values == [b"a"]
        member.reader.resume()
        await until(lambda: len(member.records) == 21, PATIENCE_S)
        assert member.values == [b"a", *map(str.encode, sent)]

    async def test_a_pause_from_within_holds_after_the_batch_and_a_mark_can_be_committed_meanwhile(
        self, log: Log, topic: str, join: Callable[..., Member]
    ) -> None:
        await write(log, topic, "a")
        member = join(topic)
        await until(lambda: member.records, PATIENCE_S)
        member.reader.pause()
        member.reader.commit({0: Mark(1)})
        await self._committed(log, topic, 0)
        assert member.values == [b"a"]

    async def test_records_that_a_pause_kept_back_go_to_the_next_owner(
        self, log: Log, topic: str, join: Callable[..., Member]
    ) -> None:
        member = join(topic)
        await until(lambda: member.assigned, PATIENCE_S)
        member.reader.pause()
        await write(log, topic, "a", "b")
        await member.reader.aclose()
        assert member.records == []
        heir = join(topic)
        await until(lambda: len(heir.records) == 2, PATIENCE_S)
        assert heir.values == [b"a", b"b"]

    async def _committed(self, log: Log, topic: str, left: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while await lag(log, topic, topic) != {0: left}:
                await asyncio.sleep(0.01)


def share(*members: Member) -> list[int]:
    return sorted(len(member.assigned) for member in members)


class SharingCases(LogCases):
    async def test_members_share_partitions_and_what_stays_is_not_revoked(
        self, log: Log, join: Callable[..., Member]
    ) -> None:
        topic = await self.new_topic(log, 6)
        first = join(topic)
        await until(lambda: share(first) == [6], PATIENCE_S)
        second = join(topic)
        await until(lambda: share(first, second) == [3, 3], PATIENCE_S)
        third = join(topic)
        await until(lambda: share(first, second, third) == [2, 2, 2], PATIENCE_S)
        owned = [partition for member in (first, second, third) for partition in member.assigned]
        assert sorted(owned) == list(range(6))
        revoked = [partition for member in (first, second) for some in member.revocations for partition in some]
        assert len(revoked) == 5
        assert not set(first.assigned) & {p for some in first.revocations for p in some}

    async def test_the_partitions_of_a_member_that_leaves_go_to_the_others(
        self, log: Log, join: Callable[..., Member]
    ) -> None:
        topic = await self.new_topic(log, 4)
        first, second = join(topic), join(topic)
        await until(lambda: share(first, second) == [2, 2], PATIENCE_S)
        await first.reader.aclose()
        await until(lambda: share(second) == [4], PATIENCE_S)
        assert second.revocations == [] or [len(some) for some in second.revocations] == [2]

    async def test_nobody_gets_a_partition_before_its_last_mark_is_committed(
        self, log: Log, join: Callable[..., Member]
    ) -> None:
        topic = await self.new_topic(log, 2)
        first = join(topic, metadata="handed over")
        await until(lambda: share(first) == [2], PATIENCE_S)
        await write(log, topic, *"abcdefgh")
        await write(log, topic, "k", key=b"1")
        await write(log, topic, "k", key=b"2")
        await until(lambda: len(first.records) == 10, PATIENCE_S)
        first.hesitates = asyncio.Event()
        second = join(topic)
        await until(lambda: first.revocations, PATIENCE_S)
        assert second.assigned == {}
        (moving,) = first.revocations[0]
        expected = first.mark(moving)
        first.hesitates.set()
        await until(lambda: second.assigned, PATIENCE_S)
        assert second.assigned == {moving: expected if expected.offset >= 0 else Mark(-1)}

    async def test_nothing_is_lost_and_nothing_read_twice_while_members_come_and_go(
        self, log: Log, join: Callable[..., Member]
    ) -> None:
        topic = await self.new_topic(log, 6)
        members = [join(topic)]
        await until(lambda: share(*members) == [6], PATIENCE_S)
        sent: list[str] = []

        async def some() -> None:
            values = [f"v{len(sent) + n}" for n in range(60)]
            sent.extend(values)
            await asyncio.gather(*(write(log, topic, value, key=value.encode()) for value in values))

        await some()
        members.append(join(topic))
        await some()
        await until(lambda: share(*members) == [3, 3], PATIENCE_S)
        members.append(join(topic))
        await some()
        await until(lambda: share(*members) == [2, 2, 2], PATIENCE_S)
        await some()
        await members[0].reader.aclose()
        await some()
        await until(lambda: share(*members[1:]) == [3, 3], PATIENCE_S)
        await until(lambda: sum(len(member.records) for member in members) >= len(sent), PATIENCE_S)
        read = [value or b"" for member in members for value in member.values]
        assert sorted(read) == sorted(value.encode() for value in sent)

    async def test_a_member_joins_before_its_topic_is_there(self, log: Log, join: Callable[..., Member]) -> None:
        member = join(f"{log.prefix}-a")
        with pytest.raises(Unavailable):
            await log.admin.marks(f"{log.prefix}-a", f"{log.prefix}-a")
        topic = await self.new_topic(log)
        await write(log, topic, "a")
        await until(lambda: member.values == [b"a"], PATIENCE_S)
