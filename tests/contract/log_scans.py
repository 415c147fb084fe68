"""What every adapter behind the log port must do: cases for scanners."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import cast

import pytest
from log_contract import Log, LogCases, write

from eventing.errors import Unavailable
from eventing.record import Record, Span

Batches = AsyncGenerator[list[Record], None]


async def scanned(log: Log, topic: str, spans: Mapping[int, Span]) -> list[tuple[int, int]]:
    """Partition and offset of each record, in order."""
    found = []
    async for batch in log.scanner.scan(topic, spans):
        assert batch
        found += [(record.partition, record.offset) for record in batch]
    return found


class ScanningCases(LogCases):
    async def test_a_scan_reads_its_spans_and_nothing_else(self, log: Log) -> None:
        topic = await self.new_topic(log, 3)
        await asyncio.gather(*(write(log, topic, f"v{n}", key=b"%d" % n) for n in range(90)))
        spans = dict(await log.admin.spans(topic))
        assert all(span.end > 10 for span in spans.values())
        spans[0] = Span(3, 7)
        del spans[1]
        found = await scanned(log, topic, spans)
        for partition in (0, 2):
            offsets = [offset for p, offset in found if p == partition]
            assert offsets == list(range(*spans[partition]))
        assert len(found) == 4 + spans[2].end

    async def test_a_record_comes_back_as_it_lies_there(self, log: Log, topic: str) -> None:
        await write(log, topic, "a", "b", key=b"k")
        ((record,),) = [batch async for batch in log.scanner.scan(topic, {0: Span(1, 2)})]
        assert (record.topic, record.partition, record.offset) == (topic, 0, 1)
        assert (record.key, record.value, list(record.headers)) == (b"k", b"b", [])
        assert record.timestamp_ms > 0

    async def test_an_empty_span_ends_at_once_and_so_does_none(self, log: Log, topic: str) -> None:
        assert await scanned(log, topic, {}) == []
        assert await scanned(log, topic, {0: Span(0, 0)}) == []

    async def test_a_span_that_reaches_beyond_the_end_ends_there(self, log: Log, topic: str) -> None:
        await write(log, topic, "a", "b")
        assert await scanned(log, topic, {0: Span(1, 900)}) == [(0, 1)]
        assert await scanned(log, topic, {0: Span(2, 5)}) == []

    async def test_a_span_that_begins_beyond_the_end_is_empty(self, log: Log, topic: str) -> None:
        await write(log, topic, "a", "b")
        assert await scanned(log, topic, {0: Span(50, 60)}) == []
        assert await scanned(log, topic, {0: Span(50, 900)}) == []

    async def test_several_scans_go_on_at_once_and_one_that_waits_holds_up_no_other(self, log: Log, topic: str) -> None:
        await asyncio.gather(*(write(log, topic, "x" * 100) for _ in range(1_200)))
        async with aclosing(cast("Batches", log.scanner.scan(topic, {0: Span(0, 1_200)}))) as slow:
            begun = await anext(slow)
            many = await asyncio.gather(*(scanned(log, topic, {0: Span(n, n + 3)}) for n in range(12)))
            assert many == [[(0, n), (0, n + 1), (0, n + 2)] for n in range(12)]
            assert len(await scanned(log, topic, {0: Span(0, 1_200)})) == 1_200
            rest = [record async for batch in slow for record in batch]
        assert [record.offset for record in [*begun, *rest]] == list(range(1_200))

    async def test_a_scan_that_is_left_early_leaves_the_next_one_alone(self, log: Log, topic: str) -> None:
        await write(log, topic, *"abcdef")
        for _ in range(3):
            async with aclosing(cast("Batches", log.scanner.scan(topic, {0: Span(0, 6)}))) as batches:
                assert (await anext(batches))[0].offset == 0
        assert await scanned(log, topic, {0: Span(4, 6)}) == [(0, 4), (0, 5)]

    async def test_a_scan_that_is_cancelled_ends(self, log: Log, topic: str) -> None:
        await write(log, topic, "a")
        scan = asyncio.ensure_future(scanned(log, topic, {0: Span(0, 1)}))
        await asyncio.sleep(0)
        scan.cancel()
        with pytest.raises(asyncio.CancelledError):
            await scan
        assert await scanned(log, topic, {0: Span(0, 1)}) == [(0, 0)]

    async def test_a_scan_of_a_topic_that_is_not_there_is_unavailable(self, log: Log) -> None:
        with pytest.raises(Unavailable, match="nowhere"):
            await scanned(log, f"{log.prefix}-nowhere", {0: Span(0, 1)})
