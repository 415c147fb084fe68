"""Trying again what fails for one object alone, each with a pause of its own that doubles. The clock is an argument."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from typing import Generic, TypeVar

FIRST_S = 0.5
LONGEST_S = 60.0
T = TypeVar("T", bound=Hashable)


class Backoff(Generic[T]):
    """What failed, and when it may be tried again; `clock` counts seconds from any start."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failed: dict[T, tuple[float, float]] = {}
        """By thing: the pause, and when it is over."""

    def due(self, thing: T) -> bool:
        """Whether it may be tried."""
        return thing not in self._failed or self._failed[thing][1] <= self._clock()

    def failed(self, thing: T) -> bool:
        """Take note that it failed; True where that is new."""
        before = self._failed.get(thing)
        pause = FIRST_S if before is None else min(before[0] * 2, LONGEST_S)
        self._failed[thing] = (pause, self._clock() + pause)
        return before is None

    def done(self, thing: T) -> None:
        """Take note that it went well."""
        self._failed.pop(thing, None)

    def only(self, things: Collection[T]) -> None:
        """Forget all others."""
        self._failed = {thing: when for thing, when in self._failed.items() if thing in things}

    def wait_s(self) -> float | None:
        """Seconds until the first of them is due; None where nothing failed."""
        if not self._failed:
            return None
        return max(min(until for _, until in self._failed.values()) - self._clock(), 0.0)
