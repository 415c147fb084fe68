"""What only the real reader can get wrong as partitions come: going on while a pause lasts, and a refusal in a callback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from confluent_kafka import KafkaError, KafkaException
from log_contract import PATIENCE_S, LogCases, Member
from raw_http import until
from test_log_real import RealLog, real

from eventing.kafka import appended
from eventing.kafka.librdkafka.reader import KafkaReader
from eventing.record import Mark


class TestMoves(LogCases):
    @pytest.fixture(params=["classic", "consumer"])
    async def log(self, kafka: str, request: pytest.FixtureRequest) -> AsyncIterator[RealLog]:
        async with real(kafka, request.param) as log:
            yield log

    async def test_what_goes_on_right_before_a_pause_misses_nothing_when_the_pause_brings_another_partition(
        self, log: RealLog, join: Callable[..., Member]
    ) -> None:
        topic = await self.new_topic(log, 2)
        for number in range(60):
            await appended(log.appender, topic, b"k%d" % number, b"", [])
        first = join(topic)
        await until(lambda: len(first.assigned) == 2 and len(first.records) == 60, PATIENCE_S)
        second = join(topic)
        await until(lambda: len(first.assigned) == 1 and second.assigned, PATIENCE_S)
        [mine] = first.assigned
        wanted = [record.offset for record in first.records if record.partition == mine]
        first.records.clear()
        first.reader.hold(mine)
        await until(lambda: not first.reader._moves, PATIENCE_S)  # type: ignore[attr-defined]
        first.reader.go_on(mine, 0)
        first.reader.pause()
        await until(lambda: first.reader._held_back, PATIENCE_S)  # type: ignore[attr-defined]
        await second.reader.aclose()
        await until(lambda: len(first.assigned) == 2, PATIENCE_S)
        loop = asyncio.get_running_loop()
        end = loop.time() + 1
        await until(lambda: loop.time() > end, PATIENCE_S)
        assert first.records == []
        first.reader.resume()
        await until(lambda: [r.offset for r in first.records if r.partition == mine][-1:] == wanted[-1:], PATIENCE_S)
        assert [r.offset for r in first.records if r.partition == mine] == wanted

    async def test_what_librdkafka_refuses_while_partitions_come_makes_the_reader_start_over(
        self, log: RealLog, topic: str, join: Callable[..., Member], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await appended(log.appender, topic, None, b"a", [])
        marks = KafkaReader._marks

        def refused(*_: object) -> dict[int, Mark]:
            monkeypatch.setattr(KafkaReader, "_marks", marks)
            raise KafkaException(KafkaError(KafkaError._STATE))

        monkeypatch.setattr(KafkaReader, "_marks", refused)
        member = join(topic)
        await until(lambda: member.values == [b"a"], PATIENCE_S)
