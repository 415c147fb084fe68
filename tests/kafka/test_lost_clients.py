"""A client that librdkafka has cut off from Kafka for good is replaced, and what was under way is not lost with it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from log_contract import Member
from raw_http import free_port, until

from eventing.errors import Unavailable
from eventing.kafka import appended
from eventing.kafka.librdkafka import pulse
from eventing.kafka.librdkafka.admin import KafkaAdmin
from eventing.kafka.librdkafka.appender import KafkaAppender
from eventing.kafka.librdkafka.reader import KafkaReader
from eventing.kafka.librdkafka.table import Rows, TableReader
from eventing.plan.model import TopicSpec
from eventing.record import Mark
from eventing.settings import Kafka

PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "LOST_S", 1.0)
    monkeypatch.setattr(pulse, "_DOUBT_S", 0.5)


@pytest.fixture
def settings(kafka: str) -> Kafka:
    return Kafka(bootstrap=kafka, session_timeout_s=6.0)


@pytest.fixture
async def admin(settings: Kafka) -> AsyncIterator[KafkaAdmin]:
    admin = KafkaAdmin(settings)
    yield admin
    await admin.aclose()


@pytest.fixture
async def appender(settings: Kafka) -> AsyncIterator[KafkaAppender]:
    appender = KafkaAppender(settings, max_record_bytes=1_000_000)
    yield appender
    await appender.aclose()


class Cut:
    """Cuts the first consumer off once it is `on`: no record, no answer, and its end does not come while it is."""

    def __init__(self) -> None:
        self.on = threading.Event()
        self.silent = threading.Event()
        self.free = threading.Event()
        self.made: list[Consumer] = []
        cut = self

        class Severed(Consumer):
            def __init__(self, *arguments: Any) -> None:
                super().__init__(*arguments)
                cut.made.append(self)

            @property
            def severed(self) -> bool:
                return cut.on.is_set() and cut.made[0] is self

            def poll(self, timeout: float = -1) -> Message | None:
                if not self.severed:
                    return super().poll(timeout)
                cut.silent.set()
                cut.free.wait(timeout)
                return None

            def list_topics(self, *arguments: Any, **more: Any) -> Any:
                if self.severed:
                    raise KafkaException(KafkaError(KafkaError._TRANSPORT))
                return super().list_topics(*arguments, **more)

            def close(self) -> None:
                # The group does not have to wait for the end of a session, whoever closes for ever.
                super().close()
                if self.severed:
                    cut.free.wait()

        self.kind = Severed


@pytest.fixture
def cut() -> Iterator[Cut]:
    cut = Cut()
    yield cut
    cut.free.set()


class Careful(Member):
    """Commits what it has."""

    def on_records(self, records: list[Any]) -> None:
        super().on_records(records)
        self.reader.commit({record.partition: Mark(record.offset + 1) for record in records})


async def test_a_member_that_lost_kafka_gives_its_partitions_up_and_a_new_one_goes_on_at_its_marks(
    settings: Kafka, topic: str, admin: KafkaAdmin, appender: KafkaAppender, cut: Cut, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventing.kafka.librdkafka.reader.Consumer", cut.kind)
    await admin.create_topic(TopicSpec(topic))
    member = Careful()
    member.reader = KafkaReader(settings, topic, topic, member, revoke_patience_s=5.0)
    member.reader.start()
    await appended(appender, topic, None, b"before", [])
    await until(lambda: member.values == [b"before"], PATIENCE_S)
    await _committed(admin, topic)
    cut.on.set()
    await until(cut.silent.is_set, PATIENCE_S)
    await appended(appender, topic, None, b"after", [])
    await until(lambda: member.values == [b"before", b"after"], PATIENCE_S)
    assert member.heard == ["assigned 0", "records 0", "gone 0", "assigned 0", "records 0"]
    cut.free.set()
    await member.reader.aclose()
    assert member.heard[-1] == "gone 0"
    assert len(cut.made) == 2


async def _committed(admin: KafkaAdmin, topic: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(Unavailable, KeyError):  # Kafka may still be making its topic for marks
                if (await admin.marks(topic, topic))[0].offset == 1:
                    return
            await asyncio.sleep(0.05)


async def test_a_table_is_read_anew_when_its_reader_lost_kafka(
    settings: Kafka, topic: str, admin: KafkaAdmin, appender: KafkaAppender, cut: Cut, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventing.kafka.librdkafka.table.Consumer", cut.kind)
    await admin.create_topic(TopicSpec(topic))
    await appended(appender, topic, b"a", b"1", [])
    rows: Rows = {}
    table = TableReader(settings, topic, rows.update)
    await until(lambda: rows == {"a": b"1"}, PATIENCE_S)
    cut.on.set()
    await until(cut.silent.is_set, PATIENCE_S)
    await appended(appender, topic, b"b", b"2", [])
    await until(lambda: rows == {"a": b"1", "b": b"2"}, PATIENCE_S)
    await table.aclose()


async def test_a_producer_that_lost_kafka_is_replaced_and_every_append_is_answered(
    settings: Kafka, topic: str, admin: KafkaAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    await admin.create_topic(TopicSpec(topic))
    made: list[Producer] = []

    class Astray(Producer):
        def __init__(self, properties: dict[str, Any]) -> None:
            away = {} if made else {"bootstrap.servers": f"127.0.0.1:{free_port()}"}
            super().__init__({**properties, **away})
            made.append(self)

    monkeypatch.setattr("eventing.kafka.librdkafka.appender.Producer", Astray)
    appender = KafkaAppender(replace(settings, ack_timeout_s=3.0), max_record_bytes=1_000_000)
    outcomes: list[object] = []
    appender.append(topic, None, b"into the void", [], outcomes.append)
    await until(lambda: len(made) == 2, PATIENCE_S)
    await appended(appender, topic, None, b"and not", [])
    await until(lambda: [type(one) for one in outcomes] == [Unavailable], PATIENCE_S)
    await until(lambda: not appender._left, PATIENCE_S)
    await appender.aclose()
