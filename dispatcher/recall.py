"""Reads parked records again. What is missing counts as deleted only where Kafka shows a later record in its place.

The end of a partition proves nothing: after a fail-over it may stand, for a moment, before records that were read already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing

import structlog

from eventing.errors import EventingError
from eventing.kafka import Scanner
from eventing.record import Record, Span

_END = 1 << 62
_log = structlog.get_logger("dispatcher")


class Recall:
    """Recalls the records of one topic."""

    def __init__(self, scanner: Scanner, topic: str, retry_s: float) -> None:
        self._scanner = scanner
        self._topic = topic
        self._retry_s = retry_s

    async def read(self, partition: int, span: Span, bring: Callable[[Record], bool]) -> int:
        """Bring what is there of this span; the offset before which everything was brought, or is gone from Kafka.

        `bring` takes each record, and says whether there is room for more.
        """
        while True:
            try:
                decided = await self._pass(partition, span, bring)
            except Exception as error:  # noqa: BLE001  whatever it is, the records must not be lost
                names = {"topic": self._topic, "partition": partition, "offset": span.first}
                trace = not isinstance(error, EventingError)
                _log.warning("parked events can't be read now", **names, error=str(error), exc_info=trace)
            else:
                if decided is not None:
                    return decided
            await asyncio.sleep(self._retry_s)

    async def _pass(self, partition: int, span: Span, bring: Callable[[Record], bool]) -> int | None:
        """Read once; None where nothing shows what became of the span."""
        decided = None
        async with aclosing(self._scanner.scan(self._topic, {partition: span})) as batches:
            async for batch in batches:
                for record in batch:
                    decided = record.offset + 1
                    if not bring(record):
                        return decided
        if decided is not None:
            return decided
        async with aclosing(self._scanner.scan(self._topic, {partition: Span(span.first, _END)})) as batches:
            async for batch in batches:
                return batch[0].offset
        return None
