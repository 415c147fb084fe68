"""How many dead letters are open, without reading their topic again and again.

Only reading tells letters from the markers behind them, so each topic is read through once and from then on only what is
new in it; one bit a record is held. A topic that is long takes several looks: until it is read through, the number is the
most that it can be.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import NamedTuple

from controller.insight.reading import reading
from eventing.kafka import Admin, Scanner
from eventing.letters import letter_in, marker_in
from eventing.record import Record, Span

LOOK_S = 3.0


class Open(NamedTuple):
    """How many letters are open; at most so many, where it is not `exact`."""

    letters: int
    exact: bool = True


@dataclass(slots=True)
class Tally:
    """The records of one dead letter topic, counted from `first` to before `next`."""

    topic_id: str
    first: int
    next: int
    letters: int = 0
    """How many of them are open letters, as `eventing.letters.Fold` has it."""
    _open: bytearray = field(default_factory=bytearray)

    def add(self, record: Record) -> None:
        """Count the next record."""
        self.next = record.offset + 1
        found = marker_in(record.headers)
        if found is not None:
            if self.first <= found.offset < record.offset:
                self.letters -= self._flip(found.offset, on=False)
        elif letter_in(record) is not None:
            self.letters += self._flip(record.offset, on=True)

    def _flip(self, offset: int, *, on: bool) -> bool:
        """Set or clear a record's bit; False where it was so already."""
        place, bit = divmod(offset - self.first, 8)
        if place >= len(self._open):
            self._open.extend(bytes(max(place + 1 - len(self._open), len(self._open))))
        if bool(self._open[place] >> bit & 1) == on:
            return False
        self._open[place] ^= 1 << bit
        return True

    def open(self, end: int) -> Open:
        """The open letters of a topic that ends before `end`."""
        return Open(self.letters + max(end - self.next, 0), self.next >= end)


class Backlog:
    """Counts the open letters of any topics; `look_s` bounds each look."""

    def __init__(self, admin: Admin, scanner: Scanner, look_s: float = LOOK_S) -> None:
        self._admin = admin
        self._scanner = scanner
        self._look_s = look_s
        self._tallies: dict[str, Tally] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def open(self, topic: str) -> Open:
        """The open letters in this topic; none where it is not there."""
        async with self._turns.setdefault(topic, asyncio.Lock()):
            state = await self._admin.topic(topic)
            if state is None:
                self._tallies.pop(topic, None)
                return Open(0)
            span = (await self._admin.spans(topic)).get(0, Span(0, 0))
            tally = self._tallies.get(topic)
            if tally is None or tally.topic_id != state.id or tally.first != span.first or tally.next > span.end:
                tally = self._tallies[topic] = Tally(state.id, span.first, span.first)
            try:
                async with asyncio.timeout(self._look_s):
                    await self._count(topic, tally, span.end)
            except TimeoutError:
                return tally.open(span.end)
            tally.next = span.end
            return tally.open(span.end)

    async def _count(self, topic: str, tally: Tally, end: int) -> None:
        async with reading(self._scanner, topic, {0: Span(tally.next, end)}) as batches:
            async for batch in batches:
                for record in batch:
                    tally.add(record)
