"""Reads parked records again. What is missing counts as deleted only where Kafka shows a later record in its place.

The end of a partition proves nothing: after a fail-over it may stand, for a moment, before records that were read already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing

import structlog

from eventing.errors import EventingError
from eventing.kafka import Scanner
from eventing.record import Record, Span

_END = 1 << 62
_log = structlog.get_logger("dispatcher")


class Recall:
    """Recalls the records of one topic; `take` counts one that is held again, and says whether there is room for more."""

    def __init__(self, scanner: Scanner, topic: str, take: Callable[[Record], bool], retry_s: float) -> None:
        self._scanner = scanner
        self._topic = topic
        self._take = take
        self._retry_s = retry_s

    async def read(self, partition: int, offsets: Sequence[int], kept: list[Record]) -> int:
        """Append to `kept`, which is the caller's even when this is cancelled, what is there of these ascending offsets.

        Returns the offset before which all of them are decided: kept, or gone from Kafka.
        """
        todo = list(offsets)
        while todo:
            try:
                decided = await self._pass(partition, todo, kept)
            except Exception as error:  # noqa: BLE001  whatever it is, the records must not be lost
                names = {"topic": self._topic, "partition": partition, "offset": todo[0]}
                trace = not isinstance(error, EventingError)
                _log.warning("parked events can't be read now", **names, error=str(error), exc_info=trace)
                decided = kept[-1].offset + 1 if kept else None
            if decided is None:
                await asyncio.sleep(self._retry_s)
                continue
            todo = [offset for offset in todo if offset >= decided]
            if kept:
                return decided
        return offsets[-1] + 1

    async def _pass(self, partition: int, todo: list[int], kept: list[Record]) -> int | None:
        """Read once; the offset before which everything is decided, None where nothing is."""
        wanted, seen = set(todo), -1
        async with aclosing(self._scanner.scan(self._topic, {partition: Span(todo[0], todo[-1] + 1)})) as batches:
            async for batch in batches:
                for record in batch:
                    seen = record.offset
                    if seen in wanted:
                        kept.append(record)
                        if not self._take(record):
                            return seen + 1
        if seen >= 0:
            return seen + 1
        async with aclosing(self._scanner.scan(self._topic, {partition: Span(todo[0], _END)})) as batches:
            async for batch in batches:
                return batch[0].offset
        return None
