"""What every adapter behind the log port must do: cases for the marks of groups, and for where records lie."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from log_contract import PATIENCE_S, Log, LogCases, Member, lag, write
from raw_http import until

from eventing.errors import Unavailable
from eventing.marks import marked
from eventing.record import Mark, Span


class GroupCases(LogCases):
    async def test_settling_commits_the_end_once_and_moves_nothing_afterwards(
        self, log: Log, topic: str, join: Callable[..., Member]
    ) -> None:
        await write(log, topic, "before", "before")
        await log.admin.settle_group(topic, topic)
        await write(log, topic, "after")
        await log.admin.settle_group(topic, topic)
        assert await lag(log, topic, topic) == {0: 1}
        member = join(topic)
        await until(lambda: member.values == [b"after"], PATIENCE_S)
        assert [record.offset for record in member.records] == [2]

    async def test_a_mark_that_settling_sets_says_of_which_topic_it_is(self, log: Log, topic: str) -> None:
        state = await log.admin.topic(topic)
        assert state is not None
        await log.admin.settle_group(topic, topic)
        assert await log.admin.marks(topic, topic) == {0: marked(0, (), state.id)}

    async def test_settling_gives_a_partition_that_was_forgotten_its_end_and_leaves_the_others(self, log: Log) -> None:
        topic = await self.new_topic(log, 2)
        await write(log, topic, *"abcdefgh")
        await log.admin.set_marks(topic, topic, {1: Mark(0, "mine")})
        await log.admin.settle_group(topic, topic)
        marks, spans = await log.admin.marks(topic, topic), await log.admin.spans(topic)
        assert marks[1] == Mark(0, "mine")
        assert marks[0].offset == spans[0].end

    async def test_settling_skips_nothing_of_a_partition_that_was_added_while_nobody_was_a_member(
        self, log: Log
    ) -> None:
        topic = await self.new_topic(log, 2)
        await write(log, topic, *"abcdefgh")
        await log.admin.set_marks(topic, topic, {0: Mark(1)})
        await log.admin.settle_group(topic, topic)
        assert (await log.admin.marks(topic, topic))[1].offset == 0

    async def test_a_group_whose_marks_are_of_a_topic_that_is_gone_begins_at_the_beginning(self, log: Log) -> None:
        topic = await self.new_topic(log, 2)
        await write(log, topic, *"abcdefgh")
        await log.admin.set_marks(topic, topic, {0: marked(3, (), "another")})
        await log.admin.settle_group(topic, topic)
        state = await log.admin.topic(topic)
        assert state is not None
        assert await log.admin.marks(topic, topic) == {p: marked(0, (), state.id) for p in (0, 1)}

    async def test_a_group_on_a_topic_that_was_made_again_begins_at_the_beginning(self, log: Log, topic: str) -> None:
        await write(log, topic, "a", "b", "c")
        await log.admin.settle_group(topic, topic)
        await log.delete_topic(topic)
        await self.new_topic(log)
        await write(log, topic, "d", "e")
        await log.admin.settle_group(topic, topic, anew=True)
        assert await lag(log, topic, topic) == {0: 2}

    async def test_settling_is_refused_only_where_members_would_begin_at_another_place(
        self, log: Log, topic: str, join: Callable[..., Member]
    ) -> None:
        member = join(topic)
        await until(lambda: member.assigned, PATIENCE_S)
        with pytest.raises(Unavailable, match="members"):
            await log.admin.settle_group(topic, topic)
        await log.admin.settle_group(topic, topic, anew=True)
        assert await log.admin.marks(topic, topic) == {}

    async def test_groups_of_a_missing_topic_are_unavailable(self, log: Log) -> None:
        missing = f"{log.prefix}-nowhere"
        for answer in (
            log.admin.settle_group("g", missing),
            log.admin.marks("g", missing),
            log.admin.spans(missing),
        ):
            with pytest.raises(Unavailable, match="nowhere"):
                await answer

    async def test_marks_are_only_those_that_are_set_and_come_back_as_they_were(self, log: Log) -> None:
        topic = await self.new_topic(log, 3)
        assert await log.admin.marks(topic, topic) == {}
        marks = {0: Mark(7), 2: marked(3, [Span(5, 900)], "id")}
        await log.admin.set_marks(topic, topic, marks)
        assert await log.admin.marks(topic, topic) == marks
        await log.admin.set_marks(topic, topic, {2: Mark(1)})
        assert await log.admin.marks(topic, topic) == {0: Mark(7), 2: Mark(1)}

    async def test_marks_are_not_set_under_members_and_are_after_they_left(
        self, log: Log, topic: str, join: Callable[..., Member]
    ) -> None:
        member = join(topic)
        await until(lambda: member.assigned, PATIENCE_S)
        with pytest.raises(Unavailable, match="members"):
            await log.admin.set_marks(topic, topic, {0: Mark(3)})
        await member.reader.aclose()
        await log.admin.set_marks(topic, topic, {0: Mark(3)})
        assert await log.admin.marks(topic, topic) == {0: Mark(3)}

    async def test_the_largest_mark_can_be_committed(self, log: Log, topic: str) -> None:
        largest = marked(0, [Span(n * 10_000, n * 10_000 + 9_000) for n in range(1, 3_000)], "x" * 22)
        await log.admin.set_marks(topic, topic, {0: largest})
        assert await log.admin.marks(topic, topic) == {0: largest}

    async def test_keeping_a_group_leaves_its_marks_and_needs_no_group(
        self, log: Log, topic: str, join: Callable[..., Member]
    ) -> None:
        await log.admin.keep_group(f"{topic}-none", topic)
        await log.admin.set_marks(topic, topic, {0: Mark(0, "mine")})
        await log.admin.keep_group(topic, topic)
        assert await log.admin.marks(topic, topic) == {0: Mark(0, "mine")}
        member = join(topic)
        await until(lambda: member.assigned, PATIENCE_S)
        await log.admin.keep_group(topic, topic)
        assert member.assigned == {0: Mark(0, "mine")}

    async def test_spans_say_where_records_lie_and_from_where_they_are_young(self, log: Log) -> None:
        topic = await self.new_topic(log, 2)
        assert await log.admin.spans(topic) == {0: Span(0, 0), 1: Span(0, 0)}
        (first, *_) = await write(log, topic, "a", "b", key=b"k")
        before = [record async for batch in log.scanner.scan(topic, await log.admin.spans(topic)) for record in batch]
        later = before[-1].timestamp_ms + 1
        await until(lambda: time.time() * 1000 > later, PATIENCE_S)
        await write(log, topic, "c", key=b"k")
        p = first.partition
        assert await log.admin.spans(topic) == {p: Span(0, 3), 1 - p: Span(0, 0)}
        assert await log.admin.spans(topic, later) == {p: Span(2, 3), 1 - p: Span(0, 0)}
        assert await log.admin.spans(topic, before[0].timestamp_ms) == {p: Span(0, 3), 1 - p: Span(0, 0)}
        assert await log.admin.spans(topic, later + 3_600_000) == {p: Span(3, 3), 1 - p: Span(0, 0)}

    async def test_a_group_with_members_is_not_deleted_and_one_without_is_even_twice(
        self, log: Log, topic: str, join: Callable[..., Member]
    ) -> None:
        await log.admin.settle_group(topic, topic)
        member = join(topic)
        await until(lambda: member.assigned, PATIENCE_S)
        with pytest.raises(Unavailable, match="members"):
            await log.admin.delete_group(topic)
        await member.reader.aclose()
        await log.admin.delete_group(topic)
        await log.admin.delete_group(topic)
        assert await log.admin.marks(topic, topic) == {}
