"""Reads spans of a topic on behalf of nobody: no group, no commits.

A scan has a thread that hands one batch to the loop and reads the next while that is used, no more; so it holds two batches
and librdkafka's own bounded queue. A span ends at its last offset, at the end of the partition (whatever was compacted or
deleted on the way), or at once where it lies beyond that end, as after a topic was made again.

Connecting costs much more than reading a record, so the consumers of small scans are kept for the next one, and a small scan
waits for one of them: a dispatcher with a thousand slow keys recalls their events with four.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncGenerator, Mapping

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from eventing.errors import Denied, EventingError, Unavailable
from eventing.kafka.librdkafka import client, errors
from eventing.kafka.librdkafka.records import record_of
from eventing.record import Record, Span
from eventing.settings import Kafka

BATCH_RECORDS = 500
SMALL_RECORDS = 256
_SMALL_AT_ONCE = 4
_POLL_S = 0.1
_DOUBT_S = 1.0
_LETTING_GO_S = 1.0
_log = structlog.get_logger("kafka")


class KafkaScanner:
    """A `Scanner`."""

    def __init__(self, settings: Kafka) -> None:
        self._small = client.scanner(settings, small=True)
        self._large = client.scanner(settings, small=False)
        self._patience_s = settings.request_timeout_s
        self._idle: list[Consumer] = []
        self._gate = asyncio.Semaphore(_SMALL_AT_ONCE)
        self._scans: set[_Scan] = set()
        self._closed = False

    async def scan(self, topic: str, spans: Mapping[int, Span]) -> AsyncGenerator[list[Record], None]:
        """See `Scanner`."""
        wanted = {p: span for p, span in spans.items() if span.end > span.first}
        if not wanted:
            return
        if self._closed:
            raise Unavailable("the connection to Kafka is closing", where="kafka")
        small = len(wanted) == 1 and sum(span.end - span.first for span in wanted.values()) <= SMALL_RECORDS
        async with self._gate if small else contextlib.nullcontext():
            scan = _Scan(self, topic, wanted, self._patience_s, small=small)
            self._scans.add(scan)
            scan.thread.start()
            try:
                while (batch := await scan.next()) is not None:
                    yield batch
            finally:
                scan.over.set()
                self._scans.discard(scan)

    async def aclose(self) -> None:
        """See `Scanner`; scans that are under way end with `Unavailable`."""
        self._closed = True
        scans = list(self._scans)
        for scan in scans:
            scan.over.set()
        # Closing joins librdkafka's threads, and one may sit in a name lookup; nobody has to wait for that.
        idle, self._idle = self._idle, []
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()

        def close() -> None:
            for scan in scans:
                scan.thread.join()
            for consumer in idle:
                consumer.close()
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(ended.set)

        threading.Thread(target=close, name="kafka-scanner", daemon=True).start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LETTING_GO_S):
                await ended.wait()

    def borrow(self, *, small: bool) -> Consumer:
        """A consumer without an assignment; called in a scan's thread."""
        if small:
            with contextlib.suppress(IndexError):
                return self._idle.pop()
        return client.made(Consumer, self._small if small else self._large)

    def give_back(self, consumer: Consumer, *, again: bool) -> None:
        """Keep the consumer for the next scan if it can be used `again`, else let go of it."""
        if again and not self._closed and len(self._idle) < _SMALL_AT_ONCE:
            self._idle.append(consumer)
        else:
            consumer.close()


