"""How our clients of Kafka are configured: one function a kind, what the settings say first and the user's own last.

Every property that is not librdkafka's default has its reason here. `kafka.properties` of the settings goes over ours,
because who needs SASL, TLS or a smaller buffer knows better; what our guarantees rest on can't be overridden.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaException, TopicPartition

from eventing.errors import Invalid
from eventing.settings import Kafka

Properties = dict[str, Any]
_T = TypeVar("_T")

BATCH_BYTES = 1_000_000
_SMALL_FETCH_BYTES = 65_536
_FIXED = frozenset(
    {
        "acks",
        "request.required.acks",
        "enable.idempotence",
        "delivery.report.only.error",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "partition.assignment.strategy",
        "group.id",
        "group.protocol",
        # A topic that somebody deletes would come back with the broker's defaults.
        "allow.auto.create.topics",
    }
)
_log = logging.getLogger("librdkafka")


def producer(settings: Kafka, max_record_bytes: int) -> Properties:
    """A producer that acknowledges nothing before all in-sync replicas have it."""
    return _complete(
        settings,
        {
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": settings.linger_ms,
            # Java's own, so that a key keeps its partition where Knative's data plane wrote before.
            "partitioner": "murmur2_random",
            "message.timeout.ms": int(settings.ack_timeout_s * 1000),
            "message.max.bytes": max_record_bytes,
            # Kafka's limit counts a whole batch, so a batch of many small records has to stay below its usual 1,048,588.
            "batch.size": BATCH_BYTES,
            "queue.buffering.max.messages": settings.queue_events,
            "queue.buffering.max.kbytes": settings.queue_kib,
            "topic.metadata.propagation.max.ms": 2_000,
        },
    )


def group_member(settings: Kafka, group: str) -> Properties:
    """A member of a consumer group that commits only what it is told to.

    Raises `Invalid` where `kafka.group_protocol` is neither `classic` nor `consumer`.
    """
    return _complete(
        settings,
        {
            **_reading(settings),
            **_protocol(settings),
            "group.id": group,
            # A group that has offsets never comes here; a partition that was added later starts at its beginning.
            "auto.offset.reset": "earliest",
        },
    )


def table_reader(settings: Kafka) -> Properties:
    """A reader of a whole topic that belongs to no group."""
    return _complete(settings, {**_reading(settings), "group.id": "kanal-reads-alone", "enable.partition.eof": True})


def scanner(settings: Kafka, *, small: bool) -> Properties:
    """A reader of spans that belongs to no group; a `small` one fetches little beyond the few records it is for."""
    sizes = (
        {"fetch.message.max.bytes": _SMALL_FETCH_BYTES, "queued.min.messages": 1, "fetch.queue.backoff.ms": 1}
        if small
        else {}
    )
    return _complete(
        settings,
        {
            **_reading(settings),
            "group.id": "kanal-reads-alone",
            "enable.partition.eof": True,
            # What retention has deleted meanwhile is passed over.
            "auto.offset.reset": "earliest",
            # A fetch that waits at the end of a topic would hold up the next scan.
            "fetch.wait.max.ms": 10,
            **sizes,
        },
    )


def admin(settings: Kafka) -> Properties:
    """A client for topics, groups and offsets."""
    return _complete(settings, {})


def commit(consumer: Consumer, offsets: list[TopicPartition]) -> None:
    """Commit and wait for the answer; raises `KafkaException` for the first partition that was refused."""
    for one in consumer.commit(offsets=offsets, asynchronous=False) or ():
        if one.error is not None:
            raise KafkaException(one.error)


def _protocol(settings: Kafka) -> Properties:
    """How members of a group find each other; under KIP-848 the broker decides about time-outs and shares."""
    match settings.group_protocol:
        case "consumer":
            return {"group.protocol": "consumer"}
        case "classic":
            session_ms = int(settings.session_timeout_s * 1000)
            return {
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": session_ms,
                "heartbeat.interval.ms": max(session_ms * 3 // 10, 100),
            }
        case other:
            raise Invalid(
                f"{other!r} is no group protocol", where="kafka.group_protocol", fix="write classic or consumer"
            )


def _reading(settings: Kafka) -> Properties:
    return {
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "queued.max.messages.kbytes": settings.prefetch_kib,
        "queued.min.messages": 10_000,
        "fetch.max.bytes": settings.prefetch_kib * 1024,
        "fetch.queue.backoff.ms": 20,
    }


def _complete(settings: Kafka, ours: Properties) -> Properties:
    for name in settings.properties:
        if name in _FIXED:
            fix = "leave it out: nothing that was accepted may be lost"
            raise Invalid(f"{name} is Kanal's own to decide", where="kafka.properties", fix=fix)
    return {
        "bootstrap.servers": settings.bootstrap,
        "client.id": "kanal",
        "allow.auto.create.topics": False,
        "socket.keepalive.enable": True,
        "log.connection.close": False,
        "reconnect.backoff.max.ms": 2_000,
        # Keeps one connection in use, whatever Kafka or a firewall thinks of idle ones: librdkafka that has lost them all
        # looks for Kafka anew, which costs the next event one or two seconds.
        "topic.metadata.refresh.interval.ms": 20_000,
        "socket.timeout.ms": max(int(settings.request_timeout_s * 1000), 1_000),
        "logger": _log,
        **ours,
        **settings.properties,
    }


def made(kind: Callable[[Properties], _T], properties: Properties) -> _T:
    """A client with these properties. Raises `Invalid` where librdkafka does not take one of them."""
    try:
        return kind(properties)
    except KafkaException as error:
        raise Invalid(error.args[0].str(), where="kafka.properties", fix="see librdkafka's CONFIGURATION.md") from error
