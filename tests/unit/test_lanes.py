"""Order: per key where there is one, per partition where there is none, none where nobody asked for it."""

from __future__ import annotations

from dispatcher.lanes import Lanes
from eventing.record import Record


def record(offset: int, key: str | None = None, partition: int = 0) -> Record:
    return Record("t", partition, offset, None if key is None else key.encode(), b"", ())


def test_a_busy_key_holds_up_only_its_own_records() -> None:
    lanes = Lanes(ordered=True)
    a1, a2, b1 = record(1, "a"), record(2, "a"), record(3, "b")
    assert [lanes.enter(r) for r in (a1, a2, b1)] == [True, False, True]
    assert lanes.leave(b1) is None
    assert lanes.leave(a1) is a2
    assert lanes.leave(a2) is None
    assert lanes.enter(record(4, "a"))


def test_records_without_a_key_follow_each_other_within_their_partition() -> None:
    lanes = Lanes(ordered=True)
    first, second, elsewhere = record(1), record(2), record(1, partition=1)
    assert lanes.enter(first)
    assert not lanes.enter(second)
    assert lanes.enter(elsewhere)
    assert lanes.leave(first) is second


def test_unordered_records_never_wait() -> None:
    lanes = Lanes(ordered=False)
    first, second = record(1, "a"), record(2, "a")
    assert lanes.enter(first)
    assert lanes.enter(second)
    assert lanes.leave(first) is None


def test_forgetting_a_partition_gives_back_what_waited_there_and_frees_its_keys() -> None:
    lanes = Lanes(ordered=True)
    here, waiting, other = record(1, "a"), record(2, "a"), record(1, "a", partition=1)
    for r in (here, waiting, other):
        lanes.enter(r)
    assert lanes.forget({0}) == [waiting]
    assert lanes.enter(record(1, "a"))
    assert not lanes.enter(record(2, "a", partition=1))
