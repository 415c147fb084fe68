"""One egress at work: records come in from its reader, deliveries run, finished offsets are committed.

Everything happens on the event loop, so no state needs a lock. The reader is paused while too much is unfinished and
resumed at half of that. A partition is given up in two steps: retries that wait are let go at once (their records are
delivered again by whoever comes next), requests under way get `drain_s` to finish.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

import structlog

from dispatcher.deliver import Clock, Courier
from dispatcher.graveyard import Graveyard
from dispatcher.lanes import Lanes
from dispatcher.offsets import Progress
from dispatcher.outcome import Listener
from eventing.http import Sender
from eventing.kafka import Reader, ReaderListener
from eventing.plan.model import Egress
from eventing.record import Mark, Record
from eventing.settings import Delivery

ReaderFactory = Callable[[Egress, ReaderListener], Reader]
_log = structlog.get_logger("dispatcher")


class Abandoned(Exception):
    """The record's partition is being given up; whoever reads it next delivers the record."""


class EgressLoop:
    """Runs one egress from `start` to `aclose`; a `ReaderListener`."""

    def __init__(
        self,
        egress: Egress,
        *,
        sender: Sender,
        graveyard: Graveyard,
        listener: Listener,
        clock: Clock,
        settings: Delivery,
        readers: ReaderFactory,
    ) -> None:
        self.egress = egress
        self._courier = Courier(egress, sender, graveyard, listener, clock, self._nap)
        self._listener = listener
        self._settings = settings
        self._reader = readers(egress, self)
        self._lanes = Lanes(ordered=egress.order == "ordered")
        self._progress: dict[int, Progress] = {}
        self._tasks: dict[Record, asyncio.Task[None]] = {}
        self._dropped: set[asyncio.Task[None]] = set()
        self._napping: set[Record] = set()
        self._leaving: set[int] = set()
        self._held_events = 0
        self._held_bytes = 0
        self._paused = False
        self._committed: dict[int, Mark] = {}
        self._commit_timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Join the consumer group."""
        self._reader.start()

    def update(self, egress: Egress) -> None:
        """Take a new subscriber, reply, dead letter sink or policy: it counts from the next attempt on."""
        self.egress = egress
        self._courier.egress = egress

    async def aclose(self) -> None:
        """Give every partition up and leave the group."""
        await self._reader.aclose()
        if self._commit_timer is not None:
            self._commit_timer.cancel()

    @property
    def unfinished(self) -> int:
        """Records that are read and not finished."""
        return self._held_events

    def on_assigned(self, marks: Mapping[int, Mark]) -> None:
        for partition, mark in marks.items():
            self._leaving.discard(partition)
            self._progress[partition] = Progress(mark)
            self._committed[partition] = mark

    def on_records(self, records: list[Record]) -> None:
        for record in records:
            progress = self._progress.get(record.partition)
            if progress is None or record.partition in self._leaving:
                continue
            if not progress.begin(record.offset):
                continue
            self._held_events += 1
            self._held_bytes += record.size
            if self._lanes.enter(record):
                self._begin(record)
        self._commit_later()
        self._throttle()

    async def on_revoked(self, partitions: Sequence[int]) -> Mapping[int, Mark]:
        await self._give_up(partitions, patience_s=self._settings.drain_s)
        marks = {p: self._progress.pop(p).mark() for p in partitions if p in self._progress}
        return {p: mark for p, mark in marks.items() if mark.offset >= 0}

    def on_lost(self, partitions: Sequence[int]) -> None:
        self._leaving.update(partitions)
        self._release(self._lanes.forget(partitions))
        self._drop([record for record in self._tasks if record.partition in partitions])
        for partition in partitions:
            self._progress.pop(partition, None)
        self._throttle()

    def _begin(self, record: Record) -> None:
        self._tasks[record] = asyncio.get_running_loop().create_task(self._deliver(record))

    def _drop(self, records: Collection[Record]) -> None:
        """End these deliveries; what they still do counts for nothing, because the partition may be ours again by then."""
        for record in records:
            task = self._tasks.pop(record)
            task.cancel()
            self._dropped.add(task)
            task.add_done_callback(self._dropped.discard)
        self._release(records)

    async def _deliver(self, record: Record) -> None:
        """Deliver the record and set free what waits behind it. A defect of ours costs no more than one record's turn."""
        try:
            outcome = await self._courier.deliver(record)
        except (Abandoned, asyncio.CancelledError):
            self._end(record, finished=False)
            return
        except Exception:  # noqa: BLE001  whatever it is, the record must not be lost
            _log.exception("a delivery failed inside Kanal and is tried again", **self._names(record))
            await self._again(record)
            return
        self._end(record, finished=True)
        self._listener.ended(self.egress, record, outcome)

    async def _again(self, record: Record) -> None:
        try:
            await self._nap(record, self._settings.commit_interval_s)
        except (Abandoned, asyncio.CancelledError):
            self._end(record, finished=False)
        else:
            if self._tasks.get(record) is asyncio.current_task():
                self._begin(record)

    def _end(self, record: Record, *, finished: bool) -> None:
        if self._tasks.get(record) is not asyncio.current_task():
            return
        del self._tasks[record]
        self._release([record])
        progress = self._progress.get(record.partition)
        if progress is not None and finished:
            progress.finish(record.offset)
            self._commit_later()
        following = None if record.partition in self._leaving else self._lanes.leave(record)
        if following is not None:
            self._begin(following)
        self._throttle()

    async def _nap(self, record: Record, seconds: float) -> None:
        if record.partition in self._leaving:
            raise Abandoned
        self._napping.add(record)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._napping.discard(record)

    async def _give_up(self, partitions: Collection[int], patience_s: float) -> None:
        self._leaving.update(partitions)
        self._release(self._lanes.forget(partitions))
        mine = {record: task for record, task in self._tasks.items() if record.partition in self._leaving}
        for record in self._napping & mine.keys():
            mine[record].cancel()
        if mine:
            _, late = await asyncio.wait(mine.values(), timeout=patience_s)
            self._drop([record for record in mine if self._tasks.get(record) in late])
            if late:
                await asyncio.wait(late)
        self._throttle()

    def _release(self, records: Collection[Record]) -> None:
        self._held_events -= len(records)
        self._held_bytes -= sum(record.size for record in records)

    def _throttle(self) -> None:
        """Stop reading when too much is unfinished; go on at half of that, so that the reader does not flutter."""
        share = max(
            self._held_events / self._settings.in_flight_events,
            self._held_bytes / (self._settings.in_flight_kib * 1024),
        )
        if share >= 1 and not self._paused:
            self._paused = True
            self._reader.pause()
        elif share < 0.5 and self._paused:
            self._paused = False
            self._reader.resume()

    def _commit_later(self) -> None:
        if self._commit_timer is None:
            loop = asyncio.get_running_loop()
            self._commit_timer = loop.call_later(self._settings.commit_interval_s, self._commit)

    def _commit(self) -> None:
        self._commit_timer = None
        marks = {p: progress.mark() for p, progress in self._progress.items() if p not in self._leaving}
        news = {p: mark for p, mark in marks.items() if mark != self._committed.get(p)}
        if news:
            self._committed.update(news)
            self._reader.commit(news)

    def _names(self, record: Record) -> dict[str, object]:
        return {
            "subscription": f"{self.egress.namespace}/{self.egress.name}",
            "partition": record.partition,
            "offset": record.offset,
        }
