"""Each thing that fails waits for itself, longer each time, and not for ever."""

from __future__ import annotations

from controller.backoff import FIRST_S, LONGEST_S, Backoff


class Clock:
    def __init__(self) -> None:
        self.now = 7.0

    def __call__(self) -> float:
        return self.now


def test_a_pause_doubles_up_to_the_longest_and_is_over_after_a_success() -> None:
    clock = Clock()
    backoff: Backoff[str] = Backoff(clock)
    pauses = []
    for number in range(10):
        assert backoff.failed("a") is (number == 0)
        assert not backoff.due("a")
        pause = backoff.wait_s()
        assert pause is not None
        pauses.append(pause)
        clock.now += pause
        assert backoff.due("a")
    assert pauses[:3] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S]
    assert pauses[-1] == LONGEST_S
    backoff.done("a")
    assert backoff.wait_s() is None
    assert backoff.failed("a")


def test_one_thing_waits_and_the_others_do_not_and_what_is_gone_is_forgotten() -> None:
    clock = Clock()
    backoff: Backoff[str] = Backoff(clock)
    backoff.failed("a")
    assert backoff.due("b")
    backoff.only(["b"])
    assert backoff.due("a")
    assert backoff.wait_s() is None
