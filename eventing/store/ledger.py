"""A compacted topic with one writer, who knows what is in it.

Whoever opens it writes its claim last, so the newest claim in the topic is the writer's. What is written counts once it has
been read back with no newer claim before it: then it also stands before the claim of whoever comes next, who reads it. A
row that was not certainly written is written over with what it was before anything else is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from eventing.errors import EventingError, TooLarge, Unavailable
from eventing.kafka import Appender, appended
from eventing.record import Position
from eventing.store.rows import WRITER, Claim, claim, key_in

Rows = dict[str, bytes | None]
Row = tuple[str, bytes | None]
_log = structlog.get_logger("store")


class Table(Protocol):
    """Something that follows a topic."""

    def aclose(self) -> Coroutine[Any, Any, None]:
        """Stop following."""


Follow = Callable[[Callable[[Rows], None]], Table]
"""Begins to follow the topic; tells the newest value of each key, at first of all and then of those that changed."""


@dataclass(slots=True, eq=False)
class _Sent:
    row: str
    value: bytes | None
    seen: bool = False


class Ledger:
    """The topic in the hands of a writer with this name, which no other writer has. Belongs to one event loop."""

    def __init__(self, topic: str, appender: Appender, name: str, patience_s: float, follow: Follow) -> None:
        self._topic = topic
        self._appender = appender
        self._name = name
        self._patience_s = patience_s
        self._rows: dict[str, bytes] = {}
        self._claim = Claim()
        self._known = self._opened = False
        self._other: Claim | None = None
        self._sent: dict[str, list[_Sent]] = {}
        self._doubtful: Rows = {}
        self._changed = asyncio.Event()
        self._table = follow(self._take)

    async def open(self) -> Mapping[str, bytes]:
        """Become the writer; every row as it is then. Raises `Unavailable` where Kafka does not answer in time."""
        await self._until(lambda: self._known, "the topic can't be read")
        before = claim(self._rows.get(WRITER))
        self._claim = Claim(before.epoch + 1, self._name, before.revision)
        try:
            await self._append([(WRITER, self._claim.encoded())])
        except Unavailable:
            # Who claimed right after us hides our own claim.
            newest = claim(self._rows.get(WRITER))
            if newest.epoch == self._claim.epoch and newest.name != self._name:
                raise self._refusal(newest) from None
            raise
        return dict(self._rows)

    async def write(self, rows: Sequence[Row], revision: int) -> None:
        """Write these rows in this order; `revision` is what the newest of them has.

        Raises `Unavailable` or `TooLarge`, and then the rows are as they were. A process that dies meanwhile may leave the
        first of them.
        """
        deleted = any(value is None for _, value in rows)
        mark = [(WRITER, self._claim._replace(revision=revision).encoded())] if deleted else []
        if self._doubtful:
            await self._append(list(self._doubtful.items()))
        await self._append([*mark, *rows])

    async def ousted(self) -> Unavailable:
        """Wait until there is another writer; the error with which everything is refused from then on."""
        while self._other is None:
            await self._changed.wait()
        return self._refusal(self._other)

    async def aclose(self) -> None:
        """Stop reading."""
        await self._table.aclose()

    async def _append(self, rows: list[Row]) -> None:
        """Write and read back."""
        self._check()
        sent: list[_Sent] = []
        try:
            outcomes = await asyncio.gather(
                *(self._send(row, value, sent) for row, value in rows), return_exceptions=True
            )  # fmt: skip
            for (row, _), outcome in zip(rows, outcomes, strict=True):
                if isinstance(outcome, BaseException):
                    raise _named(outcome, row, self._topic)
            await self._until(lambda: sent[-1].seen or self._other is not None, "what was written can't be read")
            self._check()
        except BaseException:
            self._doubtful |= {row: self._rows.get(row) for row, _ in rows}
            for one in sent:
                self._forget(one)
            raise
        for row, value in rows:
            self._doubtful.pop(row, None)
            _set(self._rows, row, value)

    async def _send(self, row: str, value: bytes | None, sent: list[_Sent]) -> None:
        sent.append(self._remember(row, value))
        await appended(self._appender, self._topic, row.encode(), value, [])

    def _take(self, rows: Rows) -> None:
        opening = not self._opened
        for row, value in rows.items():
            ours = self._is_ours(row, value)
            if opening:
                # Whatever comes with our claim counts too: its writer has not been told that it does, nor that it does not.
                _set(self._rows, row, value)
                self._opened = self._opened or (ours and row == WRITER and self._claim.epoch > 0)
            elif not ours and self._other is None:
                self._meet(row, value)
        self._known = True
        bell, self._changed = self._changed, asyncio.Event()
        bell.set()

    def _is_ours(self, row: str, value: bytes | None) -> bool:
        """Whether this is what we wrote, or what has been there before."""
        sent = self._sent.get(row, [])
        found = next((one for one in sent if one.value == value), None)
        if found is None:
            return self._rows.get(row) == value
        for one in sent[: sent.index(found) + 1]:
            one.seen = True
            self._forget(one)
        return True

    def _meet(self, row: str, value: bytes | None) -> None:
        """Somebody else has written: the next writer, one before us who has not noticed yet, or we in a vain attempt."""
        other = claim(value) if row == WRITER else Claim()
        if other.epoch >= self._claim.epoch and other.name != self._name:
            self._other = other
            _log.error("another writer keeps the resources from here on", topic=self._topic, writer=other.name)
        elif row not in self._sent:  # else ours is on its way and comes after it
            _log.warning("a row that does not count is undone", topic=self._topic, object=key_in(row))
            self._undo(row)

    def _undo(self, row: str) -> None:
        before = self._rows.get(row)
        sent = self._remember(row, before)
        self._doubtful[row] = before

        def done(outcome: Position | EventingError) -> None:
            if isinstance(outcome, EventingError):
                self._forget(sent)
            elif self._doubtful.get(row, b"") == before:
                del self._doubtful[row]

        try:
            self._appender.append(self._topic, row.encode(), before, [], done)
        except EventingError as error:
            done(error)

    def _remember(self, row: str, value: bytes | None) -> _Sent:
        one = _Sent(row, value)
        self._sent.setdefault(row, []).append(one)
        return one

    def _forget(self, one: _Sent) -> None:
        """Expect this one no more; should it come all the same, it is undone."""
        left = [other for other in self._sent.get(one.row, ()) if other is not one]
        if left:
            self._sent[one.row] = left
        else:
            self._sent.pop(one.row, None)

    def _check(self) -> None:
        if self._other is not None:
            raise self._refusal(self._other)

    def _refusal(self, other: Claim) -> Unavailable:
        message = f"another Kanal keeps the resources now: {other.name or 'one without a name'}"
        fix = "stop one of the two, or give each its own names.resources_topic"
        return Unavailable(message, where=f"topic {self._topic}", fix=fix)

    async def _until(self, holds: Callable[[], bool], otherwise: str) -> None:
        try:
            async with asyncio.timeout(self._patience_s):
                while not holds():
                    await self._changed.wait()
        except TimeoutError:
            raise Unavailable(otherwise, where=f"topic {self._topic}") from None


def _set(table: dict[str, bytes], row: str, value: bytes | None) -> None:
    if value is None:
        table.pop(row, None)
    else:
        table[row] = value


def _named(error: BaseException, row: str, topic: str) -> BaseException:
    """The error with the object that met it, where it is about that."""
    if not isinstance(error, TooLarge):
        return error
    fix = f"make it smaller, or raise max.message.bytes of the topic {topic}"
    return TooLarge(error.message, where=key_in(row), fix=fix)
