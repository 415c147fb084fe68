"""The producer bridge: the loop queues, one thread polls and brings acknowledgements back a batch at a time.

A delivery report is a Python call for each record, so it does as little as can be done: it puts the outcome on a list.
The thread wakes the loop once for all that one poll brought, and only when somebody waits for it.

A producer that has lost Kafka (see `pulse`) is replaced. What it still holds ends as it would have: each record is
acknowledged, or fails when its time is over.
"""

from __future__ import annotations

import asyncio
import threading
import time
from functools import partial

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from eventing.errors import EventingError, Unavailable
from eventing.kafka import Done
from eventing.kafka.librdkafka import client, errors, pulse
from eventing.record import Headers, Position
from eventing.settings import Kafka

_log = structlog.get_logger("kafka")
_POLL_S = 0.2
_FLUSH_MARGIN_S = 1.0
_SURELY_LEFT_S = 1.0
"""How long somebody who was about to queue a record may go on with the producer that he knew."""


class KafkaAppender:
    """An `Appender`; belongs to the event loop on which it is made."""

    def __init__(self, settings: Kafka, *, max_record_bytes: int) -> None:
        self._properties = client.producer(settings, max_record_bytes)
        self._producer = client.made(Producer, self._properties)
        self._heart = pulse.Pulse(self._producer)
        self._left: list[tuple[float, Producer]] = []
        self._topic = ""
        self._said_lost = False
        self._flush_s = settings.ack_timeout_s + _FLUSH_MARGIN_S
        self._loop = asyncio.get_running_loop()
        self._outcomes: list[tuple[Done, Position | EventingError]] = []
        self._closing = False
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._poll, name="kafka-appender", daemon=True)
        self._thread.start()

    def append(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, done: Done) -> None:
        """See `Appender`."""
        if self._closing:
            raise Unavailable("the connection to Kafka is closing", where="kafka")
        self._topic = topic
        try:
            self._producer.produce(
                topic,
                value,
                key,
                headers=headers,  # type: ignore[arg-type]
                on_delivery=partial(self._reported, done),
            )
        except BufferError as error:
            raise errors.meaning(KafkaError(KafkaError._QUEUE_FULL), "kafka") from error  # noqa: SLF001
        except KafkaException as error:
            raise errors.raised(error, "kafka", topic=topic) from error

    async def aclose(self) -> None:
        """See `Appender`; what Kafka has not acknowledged in time fails with `Unavailable`."""
        self._closing = True
        await self._ended.wait()

    def _reported(self, done: Done, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self._outcomes.append((done, Position(message.partition() or 0, message.offset() or 0)))
        else:
            self._outcomes.append((done, errors.meaning(error, "kafka", topic=message.topic() or "")))

    def _poll(self) -> None:
        while not self._closing:
            self._producer.poll(_POLL_S)
            self._look_after()
            self._hand_over()
        for _, left in self._left:
            left.purge()
            left.poll(0)
        self._producer.flush(self._flush_s)
        self._producer.purge()
        self._producer.flush(_FLUSH_MARGIN_S)
        self._hand_over()
        self._loop.call_soon_threadsafe(self._ended.set)
        # librdkafka joins its own threads here, and one may sit in a name lookup; nobody has to wait for that.
        del self._producer

    def _look_after(self) -> None:
        """Replace a producer that has lost Kafka, and end those that were replaced when they hold nothing any more."""
        now = time.monotonic()
        try:
            if self._topic:
                self._heart.check(self._topic)
        except pulse.Lost:
            if not self._said_lost:
                self._said_lost = True
                _log.warning("Kafka does not answer: the producer starts over")
            self._left.append((now, self._producer))
            self._producer = client.made(Producer, self._properties)
            self._heart = pulse.Pulse(self._producer)
        for _, left in self._left:
            left.poll(0)
        over = [one for one in self._left if not len(one[1]) and now - one[0] > _SURELY_LEFT_S]
        if over:
            self._left = [one for one in self._left if one not in over]
            pulse.end_lost(over.clear)

    def _hand_over(self) -> None:
        if self._outcomes:
            outcomes, self._outcomes = self._outcomes, []
            if any(isinstance(outcome, Position) for _, outcome in outcomes):
                self._heart.beat()
                self._said_lost = False
            self._loop.call_soon_threadsafe(_tell, outcomes)


def _tell(outcomes: list[tuple[Done, Position | EventingError]]) -> None:
    for done, outcome in outcomes:
        try:
            done(outcome)
        except Exception:  # noqa: BLE001  one caller's defect is not the others'
            _log.exception("an acknowledgement could not be handed over")
