"""The log port: how events reach Kafka and come back.

Everything here runs on the event loop of the caller; the adapter (`librdkafka`) owns every thread and hands results over
in batches. The memory twin (`memory`) passes the same contract tests and serves unit tests only.

Errors that leave this port: `Overloaded` (our queue is full), `TooLarge` (the record can never be taken),
`Unavailable` (Kafka does not answer in time), `Denied` (authentication or authorisation), `Invalid` (a setting).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Protocol

from eventing.errors import EventingError
from eventing.plan.model import TopicSpec
from eventing.record import Headers, Mark, Position, Record, Span, TopicState

__all__ = [
    "Admin", "Appender", "Done", "Headers", "Mark", "Position", "Reader", "ReaderListener", "Record", "Scanner", "Span",
    "TopicState", "appended",
]  # fmt: skip

Done = Callable[[Position | EventingError], None]


class Appender(Protocol):
    """The write side; one a process."""

    def append(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, done: Done) -> None:
        """Queue a record; `done` is called once, on the loop, after all in-sync replicas have it or when it failed.

        Raises `Overloaded` or `TooLarge` at once, and then `done` is never called.
        """

    async def aclose(self) -> None:
        """Wait (bounded) for what is queued, then let go of every thread."""


class ReaderListener(Protocol):
    """What a reader tells, always on the event loop and in this order for each partition: assigned, records, gone."""

    def on_assigned(self, marks: Mapping[int, Mark]) -> None:
        """These partitions are ours now; each with its committed mark (offset -1 where nothing is committed)."""

    def on_records(self, records: list[Record]) -> None:
        """The next records, in offset order for each partition."""

    async def on_revoked(self, partitions: Sequence[int]) -> Mapping[int, Mark]:
        """These partitions are about to go; the marks returned are committed first. Bounded by the reader's patience."""

    def on_lost(self, partitions: Sequence[int]) -> None:
        """These partitions are gone already; nothing can be committed for them."""


class Reader(Protocol):
    """The read side: one member of one consumer group on one topic."""

    def start(self) -> None:
        """Join the group; the listener hears of everything from now on."""

    def pause(self) -> None:
        """Hand over no further records until `resume`; the membership is kept however long that takes."""

    def resume(self) -> None:
        """Go on handing over records."""

    def hold(self, partition: int) -> None:
        """Read no further in this partition, which stays ours; what is under way may still come.

        Where the listener asks for it while it hears of the assignment, nothing comes.
        """

    def go_on(self, partition: int, offset: int) -> None:
        """Read a partition that was held again, from this offset. A partition that goes is held no more."""

    def start_over(self, error: Exception) -> None:
        """The listener met a defect while somebody else handed it records: leave the group and join it anew."""

    def commit(self, marks: Mapping[int, Mark]) -> None:
        """Commit in the background; marks of partitions that are no longer ours are ignored."""

    async def aclose(self) -> None:
        """Revoke everything (the listener is asked for the last marks), commit, leave the group, end the thread."""


class Scanner(Protocol):
    """Reads what lies in a topic, for people and for lanes; it belongs to no group and commits nothing."""

    def scan(self, topic: str, spans: Mapping[int, Span]) -> AsyncGenerator[list[Record], None]:
        """Every record in these spans, in batches, in offset order for each partition.

        It ends when each span is read to its end, whatever was compacted or deleted meanwhile. Raises `Unavailable` when
        Kafka does not answer within the request time-out. Whoever stops early closes the iterator.
        """

    async def aclose(self) -> None:
        """Let go of the connection."""


class Admin(Protocol):
    """What commands Kafka: topics and groups. Every call answers within the settings' request time-out."""

    async def topic(self, name: str) -> TopicState | None:
        """The topic as Kafka has it; None where there is no such topic."""

    async def topic_config(self, name: str) -> Mapping[str, str]:
        """What is set for a topic, Kafka's defaults included, under Kafka's names; empty where there is no such topic."""

    async def create_topic(self, spec: TopicSpec) -> None:
        """Create the topic; one that is there already is left as it is."""

    async def settle_group(self, group: str, topic: str, *, anew: bool = False) -> None:
        """Commit the newest offset for each partition for which the group has none (behaviour §2, "Initial offset").

        Where the topic was made again (a mark says so, or the caller, who knows it `anew`), nothing in it has been
        delivered: those partitions begin at their first offset. So do partitions behind all those that have a mark: they
        were added later.
        """

    async def marks(self, group: str, topic: str) -> Mapping[int, Mark]:
        """What the group has committed, by partition; partitions without a mark are left out."""

    async def set_marks(self, group: str, topic: str, marks: Mapping[int, Mark]) -> None:
        """Commit these marks for a group; `Unavailable` while it has members, since theirs would come after."""

    async def keep_group(self, group: str, topic: str) -> None:
        """Begin the retention of a group's marks anew where it has no members; Kafka deletes them after 7 days of that.

        Committing them again would not: Kafka counts from the day on which the last member left.
        """

    async def spans(self, topic: str, since_ms: int | None = None) -> Mapping[int, Span]:
        """From where to where each partition's records lie, or only those not older than `since_ms` (Unix time).

        `Unavailable` where there is no such topic.
        """

    async def delete_topic(self, name: str) -> None:
        """Delete the topic with all that lies in it; one that is not there is fine."""

    async def delete_group(self, group: str) -> None:
        """Delete the group's offsets; a group that is not there is fine, one with members is `Unavailable`."""

    async def aclose(self) -> None:
        """Let go of the connection."""


async def appended(
    appender: Appender, topic: str, key: bytes | None, value: bytes | None, headers: Headers
) -> Position:
    """Append one record and wait until all in-sync replicas have it; raises what `done` would have been told."""
    answer: asyncio.Future[Position] = asyncio.get_running_loop().create_future()

    def done(outcome: Position | EventingError) -> None:
        if answer.done():
            return
        if isinstance(outcome, EventingError):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)

    appender.append(topic, key, value, headers, done)
    return await answer
