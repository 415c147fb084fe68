"""Dead letters as they lie in their topic: which are open, which were handled, and how that is written down.

A dead letter topic has one partition and is never rewritten. What became of a letter stands behind it as a *marker*: a
record without key and value whose headers name the letter's offset, the outcome and the time. A letter with a marker is not
open any more; one that was redelivered in vain is a new letter further back. The dispatcher writes markers when a
redelivered letter has ended, the controller when a person discards one; whoever reads the topic folds them with `Fold`.

A fold holds two bits a record, so a topic of a hundred million letters is looked through in 25 MB.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from eventing.codec import kafka as kafka_codec
from eventing.errors import Invalid
from eventing.event import Event
from eventing.record import Headers, Record, Span

OFFSET_HEADER, OUTCOME_HEADER, TIME_HEADER = "kanal_redelivered", "kanal_outcome", "kanal_time"


class Marker(NamedTuple):
    """What became of the letter at `offset`: an outcome of `eventing.outcomes`, and when (RFC 3339)."""

    offset: int
    outcome: str
    time: str


@dataclass(frozen=True, slots=True)
class Letter:
    """An event that nobody took, as it was kept. `time` is when it was given up (RFC 3339)."""

    offset: int
    time: str
    event: Event

    def told(self, name: str) -> str:
        """An attribute of the event, empty where it has none."""
        return self.event.attributes.get(name, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which letters a person means: all that fit every field that is set. Times have a time zone."""

    type: str = ""
    source: str = ""
    id: str = ""
    code: str = ""
    reason: str = ""
    since: datetime | None = None
    until: datetime | None = None
    offsets: frozenset[int] | None = None

    def fits(self, letter: Letter) -> bool:
        """Whether this is one of them; `reason` need only be contained, in any case of letters."""
        equal = ((self.type, "type"), (self.source, "source"), (self.id, "id"), (self.code, "knativeerrorcode"))
        if any(value and letter.told(name) != value for value, name in equal):
            return False
        if self.reason.lower() not in letter.told("kanalreason").lower():
            return False
        if self.since is not None or self.until is not None:
            when = _time(letter.time)
            if when is None or (self.since and when < self.since) or (self.until and when >= self.until):
                return False
        return self.offsets is None or letter.offset in self.offsets


def marker(offset: int, outcome: str, time_text: str) -> list[tuple[str, bytes]]:
    """The headers of the record that says what became of the letter at `offset`; its key and value are null."""
    pairs = ((OFFSET_HEADER, str(offset)), (OUTCOME_HEADER, outcome), (TIME_HEADER, time_text))
    return [(name, text.encode()) for name, text in pairs]


def marker_in(headers: Headers) -> Marker | None:
    """The marker that these headers are; None where they are none."""
    told = {name: value.decode("utf-8", "replace") for name, value in headers if value and name.startswith("kanal_")}
    offset = told.get(OFFSET_HEADER, "")
    if not (offset.isascii() and offset.isdigit()):
        return None
    return Marker(int(offset), told.get(OUTCOME_HEADER, ""), told.get(TIME_HEADER, ""))


def letter_in(record: Record) -> Letter | None:
    """The letter that a record is; None for a marker, and for what is no event and can be delivered to nobody."""
    if marker_in(record.headers) is not None:
        return None
    try:
        event = kafka_codec.from_record(record.headers, record.value)
    except Invalid:
        return None
    return Letter(record.offset, event.attributes.get("kanallastattempt", ""), event)


class Fold:
    """What a person wants of the open letters in `span`, folded from its records in order, markers included."""

    def __init__(self, span: Span, wanted: Wanted, *, handled_too: bool = False) -> None:
        self.span = span
        self.chosen = 0
        """How many letters are wanted and open (or wanted at all, with `handled_too`)."""
        self.handled = 0
        """How many letters have a marker, wanted or not."""
        self._wanted = wanted
        self._handled_too = handled_too
        size = (max(span.end - span.first, 0) + 7) // 8
        self._chosen = bytearray(size)
        self._marked = bytearray(size)

    def add(self, record: Record) -> None:
        """Take the next record in."""
        found = marker_in(record.headers)
        if found is not None:
            # A letter has a second marker when a dispatcher ended between the marker and its commit.
            if self.span.first <= found.offset < record.offset and self._flip(self._marked, found.offset, on=True):
                self.handled += 1
                if not self._handled_too and self._flip(self._chosen, found.offset, on=False):
                    self.chosen -= 1
            return
        letter = letter_in(record)
        if letter is not None and self._wanted.fits(letter) and self._flip(self._chosen, record.offset, on=True):
            self.chosen += 1

    def has(self, offset: int) -> bool:
        """Whether the letter at this offset is one of the chosen."""
        return self.span.first <= offset < self.span.end and self._bit(offset)

    def spans(self, newest: int | None = None) -> list[Span]:
        """The offsets of the chosen letters, ascending; of the newest ones only, where a number is given."""
        skip = 0 if newest is None else max(self.chosen - newest, 0)
        return list(_runs(self._offsets(skip)))

    def _offsets(self, skip: int) -> Iterator[int]:
        for place, byte in enumerate(self._chosen):
            if not byte:
                continue
            for bit in range(8):
                if byte >> bit & 1:
                    if skip:
                        skip -= 1
                    else:
                        yield self.span.first + place * 8 + bit

    def _bit(self, offset: int) -> bool:
        place, bit = divmod(offset - self.span.first, 8)
        return bool(self._chosen[place] >> bit & 1)

    def _flip(self, bits: bytearray, offset: int, *, on: bool) -> bool:
        """Set or clear a bit, which may lie behind a span that has grown; False where it was so already."""
        place, bit = divmod(offset - self.span.first, 8)
        if place >= len(bits):
            bits.extend(bytes(max(place + 1 - len(bits), len(bits))))
        if bool(bits[place] >> bit & 1) == on:
            return False
        bits[place] ^= 1 << bit
        return True


def _runs(offsets: Iterator[int]) -> Iterator[Span]:
    """The same offsets as spans that do not touch."""
    first = end = -1
    for offset in offsets:
        if offset != end:
            if end > first:
                yield Span(first, end)
            first = offset
        end = offset + 1
    if end > first:
        yield Span(first, end)


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
