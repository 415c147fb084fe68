"""The accounting subscriber: a raw server in the test's process that remembers every arrival and may misbehave.

An event counts as delivered when a whole 202 was written; every request counts as an arrival, because order is what a
subscriber sees and not what it answers.
"""

from __future__ import annotations

import random
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from typing import Self

from chaos_load import parts
from chaos_processes import until
from raw_http import OK, Answer, Peer, RawServer, Request, late, never, reply, reply_and_close, reply_and_reset, trickle

Mood = Callable[[str, int], Answer | None]
GARBAGE = b"\x16\x03\x01 this is no HTTP\r\n\r\n"
LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
FAULTS: dict[str, Answer] = {
    "hangs": never,
    "resets": reply_and_reset(),
    "resets in mid-answer": reply_and_reset(OK[:20]),
    "closes": reply_and_close(),
    "trickles": trickle(LONG, b"x", 0.1),
    "garbage": reply_and_close(GARBAGE),
    "error": reply(ERROR),
    "late": late(OK, 0.3),
}


def well(_id: str, _attempt: int) -> Answer | None:
    """Always 202."""
    return None


def faulty(share: float, seed: int, faults: tuple[str, ...] = tuple(FAULTS)) -> Mood:
    """A random fault in this share of the requests, the same for the same seed, id and attempt."""

    def mood(id_: str, attempt: int) -> Answer | None:
        chance = random.Random(f"{seed} {id_} {attempt}")
        return FAULTS[chance.choice(faults)] if chance.random() < share else None

    return mood


class Subscriber:
    """`async with Subscriber() as subscriber`."""

    def __init__(self, mood: Mood = well) -> None:
        self.mood = mood
        self.arrivals: dict[str, list[int]] = {}
        """What came for each key, in order of arrival."""
        self.attempts: Counter[str] = Counter()
        self.delivered: Counter[str] = Counter()
        self._times: list[float] = []
        self._server = RawServer(self._answer)

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._server.open)

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.__aexit__()

    @property
    def violations(self) -> list[str]:
        """First arrivals that came before one of their key that should have been earlier."""
        found = []
        for key, numbers in self.arrivals.items():
            highest = 0
            seen: set[int] = set()
            for number in numbers:
                if number not in seen and number < highest:
                    found.append(f"{key}-{number} came first after {key}-{highest}")
                seen.add(number)
                highest = max(highest, number)
        return found

    def delivered_in_the_last(self, seconds: float) -> int:
        """How many deliveries ended in this time, up to now."""
        return len(self._times) - bisect_left(self._times, time.monotonic() - seconds)

    def most_delivered_in(self, seconds: float, since: float) -> int:
        """The most deliveries that ended in any such time after `since`, a time of `time.monotonic`."""
        times = self._times[bisect_left(self._times, since) :]
        return max((n + 1 - bisect_left(times, at - seconds) for n, at in enumerate(times)), default=0)

    async def more(self, count: int, deadline_s: float = 60.0) -> None:
        """Return when so many more ids are delivered."""
        wanted = len(self.delivered) + count
        await until(lambda: len(self.delivered) >= wanted, deadline_s, f"{count} more events are delivered")

    async def _answer(self, peer: Peer, request: Request) -> None:
        self._server.requests.clear()
        id_ = request.header(b"ce-id")[0].decode()
        key, number = parts(id_)
        self.arrivals.setdefault(key, []).append(number)
        self.attempts[id_] += 1
        fault = self.mood(id_, self.attempts[id_])
        if fault is None:
            await peer.send(OK)
        else:
            await fault(peer, request)
        if fault is None or fault is FAULTS["late"]:
            self.delivered[id_] += 1
            self._times.append(time.monotonic())
