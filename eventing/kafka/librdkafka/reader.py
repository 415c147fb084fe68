"""One member of one consumer group: a thread that polls, and a listener on the event loop that hears of everything.

The thread hands over one batch and waits until the loop has taken it, so what is read ahead is bounded by librdkafka's
queue and never by ours. A short pause is a wait; a longer one pauses the partitions in librdkafka and goes on polling, so
that a slow subscriber never costs the membership (cases B19). What a rebalance takes away is asked back from the listener
first, its last marks are committed, and only then the partition goes. A mark that was set in another topic of this name
counts for nothing.

A defect in here or in the listener never ends the reading: it is logged, the member leaves the group, and a new one joins
that starts at what is committed. The same happens to a member that has lost Kafka (see `pulse`).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError
from typing import Any

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from eventing.kafka import ReaderListener
from eventing.kafka.librdkafka import client, pulse
from eventing.kafka.librdkafka.records import record_of
from eventing.marks import stale
from eventing.record import Mark, Record
from eventing.settings import Kafka

BATCH_RECORDS = 500
_POLL_S = 0.2
_COMMIT_S = 0.05
"""How soon a commit goes out that was asked for during a pause: until then a crash would repeat what it tells."""
_SHORT_PAUSE_S = 1.0
_AFRESH_S = 1.0
_NOTHING = Mark(-1)
_log = structlog.get_logger("kafka")


class _NoMarks(Exception):
    """The committed offsets of partitions that were assigned can't be read."""


class _Refused(Exception):
    """librdkafka refused what was asked of it in a callback."""


