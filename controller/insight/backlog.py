"""How many dead letters are open, without reading their topic again and again.

Only reading tells letters from the markers behind them, so each topic is read through once and from then on only what is
new in it; two bits a record are held. A topic that is long takes several looks: until it is read through, the number is the
most that it can be.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import NamedTuple

from controller.insight.reading import reading
from eventing.kafka import Admin, Scanner
from eventing.letters import Fold, Wanted
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
    _fold: Fold = field(init=False)

    def __post_init__(self) -> None:
        self._fold = Fold(Span(self.first, self.first), Wanted())

    @property
    def letters(self) -> int:
        """How many of them are open letters."""
        return self._fold.chosen

    def add(self, record: Record) -> None:
        """Count the next record."""
        self.next = record.offset + 1
        self._fold.add(record)

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
