"""What lies in Kafka, as values: a record, where it is, and how far a group has come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Headers = Sequence[tuple[str, bytes | None]]


class Position(NamedTuple):
    """Where an acknowledged record is."""

    partition: int
    offset: int


class Mark(NamedTuple):
    """A committed position: the first offset not yet finished, and what the committer wants to remember beside it."""

    offset: int
    metadata: str = ""


class Span(NamedTuple):
    """Offsets of one partition, `first` to before `end`."""

    first: int
    end: int


def count(spans: Iterable[Span]) -> int:
    """How many offsets these are."""
    return sum(max(span.end - span.first, 0) for span in spans)


class TopicState(NamedTuple):
    """A topic as Kafka has it. The id is a new one when a topic is deleted and made again; empty where unknown."""

    id: str
    partitions: int


@dataclass(slots=True, eq=False)
class Record:
    """One record as it was read; header and key bytes as they lie in Kafka, `timestamp_ms` since the epoch.

    `size` are the bytes that it holds, roughly: what a budget of bytes counts. `lookup` is set by the first who looks an
    attribute up in it, for the others.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int = 0
    size: int = field(init=False)
    lookup: Callable[[str], str | None] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.size = len(self.value or b"") + sum(len(name) + len(value or b"") for name, value in self.headers) + 200
