"""How much may be under way at once: per egress, and in the whole process.

Each egress has a share with limits of its own. Where the process as a whole is at its limit, those who hold more than an
equal part stop reading and the others go on, so one egress with a dead subscriber never starves its neighbours. What waits
for a retry has an allowance of its own, so that a few events that fail do not stop the many that would not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_EASED = 7 / 8


@dataclass(frozen=True, slots=True)
class Limits:
    """Events and bytes."""

    events: int
    bytes: int

    def used(self, events: float, size: float) -> float:
        """The part of these limits that is used, above 1 beyond them."""
        return max(events / max(self.events, 1), size / max(self.bytes, 1))


class Budget:
    """What all shares of one process hold together."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._events = 0
        self._bytes = 0
        self._shares: set[Share] = set()
        self._crowded = False

    def share(self, working: Limits, waiting: Limits, on_room: Callable[[], None]) -> Share:
        """A share for one egress; `on_room` is called when the process has room again."""
        made = Share(self, working, waiting, on_room)
        self._shares.add(made)
        return made

    def close(self, share: Share) -> None:
        """The egress is over, and holds nothing any more."""
        self._shares.discard(share)

    def add(self, events: int, size: int) -> None:
        """Count what a share takes (or, negative, gives back)."""
        self._events += events
        self._bytes += size
        used = self._limits.used(self._events, self._bytes)
        if used >= 1:
            self._crowded = True
        elif self._crowded and used < _EASED:
            self._crowded = False
            for share in list(self._shares):
                share.on_room()

    def excess(self, events: int, size: int) -> float:
        """What somebody who holds this uses of an equal part, and 0 while the process is not crowded."""
        return self._limits.used(events, size) * len(self._shares) if self._crowded else 0.0


class Share:
    """What one egress holds: records that are worked on, and records that wait for a retry."""

    __slots__ = (
        "_budget",
        "_waiting_limits",
        "_working_limits",
        "bytes",
        "events",
        "on_room",
        "waiting",
        "waiting_bytes",
    )

    def __init__(self, budget: Budget, working: Limits, waiting: Limits, on_room: Callable[[], None]) -> None:
        self._budget = budget
        self._working_limits = working
        self._waiting_limits = waiting
        self.on_room = on_room
        self.events = self.bytes = 0
        self.waiting = self.waiting_bytes = 0

    def take(self, size: int) -> None:
        """One more record of this size is held."""
        self.events += 1
        self.bytes += size
        self._budget.add(1, size)

    def give(self, size: int) -> None:
        """One record of this size is held no more."""
        self.events -= 1
        self.bytes -= size
        self._budget.add(-1, -size)

    def wait(self, size: int) -> None:
        """A held record of this size begins to wait for a retry."""
        self.waiting += 1
        self.waiting_bytes += size

    def go_on(self, size: int) -> None:
        """It waits no more."""
        self.waiting -= 1
        self.waiting_bytes -= size

    @property
    def used(self) -> float:
        """The part that is used of what may be held; from 1 on nothing more should be read."""
        working = self._working_limits.used(self.events - self.waiting, self.bytes - self.waiting_bytes)
        waiting = self._waiting_limits.used(self.waiting, self.waiting_bytes)
        return max(working, waiting, self._budget.excess(self.events, self.bytes))
