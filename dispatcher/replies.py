"""Replies that go back to the broker from which the event came: straight into its topic, durable before the event is done.

They are checked as the broker's ingress checks what is sent. A Kafka that is away holds the reply up and nothing else: the
subscriber has done its work and is not called again for that.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from dispatcher.graveyard import LONGEST_WAIT_S, Nap
from eventing import ttl
from eventing.codec import kafka as kafka_codec
from eventing.errors import EventingError, Invalid
from eventing.event import Event, validate
from eventing.kafka import Appender, appended
from eventing.plan.model import Egress
from eventing.record import Record

Noticed = Callable[[Egress, Event], None]
"""Hears of each reply that a broker has taken."""
_log = structlog.get_logger("dispatcher")


def _unnoticed(_: Egress, __: Event) -> None:
    pass


class Replies:
    """Appends replies to brokers' topics; one a process."""

    def __init__(self, appender: Appender, noticed: Noticed = _unnoticed) -> None:
        self._appender = appender
        self._noticed = noticed

    async def append(self, egress: Egress, record: Record, reply: Event, nap: Nap) -> None:
        """Append the reply to this record; it is in Kafka when this returns.

        Raises `Invalid` where the broker can never take it. A topic that is missing may come back.
        """
        validate(reply)
        if egress.ttl is not None:
            reply = ttl.entering(reply, egress.ttl)
        key, value, headers = kafka_codec.to_record(reply)
        trace = [(name.decode(), text) for name, text in kafka_codec.trace_of(record.headers)]
        wait, topic = 0.5, egress.reply_topic
        assert topic is not None  # noqa: S101  a broker has one
        while True:
            try:
                await appended(self._appender, topic, key, value, [*headers, *trace])
            except Invalid:
                raise
            except EventingError as error:
                _log.warning("a reply can't be stored yet and is tried again", topic=topic, error=str(error))
                await nap(record, wait)
                wait = min(wait * 2, LONGEST_WAIT_S)
            else:
                self._noticed(egress, reply)
                return