class KafkaReader:
    """A `Reader`; belongs to the event loop on which it is started."""

    def __init__(
        self,
        settings: Kafka,
        topic: str,
        group: str,
        listener: ReaderListener,
        *,
        revoke_patience_s: float,
        topic_id: str = "",
    ) -> None:
        named = {"group.instance.id": settings.group_instance} if settings.group_instance else {}
        self._properties = {**client.group_member(settings, group), **named}
        self._topic = topic
        self._topic_id = topic_id
        self._group = group
        self._listener = listener
        self._patience_s = revoke_patience_s
        self._request_s = settings.request_timeout_s
        # Who leaves a group before its session is over without saying so makes everybody wait for the rest of it.
        self._lost_s = settings.session_timeout_s
        self._member: Consumer | None = None
        self._going = threading.Event()
        self._going.set()
        self._ending = False
        self._lock = threading.Lock()
        self._to_commit: dict[int, Mark] = {}
        self._sent: dict[int, Mark] = {}
        self._moves: dict[int, int | None] = {}
        """By partition, the offset from which to go on, or None where it is to be held."""
        self._owned: set[int] = set()
        self._resting: set[int] = set()
        self._held_back = False
        self._troubled: set[str] = set()
        self._read_ahead: list[Record] = []
        self._defect: Exception | None = None

    def start(self) -> None:
        """See `Reader`."""
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"reader {self._group}", daemon=True)
        self._thread.start()

    def pause(self) -> None:
        """See `Reader`."""
        self._going.clear()

    def resume(self) -> None:
        """See `Reader`."""
        self._going.set()
        if self._read_ahead:
            self._loop.call_soon(self._hand_over, [])

    def hold(self, partition: int) -> None:
        """See `Reader`."""
        with self._lock:
            self._moves[partition] = None

    def go_on(self, partition: int, offset: int) -> None:
        """See `Reader`."""
        with self._lock:
            self._moves[partition] = offset

    def start_over(self, error: Exception) -> None:
        """See `Reader`."""
        self._defect = error

    def commit(self, marks: Mapping[int, Mark]) -> None:
        """See `Reader`."""
        with self._lock:
            self._to_commit.update(marks)

    async def aclose(self) -> None:
        """See `Reader`."""
        self._ending = True
        self._going.set()
        await self._ended.wait()

    def _run(self) -> None:
        while not self._ending:
            try:
                self._be_a_member()
            except (_NoMarks, pulse.Lost):
                time.sleep(_AFRESH_S)
            except Exception:  # noqa: BLE001  a thread has nobody else to tell
                _log.exception("the reader met a defect and starts over", topic=self._topic, group=self._group)
                time.sleep(_AFRESH_S)
        self._call(self._ended.set)

    def _be_a_member(self) -> None:
        consumer = Consumer({**self._properties, "on_commit": self._committed, "error_cb": self._trouble})
        heart = pulse.Pulse(consumer, lost_s=self._lost_s)
        self._member = consumer
        try:
            hears = {"on_assign": self._assign, "on_revoke": self._revoke, "on_lost": self._lost}
            consumer.subscribe([self._topic], **{name: self._heeding(heed) for name, heed in hears.items()})
            while not self._ending:
                self._wait_while_paused(consumer)
                self._move(consumer)
                if self._read(consumer):
                    heart.beat()
                heart.check(self._topic)
                self._commit_now(consumer)
        except pulse.Lost:
            self._say("lost", "Kafka does not answer: the reader starts over")
            # It is nobody's member any more, whatever it still calls.
            self._member = None
            raise
        finally:
            try:
                heart.end(consumer.close)
            finally:
                self._leave_nothing()

    def _leave_nothing(self) -> None:
        """After a defect: whatever the listener was not asked for is lost to it."""
        self._defect = None
        self._held_back = False
        self._resting.clear()
        with self._lock:
            self._moves.clear()
        if self._owned:
            self._call(self._gone, sorted(self._owned))
            self._owned.clear()

    def _read(self, consumer: Consumer) -> bool:
        """Whether there was a record; takes what else is there, too. `consume` alone would wait until its batch is full."""
        first = consumer.poll(_POLL_S)
        found = [first, *consumer.consume(BATCH_RECORDS, 0)] if first is not None else ()
        records = [made for one in found if (made := self._record(one))]
        if records:
            taken = threading.Event()
            self._call(self._hand_over, records, taken)
            while not taken.wait(_POLL_S) and not self._ending:
                pass
        if self._defect is not None:
            raise self._defect
        return bool(records)

    def _hand_over(self, records: list[Record], taken: threading.Event | None = None) -> None:
        """What was under way when a pause began waits here for its end."""
        self._read_ahead += records
        if self._going.is_set() and not self._ending and self._read_ahead and self._defect is None:
            ready, self._read_ahead = self._read_ahead, []
            try:
                self._listener.on_records(ready)
            except Exception as error:  # noqa: BLE001  it is raised in the thread, which then starts over
                self._defect = error
        if taken is not None:
            taken.set()

    def _assigned(self, marks: Mapping[int, Mark], heard: threading.Event) -> None:
        # What was asked for before it was heard that these had gone counts for nothing.
        self._asked(marks)
        try:
            self._listener.on_assigned(marks)
        except Exception as error:  # noqa: BLE001  it is raised in the thread, which then starts over
            self._defect = error
        heard.set()

    async def _given_up(self, partitions: Sequence[int]) -> Mapping[int, Mark]:
        self._read_ahead = [record for record in self._read_ahead if record.partition not in partitions]
        return await self._listener.on_revoked(partitions)

    def _gone(self, partitions: Sequence[int]) -> None:
        self._read_ahead = [record for record in self._read_ahead if record.partition not in partitions]
        self._listener.on_lost(partitions)

    def _record(self, message: Message) -> Record | None:
        error = message.error()
        if error is not None:
            self._trouble(error)
            return None
        self._troubled.clear()
        return record_of(message, self._topic)

    def _move(self, consumer: Consumer) -> None:
        """Hold partitions and go on with others, as was asked for."""
        for partition, offset in self._asked(self._owned).items():
            where = self._partitions([partition])
            if offset is None:
                self._resting.add(partition)
                consumer.pause(where)
            else:
                self._resting.discard(partition)
                consumer.resume(where)
                consumer.seek(TopicPartition(self._topic, partition, offset))

    def _asked(self, partitions: Collection[int]) -> dict[int, int | None]:
        """Take the moves in these partitions that were asked for."""
        with self._lock:
            return {p: self._moves.pop(p) for p in partitions if p in self._moves}

    def _wait_while_paused(self, consumer: Consumer) -> None:
        patience = time.monotonic() + _SHORT_PAUSE_S
        while time.monotonic() < patience:
            if self._going.wait(_COMMIT_S) or self._ending:
                return
            self._commit_now(consumer)
        self._held_back = True
        consumer.pause(self._partitions(self._owned))
        while not self._going.is_set() and not self._ending:
            # Paused partitions yield no records; polling serves rebalances and keeps the membership.
            consumer.poll(_COMMIT_S)
            self._commit_now(consumer)
        self._held_back = False
        consumer.resume(self._partitions(self._owned - self._resting))

    def _heeding(self, heed: Callable[[Consumer, list[TopicPartition]], None]) -> Callable[..., None]:
        """The callback for what a consumer says of its partitions."""

        def heeding(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            if consumer is not self._member:
                return
            try:
                heed(consumer, partitions)
            except KafkaException as error:
                # It would leave `poll` as a bare `KafkaError`, which no `except Exception` catches, and end the thread.
                raise _Refused(str(error)) from error

        return heeding

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        found = self._marks(consumer, partitions)
        old = {p for p, mark in found.items() if stale(mark, self._topic_id)}
        marks = {p: _NOTHING if p in old else mark for p, mark in found.items()}
        if bare := sorted(p for p, mark in marks.items() if mark is _NOTHING):
            why = "its topic was made again" if old else "nothing is committed for it"
            _log.warning("partitions are read from their beginning", group=self._group, partitions=bare, why=why)
        self._owned.update(marks)
        heard = threading.Event()
        self._call(self._assigned, marks, heard)
        # What the listener wants held is not even fetched.
        heard.wait(self._patience_s)
        # Each with an offset: librdkafka can't seek where it has yet to ask for the committed one.
        starts = {p: mark.offset if mark.offset >= 0 else OFFSET_BEGINNING for p, mark in marks.items()}
        # Only in these: a pause may last, and another partition that goes on during it would be read for nobody.
        moves = self._asked(marks)
        starts.update({p: offset for p, offset in moves.items() if offset is not None})
        consumer.incremental_assign([TopicPartition(self._topic, p, offset) for p, offset in starts.items()])
        self._resting.update(p for p, offset in moves.items() if offset is None)
        consumer.pause(self._partitions(marks if self._held_back else self._resting.intersection(marks)))
        _log.debug("partitions assigned", group=self._group, partitions=sorted(marks))

    def _marks(self, consumer: Consumer, partitions: list[TopicPartition]) -> dict[int, Mark]:
        """What was committed for these partitions. Without it there is no safe place to begin, so a new member asks again."""
        try:
            found = consumer.committed(partitions, timeout=self._request_s)
        except KafkaException as error:
            _log.warning("committed offsets can't be read", group=self._group, error=str(error))
            raise _NoMarks from error
        return {one.partition: Mark(one.offset, one.metadata or "") if one.offset >= 0 else _NOTHING for one in found}

    def _revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = [one.partition for one in partitions]
        marks = self._ask(self._given_up(numbers)) or {}
        with self._lock:
            pending = {p: self._to_commit.pop(p) for p in numbers if p in self._to_commit}
        self._commit(consumer, {**pending, **marks})
        self._disown(numbers)
        consumer.incremental_unassign(partitions)
        _log.debug("partitions revoked", group=self._group, partitions=numbers)

    def _lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = [one.partition for one in partitions]
        with self._lock:
            for partition in numbers:
                self._to_commit.pop(partition, None)
        self._disown(numbers)
        self._call(self._gone, numbers)
        consumer.incremental_unassign(partitions)
        _log.warning("partitions lost: the group went on without us", group=self._group, partitions=numbers)

    def _disown(self, partitions: Sequence[int]) -> None:
        self._owned.difference_update(partitions)
        self._resting.difference_update(partitions)
        with self._lock:
            for partition in partitions:
                self._sent.pop(partition, None)
                self._moves.pop(partition, None)

    def _commit(self, consumer: Consumer, marks: Mapping[int, Mark]) -> None:
        if not marks:
            return
        try:
            client.commit(consumer, self._offsets(marks))
        except KafkaException as error:
            _log.warning("the last offsets of a partition can't be committed", group=self._group, error=str(error))

    def _commit_now(self, consumer: Consumer) -> None:
        with self._lock:
            marks = {p: mark for p, mark in self._to_commit.items() if p in self._owned}
            self._to_commit.clear()
        if marks:
            self._sent.update(marks)
            offsets = self._offsets(marks)
            try:
                consumer.commit(offsets=offsets, asynchronous=True)
            except KafkaException as error:
                self._committed(error.args[0], offsets)

    def _committed(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        """A background commit is answered. One that failed goes again, unless a newer mark waits or is on its way."""
        if error is not None and error.code() == KafkaError._NO_OFFSET:  # noqa: SLF001
            return
        failed = [one for one in partitions if (error or one.error) is not None and one.partition in self._owned]
        if failed:
            _log.debug("a commit failed and goes again", group=self._group, error=str(error or failed[0].error))
        with self._lock:
            for one in failed:
                mark = self._sent.get(one.partition)
                if mark is not None and mark.offset == one.offset:
                    self._to_commit.setdefault(one.partition, mark)

    def _offsets(self, marks: Mapping[int, Mark]) -> list[TopicPartition]:
        return [TopicPartition(self._topic, p, mark.offset, mark.metadata) for p, mark in marks.items()]

    def _partitions(self, numbers: Sequence[int] | set[int] | Mapping[int, Mark]) -> list[TopicPartition]:
        return [TopicPartition(self._topic, number) for number in numbers]

    def _trouble(self, error: KafkaError) -> None:
        self._say(error.name(), "Kafka has a problem", error=error.str())

    def _say(self, trouble: str, text: str, **names: str) -> None:
        """Say each trouble once, until records come again."""
        if trouble not in self._troubled:
            self._troubled.add(trouble)
            _log.warning(text, topic=self._topic, group=self._group, **names)

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended without us
            self._loop.call_soon_threadsafe(function, *arguments)

    def _ask(self, question: Coroutine[Any, Any, Mapping[int, Mark]]) -> Mapping[int, Mark] | None:
        try:
            answer = asyncio.run_coroutine_threadsafe(question, self._loop)
        except RuntimeError:  # the loop has ended without us
            question.close()
            return None
        try:
            return answer.result(self._patience_s)
        except (TimeoutError, CancelledError):
            answer.cancel()
            _log.warning("partitions given up before their deliveries ended", group=self._group)
            return None