class _Scan:
    """One scan: what its thread does, and the one place in which a batch waits for the loop."""

    def __init__(
        self, scanner: KafkaScanner, topic: str, spans: Mapping[int, Span], patience_s: float, *, small: bool
    ) -> None:
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, name=f"scan {topic}", daemon=True)
        self._scanner = scanner
        self._topic = topic
        self._spans = spans
        self._left = set(spans)
        self._small = small
        self._patience_s = patience_s
        self._loop = asyncio.get_running_loop()
        self._batches: asyncio.Queue[list[Record] | EventingError | None] = asyncio.Queue()
        self._taken = threading.Event()
        self._taken.set()
        self._last_error: KafkaError | None = None

    async def next(self) -> list[Record] | None:
        """The next batch, None at the end."""
        batch = await self._batches.get()
        self._taken.set()
        if isinstance(batch, EventingError):
            raise batch
        return batch

    def _run(self) -> None:
        try:
            self._scan()
            outcome: EventingError | None = None
            if self._left:
                outcome = Unavailable("the connection to Kafka is closing", where=f"topic {self._topic}")
        except EventingError as error:
            outcome = error
        except KafkaException as error:
            outcome = errors.raised(error, f"topic {self._topic}", topic=self._topic)
        except Exception as error:  # noqa: BLE001  a thread has nobody else to tell
            _log.exception("a scan met a defect", topic=self._topic)
            outcome = Unavailable(f"reading met a defect: {error!r}", where=f"topic {self._topic}")
        self._put(outcome)

    def _scan(self) -> None:
        consumer = self._scanner.borrow(small=self._small)
        clean = False
        try:
            consumer.assign([TopicPartition(self._topic, p, span.first) for p, span in self._spans.items()])
            self._read(consumer)
            consumer.unassign()
            clean = True
        finally:
            self._scanner.give_back(consumer, again=clean and self._small)

    def _read(self, consumer: Consumer) -> None:
        heard_at = time.monotonic()
        doubt_s = _DOUBT_S
        while self._left and not self.over.is_set():
            first = consumer.poll(_POLL_S)
            silence_s = time.monotonic() - heard_at
            if silence_s > self._patience_s:
                why = f" ({self._last_error.str()})" if self._last_error else ""
                raise Unavailable(f"Kafka does not answer{why}", where=f"topic {self._topic}")
            if silence_s > doubt_s:
                # A topic that is not there is no error to librdkafka: it would wait for it.
                doubt_s = silence_s + _DOUBT_S
                self._look(consumer)
            heard = [first, *consumer.consume(BATCH_RECORDS, 0)] if first is not None else []
            before = set(self._left)
            records = [record for message in heard if (record := self._record(message))]
            if records:
                self._put(records)
            if self._left and self._left != before:
                # Otherwise it would be read on, to its end, for nothing.
                consumer.pause([TopicPartition(self._topic, p) for p in before - self._left])
            while records and not self._taken.wait(_POLL_S) and not self.over.is_set():
                pass
            if any(message.error() is None or _end(message) for message in heard):
                heard_at, doubt_s = time.monotonic(), _DOUBT_S

    def _record(self, message: Message) -> Record | None:
        """The record if it lies in its span; notes where a span is over."""
        partition = message.partition()
        error = message.error()
        if error is not None and not _end(message):
            self._trouble(error)
            return None
        if partition not in self._left or message.topic() != self._topic:
            return None
        span, offset = self._spans[partition], message.offset() or 0
        if _end(message) or offset < span.first:
            # Kafka went back to the beginning: the partition ends before the span begins.
            self._left.discard(partition)
            return None
        if offset >= span.end - 1:
            self._left.discard(partition)
        return record_of(message, self._topic) if offset < span.end else None

    def _look(self, consumer: Consumer) -> None:
        try:
            found = consumer.list_topics(self._topic, timeout=_DOUBT_S).topics[self._topic]
        except KafkaException as error:
            self._trouble(error.args[0])
        else:
            if found.error is not None:
                self._trouble(found.error)

    def _trouble(self, error: KafkaError) -> None:
        """Raise what another try would not mend; what may pass has until the request time-out."""
        meaning = errors.meaning(error, f"topic {self._topic}", topic=self._topic)
        if isinstance(meaning, Denied) or error.code() in errors.NO_TOPIC:
            raise meaning
        self._last_error = error

    def _put(self, batch: list[Record] | EventingError | None) -> None:
        self._taken.clear()
        with contextlib.suppress(RuntimeError):  # the loop has ended without us
            self._loop.call_soon_threadsafe(self._batches.put_nowait, batch)


def _end(message: Message) -> bool:
    error = message.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001
