"""Which offsets of one partition are finished, and what to commit so that a restart repeats only the others.

Only what is unfinished is remembered, so the memory follows the events under way and never those that are done. What is
finished beyond the first gap goes into the mark's metadata (`eventing.marks`); `describable` says whether it still fits, and
reading stops where it does not, so that the metadata's limit costs waiting rather than duplicates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from eventing.marks import finished_of, fits, marked
from eventing.record import Mark, Span

FEW_RUNS = 500
"""So few fit into the metadata in any case; only beyond them it is worth counting bytes."""


class Progress:
    """The finished and unfinished offsets of one partition, from the mark that was committed before.

    `only` are the offsets that are wanted at all, ascending; the others count as finished.
    """

    __slots__ = ("_next", "_only", "_open", "_skip", "_topic_id")

    def __init__(self, mark: Mark, topic_id: str = "", only: Sequence[Span] | None = None) -> None:
        self._next = mark.offset
        self._topic_id = topic_id
        # A dictionary keeps the order of insertion, which is that of the offsets, and forgets in one step.
        self._open: dict[int, None] = {}
        self._skip = _Ascending(finished_of(mark) if mark.offset >= 0 else ())
        self._only = None if only is None else _Ascending(only)

    def begin(self, offset: int) -> bool:
        """Take note of the next record; False where nothing is to be done for it."""
        if not self.pass_over(offset):
            return False
        self._open[offset] = None
        return True

    def pass_over(self, offset: int) -> bool:
        """Take note of the next record, and do nothing for it; False where nothing was to be done in any case."""
        if offset < self._next:
            return False
        self._next = offset + 1
        return not self._skip.covers(offset) and (self._only is None or self._only.covers(offset))

    def finish(self, offset: int) -> None:
        """Note that this offset needs nothing more; each offset that began is finished at most once."""
        del self._open[offset]

    @property
    def unfinished(self) -> int:
        """How many offsets have begun and are not finished."""
        return len(self._open)

    @property
    def describable(self) -> bool:
        """Whether one mark can say all that is finished; it can whenever nothing is under way."""
        if len(self._open) + self._skip.left <= FEW_RUNS:
            return True
        return not self._open or fits(next(iter(self._open)), self._finished(), self._topic_id)

    def mark(self) -> Mark:
        """What to commit now; -1 while nothing was committed and nothing has begun."""
        first = next(iter(self._open), self._next)
        return marked(first, self._finished(), self._topic_id) if first >= 0 else Mark(first)

    def _finished(self) -> Iterator[Span]:
        """What is finished beyond the first unfinished offset."""
        return _joined([*_gaps(self._open, self._next), *self._skip.rest(self._next)])


class _Ascending:
    """Spans that are asked about in ascending order only."""

    __slots__ = ("_at", "_spans")

    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans = spans
        self._at = 0

    def covers(self, offset: int) -> bool:
        while self._at < len(self._spans) and self._spans[self._at].end <= offset:
            self._at += 1
        return self._at < len(self._spans) and self._spans[self._at].first <= offset

    @property
    def left(self) -> int:
        return len(self._spans) - self._at

    def rest(self, offset: int) -> Iterator[Span]:
        """What lies at `offset` and behind it."""
        for span in self._spans[self._at :]:
            if span.end > offset:
                yield Span(max(span.first, offset), span.end)


def _gaps(unfinished: Iterable[int], end: int) -> Iterator[Span]:
    """What lies between and behind these offsets, before `end`."""
    previous: int | None = None
    for offset in unfinished:
        if previous is not None and offset > previous + 1:
            yield Span(previous + 1, offset)
        previous = offset
    if previous is not None and end > previous + 1:
        yield Span(previous + 1, end)


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Ascending spans, those that touch as one."""
    held: Span | None = None
    for span in spans:
        if held is not None and span.first <= held.end:
            held = Span(held.first, max(held.end, span.end))
            continue
        if held is not None:
            yield held
        held = span
    if held is not None:
        yield held
