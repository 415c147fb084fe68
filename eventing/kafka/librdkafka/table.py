"""A compacted topic as a table: the newest value of each key, from its beginning and then as it changes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from eventing.kafka.librdkafka import client, pulse
from eventing.settings import Kafka

Rows = dict[str, bytes | None]
OnRows = Callable[[Rows], None]

_POLL_S = 0.2
_AFRESH_S = 1.0
_BATCH = 1_000
_log = structlog.get_logger("kafka")


class TableReader:
    """Follows partition 0 of a topic that need not exist yet.

    `on_rows` is called on the loop whenever the end of the topic is reached, with what changed since the last call: a
    value, or None for a key that was deleted. So it never sees half of what was written before it looked. The end shows
    half a second late; a `prompt` reader, once it has been there, tells of rows as they come.
    """

    def __init__(self, settings: Kafka, topic: str, on_rows: OnRows, *, prompt: bool = False) -> None:
        self._properties = client.table_reader(settings)
        self._topic = topic
        self._on_rows = on_rows
        self.position = 0
        """The offset up to which all rows have been told."""
        self._prompt = prompt
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._ending = False
        self._troubled: set[str] = set()
        self._thread = threading.Thread(target=self._run, name=f"table {topic}", daemon=True)
        self._thread.start()

    async def aclose(self) -> None:
        """Stop following and end the thread."""
        self._ending = True
        await self._ended.wait()

    def _run(self) -> None:
        while not self._ending:
            try:
                self._follow()
            except pulse.Lost:
                if "lost" not in self._troubled:
                    self._troubled.add("lost")
                    _log.warning("Kafka does not answer: the topic is read anew", topic=self._topic)
            except Exception:  # noqa: BLE001  a thread has nobody else to tell
                _log.exception("reading met a defect and starts over", topic=self._topic)
                time.sleep(_AFRESH_S)
        self._call(self._ended.set)

    def _follow(self) -> None:
        consumer = Consumer({**self._properties, "error_cb": self._trouble})
        heart = pulse.Pulse(consumer)
        rows: Rows = {}
        been_at_end = False
        try:
            consumer.assign([TopicPartition(self._topic, 0, OFFSET_BEGINNING)])
            while not self._ending:
                first = consumer.poll(_POLL_S)
                heart.check(self._topic)
                for message in [first, *consumer.consume(_BATCH, 0)] if first is not None else ():
                    error = message.error()
                    if error is None:
                        heart.beat()
                        key, value = message.key(), message.value()
                        rows[(key or b"").decode(errors="replace")] = value
                    elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                        self._troubled.clear()
                        been_at_end = True
                        self._call(self._arrived, rows, message.offset())
                        rows = {}
                    else:
                        self._trouble(error)
                if rows and been_at_end and self._prompt:
                    self._call(self._on_rows, rows)
                    rows = {}
        finally:
            if self._ending:
                # There is nothing to commit or to leave, and closing may have to sit out a name lookup.
                self._call(self._ended.set)
            heart.end(consumer.close)

    def _arrived(self, rows: Rows, position: int) -> None:
        self.position = max(self.position, position)
        self._on_rows(rows)

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended without us
            self._loop.call_soon_threadsafe(function, *arguments)

    def _trouble(self, error: KafkaError) -> None:
        missing = error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)  # noqa: SLF001
        if error.name() not in self._troubled:
            self._troubled.add(error.name())
            say = _log.info if missing else _log.warning
            say("waiting for the topic" if missing else "Kafka has a problem", topic=self._topic, error=error.str())
