"""What an error of Kafka means to Kanal: one table, so that the same trouble is the same error everywhere."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException

from eventing.errors import Denied, EventingError, Invalid, NotFound, Overloaded, TooLarge, Unavailable

_DENIED = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError._AUTHENTICATION,  # noqa: SLF001  librdkafka's own codes are spelled so
    }
)
_INVALID = frozenset(
    {
        KafkaError.INVALID_REPLICATION_FACTOR,
        KafkaError.INVALID_PARTITIONS,
        KafkaError.INVALID_CONFIG,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.POLICY_VIOLATION,
        KafkaError.INVALID_REQUEST,
        KafkaError.INVALID_RECORD,
        KafkaError._INVALID_ARG,  # noqa: SLF001
    }
)
NO_TOPIC = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION})  # noqa: SLF001
_SILENT = frozenset(
    {
        KafkaError._MSG_TIMED_OUT,  # noqa: SLF001
        KafkaError._TIMED_OUT,  # noqa: SLF001
        KafkaError._TRANSPORT,  # noqa: SLF001
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
        KafkaError._RESOLVE,  # noqa: SLF001
        KafkaError._PURGE_QUEUE,  # noqa: SLF001
        KafkaError._PURGE_INFLIGHT,  # noqa: SLF001
    }
)


def meaning(error: KafkaError, where: str, *, topic: str = "") -> EventingError:
    """The error of ours for an error of Kafka that `where` met."""
    code = error.code()
    if code == KafkaError.MSG_SIZE_TOO_LARGE:
        fix = "make the event smaller, or raise the topic's max.message.bytes and ingress.max_body_bytes"
        limit = f"the topic {topic}" if topic else "Kafka"
        return TooLarge(f"the record is larger than {limit} allows (max.message.bytes)", where=where, fix=fix)
    if code == KafkaError._QUEUE_FULL:  # noqa: SLF001
        return Overloaded(
            "too many events wait for Kafka's acknowledgement (kafka.queue_events, queue_kib)", where=where
        )
    if code in _DENIED:
        return Denied(f"Kafka refuses: {error.str()}", where=where, fix="see kafka.properties and Kafka's ACLs")
    if code in NO_TOPIC:
        name = f"the topic {topic}" if topic else "the topic or partition"
        return Unavailable(f"{name} does not exist in Kafka", where=where)
    if code == KafkaError.GROUP_ID_NOT_FOUND:
        return NotFound("there is no such consumer group", where=where)
    if code in _INVALID:
        return Invalid(error.str(), where=where)
    if code in _SILENT:
        return Unavailable(f"Kafka does not answer ({error.str()})", where=where)
    return Unavailable(error.str() or error.name(), where=where)


def raised(error: KafkaException, where: str, *, topic: str = "") -> EventingError:
    """The same for what a call raised."""
    return meaning(error.args[0], where, topic=topic)
