"""One egress at work: order, pauses, commits and what happens when partitions come and go."""

from __future__ import annotations

import asyncio

import pytest
from delivery_stand import GROUP, SINK, SUBSCRIBER, Stand, record
from memory_kafka import MemoryReader
from raw_http import until

from dispatcher.graveyard import Graveyard
from dispatcher.loop import EgressLoop
from dispatcher.outcome import Delivered
from eventing.record import Mark, Span
from eventing.settings import Delivery

FOR_EVER = {"retry": 100, "delay_s": 3600.0}


@pytest.fixture
async def stand() -> Stand:
    stand = Stand()
    await stand.topic()
    return stand


def _hush(loop: EgressLoop) -> None:
    """A loop that was never started has nothing to close but its timer."""
    if loop._commit_timer is not None:
        loop._commit_timer.cancel()


async def quiet() -> None:
    """Let everything happen that can happen without waiting."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_records_of_one_key_go_one_after_the_other_and_other_keys_pass_them(stand: Stand) -> None:
    first = stand.hold("a1")
    async with stand.running():
        await stand.send("a1", "a2", key="a")
        await stand.send("b1", "b2", key="b")
        await until(lambda: len(stand.ended_with) == 2)
        assert stand.ids == ["a1", "b1", "b2"]
        first.set()
        await until(lambda: stand.committed() == 4)
        assert stand.ids == ["a1", "b1", "b2", "a2"]


async def test_records_without_a_key_keep_the_order_of_their_partition(stand: Stand) -> None:
    first = stand.hold("1")
    async with stand.running():
        await stand.send("1", "2", "3")
        await quiet()
        assert stand.ids == ["1"]
        first.set()
        await until(lambda: stand.committed() == 3)
        assert stand.ids == ["1", "2", "3"]


async def test_a_retry_holds_up_its_lane_and_keeps_its_place(stand: Stand) -> None:
    stand.policy(delay_s=0.01)
    stand.says(SUBSCRIBER, 500, 500, 202)
    async with stand.running():
        await stand.send("1", "2")
        await until(lambda: stand.committed() == 2)
        assert stand.ids == ["1", "1", "1", "2"]


async def test_unordered_records_all_go_at_once_and_only_the_contiguous_prefix_is_committed() -> None:
    stand = Stand(order="unordered")
    await stand.topic()
    second = stand.hold("2")
    async with stand.running():
        await stand.send("1", "2", "3", "4")
        await until(lambda: len(stand.ended_with) == 3)
        await until(lambda: stand.committed() == 1)
        assert stand.kafka.committed(GROUP)[0].metadata
        second.set()
        await until(lambda: stand.kafka.committed(GROUP)[0] == Mark(4))


async def test_what_was_finished_ahead_is_not_delivered_again_after_a_restart() -> None:
    stand = Stand(Delivery(commit_interval_s=0.01, drain_s=0.02), order="unordered")
    await stand.topic()
    stand.hold("2")
    loop = stand.loop()
    loop.start()
    await stand.send("1", "2", "3", "4")
    await until(lambda: len(stand.ended_with) == 3)
    await loop.aclose()
    assert stand.committed() == 1
    stand.held.clear()
    stand.posts.clear()
    async with stand.running():
        await stand.send("5")
        await until(lambda: stand.committed() == 5)
    assert sorted(stand.ids) == ["2", "5"]


@pytest.mark.parametrize(
    "limits", [{"in_flight_events": 4}, {"in_flight_kib": 1}], ids=["too many events", "too many bytes"]
)
async def test_reading_pauses_when_too_much_is_unfinished_and_goes_on_at_half(limits: dict[str, int]) -> None:
    stand = Stand(Delivery(commit_interval_s=0.01, **limits), order="unordered")
    await stand.topic()
    calls: list[str] = []
    holds = [stand.hold(f"e{n}") for n in range(4)]
    loop = stand.loop()
    reader = stand.readers[0]
    reader.pause = lambda: calls.append("pause")  # type: ignore[method-assign]
    reader.resume = lambda: calls.append("resume")  # type: ignore[method-assign]
    loop.on_assigned({0: Mark(-1)})
    for offset in range(4):
        assert calls == []
        loop.on_records([record(offset)])
    assert calls == ["pause"]
    assert loop.standing.in_flight == 4
    for number, hold in enumerate(holds[:3]):
        hold.set()
        await until(lambda finished=number + 1: len(stand.ended_with) == finished)  # type: ignore[misc]
        assert calls == (["pause"] if number < 2 else ["pause", "resume"])
    holds[3].set()
    await until(lambda: loop.standing.in_flight == 0)
    _hush(loop)


async def test_everything_is_delivered_once_however_often_reading_pauses() -> None:
    stand = Stand(Delivery(commit_interval_s=0.01, in_flight_events=3), order="unordered")
    await stand.topic(3)
    sent = [str(n) for n in range(50)]
    await stand.send(*sent)
    async with stand.running():
        await until(lambda: len(stand.ended_with) == 50)
    assert sorted(stand.ids) == sorted(sent)


async def test_a_revocation_lets_go_of_waiting_retries_at_once_and_commits_what_is_finished(stand: Stand) -> None:
    loop_time = asyncio.get_running_loop().time
    async with stand.running() as loop:
        await stand.send("1")
        await until(lambda: len(stand.ended_with) == 1)
        stand.policy(**FOR_EVER)
        loop.update(stand.egress)
        stand.says(SUBSCRIBER, 500)
        await stand.send("2", "3")
        await until(lambda: loop._napping)
        began = loop_time()
        assert await loop.on_revoked([0]) == {0: Mark(1)}
        assert loop_time() - began < 1
        assert loop.standing.in_flight == 0
        assert stand.ids == ["1", "2"]


async def test_a_revocation_lets_requests_under_way_finish(stand: Stand) -> None:
    held = stand.hold("1")
    async with stand.running() as loop:
        await stand.send("1", "2")
        await until(lambda: stand.posts)
        revoked = asyncio.ensure_future(loop.on_revoked([0]))
        await quiet()
        assert not revoked.done()
        held.set()
        assert await revoked == {0: Mark(1)}
        assert stand.ids == ["1"]


async def test_a_request_that_does_not_end_in_time_is_cut_and_its_record_stays_unfinished() -> None:
    stand = Stand(Delivery(drain_s=0.05))
    await stand.topic()
    stand.hold("1")
    async with stand.running() as loop:
        await stand.send("1")
        await until(lambda: stand.posts)
        assert await loop.on_revoked([0]) == {0: Mark(0)}
        assert loop.standing.in_flight == 0
        assert stand.ended_with == []


async def test_a_partition_from_which_nothing_came_says_nothing_when_it_goes(stand: Stand) -> None:
    async with stand.running() as loop:
        assert await loop.on_revoked([0]) == {}
    assert stand.committed() == -1


async def test_a_commit_for_one_partition_says_nothing_of_one_that_was_not_read() -> None:
    stand = Stand()
    await stand.topic(2)
    async with stand.running():
        await stand.send("1", key="k")
        await until(lambda: stand.kafka.committed(GROUP))
        assert list(stand.kafka.committed(GROUP).values()) == [Mark(1)]


@pytest.mark.parametrize("lost", [False, True], ids=["revoked", "lost"])
async def test_other_partitions_go_on_when_the_one_that_filled_everything_goes(*, lost: bool) -> None:
    stand = Stand(Delivery(in_flight_events=2, drain_s=0.01))
    loop = stand.loop()
    resumed: list[bool] = []
    stand.readers[0].resume = lambda: resumed.append(True)  # type: ignore[method-assign]
    stand.hold("e0")
    loop.on_assigned({0: Mark(-1), 1: Mark(-1)})
    loop.on_records([record(0), record(1)])
    await quiet()
    if lost:
        loop.on_lost([0])
    else:
        await loop.on_revoked([0])
    assert resumed == [True]
    assert loop.standing.in_flight == 0
    _hush(loop)


async def test_lost_partitions_end_every_delivery_and_are_read_again_by_whoever_gets_them(stand: Stand) -> None:
    hold = stand.hold("1")
    async with stand.running() as loop:
        await stand.send("1", "2")
        await until(lambda: stand.posts)
        reader: MemoryReader = stand.readers[0]
        reader.lose()
        assert loop.standing.in_flight == 0
        await until(lambda: len(stand.posts) == 2)
        hold.set()
        await until(lambda: stand.committed() == 2)
        assert stand.ids == ["1", "1", "2"]
        assert [offset for _, offset, _ in stand.ended_with] == [0, 1]


async def test_a_delivery_that_was_lost_before_it_began_leaves_nothing_behind(stand: Stand) -> None:
    loop = stand.loop()
    loop.on_assigned({0: Mark(-1)})
    loop.on_records([record(0)])
    loop.on_lost([0])
    loop.on_assigned({0: Mark(-1)})
    loop.on_records([record(0)])
    await until(lambda: len(stand.ended_with) == 1)
    assert stand.ids == ["e0"]
    assert loop.standing.in_flight == 0
    _hush(loop)


async def test_the_end_of_a_lost_delivery_does_not_set_free_its_old_lane(stand: Stand) -> None:
    """The partition comes back at once, while the cancelled request is still on its way out."""
    holds = [stand.hold("e0"), stand.hold("e1")]
    loop = stand.loop()
    loop.on_assigned({0: Mark(-1)})
    loop.on_records([record(0)])
    await until(lambda: stand.posts)
    loop.on_lost([0])
    loop.on_assigned({0: Mark(0)})
    loop.on_records([record(0), record(1)])
    await quiet()
    assert stand.ids == ["e0", "e0"]
    assert loop.standing.in_flight == 2
    for hold in holds:
        hold.set()
    await until(lambda: loop.standing.in_flight == 0)
    assert stand.ids == ["e0", "e0", "e1"]
    _hush(loop)


async def test_a_defect_in_a_delivery_costs_a_turn_and_not_the_record(stand: Stand) -> None:
    stand.says(SUBSCRIBER, ZeroDivisionError(), 202)
    async with stand.running():
        await stand.send("1", "2")
        await until(lambda: stand.committed() == 2)
    assert stand.ids == ["1", "1", "2"]
    assert [type(outcome) for *_, outcome in stand.ended_with] == [Delivered, Delivered]


async def test_a_dead_letter_that_can_not_be_kept_yet_is_neither_lost_nor_committed(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    async def fail(self: Graveyard, *_: object) -> None:
        tries.append(1)
        raise ConnectionError

    stand.says(SUBSCRIBER, 400)
    stand.says(SINK, 400)
    with monkeypatch.context() as patched:
        patched.setattr(Graveyard, "keep", fail)
        async with stand.running():
            await stand.send("1")
            await until(lambda: len(tries) > 2)
    assert stand.committed() <= 0
    async with stand.running():
        await until(lambda: stand.committed() == 1)
    assert [one["ce_id"] for one in stand.kept()] == ["1"]


async def test_a_retry_that_waits_makes_room_for_others_in_delivery() -> None:
    stand = Stand(Delivery(commit_interval_s=0.01, in_flight_events=2), order="unordered")
    await stand.topic()
    stand.policy(**FOR_EVER)
    stand.says(SUBSCRIBER, *[500] * 5, 202)
    async with stand.running() as loop:
        await stand.send(*[str(n) for n in range(5)])
        await until(lambda: loop.standing.waiting == 5)
        await stand.send("5", "6", "7")
        await until(lambda: len(stand.ended_with) == 3)
    assert sorted(stand.ids[5:]) == ["5", "6", "7"]


async def test_reading_stops_where_too_many_wait_for_a_retry() -> None:
    stand = Stand(Delivery(commit_interval_s=0.01, waiting_events=3), order="unordered")
    loop = stand.loop()
    calls: list[str] = []
    stand.readers[0].pause = lambda: calls.append("pause")  # type: ignore[method-assign]
    stand.policy(**FOR_EVER)
    loop.update(stand.egress)
    stand.says(SUBSCRIBER, 500)
    loop.on_assigned({0: Mark(-1)})
    loop.on_records([record(0), record(1)])
    await until(lambda: loop.standing.waiting == 2)
    assert calls == []
    loop.on_records([record(2)])
    await until(lambda: loop.standing.waiting == 3)
    assert calls == ["pause"]
    assert await loop.on_revoked([0]) == {0: Mark(0)}
    _hush(loop)


async def test_a_job_delivers_just_the_offsets_it_names() -> None:
    stand = Stand()
    await stand.topic()
    stand.change(only={0: (Span(1, 3), Span(4, 5))})
    async with stand.running():
        await stand.send(*[str(n) for n in range(7)])
        await until(lambda: stand.committed() == 7)
    assert stand.ids == ["1", "2", "4"]


async def test_a_paused_egress_is_a_member_of_its_group_and_delivers_nothing(stand: Stand) -> None:
    stand.change(pace="paused")
    await stand.send("1")
    async with stand.running():
        await quiet()
        assert stand.readers[0].positions
    assert stand.posts == []
    stand.change(pace="running")
    async with stand.running():
        await until(lambda: stand.committed() == 1)
    assert stand.ids == ["1"]


async def test_a_mark_that_cannot_tell_everything_stops_the_reading_until_it_can(stand: Stand) -> None:
    """So nothing finished is left out of a mark, and a restart repeats only what was unfinished."""
    stand.change(order="unordered")
    stand.settings = Delivery(commit_interval_s=0.01, in_flight_events=10_000)
    ids = [str(n) for n in range(4_000)]
    holds = [stand.hold(id_) for id_ in ids[::2]]
    async with stand.running() as loop:
        await stand.send(*ids)
        await until(lambda: loop._paused)
        for hold in holds[:1_000]:
            hold.set()
        await until(lambda: not loop._paused)


async def test_finished_offsets_are_committed_at_once_when_they_are_many() -> None:
    """What a crash may repeat is bounded in events and not only in time."""
    stand = Stand(Delivery(commit_interval_s=3600.0, commit_events=10), order="unordered")
    await stand.topic()
    async with stand.running():
        await stand.send(*[str(n) for n in range(25)])
        await until(lambda: stand.committed() >= 20)
