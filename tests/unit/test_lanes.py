"""Order: per key where there is one, per partition where there is none, none where nobody asked for it."""

from __future__ import annotations

from dispatcher.lanes import LOW, NEAR, WINDOW, Lane, Lanes, Turn
from eventing.record import Record


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


def slow(parked: list[int]) -> tuple[Lanes, Record]:
    """A lane with these offsets parked behind its busy record, offset 0."""
    lanes = Lanes(ordered=True)
    busy = record(0, "a")
    enter(lanes, busy)
    assert enter(lanes, *(record(o, "a") for o in parked), short=True) == ["parked"] * len(parked)
    assert lanes.parked == len(parked)
    return lanes, busy


def recalling(parked: list[int], most: int = WINDOW) -> tuple[Lanes, Lane, list[int]]:
    """The same, where the lane has run dry and recalls."""
    lanes, busy = slow(parked)
    following, lane = lanes.leave(busy)
    assert following is None
    assert lane is not None
    return lanes, lane, lanes.recall(lane, most)


def test_while_memory_is_short_only_the_offset_stays_of_what_stands_behind_a_record_under_way() -> None:
    lanes, _ = slow([100])
    assert enter(lanes, record(101, "a"), record(102, "b")) == ["parked", "now"], "what follows a parked one parks too"


def test_a_lane_recalls_before_it_has_run_dry() -> None:
    lanes = Lanes(ordered=True)
    busy, *held = (record(offset, "a") for offset in range(LOW + 1))
    enter(lanes, busy, *held)
    enter(lanes, record(100, "a"), short=True)
    following, lane = lanes.leave(busy)
    assert following is held[0]
    assert lane is not None


def test_what_was_parked_comes_back_in_order_together_with_its_neighbours() -> None:
    lanes, lane, offsets = recalling([100, 100 + NEAR, 100 + 3 * NEAR])
    assert offsets == [100, 100 + NEAR]
    assert enter(lanes, record(900, "a")) == ["parked"], "nothing overtakes what is being recalled"
    found = [record(100, "a"), record(100 + NEAR, "a")]
    back = lanes.recalled(lane, 100 + NEAR + 1, found)
    assert back == (True, found[0], [], None)
    assert lanes.parked == 2
    assert lanes.leave(found[0])[0] is found[1]


def test_no_more_is_recalled_than_there_is_room_for_and_the_rest_stays_parked() -> None:
    lanes, lane, offsets = recalling([100, 101, 102], most=2)
    assert offsets == [100, 101]
    lanes.recalled(lane, 101, [record(100, "a")])
    assert lanes.parked == 2


def test_a_lane_that_got_everything_back_is_forgotten_when_it_is_done() -> None:
    lanes, lane, _ = recalling([100])
    parked = record(100, "a")
    assert lanes.recalled(lane, 101, [parked]).following is parked
    assert lanes.leave(parked) == (None, None)
    assert enter(lanes, record(200, "a")) == ["now"]


def test_what_is_gone_from_kafka_is_told_and_does_not_stop_the_lane() -> None:
    lanes, lane, _ = recalling([100, 101])
    there = record(101, "a")
    assert lanes.recalled(lane, 102, [there]) == (True, there, [100], None)


def test_a_lane_of_which_everything_recalled_is_gone_asks_for_the_rest_that_it_parked() -> None:
    lanes, lane, offsets = recalling([100, 100 + 2 * WINDOW])
    assert offsets == [100]
    assert lanes.recalled(lane, 101, []) == (True, None, [100], lane)


def test_what_comes_back_for_a_partition_that_is_gone_is_nobodys() -> None:
    lanes, lane, _ = recalling([100])
    lanes.forget({0})
    assert lanes.parked == 0
    assert lanes.recalled(lane, 101, [record(100, "a")]) == (False, None, [], None)
