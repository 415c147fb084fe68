"""How tests look into a topic: a topic that has just been made answers `not leader` until every replica has heard of it."""

from __future__ import annotations

import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

_ELECTING = frozenset({KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE})
_ASK_S = 10.0


def watermarks(consumer: Consumer, topic: str, deadline_s: float = 20.0) -> dict[int, tuple[int, int]]:
    """First and end offset of each partition, nothing where there is no such topic; waits for leaders up to a deadline."""
    deadline = time.monotonic() + deadline_s
    while True:
        found = consumer.list_topics(topic, _ASK_S).topics[topic]
        if found.error is not None and found.error.code() not in _ELECTING:
            return {}
        try:
            return {
                number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_ASK_S)
                for number in sorted(found.partitions)
            }
        except KafkaException as error:
            if error.args[0].code() not in _ELECTING or time.monotonic() > deadline:
                raise
        consumer.poll(0.05)
