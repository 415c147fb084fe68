"""Order: per key where there is one, per partition where there is none, none where nobody asked for it."""

from __future__ import annotations

from dispatcher.lanes import HELD_PER_LANE, WINDOW, Lane, Lanes, Turn
from eventing.record import Record, Span


def record(offset: int, key: str | None = None, partition: int = 0) -> Record:
    return Record("t", partition, offset, None if key is None else key.encode(), b"", ())


def enter(lanes: Lanes, *records: Record, short: bool = False) -> list[Turn]:
    return [lanes.enter(one, short=short) for one in records]


def test_a_busy_key_holds_up_only_its_own_records() -> None:
    lanes = Lanes(ordered=True)
    a1, a2, b1 = record(1, "a"), record(2, "a"), record(3, "b")
    assert enter(lanes, a1, a2, b1) == ["now", "waits", "now"]
    assert lanes.leave(b1) == (None, None)
    assert lanes.leave(a1) == (a2, None)
    assert lanes.leave(a2) == (None, None)
    assert enter(lanes, record(4, "a")) == ["now"]


def test_records_without_a_key_follow_each_other_within_their_partition() -> None:
    lanes = Lanes(ordered=True)
    first, second, elsewhere = record(1), record(2), record(1, partition=1)
    assert enter(lanes, first, second, elsewhere) == ["now", "waits", "now"]
    assert lanes.leave(first) == (second, None)


def test_unordered_records_never_wait() -> None:
    lanes = Lanes(ordered=False)
    first, second = record(1, "a"), record(2, "a")
    assert enter(lanes, first, second, short=True) == ["now", "now"]
    assert lanes.leave(first) == (None, None)


def test_forgetting_a_partition_gives_back_what_was_held_there_and_frees_its_keys() -> None:
    lanes = Lanes(ordered=True)
    here, waiting, other = record(1, "a"), record(2, "a"), record(1, "a", partition=1)
    enter(lanes, here, waiting, other)
    assert lanes.forget({0}) == [waiting]
    assert enter(lanes, record(1, "a"), record(2, "a", partition=1)) == ["now", "waits"]


def slow(parked: list[int], partition: int = 0) -> tuple[Lanes, Record]:
    """A lane that holds what it may hold while memory is short, with these offsets parked; and its busy record."""
    lanes = Lanes(ordered=True)
    busy, *held = (record(offset, "a", partition) for offset in range(HELD_PER_LANE + 1))
    enter(lanes, busy, *held)
    assert enter(lanes, *(record(o, "a", partition) for o in parked), short=True) == ["parked"] * len(parked)
    assert lanes.parked == len(parked)
    return lanes, busy


def wanting(lanes: Lanes, busy: Record) -> tuple[Record, Lane]:
    """Let the lane go on until it asks for what it parked."""
    lane = None
    while lane is None:
        following, lane = lanes.leave(busy)
        assert following is not None
        busy = following
    return busy, lane


def test_while_memory_is_short_a_slow_lane_keeps_only_the_offsets_of_what_is_far_behind() -> None:
    lanes, busy = slow([100])
    assert enter(lanes, record(101, "a"), record(102, "b")) == ["parked", "now"], "what follows a parked one parks too"
    busy, lane = wanting(lanes, busy)
    assert len(lane.held) == HELD_PER_LANE // 2 - 1


def test_what_was_parked_comes_back_in_order_together_with_its_neighbours() -> None:
    lanes, busy = slow([100, 150, 100 + WINDOW])
    busy, lane = wanting(lanes, busy)
    span = lanes.recall(lane, WINDOW)
    assert span == Span(100, 100 + WINDOW)
    assert enter(lanes, record(900, "a")) == ["parked"], "nothing overtakes what is being recalled"
    found = [record(100, "a"), record(120, "b"), record(150, "a")]
    back = lanes.recalled(lane, span, found)
    assert (back.following, back.held, back.gone) == (None, [found[0], found[2]], [])
    assert lanes.parked == 2
    order = []
    while (following := lanes.leave(busy)[0]) is not None:
        busy = following
        order.append(busy.offset)
    assert order[-2:] == [100, 150]


def test_no_more_is_recalled_than_there_is_room_for() -> None:
    lanes, busy = slow([100, 101, 102])
    busy, lane = wanting(lanes, busy)
    assert lanes.recall(lane, 1) == Span(100, 101)


def test_a_lane_that_ran_dry_goes_on_with_what_comes_back() -> None:
    lanes, busy = slow([100])
    busy, lane = wanting(lanes, busy)
    span = lanes.recall(lane, WINDOW)
    for _ in range(HELD_PER_LANE // 2 - 1):
        following, _ = lanes.leave(busy)
        assert following is not None
        busy = following
    assert lanes.leave(busy) == (None, None), "the recall is under way"
    parked = record(100, "a")
    assert lanes.recalled(lane, span, [parked]).following is parked
    assert lanes.leave(parked) == (None, None)
    assert enter(lanes, record(200, "a")) == ["now"]


def test_what_is_gone_from_kafka_is_told_and_does_not_stop_the_lane() -> None:
    lanes, busy = slow([100, 101])
    busy, lane = wanting(lanes, busy)
    span = lanes.recall(lane, WINDOW)
    back = lanes.recalled(lane, span, [record(101, "a")])
    assert (back.gone, [one.offset for one in back.held]) == ([100], [101])


def test_what_comes_back_for_a_partition_that_is_gone_is_nobodys() -> None:
    lanes, busy = slow([100])
    _, lane = wanting(lanes, busy)
    span = lanes.recall(lane, WINDOW)
    lanes.forget({0})
    assert lanes.parked == 0
    back = lanes.recalled(lane, span, [record(100, "a")])
    assert (back.following, back.held, back.gone) == (None, [], [])
