"""The dead letter topics of subscriptions and triggers: looked through, read and marked for people.

A topic is read twice: once to learn which letters are open and wanted (`eventing.letters.Fold`, two bits a record), once for
those alone. So neither a huge topic nor a huge letter is ever held. Nothing is deleted here: a discarded letter gets a
marker and stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from itertools import islice

from controller.insight.reading import reading
from eventing.errors import Invalid, NotFound
from eventing.kafka import Admin, Appender, Scanner, appended
from eventing.letters import Fold, Letter, Marker, Wanted, letter_in, marker, marker_in
from eventing.outcomes import DISCARDED
from eventing.record import Span
from eventing.timestamp import rfc3339

_AT_ONCE = 500
_NOTHING = Span(0, 0)


class Letters:
    """Dead letters by the name of their topic; a topic that is not there holds none."""

    def __init__(self, scanner: Scanner, admin: Admin, appender: Appender, now: Callable[[], datetime]) -> None:
        self._scanner = scanner
        self._admin = admin
        self._appender = appender
        self._now = now

    async def fold(
        self, topic: str, wanted: Wanted | None = None, *, before: int | None = None, handled_too: bool = False
    ) -> Fold:
        """Look through the topic; with `before`, letters from that offset on are not wanted, but their markers count."""
        span = await self._span(topic)
        fold = Fold(span, wanted or Wanted(), handled_too=handled_too)
        async with reading(self._scanner, topic, {0: span}) as batches:
            async for batch in batches:
                for record in batch:
                    if before is None or record.offset < before or marker_in(record.headers) is not None:
                        fold.add(record)
        return fold

    async def read(self, topic: str, fold: Fold, newest: int | None = None) -> AsyncIterator[list[Letter]]:
        """The letters that were chosen, or the newest so many of them, oldest first; an empty batch is a sign of life."""
        spans = fold.spans(newest)
        if not spans:
            return
        async with reading(self._scanner, topic, {0: Span(spans[0].first, spans[-1].end)}) as batches:
            async for batch in batches:
                yield [letter for r in batch if fold.has(r.offset) and (letter := letter_in(r)) is not None]

    async def one(self, topic: str, offset: int) -> tuple[Letter, Marker | None]:
        """One letter, and what became of it. Raises `NotFound` where no letter lies at this offset."""
        span = await self._span(topic)
        letter = found = None
        if span.first <= offset < span.end:
            async with reading(self._scanner, topic, {0: Span(offset, span.end)}) as batches:
                async for batch in batches:
                    for record in batch:
                        if record.offset == offset:
                            letter = letter_in(record)
                        elif letter is not None and found is None:
                            read = marker_in(record.headers)
                            found = read if read is not None and read.offset == offset else None
                    if letter is None or found is not None:
                        break
        if letter is None:
            raise NotFound(
                "no dead letter lies at this offset", where=f"{topic} {offset}", fix="see the list for those"
            )
        return letter, found

    async def discard(self, topic: str, fold: Fold) -> int:
        """Mark the chosen letters discarded; returns how many."""
        time = rfc3339(self._now())
        offsets = (offset for span in fold.spans() for offset in range(*span))
        while portion := list(islice(offsets, _AT_ONCE)):
            marks = (marker(offset, DISCARDED, time) for offset in portion)
            await asyncio.gather(*(appended(self._appender, topic, None, None, headers) for headers in marks))
        return fold.chosen

    async def _span(self, topic: str) -> Span:
        state = await self._admin.topic(topic)
        if state is None:
            return _NOTHING
        if state.partitions != 1:
            message = f"has {state.partitions} partitions; an offset names a dead letter only where there is one"
            raise Invalid(message, where=f"topic {topic}", fix="move its records into a topic with one partition")
        return (await self._admin.spans(topic)).get(0, _NOTHING)
