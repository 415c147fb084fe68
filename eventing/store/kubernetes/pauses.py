"""How long to wait before something that failed is tried again. Pure."""

from __future__ import annotations

from collections.abc import Callable

SHORTEST_S = 0.2
LONGEST_S = 30.0


class Pauses:
    """Longer with each failure, and different from those of others: `jitter` gives numbers in [0, 1)."""

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._failures = 0

    def next(self) -> float:
        """Seconds, after one failure more."""
        self._failures += 1
        longest = min(LONGEST_S, SHORTEST_S * 2.0 ** min(self._failures, 16))
        return longest * (0.5 + self._jitter() / 2)

    def reset(self) -> None:
        """It went well."""
        self._failures = 0
