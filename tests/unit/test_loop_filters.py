"""What an egress filters out: it reaches nobody, holds nothing up, and is finished at once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from delivery_stand import GROUP, SUBSCRIBER, TOPIC, Stand
from raw_http import until

from dispatcher.sieve import Sieve
from eventing.kafka import appended
from eventing.record import Mark, Record

ONLY_B = ({"exact": {"type": "t.b"}},)


@pytest.fixture
async def stand() -> Stand:
    stand = Stand()
    await stand.topic()
    return stand


async def send(stand: Stand, *types: str) -> None:
    for n, type_ in enumerate(types):
        headers = [("ce_specversion", b"1.0"), ("ce_id", b"%d" % n), ("ce_source", b"/s"), ("ce_type", type_.encode())]
        await appended(stand.kafka.appender(), TOPIC, b"k", b"{}", headers)


def committed(stand: Stand) -> int:
    return stand.kafka.committed(GROUP).get(0, Mark(-1)).offset


async def test_only_what_passes_is_delivered_and_everything_is_committed(stand: Stand) -> None:
    stand.change(filters=ONLY_B)
    async with stand.running():
        await send(stand, "t.a", "t.b", "t.a", "t.b", "t.a")
        await until(lambda: committed(stand) == 5)
        assert stand.ids == ["1", "3"]
        assert stand.filtered == 3


async def test_what_is_filtered_out_does_not_wait_for_what_is_being_delivered(stand: Stand) -> None:
    stand.change(filters=ONLY_B)
    release = stand.hold("0")
    async with stand.running():
        await send(stand, "t.b", "t.a", "t.a")
        await until(lambda: stand.filtered == 2)
        assert stand.ids == ["0"]
        await until(lambda: committed(stand) == 0)
        release.set()
        await until(lambda: committed(stand) == 3)


async def test_what_was_filtered_out_is_so_once_however_often_it_is_read(stand: Stand) -> None:
    stand.change(filters=ONLY_B)
    async with stand.running() as loop:
        await send(stand, "t.a", "t.b")
        await until(lambda: stand.filtered == 1)
        loop.on_records(stand.kafka.records(TOPIC))
        assert stand.filtered == 1
        await until(lambda: committed(stand) == 2)
    assert stand.ids == ["1"]


async def test_b40_another_filter_counts_for_what_comes_from_then_on_and_costs_no_rebalance(stand: Stand) -> None:
    async with stand.running() as loop:
        await send(stand, "t.a")
        await until(lambda: stand.posts)
        loop.update(replace(loop.egress, filters=ONLY_B))
        await send(stand, "t.a", "t.b")
        await until(lambda: len(stand.posts) == 2)
        loop.update(replace(loop.egress, filters=()))
        await send(stand, "t.a")
        await until(lambda: len(stand.posts) == 3)
    assert stand.ids == ["0", "1", "0"]
    assert len(stand.readers) == 1
    assert stand.targets == [SUBSCRIBER] * 3


def test_a_record_that_many_look_at_is_looked_into_once() -> None:
    record = Record(TOPIC, 0, 0, None, b"", [("ce_type", b"t.b")])
    first, second = Sieve(ONLY_B).passes, Sieve(({"prefix": {"type": "t."}},)).passes
    assert first is not None
    assert second is not None
    assert first(record)
    found = record.lookup
    assert found is not None
    assert second(record)
    assert record.lookup is found


def test_without_filters_nothing_is_looked_at() -> None:
    assert Sieve(()).passes is None
