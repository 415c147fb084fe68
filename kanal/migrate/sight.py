"""What Kafka has been seen to hold of a take-over, and what follows from it: how far a group is, where Kanal would go on. Pure.

Kanal goes on at what is committed, whoever committed it. For a partition without a commit it decides as for a new subscriber:
at the newest event, or at the first where the partition lies behind all that have one, because it was added later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from eventing import marks as said
from eventing.record import Mark, Span


@dataclass(frozen=True, slots=True)
class TopicSeen:
    """A topic in Kafka: how many partitions, and the fewest replicas that one of them has."""

    partitions: int
    replicas: int


@dataclass(frozen=True, slots=True)
class GroupSeen:
    """A group in Kafka: its members, and by partition what it has committed and what lies there. `error` says why not."""

    members: tuple[str, ...] = ()
    marks: Mapping[int, Mark] = field(default_factory=dict)
    spans: Mapping[int, Span] = field(default_factory=dict)
    error: str = ""

    @property
    def lag(self) -> int:
        """Offsets that are committed as not finished, or not committed, and can still be read."""
        return sum(
            said.unfinished_in(self.marks.get(partition, Mark(span.first)), [span])
            for partition, span in self.spans.items()
        )

    @property
    def starts(self) -> Mapping[int, int]:
        """The offset at which Kanal begins in each partition; an event that comes meanwhile counts where nothing is committed."""
        found = {}
        for number, span in self.spans.items():
            mark = self.marks.get(number)
            if mark is None:
                found[number] = span.end if number in self.open else span.first
            else:
                found[number] = mark.offset if span.first <= mark.offset <= span.end else span.first
        return found

    @property
    def open(self) -> tuple[int, ...]:
        """Partitions without a commit where Kanal would begin at the newest event."""
        last = max(self.marks, default=len(self.spans))
        return tuple(sorted(number for number in self.spans if number not in self.marks and number <= last))

    @property
    def expired(self) -> int:
        """Offsets that were not finished and that retention has deleted."""
        committed = [(self.marks[n].offset, span.first) for n, span in self.spans.items() if n in self.marks]
        return sum(max(first - offset, 0) for offset, first in committed)

    @property
    def beyond(self) -> tuple[int, ...]:
        """Partitions committed beyond their end: those of a topic that was deleted and made again."""
        return tuple(sorted(n for n, span in self.spans.items() if n in self.marks and self.marks[n].offset > span.end))


@dataclass(frozen=True, slots=True)
class Sight:
    """Topics by name (None: not there), groups by name and topic."""

    topics: Mapping[str, TopicSeen | None] = field(default_factory=dict)
    groups: Mapping[tuple[str, str], GroupSeen] = field(default_factory=dict)
