"""The log port: how events reach Kafka and come back.

Everything here runs on the event loop of the caller; the adapter (`librdkafka`) owns every thread and hands results over
in batches. The memory twin (`memory`) passes the same contract tests and serves unit tests only.

Errors that leave this port: `Overloaded` (our queue is full), `TooLarge` (the record can never be taken),
`Unavailable` (Kafka does not answer in time), `Denied` (authentication or authorisation), `Invalid` (a setting).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from eventing.errors import EventingError
from eventing.plan.model import TopicSpec
from eventing.record import Headers, Mark, Position, Record

__all__ = ["Admin", "Appender", "Done", "Headers", "Mark", "Position", "Reader", "ReaderListener", "Record", "appended"]

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

    def commit(self, marks: Mapping[int, Mark]) -> None:
        """Commit in the background; marks of partitions that are no longer ours are ignored."""

    async def aclose(self) -> None:
        """Revoke everything (the listener is asked for the last marks), commit, leave the group, end the thread."""


class Admin(Protocol):
    """What commands Kafka: topics and groups. Every call answers within the settings' request time-out."""

    async def partitions(self, topic: str) -> int | None:
        """How many partitions the topic has; None where there is no such topic."""

    async def create_topic(self, spec: TopicSpec) -> None:
        """Create the topic; one that is there already is left as it is."""

    async def settle_group(self, group: str, topic: str) -> None:
        """Commit the newest offset for each partition for which the group has none (behaviour §2, "Initial offset")."""

    async def lag(self, group: str, topic: str) -> Mapping[int, int]:
        """Records behind the end, by partition, for what the group has committed."""

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
