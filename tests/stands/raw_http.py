"""A scriptable HTTP server for tests of a sender: answers are bytes, and misbehaviour is a first-class answer.

It is no HTTP server otherwise: it reads a head and the body that `Content-Length` announces, records both, and lets the
script do the rest. The nth request gets the nth answer of the script, and every later one the last.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

OK = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True)
class Request:
    """A request as it came; `connection` counts the server's connections from 1."""

    connection: int
    line: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key.lower() == name]


class Peer:
    """One connection, as an answer sees it."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()

    async def gone(self) -> None:
        """Return when the client has closed; what it still sends is read and forgotten."""
        while await self.reader.read(65_536):
            pass


Answer = Callable[[Peer, Request], Awaitable[None]]


def reply(*pieces: bytes, apart_s: float = 0.0) -> Answer:
    """Send the pieces, each in a write of its own, and await the next request."""

    async def answer(peer: Peer, request: Request) -> None:
        for number, piece in enumerate(pieces):
            if number and apart_s:
                await asyncio.sleep(apart_s)
            await peer.send(piece)

    return answer


def reply_and_close(*pieces: bytes, after_s: float = 0.0) -> Answer:
    """Send the pieces and close without reading any more."""

    async def answer(peer: Peer, request: Request) -> None:
        await reply(*pieces)(peer, request)
        await asyncio.sleep(after_s)
        peer.close()

    return answer


def reply_and_reset(*pieces: bytes, after_s: float = 0.0) -> Answer:
    """Send the pieces and reset the connection."""

    async def answer(peer: Peer, request: Request) -> None:
        await reply(*pieces)(peer, request)
        await asyncio.sleep(after_s)
        peer.reset()

    return answer


def trickle(head: bytes, piece: bytes, every_s: float) -> Answer:
    """Send the head at once and then pieces without end."""

    async def answer(peer: Peer, request: Request) -> None:
        await peer.send(head)
        while True:
            await peer.send(piece)
            await asyncio.sleep(every_s)

    return answer


def late(raw: bytes, after_s: float) -> Answer:
    """Send the answer when some time has passed."""

    async def answer(peer: Peer, request: Request) -> None:
        await asyncio.sleep(after_s)
        await peer.send(raw)

    return answer


async def never(peer: Peer, request: Request) -> None:
    """Answer nothing until the client gives up."""
    await peer.gone()


def when(event: asyncio.Event, raw: bytes = OK) -> Answer:
    """Answer once the test sets the event, unless the client closes before."""

    async def answer(peer: Peer, request: Request) -> None:
        released = asyncio.ensure_future(event.wait())
        gone = asyncio.ensure_future(peer.reader.read(1))
        try:
            await asyncio.wait((released, gone), return_when=asyncio.FIRST_COMPLETED)
            if released.done():
                await peer.send(raw)
        finally:
            for task in (released, gone):
                task.cancel()
            await asyncio.gather(released, gone, return_exceptions=True)

    return answer


class RawServer:
    """`async with RawServer(answer, ...) as server`; listens on loopback and forgets everything at the end.

    With `deaf` it reads no body: the head, then it sends these bytes and stays; with `silent` it sends
    these at once and reads nothing that it understands. `keep_alive_s` closes idle connections.
    """

    def __init__(
        self,
        *script: Answer,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        deaf: bytes | None = None,
        silent: bytes | None = None,
        keep_alive_s: float | None = None,
    ) -> None:
        self.script = list(script) or [reply(OK)]
        self.requests: list[Request] = []
        self.connections = 0
        self.most_open = 0
        self.open: dict[int, Peer] = {}
        self._host, self.port = host, port
        self._tls = tls
        self._deaf = deaf
        self._silent = silent
        self._keep_alive_s = keep_alive_s
        self._answered = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{f'[{self._host}]' if ':' in self._host else self._host}:{self.port}/"

    @property
    def bodies(self) -> list[bytes]:
        return [request.body for request in self.requests]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._accept, self._host, self.port, ssl=self._tls, backlog=512, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def reset_all(self) -> None:
        """What a crash does: every live connection gets an RST."""
        for peer in list(self.open.values()):
            peer.reset()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        peer = Peer(self.connections, reader, writer)
        self.open[peer.number] = peer
        self.most_open = max(self.most_open, len(self.open))
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError, ssl.SSLError):
                if self._silent is not None:
                    await peer.send(self._silent)
                    await peer.gone()
                if self._deaf is not None:
                    await reader.readuntil(b"\r\n\r\n")
                    await peer.send(self._deaf)
                    await asyncio.Event().wait()  # who reads nothing never learns that the client has gone
                while not writer.is_closing():
                    async with asyncio.timeout(self._keep_alive_s):
                        request = await self._read(peer)
                    self.requests.append(request)
                    answer = self.script[min(self._answered, len(self.script) - 1)]
                    self._answered += 1
                    await answer(peer, request)
        finally:
            del self.open[peer.number]
            writer.transport.abort() if asyncio.current_task().cancelling() else writer.close()  # type: ignore[union-attr]
            with contextlib.suppress(Exception):
                await writer.wait_closed()

    async def _read(self, peer: Peer) -> Request:
        head = await peer.reader.readuntil(b"\r\n\r\n")
        line, *fields = head[:-4].split(b"\r\n")
        headers = [(name, value) for name, _, value in (field.partition(b": ") for field in fields)]
        length = next((int(value) for name, value in headers if name.lower() == b"content-length"), 0)
        body = await peer.reader.readexactly(length)
        return Request(peer.number, line, headers, body)


@contextlib.contextmanager
def full_backlog() -> Iterator[int]:
    """A port whose queue of new connections is full, so that connecting neither succeeds nor fails."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(condition: Callable[[], Any], deadline_s: float = 10.0) -> None:
    """Return when the condition holds; fail when it does not in time."""
    async with asyncio.timeout(deadline_s):
        while not condition():
            await asyncio.sleep(0.005)
