"""A message of librdkafka as a record of ours, the same for everyone who reads."""

from __future__ import annotations

from confluent_kafka import Message

from eventing.record import Record


def record_of(message: Message, topic: str) -> Record:
    """The record in a message that is no error."""
    return Record(
        topic,
        message.partition() or 0,
        message.offset() or 0,
        message.key(),
        message.value(),
        message.headers() or (),  # type: ignore[arg-type]
        message.timestamp()[1],
    )
