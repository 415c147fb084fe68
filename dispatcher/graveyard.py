"""Where events rest that nobody took: the dead letter topic of their subscription. They are never dropped.

The topic is made when its first dead letter comes, so a thousand healthy subscriptions have none. An event is kept as it
would have gone to the dead letter sink, and four more attributes tell the rest:
`kanalreason`, `kanalattempts`, `kanalfirstattempt` and `kanallastattempt` (RFC 3339).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from eventing import letters
from eventing.codec import kafka as kafka_codec
from eventing.errors import EventingError, TooLarge
from eventing.event import Event
from eventing.kafka import Admin, Appender, appended
from eventing.plan.model import Egress, TopicSpec
from eventing.record import Record
from eventing.timestamp import rfc3339

Nap = Callable[[Record, float], Awaitable[None]]
LONGEST_WAIT_S = 30.0
_log = structlog.get_logger("dispatcher")
_REASON_CHARS = 500


@dataclass(frozen=True, slots=True)
class Grief:
    """Why an event could not be delivered, after how many attempts, and between which times (Unix seconds)."""

    reason: str
    attempts: int
    first: float
    last: float


class Graveyard:
    """Keeps dead letters in Kafka; one a process."""

    def __init__(self, appender: Appender, admin: Admin, topic_config: dict[str, str], replicas: int) -> None:
        self._appender = appender
        self._admin = admin
        self._config = topic_config
        self._replicas = replicas
        self._made: set[str] = set()

    async def keep(self, egress: Egress, record: Record, letter: Event, grief: Grief, nap: Nap) -> None:
        """Append the letter, trying for as long as it takes: it is in Kafka when this returns."""
        kept = letter.extended(
            kanalreason=grief.reason[:_REASON_CHARS],
            kanalattempts=str(grief.attempts),
            kanalfirstattempt=_rfc3339(grief.first),
            kanallastattempt=_rfc3339(grief.last),
        )
        trace = [(name.decode(), text) for name, text in kafka_codec.trace_of(record.headers)]

        async def append() -> None:
            while True:
                key, value, headers = kafka_codec.to_record(kept)
                try:
                    await appended(self._appender, egress.dead_letter_topic, key, value, [*headers, *trace])
                except TooLarge:
                    if kept.attributes.pop("knativeerrordata", None) is None:
                        raise
                else:
                    return

        await self._insist(egress.dead_letter_topic, append, record, nap)

    async def mark(self, egress: Egress, record: Record, word: str, now: float, nap: Nap) -> None:
        """Note in the dead letter topic that this letter of it was redelivered at `now` (Unix seconds), and how it went."""

        async def append() -> None:
            headers = letters.marker(record.offset, word, _rfc3339(now))
            await appended(self._appender, egress.dead_letter_topic, None, None, headers)

        await self._insist(egress.dead_letter_topic, append, record, nap)

    async def _insist(self, topic: str, append: Callable[[], Awaitable[None]], record: Record, nap: Nap) -> None:
        """Append to a topic that may have to be made first, again and again until Kafka has it."""
        wait = 0.5
        told: set[str] = set()
        while True:
            try:
                await self._make(topic)
                await append()
            except EventingError as error:
                if str(error) not in told:
                    told.add(str(error))
                    _log.warning("a dead letter can't be kept yet and is tried again", topic=topic, error=str(error))
                self._made.discard(topic)
                await nap(record, wait)
                wait = min(wait * 2, LONGEST_WAIT_S)
            else:
                return

    async def _make(self, topic: str) -> None:
        if topic not in self._made:
            await self._admin.create_topic(TopicSpec(topic, 1, self._replicas, self._config))
            self._made.add(topic)


def _rfc3339(unix: float) -> str:
    return rfc3339(datetime.fromtimestamp(unix, UTC))
