"""Notices a client that has lost Kafka for good, so that its owner can make another.

A Kafka that stood still, or all of whose brokers start anew at once, says for a moment that it has no brokers. librdkafka
(2.12 to 2.16, its issue 5301) then drops those it knew and, when the moment is a bad one, never looks for others: no error
comes and no record, however well Kafka is by then. From outside that can't be told from a Kafka that is away. In both cases
nothing is lost with the client, so a new one is made.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from confluent_kafka import KafkaException

LOST_S = 15.0
"""Longer than a short outage takes, in which a client recovers by itself and keeps its place in its group."""
_DOUBT_S = 10.0
_ASK_S = 1.0


class Client(Protocol):
    """What a consumer and a producer have in common."""

    def list_topics(self, topic: str, timeout: float) -> object:
        """Ask Kafka about a topic; raises `KafkaException` where it does not answer in time."""


class Lost(Exception):
    """The client has lost Kafka; another has to be made."""


class Pulse:
    """The pulse of one client; belongs to the thread that polls it. `lost_s` is for more patience than `LOST_S`."""

    def __init__(self, client: Client, *, lost_s: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._lost_s = max(lost_s, LOST_S)
        self._clock = clock
        self._lost = False
        self.beat()

    def beat(self) -> None:
        """Something came from Kafka."""
        self._heard_at = self._clock()
        self._doubt_s = _DOUBT_S

    def check(self, topic: str) -> None:
        """Raise `Lost` where nothing has come from Kafka for too long and a question about the topic gets no answer.

        A silence alone makes it ask now and then, which takes as long as Kafka takes and a second at most.
        """
        silence_s = self._clock() - self._heard_at
        if silence_s < self._doubt_s:
            return
        try:
            self._client.list_topics(topic, timeout=_ASK_S)
        except KafkaException as error:
            self._doubt_s = silence_s + 2 * _ASK_S
            if silence_s >= self._lost_s:
                self._lost = True
                raise Lost from error
        else:
            self.beat()

    def end(self, close: Callable[[], object]) -> None:
        """End the client with what ends it. Where it is lost that may take for ever, so nobody waits for it."""
        if self._lost:
            end_lost(close)
        else:
            close()


def end_lost(close: Callable[[], object]) -> None:
    """End a client that is lost, beside everything else."""
    threading.Thread(target=close, name="kafka-lost", daemon=True).start()
