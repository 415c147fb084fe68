"""Order: per key where there is one, per partition where there is none, none where nobody asked for it."""

from __future__ import annotations

from dispatcher.lanes import KEPT, NEAR, WINDOW, Lane, Lanes, Turn
from eventing.record import Record, Span


def record(offset: int, key: str | None = None, partition: int = 0) -> Record:
    return Record("t", partition, offset, None if key is None else key.encode(), b"", ())


def enter(lanes: Lanes, *records: Record) -> list[Turn]:
    return [lanes.enter(one) for one in records]


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
    assert enter(lanes, first, second) == ["now", "now"]
    assert lanes.leave(first) == (None, None)


def test_forgetting_a_partition_gives_back_what_was_held_there_and_frees_its_keys() -> None:
    lanes = Lanes(ordered=True)
    here, waiting, other = record(1, "a"), record(2, "a"), record(1, "a", partition=1)
    enter(lanes, here, waiting, other)
    assert lanes.forget({0}) == [waiting]
    assert enter(lanes, record(1, "a"), record(2, "a", partition=1)) == ["now", "waits"]


def slow(parked: list[int]) -> tuple[Lanes, Record]:
    """A lane that keeps offsets 1 and 2 behind its busy record 0, and has parked these."""
    lanes = Lanes(ordered=True)
    busy, *held = (record(offset, "a") for offset in range(KEPT + 1))
    rest = [record(o, "a") for o in parked]
    enter(lanes, busy, *held, *rest)
    assert lanes.park() == rest[::-1]
    assert lanes.parked == len(parked)
    return lanes, busy


def dry(lanes: Lanes, busy: Record) -> Lane:
    """Let the lane deliver what it keeps; it then asks for what it parked."""
    for _ in range(KEPT):
        following, lane = lanes.leave(busy)
        assert following is not None
        assert lane is not None
        busy = following
    following, lane = lanes.leave(busy)
    assert following is None
    assert lane is not None
    return lane


def recalling(parked: list[int]) -> tuple[Lanes, Lane, Span]:
    """The same, where the lane has run dry and recalls."""
    lanes, busy = slow(parked)
    lane = dry(lanes, busy)
    return lanes, lane, lanes.recall(lane)


def test_only_the_offset_stays_of_what_is_parked_and_what_follows_it_parks_too() -> None:
    lanes, _ = slow([100])
    assert enter(lanes, record(101, "a"), record(102, "b")) == ["parked", "now"]
    assert lanes.park() == []


def test_a_lane_that_recalls_parks_nothing_meanwhile() -> None:
    """What it gets back comes in the order of offsets, so nothing may be put before it."""
    lanes, lane, _ = recalling(list(range(100, 110)))
    for offset in range(100, 105):
        lanes.bring(record(offset, "a"), lane)
    assert lanes.park() == []
    lanes.recalled(lane, 105)
    assert [one.offset for one in lanes.park()] == [104, 103]


def test_what_was_parked_comes_back_in_order() -> None:
    lanes, lane, span = recalling([100, 101, 103])
    assert span == Span(100, 104)
    assert enter(lanes, record(900, "a")) == ["parked"], "nothing overtakes what is being recalled"
    first, second = record(100, "a"), record(101, "a")
    assert [lanes.bring(first, lane), lanes.bring(second, lane), lanes.bring(record(103, "a"), lane)] == [
        "now",
        "waits",
        "waits",
    ]
    assert lanes.recalled(lane, 104) == ([], None)
    assert lanes.parked == 1
    assert lanes.leave(first)[0] is second


def test_what_other_lanes_parked_nearby_comes_back_as_well_and_each_record_once() -> None:
    lanes, busy = slow(list(range(100, 200, 2)))
    enter(lanes, record(50, "b"), record(51, "b"), record(52, "b"))
    enter(lanes, *(record(o, "b") for o in range(101, 201, 2)))
    lanes.park()
    lane = dry(lanes, busy)
    assert lanes.recall(lane) == Span(100, 200)
    assert lanes.bring(record(101, "b"), lane) == "waits"
    assert lanes.bring(record(101, "b"), lane) is None
    assert lanes.bring(record(105, "b"), lane) is None, "103 comes first"


def test_where_little_is_parked_nothing_is_read_for_its_neighbours_sake() -> None:
    assert recalling([100, 100 + 2 * NEAR, 5_000])[2] == Span(100, 101)
    assert recalling([100, 110, 5_000])[2] == Span(100, 111)


def test_no_more_is_read_at_once_than_a_window() -> None:
    assert recalling(list(range(100, 1_000)))[2] == Span(100, 100 + WINDOW)


def test_what_there_was_no_room_for_stays_parked_and_is_asked_for_again() -> None:
    lanes, lane, _ = recalling([100, 101, 102])
    first = record(100, "a")
    assert lanes.bring(first, lane) == "now"
    assert lanes.recalled(lane, 101) == ([], None)
    assert lanes.parked == 2
    assert lanes.leave(first) == (None, lane)


def test_a_lane_that_got_everything_back_is_forgotten_when_it_is_done() -> None:
    lanes, lane, _ = recalling([100])
    parked = record(100, "a")
    assert lanes.bring(parked, lane) == "now"
    assert lanes.recalled(lane, 101) == ([], None)
    assert lanes.leave(parked) == (None, None)
    assert enter(lanes, record(200, "a")) == ["now"]


def test_what_is_gone_from_kafka_is_told_and_does_not_stop_the_lane() -> None:
    lanes, lane, _ = recalling([100, 101, 103])
    there = record(101, "a")
    assert lanes.bring(there, lane) == "now", "what comes in its place shows that 100 is gone"
    assert lanes.recalled(lane, 104) == ([100, 103], None)
    assert lanes.leave(there) == (None, None)


def test_a_lane_of_which_the_whole_span_is_gone_asks_for_the_rest() -> None:
    lanes, lane, _ = recalling([100, 400])
    assert lanes.recalled(lane, 101) == ([100], lane)
    lanes.recall(lane)
    assert lanes.bring(record(400, "a"), lane) == "now"


def test_what_one_lane_reads_proves_nothing_for_another() -> None:
    """It may have begun to read behind what the other one has to get back first."""
    lanes, busy = slow([100, 102])
    enter(lanes, *(record(o, "b") for o in (50, 51, 52, 90, 101)))
    lanes.park()
    lane = dry(lanes, busy)
    lanes.recall(lane)
    assert lanes.bring(record(101, "b"), lane) is None
    assert lanes.recalled(lane, 100) == ([], lane)
    assert lanes.parked == 4


def test_a_lane_of_which_everything_is_gone_is_over() -> None:
    lanes, lane, _ = recalling([100])
    assert lanes.recalled(lane, 101) == ([100], None)
    assert enter(lanes, record(200, "a")) == ["now"]


def test_what_comes_back_for_a_partition_that_is_gone_is_nobodys() -> None:
    lanes, lane, _ = recalling([100])
    lanes.forget({0})
    assert lanes.parked == 0
    assert lanes.bring(record(100, "a"), lane) is None
    assert lanes.recalled(lane, 101) == ([], None)
