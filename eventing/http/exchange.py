"""One request under way, and the time it may take.

Every exchange has exactly one future. Its time-out has no timer of its own: exchanges with the same time-out fall due in
the order in which they began, so one timer for each distinct time-out watches the eldest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from eventing.http import Response, SendFailed

if TYPE_CHECKING:
    from eventing.http.connection import Connection
    from eventing.http.pool import HostPool

_LANES_KEPT = 64


class Exchange:
    """A request and the promise of its answer; `connection` is the one that carries or will carry it, None in a queue."""

    __slots__ = ("connection", "future", "message", "pool", "url")

    def __init__(self, pool: HostPool, future: asyncio.Future[Response], url: str, message: bytes) -> None:
        self.pool = pool
        self.future = future
        self.url = url
        self.message = message
        self.connection: Connection | None = None

    def fail(self, message: str, cause: BaseException | None = None) -> None:
        """End it with `SendFailed`, unless it has ended already."""
        if not self.future.done():
            error = SendFailed(message, where=self.url)
            error.__cause__ = cause
            self.future.set_exception(error)


class Lane:
    """The exchanges that share one time-out, eldest first, each with its deadline on the loop's clock."""

    __slots__ = ("timeout_s", "timer", "waiting")

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self.waiting: dict[Exchange, float] = {}
        self.timer: asyncio.TimerHandle | None = None


class Deadlines:
    """Calls `expire(exchange, timeout_s)` for each exchange that is still in its lane when its time is up."""

    def __init__(self, loop: asyncio.AbstractEventLoop, expire: Callable[[Exchange, float], None]) -> None:
        self._loop = loop
        self._expire = expire
        self._lanes: dict[float, Lane] = {}

    def start(self, exchange: Exchange, timeout_s: float) -> Lane:
        """Begin to watch; the caller takes the exchange out of the lane's `waiting` when it ends."""
        lane = self._lanes.get(timeout_s)
        if lane is None:
            lane = self._new_lane(timeout_s)
        deadline = self._loop.time() + timeout_s
        lane.waiting[exchange] = deadline
        if lane.timer is None:
            lane.timer = self._loop.call_at(deadline, self._due, lane)
        return lane

    def under_way(self) -> Iterator[Exchange]:
        """Every exchange that is watched now."""
        for lane in self._lanes.values():
            yield from lane.waiting

    def close(self) -> None:
        """Stop every timer."""
        for lane in self._lanes.values():
            if lane.timer is not None:
                lane.timer.cancel()
        self._lanes.clear()

    def _new_lane(self, timeout_s: float) -> Lane:
        if len(self._lanes) >= _LANES_KEPT:
            for old in [lane for lane in self._lanes.values() if not lane.waiting]:
                del self._lanes[old.timeout_s]
                if old.timer is not None:
                    old.timer.cancel()
        lane = self._lanes[timeout_s] = Lane(timeout_s)
        return lane

    def _due(self, lane: Lane) -> None:
        lane.timer = None
        now = self._loop.time()
        expired = []
        for exchange, deadline in lane.waiting.items():
            if deadline > now:
                lane.timer = self._loop.call_at(deadline, self._due, lane)
                break
            expired.append(exchange)
        for exchange in expired:
            del lane.waiting[exchange]
            self._expire(exchange, lane.timeout_s)
