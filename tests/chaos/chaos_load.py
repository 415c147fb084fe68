"""A sender that knows what it was promised: bounded in rate and count, each key in sequence.

A key's next event goes out only after the one before was answered 202, and whatever else comes back the same event is
sent again; so a key's first arrivals must be in order whatever was disturbed. It remembers every id that was accepted,
and for each how many attempts ended without a clear answer: those may or may not lie in the topic as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from types import TracebackType
from typing import Self

import aiohttp

PATIENCE_S = 12.0
_AGAIN_S = 0.1
# The answers that promise that nothing was stored, and those after which nobody knows.
_NOT_STORED = frozenset({429})
_UNCLEAR = frozenset({503})


class Load:
    """`async with Load(...)`: sends while inside; `await finished()` waits for `count` events a key.

    One that is not `persistent` sends each event once, whatever the answer, and is not after order. An answer that does
    not come within `patience_s` counts as none.
    """

    def __init__(
        self,
        url: str,
        *,
        rate: float,
        keys: int = 10,
        count: int | None = None,
        seed: int = 0,
        body: bytes = b'{"n":1}',
        prefix: str = "k",
        persistent: bool = True,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._url, self._count, self._body = url, count, body
        self._keys = [f"{prefix}{number}" for number in range(keys)]
        self._persistent, self._patience_s = persistent, patience_s
        self._every_s = keys / rate
        self._chance = random.Random(seed)
        self._stopped = asyncio.Event()
        self.rate = rate
        self.began: set[str] = set()
        self.accepted: dict[str, list[int]] = {}
        self.unclear: Counter[str] = Counter()
        self.answers: Counter[int | str] = Counter()
        self.strange: list[str] = []

    @property
    def ids(self) -> set[str]:
        """Every id that was answered 202."""
        return {name(key, number) for key, numbers in self.accepted.items() for number in numbers}

    @property
    def taken(self) -> int:
        """How many were answered 202."""
        return self.answers[202]

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(self._patience_s)
        )
        self._work = asyncio.gather(*(self._key(key, self._chance.random()) for key in self._keys))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, _: object, __: TracebackType | None) -> None:
        if kind is not None:
            print(f"the answers so far: {dict(self.answers)}")
            self._work.cancel()
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await self.stop()
        finally:
            await self._session.close()

    async def stop(self) -> None:
        """Send nothing more, and wait for the answers that are due."""
        self._stopped.set()
        await self._work

    async def finished(self, deadline_s: float) -> None:
        """Return when every key has sent its `count`."""
        async with asyncio.timeout(deadline_s):
            await asyncio.shield(self._work)

    def adopt(self, key: str, number: int) -> list[tuple[str, bytes]]:
        """Count an event that somebody writes to the topic itself; its Kafka headers."""
        self.began.add(name(key, number))
        self.accepted.setdefault(key, []).append(number)
        attributes = {"specversion": "1.0", "type": "chaos", "source": "/chaos", "id": name(key, number)}
        return [(f"ce_{attribute}", text.encode()) for attribute, text in attributes.items()]

    async def _key(self, key: str, phase: float) -> None:
        due = asyncio.get_running_loop().time() + phase * self._every_s
        number = 0
        while (self._count is None or number < self._count) and await self._pause_until(due):
            number += 1
            if not await self._send(key, number):
                return
            self.accepted.setdefault(key, []).append(number)
            due = max(due + self._every_s, asyncio.get_running_loop().time())

    async def _send(self, key: str, number: int) -> bool:
        """Send one event until it is accepted; False where the load was stopped before that."""
        id_ = name(key, number)
        self.began.add(id_)
        headers = {
            "ce-specversion": "1.0",
            "ce-type": "chaos",
            "ce-source": "/chaos",
            "ce-id": id_,
            "ce-partitionkey": key,
            "Content-Type": "application/json",
        }
        while True:
            status = await self._post(headers)
            self.answers[status] += 1
            if status == 202:
                return True
            if status in _UNCLEAR or isinstance(status, str):
                self.unclear[id_] += 1
            elif status not in _NOT_STORED:
                self.strange.append(f"{id_}: {status}")
            if not self._persistent or not await self._pause_until(asyncio.get_running_loop().time() + _AGAIN_S):
                return False

    async def _post(self, headers: dict[str, str]) -> int | str:
        try:
            async with self._session.post(self._url, headers=headers, data=self._body) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return type(error).__name__

    async def _pause_until(self, due: float) -> bool:
        """Keep the pace; False as soon as the load is stopped."""
        try:
            async with asyncio.timeout_at(due):
                await self._stopped.wait()
        except TimeoutError:
            return True
        return False


def name(key: str, number: int) -> str:
    """The id of a key's nth event."""
    return f"{key}-{number}"


def parts(id_: str) -> tuple[str, int]:
    """Key and number of an id."""
    key, _, number = id_.partition("-")
    return key, int(number)
