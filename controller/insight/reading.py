"""One way to read spans of a topic, so that every scan ends with its block."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager

from eventing.kafka import Scanner
from eventing.record import Record, Span, count


@asynccontextmanager
async def reading(
    scanner: Scanner, topic: str, spans: Mapping[int, Span]
) -> AsyncIterator[AsyncIterator[list[Record]]]:
    """The records of these spans in batches; no connection is made where there are none."""
    async with aclosing(scanner.scan(topic, spans) if count(spans.values()) else _empty()) as batches:
        yield batches


async def _empty() -> AsyncGenerator[list[Record], None]:
    nothing: tuple[list[Record], ...] = ()
    for batch in nothing:
        yield batch
