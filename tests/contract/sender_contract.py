"""What every sender must do: one class of cases that each adapter behind `eventing.http.Sender` passes.

Split by concern into mixins, so that an adapter's subclass can replace one case by name and give the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, ClassVar

import pytest
from raw_http import RawServer, until, when

from eventing.http import Response, Sender, SendFailed

TYPE = (b"Content-Type", b"application/json")


class SenderCases:
    """The fixture and the helpers that the cases share."""

    adapter: ClassVar[Callable[..., Sender]]

    @pytest.fixture
    async def make(self) -> AsyncIterator[Callable[..., Sender]]:
        """Makes senders and closes them; nothing they started may outlive them."""
        senders: list[Sender] = []
        before = asyncio.all_tasks()

        def make(**limits: Any) -> Sender:
            senders.append(type(self).adapter(**limits))
            return senders[-1]

        yield make
        for sender in senders:
            await sender.aclose()
        await until(lambda: asyncio.all_tasks() <= before | {asyncio.current_task()})

    @pytest.fixture
    async def sender(self, make: Callable[..., Sender]) -> Sender:
        return make()


def post(sender: Sender, url: str, body: bytes = b"{}", timeout_s: float = 10.0) -> Awaitable[Response]:
    return sender.post(url, [TYPE], body, timeout_s=timeout_s)


async def fails(sender: Sender, url: str, match: str = "", timeout_s: float = 10.0, body: bytes = b"{}") -> float:
    """The post must fail with `SendFailed`; returns the seconds it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(SendFailed, match=match or None):
        await post(sender, url, body, timeout_s)
    return loop.time() - began


async def idle_connections(sender: Sender, server: RawServer, count: int) -> None:
    """Leave `count` idle connections to a server; its script so far is replaced by one that answers all at once."""
    script, hold = server.script, asyncio.Event()
    server.script = [when(hold)]
    posts = [asyncio.ensure_future(post(sender, server.url)) for _ in range(count)]
    await until(lambda: len(server.requests) == count)
    hold.set()
    await asyncio.gather(*posts)
    server.script = script
    assert server.connections == len(server.open) == count


def with_body(body: bytes, *extra: bytes, status: bytes = b"200 OK") -> bytes:
    lines = [b"HTTP/1.1 " + status, *extra, b"Content-Length: %d" % len(body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
