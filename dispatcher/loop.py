"""One egress at work: records come in from its reader, deliveries run, finished offsets are committed.

Everything happens on the event loop, so no state needs a lock. The reader is paused while too much is unfinished (or more
than a mark can tell) and resumed when that is over. A partition is given up in two steps: retries that wait are let go at
once (their records are delivered again by whoever comes next), requests under way get `drain_s` to finish.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

import structlog

from dispatcher.budget import Budget, Limits
from dispatcher.deliver import Clock, Courier
from dispatcher.graveyard import Graveyard
from dispatcher.lanes import Lane, Lanes
from dispatcher.offsets import Progress
from dispatcher.outcome import Listener, Standing
from dispatcher.recall import Recall
from dispatcher.replies import Replies
from dispatcher.sieve import Sieve
from eventing.http import Sender
from eventing.kafka import Reader, ReaderListener, Scanner
from eventing.plan.model import Egress
from eventing.record import Mark, Record, Span
from eventing.settings import Delivery

ReaderFactory = Callable[[Egress, ReaderListener], Reader]
_PATIENCE_S = 0.25
"""How long reading stands still before what waits in slow lanes is parked; a quick subscriber makes room by itself."""
_ROOM = 0.5
"""The part of its share below which an egress that stopped reading goes on."""
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
        replies: Replies,
        listener: Listener,
        clock: Clock,
        settings: Delivery,
        budget: Budget,
        readers: ReaderFactory,
        scanner: Scanner,
    ) -> None:
        self.egress = egress
        self._courier = Courier(egress, sender, graveyard, replies, listener, clock, self._nap)
        self._sieve = Sieve(egress.filters)
        self._listener = listener
        self._settings = settings
        self._reader = readers(egress, self)
        self._parked = Recall(scanner, egress.topic, settings.commit_interval_s)
        self._budget = budget
        self._share = budget.share(
            Limits(settings.in_flight_events, settings.in_flight_kib * 1024),
            Limits(settings.waiting_events, settings.waiting_kib * 1024),
            self._throttle,
        )
        self._lanes = Lanes(ordered=egress.order == "ordered")
        self._progress: dict[int, Progress] = {}
        self._tasks: dict[Record, asyncio.Task[None]] = {}
        self._dropped: set[asyncio.Task[None]] = set()
        self._napping: set[Record] = set()
        self._leaving: set[int] = set()
        self._recalls: dict[asyncio.Task[None], int] = {}
        self._describable = True
        self._paused = False
        self._committed: dict[int, Mark] = {}
        self._commit_timer: asyncio.TimerHandle | None = None
        self._uncommitted = 0
        self._relief: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Join the consumer group. One that is paused only keeps its place there, so that the offsets never expire."""
        if self.egress.pace == "paused":
            self._paused = True
            self._reader.pause()
        self._reader.start()

    def update(self, egress: Egress) -> None:
        """Take a new subscriber, reply, dead letter sink or policy: it counts from the next attempt on.

        New filters count for records that come from now on.
        """
        if egress.filters != self.egress.filters:
            self._sieve = Sieve(egress.filters)
        self.egress = egress
        self._courier.egress = egress

    async def aclose(self) -> None:
        """Give every partition up and leave the group."""
        await self._reader.aclose()
        for timer in (self._commit_timer, self._relief):
            if timer is not None:
                timer.cancel()
        self._budget.close(self._share)

    @property
    def standing(self) -> Standing:
        """Records that are read and not finished, and those of them that wait for a retry."""
        return Standing(sum(progress.unfinished for progress in self._progress.values()), len(self._napping))

    def on_assigned(self, marks: Mapping[int, Mark]) -> None:
        for partition, mark in marks.items():
            self._leaving.discard(partition)
            only = None if self.egress.only is None else self.egress.only.get(partition, ())
            self._progress[partition] = Progress(mark, self.egress.topic_id, only)
            self._committed[partition] = mark

    def on_records(self, records: list[Record]) -> None:
        passes, passed_over, entered = self._sieve.passes, 0, False
        for record in records:
            progress = self._progress.get(record.partition)
            if progress is None or record.partition in self._leaving:
                continue
            if passes is not None and not passes(record):
                passed_over += progress.pass_over(record.offset)
                continue
            if not progress.begin(record.offset):
                continue
            entered = True
            turn = self._lanes.enter(record)
            if turn != "parked":
                self._share.take(record.size)
            if turn == "now":
                self._begin(record)
        if passed_over:
            self._listener.passed_over(self.egress, passed_over)
        self._commit_later()
        if entered:
            self._describable = all(progress.describable for progress in self._progress.values())
            self._throttle()

    async def on_revoked(self, partitions: Sequence[int]) -> Mapping[int, Mark]:
        try:
            await self._give_up(partitions, patience_s=self._settings.drain_s)
        except asyncio.CancelledError:
            # The reader's patience ended before ours: nobody takes our marks any more.
            self.on_lost(partitions)
            raise
        marks = {p: self._progress.pop(p).mark() for p in partitions if p in self._progress}
        return {p: mark for p, mark in marks.items() if mark.offset >= 0}

    def on_lost(self, partitions: Sequence[int]) -> None:
        self._leaving.update(partitions)
        self._release(self._lanes.forget(partitions))
        self._drop_recalls(partitions)
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
            _log.exception(
                "a delivery failed inside Kanal and is tried again", **self._names(record.partition, record.offset)
            )
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
            self._uncommitted += 1
            self._commit_later()
        if record.partition not in self._leaving:
            following, short_of = self._lanes.leave(record)
            if following is not None:
                self._begin(following)
            if short_of is not None:
                self._recall(short_of)
        self._throttle()

    def _recall(self, lane: Lane) -> None:
        """Read what a lane parked again, as much as there is room for and one record in any case."""
        task = asyncio.get_running_loop().create_task(self._recalled(lane, self._lanes.recall(lane)))
        self._recalls[task] = lane.key[0]
        task.add_done_callback(self._recalls.pop)

    async def _recalled(self, lane: Lane, span: Span) -> None:
        partition = lane.key[0]
        decided = await self._parked.read(partition, span, partial(self._bring, lane))
        gone, short_of = self._lanes.recalled(lane, decided)
        for offset in gone:
            self._progress[partition].finish(offset)
        if gone:
            lost = "events were deleted from Kafka before they could be delivered; raise the topic's retention"
            _log.error(lost, **self._names(partition, gone[0]), events=len(gone))
        if short_of is not None:
            self._recall(short_of)

    def _bring(self, recalling: Lane, record: Record) -> bool:
        """Take a record that was parked and is here again; False where no more should come."""
        turn = self._lanes.bring(record, recalling)
        if turn is not None:
            self._share.take(record.size)
        if turn == "now":
            self._begin(record)
        return self._share.used < 1

    async def _nap(self, record: Record, seconds: float) -> None:
        if record.partition in self._leaving:
            raise Abandoned
        self._napping.add(record)
        self._share.wait(record.size)
        self._throttle()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._napping.discard(record)
            self._share.go_on(record.size)

    async def _give_up(self, partitions: Collection[int], patience_s: float) -> None:
        self._leaving.update(partitions)
        self._release(self._lanes.forget(partitions))
        self._drop_recalls(partitions)
        mine = {record: task for record, task in self._tasks.items() if record.partition in self._leaving}
        for record in self._napping & mine.keys():
            mine[record].cancel()
        if mine:
            _, late = await asyncio.wait(mine.values(), timeout=patience_s)
            self._drop([record for record in mine if self._tasks.get(record) in late])
            if late:
                await asyncio.wait(late)
        self._throttle()

    def _drop_recalls(self, partitions: Collection[int]) -> None:
        for task, partition in self._recalls.items():
            if partition in partitions:
                task.cancel()

    def _release(self, records: Collection[Record]) -> None:
        for record in records:
            self._share.give(record.size)

    def _throttle(self) -> None:
        """Stop reading when too much is unfinished; go on at half of that, so that the reader does not flutter."""
        if self.egress.pace == "paused":
            return
        used = max(self._share.used, self._lanes.parked / self._settings.parked_events)
        if not self._paused and (used >= 1 or not self._describable):
            self._paused = True
            self._reader.pause()
            self._relieve_later()
        elif self._paused and used < _ROOM and self._describable:
            self._paused = False
            self._reader.resume()
            if self._relief is not None:
                self._relief.cancel()

    def _relieve_later(self) -> None:
        self._relief = asyncio.get_running_loop().call_later(_PATIENCE_S, self._relieve)

    def _relieve(self) -> None:
        """Reading has stood still for a while: where that leaves connections idle, park what can't use them and go on."""
        if len(self._tasks) - len(self._napping) < self._settings.connections_per_host:
            self._release(self._lanes.park())
            self._throttle()
        if self._paused:
            self._relieve_later()

    def _commit_later(self) -> None:
        if self._commit_timer is None:
            loop = asyncio.get_running_loop()
            self._commit_timer = loop.call_later(self._settings.commit_interval_s, self._commit)
        if self._uncommitted >= self._settings.commit_events:
            self._commit_timer.cancel()
            self._commit()

    def _commit(self) -> None:
        self._commit_timer = None
        self._uncommitted = 0
        self._describable = all(progress.describable for progress in self._progress.values())
        self._throttle()
        marks = {p: progress.mark() for p, progress in self._progress.items() if p not in self._leaving}
        news = {p: mark for p, mark in marks.items() if mark != self._committed.get(p)}
        if news:
            self._committed.update(news)
            self._reader.commit(news)

    def _names(self, partition: int, offset: int) -> dict[str, object]:
        return {**self.egress.named, "partition": partition, "offset": offset}
