"""What only the real adapter can get wrong: a Kafka that is away, full queues, properties, and a thread with a defect."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from log_contract import Member
from raw_http import free_port, until

from eventing.errors import EventingError, Invalid, Overloaded, TooLarge, Unavailable
from eventing.kafka import appended
from eventing.kafka.librdkafka import client
from eventing.kafka.librdkafka.admin import KafkaAdmin
from eventing.kafka.librdkafka.appender import KafkaAppender
from eventing.kafka.librdkafka.reader import KafkaReader
from eventing.plan.model import TopicSpec
from eventing.record import Mark, Position, Record
from eventing.settings import Kafka

PATIENCE_S = 30.0


def away(**changes: object) -> Kafka:
    """Settings of a Kafka that does not listen."""
    return replace(Kafka(bootstrap=f"127.0.0.1:{free_port()}", ack_timeout_s=1.0, request_timeout_s=1.0), **changes)  # type: ignore[arg-type]


@pytest.fixture
async def admin(kafka: str) -> AsyncIterator[KafkaAdmin]:
    admin = KafkaAdmin(Kafka(bootstrap=kafka))
    yield admin
    await admin.aclose()


async def test_without_kafka_an_append_fails_when_its_time_is_up() -> None:
    appender = KafkaAppender(away(), max_record_bytes=1_000_000)
    began = time.monotonic()
    with pytest.raises(Unavailable, match="Kafka does not answer"):
        async with asyncio.timeout(PATIENCE_S):
            await appended(appender, "t", None, b"x", [])
    assert time.monotonic() - began >= 0.9
    await appender.aclose()


async def test_without_kafka_closing_is_bounded_and_tells_every_append() -> None:
    appender = KafkaAppender(away(ack_timeout_s=300.0), max_record_bytes=1_000_000)
    appender._flush_s = 0.5
    outcomes: list[Position | EventingError] = []
    for _ in range(10):
        appender.append("t", None, b"x", [], outcomes.append)
    async with asyncio.timeout(PATIENCE_S):
        await appender.aclose()
    assert [type(one) for one in outcomes] == [Unavailable] * 10


async def test_without_kafka_commands_are_unavailable_in_time_and_closing_is_bounded() -> None:
    admin = KafkaAdmin(away())
    async with asyncio.timeout(PATIENCE_S):
        answers = await asyncio.gather(
            admin.topic("t"),
            admin.create_topic(TopicSpec("t")),
            admin.settle_group("g", "t"),
            admin.marks("g", "t"),
            admin.set_marks("g", "t", {0: Mark(1)}),
            admin.spans("t"),
            admin.keep_group("g", "t"),
            admin.delete_group("g"),
            return_exceptions=True,
        )
        await admin.aclose()
    assert all(isinstance(answer, Unavailable) for answer in answers), answers


async def test_without_kafka_a_reader_closes_all_the_same() -> None:
    member = Member()
    reader = KafkaReader(away(), "t", "g", member, revoke_patience_s=1.0)
    reader.start()
    async with asyncio.timeout(PATIENCE_S):
        await reader.aclose()
    assert member.heard == []


async def test_a_full_queue_is_overloaded_at_once_and_done_is_not_called() -> None:
    appender = KafkaAppender(away(queue_events=5), max_record_bytes=1_000_000)
    outcomes: list[Position | EventingError] = []
    for _ in range(5):
        appender.append("t", None, b"x", [], outcomes.append)
    with pytest.raises(Overloaded, match="queue_events"):
        appender.append("t", None, b"x", [], outcomes.append)
    await appender.aclose()
    assert len(outcomes) == 5


async def test_a_record_beyond_our_own_limit_is_too_large_at_once() -> None:
    appender = KafkaAppender(away(), max_record_bytes=2_000)
    with pytest.raises(TooLarge):
        appender.append("t", None, b"x" * 3_000, [], lambda _: pytest.fail("done was called"))
    await appender.aclose()


@pytest.mark.parametrize("name", ["acks", "request.required.acks", "enable.idempotence", "delivery.report.only.error"])
def test_properties_can_not_take_our_guarantees_away(name: str) -> None:
    settings = Kafka(properties={name: "0"})
    with pytest.raises(Invalid, match=name):
        client.producer(settings, 1)
    with pytest.raises(Invalid, match=name):
        client.group_member(settings, "g")


@pytest.mark.parametrize("name", ["allow.auto.create.topics", "group.protocol"])
def test_properties_that_settings_or_we_decide_are_refused(name: str) -> None:
    with pytest.raises(Invalid, match=name):
        client.group_member(Kafka(properties={name: "x"}), "g")


def test_the_group_protocol_is_one_of_two_words() -> None:
    classic = client.group_member(Kafka(), "g")
    assert classic["partition.assignment.strategy"] == "cooperative-sticky"
    assert "group.protocol" not in classic
    consumer = client.group_member(Kafka(group_protocol="consumer"), "g")
    assert consumer["group.protocol"] == "consumer"
    assert not {"partition.assignment.strategy", "session.timeout.ms", "heartbeat.interval.ms"} & consumer.keys()
    with pytest.raises(Invalid, match=r"kafka\.group_protocol: 'new' is no group protocol; write classic or consumer"):
        client.group_member(Kafka(group_protocol="new"), "g")


def test_other_properties_go_over_ours() -> None:
    assert client.producer(Kafka(properties={"linger.ms": "7"}), 1)["linger.ms"] == "7"


class Clumsy(Member):
    """A listener that has a defect once."""

    defects = 1

    def on_records(self, records: list[Record]) -> None:
        if self.defects:
            self.defects -= 1
            raise ZeroDivisionError
        super().on_records(records)


async def test_after_a_defect_in_the_listener_a_new_member_reads_what_was_not_taken(
    kafka: str, topic: str, admin: KafkaAdmin
) -> None:
    settings = Kafka(bootstrap=kafka)
    await admin.create_topic(TopicSpec(topic))
    appender = KafkaAppender(settings, max_record_bytes=1_000_000)
    await appended(appender, topic, None, b"a", [])
    member = Clumsy()
    reader = KafkaReader(settings, topic, topic, member, revoke_patience_s=1.0)
    reader.start()
    await until(lambda: member.values == [b"a"], PATIENCE_S)
    assert member.heard == ["assigned 0", "gone 0", "assigned 0", "records 0"]
    await reader.aclose()
    await appender.aclose()


async def test_a_member_that_can_not_learn_what_is_committed_delivers_nothing_and_asks_again(
    kafka: str, admin: KafkaAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beginning without the marks would repeat what they tell finished, or skip what a topic made anew holds."""
    name = f"unknown-{uuid.uuid4().hex[:8]}"
    await admin.create_topic(TopicSpec(name))
    appender = KafkaAppender(Kafka(bootstrap=kafka), max_record_bytes=1_000_000)
    for value in (b"done", b"new"):
        await appended(appender, name, None, value, [])
    await appender.aclose()
    await admin.set_marks(name, name, {0: Mark(1)})
    ask, asked = Consumer.committed, []

    class Deaf(Consumer):
        def committed(self, *args: object, **more: object) -> list[TopicPartition]:
            asked.append(1)
            if len(asked) == 1:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
            return ask(self, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("eventing.kafka.librdkafka.reader.Consumer", Deaf)
    member = Member()
    member.reader = KafkaReader(Kafka(bootstrap=kafka), name, name, member, revoke_patience_s=5.0)
    member.reader.start()
    await until(lambda: member.values == [b"new"], PATIENCE_S)
    await member.reader.aclose()
    assert len(asked) > 1


async def test_a_commit_that_failed_goes_again_unless_a_newer_one_has_been_sent() -> None:
    reader = KafkaReader(away(), "t", "g", Member(), revoke_patience_s=1.0)
    reader._owned = {0, 1}
    reader._sent = {0: Mark(5, "m"), 1: Mark(9)}
    error = KafkaError(KafkaError.REBALANCE_IN_PROGRESS)
    reader._committed(error, reader._offsets({0: Mark(5, "m"), 1: Mark(7), 2: Mark(3)}))
    assert reader._to_commit == {0: Mark(5, "m")}
    reader.commit({0: Mark(6)})
    reader._committed(error, reader._offsets({0: Mark(5, "m")}))
    assert reader._to_commit == {0: Mark(6)}
