"""An egress whose memory is short: what stands behind a slow key is parked, and comes back in its turn."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping

import pytest
from delivery_stand import TOPIC, Stand
from raw_http import until

from dispatcher.lanes import WINDOW
from eventing.kafka import Scanner
from eventing.record import Mark, Record, Span
from eventing.settings import Delivery

SMALL = {"commit_interval_s": 0.01, "in_flight_events": 40}


async def test_a_slow_key_with_a_long_queue_holds_up_no_other_key_and_loses_nothing() -> None:
    """What it parks is read again from Kafka in its turn, in order, and once."""
    stand = Stand(Delivery(**SMALL))
    await stand.topic()
    hold = stand.hold("a0")
    sent = [f"a{n}" for n in range(300)]
    async with stand.running() as loop:
        await stand.send(*sent, key="a")
        await stand.send("b0", "b1", key="b")
        await until(lambda: len(stand.ended_with) == 2)
        assert stand.ids == ["a0", "b0", "b1"]
        assert loop._share.events <= 40
        assert loop.standing.in_flight == 300
        hold.set()
        await until(lambda: stand.committed() == 302)
        assert loop._share.events == 0
    assert [id_ for id_ in stand.ids if id_.startswith("a")] == sent


async def test_parked_events_are_nobodys_once_their_partition_is_gone_and_come_again_with_it() -> None:
    stand = Stand(Delivery(**SMALL, drain_s=0.01))
    await stand.topic()
    stand.hold("a0")
    sent = [f"a{n}" for n in range(100)]
    async with stand.running() as loop:
        await stand.send(*sent, key="a")
        await until(lambda: loop._lanes.parked > 0)
        stand.readers[0].lose()
        assert loop._lanes.parked == 0
        assert loop._share.events == 0
        stand.held.pop("a0").set()
        await until(lambda: stand.committed() == 100)
    assert stand.ids[1:] == sent


async def test_reading_stops_where_too_many_are_parked_and_goes_on_later() -> None:
    stand = Stand(Delivery(**SMALL, parked_events=50))
    await stand.topic()
    hold = stand.hold("a0")
    async with stand.running() as loop:
        await stand.send(*[f"a{n}" for n in range(2_000)], key="a")
        await until(lambda: loop._paused)
        assert loop.standing.in_flight < 2_000
        hold.set()
        await until(lambda: stand.committed() == 2_000)
    assert stand.ids == [f"a{n}" for n in range(2_000)]


class Forgetful:
    """A `Scanner` of a topic whose oldest records were deleted meanwhile."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self.first = 0

    async def scan(self, topic: str, spans: Mapping[int, Span]) -> AsyncGenerator[list[Record], None]:
        async for batch in self._scanner.scan(topic, spans):
            if there := [one for one in batch if one.offset >= self.first]:
                yield there

    async def aclose(self) -> None: ...


async def test_a_slow_key_goes_on_when_what_it_parked_was_deleted_from_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retention takes the first windows of what is parked before the subscriber answers."""
    stand = Stand(Delivery(**SMALL))
    await stand.topic()
    hold = stand.hold("a0")
    sent = [f"a{n}" for n in range(3 * WINDOW)]
    scanner = Forgetful(stand.kafka.scanner())
    monkeypatch.setattr(stand.kafka, "scanner", lambda: scanner)
    async with stand.running() as loop:
        await stand.send(*sent, key="a")
        await until(lambda: loop._lanes.parked > 2 * WINDOW)
        scanner.first = 2 * WINDOW + 10
        hold.set()
        await until(lambda: stand.committed() == 3 * WINDOW)
        assert loop._share.events == 0
    assert stand.ids[-1] == sent[-1]
    assert stand.ids == sorted(stand.ids, key=sent.index)


async def test_the_end_of_a_partition_is_no_proof_that_what_was_behind_it_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a fail-over Kafka may show less than was read already, for a moment."""
    stand = Stand(Delivery(**SMALL))
    await stand.topic()
    hold = stand.hold("a0")
    sent = [f"a{n}" for n in range(100)]
    scanner = Forgetful(stand.kafka.scanner())
    monkeypatch.setattr(stand.kafka, "scanner", lambda: scanner)
    async with stand.running() as loop:
        await stand.send(*sent, key="a")
        await until(lambda: loop._lanes.parked > 0)
        scanner.first = 1 << 40
        hold.set()
        await until(lambda: not loop._tasks)
        assert loop.standing.in_flight > 0
        scanner.first = 0
        await until(lambda: stand.committed() == 100)
    assert stand.ids == sent


async def test_what_is_recalled_stays_within_the_bytes_of_the_share() -> None:
    stand = Stand(Delivery(commit_interval_s=60, in_flight_kib=1024))
    await stand.topic()
    first = stand.hold("e0")
    await stand.send(*[f"e{n}" for n in range(300)], key="a", data=b"x" * 60_000)
    loop = stand.loop()
    loop.on_assigned({0: Mark(0)})
    everything = stand.kafka.records(TOPIC)
    for one in everything[:20]:
        loop.on_records([one])
    await until(lambda: loop._lanes.parked > 0)
    for one in everything[20:]:
        loop.on_records([one])
    assert loop._lanes.parked > 200
    used: list[float] = []
    attempted = stand.attempted

    def watch(*args: object) -> None:
        used.append(loop._share.used)
        attempted(*args)  # type: ignore[arg-type]

    stand.attempted = watch  # type: ignore[method-assign]
    first.set()
    await until(lambda: loop.standing.in_flight == 0)
    assert loop._commit_timer is not None
    loop._commit_timer.cancel()
    assert max(used) < 1.2


async def test_many_slow_keys_do_not_hold_up_the_others() -> None:
    """Each with a backlog; under way are fewer than there are connections."""
    stand = Stand(Delivery(commit_interval_s=0.01))
    await stand.topic()
    ids = [(f"k{key}-{n}", f"k{key}") for n in range(30) for key in range(90)]
    for id_, _ in ids:
        stand.hold(id_)
    async with stand.running():
        for id_, key in ids:
            await stand.send(id_, key=key)
        await stand.send("other", key="other")
        await until(lambda: "other" in stand.ids)
