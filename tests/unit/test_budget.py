"""Budgets: nobody holds more than its share, and a greedy egress never starves its neighbours."""

from __future__ import annotations

from dispatcher.budget import Budget, Limits, Share

PLENTY = Limits(1_000_000, 1 << 40)


def share(budget: Budget, working: Limits = PLENTY, waiting: Limits = PLENTY, told: list[str] | None = None) -> Share:
    return budget.share(working, waiting, lambda: None if told is None else told.append("room"))


def take(one: Share, records: int, size: int = 1) -> None:
    for _ in range(records):
        one.take(size)


def test_a_share_is_used_up_by_events_or_by_bytes_whichever_comes_first() -> None:
    one = share(Budget(PLENTY), Limits(10, 1_000))
    take(one, 5, 10)
    assert one.used == 0.5
    one.take(950)
    assert one.used == 1.0
    one.give(950)
    assert one.used == 0.5


def test_what_waits_for_a_retry_makes_room_for_others_within_an_allowance_of_its_own() -> None:
    one = share(Budget(PLENTY), Limits(10, 1_000), Limits(20, 1_000))
    take(one, 10)
    for _ in range(10):
        one.wait(1)
    assert one.used == 0.5
    take(one, 10)
    assert one.used == 1.0
    for _ in range(10):
        one.wait(1)
    assert one.used == 1.0, "now it is the waiting ones"
    one.go_on(1)
    assert one.used < 1


def test_in_a_crowded_process_those_who_hold_more_than_an_equal_part_stop_and_the_others_go_on() -> None:
    budget = Budget(Limits(100, 1 << 30))
    greedy, modest = share(budget), share(budget)
    take(greedy, 95)
    assert greedy.used < 1
    take(modest, 5)
    assert greedy.used >= 1
    assert modest.used < 0.2
    take(modest, 45)
    assert modest.used >= 1, "an equal part is used up"


def test_everybody_is_told_once_when_a_crowded_process_has_room_again() -> None:
    budget = Budget(Limits(100, 1 << 30))
    told: list[str] = []
    one, other = share(budget, told=told), share(budget, told=told)
    take(one, 100)
    for _ in range(12):
        one.give(1)
    assert told == []
    one.give(1)
    assert told == ["room", "room"]
    one.give(1)
    assert told == ["room", "room"]
    assert other.used == 0


def test_a_share_that_was_closed_counts_no_more_among_those_who_divide() -> None:
    budget = Budget(Limits(100, 1 << 30))
    one, other = share(budget), share(budget)
    take(one, 100)
    assert one.used == 2.0
    budget.close(other)
    assert one.used == 1.0
