"""The connections to one origin: reused newest first, bounded, with a queue in order of arrival.

A place is what the bound counts: a connection that is opening, busy or idle holds one. A free place goes to whoever has
waited longest. The newest idle connection is taken first, so that those beyond the need grow old and are closed. Each
connection is opened by one task that the pool keeps; the name is resolved anew each time, so changes in DNS are followed.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from eventing.http.connection import Connection
from eventing.http.exchange import Exchange
from eventing.http.target import Target


@dataclass(frozen=True, slots=True)
class Limits:
    """What one pool may hold: connections, seconds of idleness, bytes of an answer."""

    connections_per_host: int
    idle_connection_s: float
    max_response_bytes: int


class HostPool:
    """The connections to one origin. Not a Sender: time-outs and the caller's cancellation reach it as `withdraw`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, target: Target, limits: Limits, tls: ssl.SSLContext | None
    ) -> None:
        self._loop = loop
        self._target = target
        self._limits = limits
        # The exchange's own time-out rules; asyncio's 60 s for a handshake would be a second, hidden one.
        self._tls: dict[str, Any] = {"ssl": tls, "ssl_handshake_timeout": 86_400.0} if tls else {}
        self._places = 0
        self._idle: list[Connection] = []
        self._waiting: OrderedDict[Exchange, None] = OrderedDict()
        self._connections: set[Connection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._emptied: asyncio.Future[None] | None = None

    @property
    def unused(self) -> bool:
        """Whether it could be forgotten."""
        return not self._connections and not self._waiting

    def submit(self, exchange: Exchange) -> None:
        """Send it on an idle connection, or open one, or queue it."""
        idle = self._idle
        if idle:
            eldest = self._loop.time() - self._limits.idle_connection_s
            while idle:
                connection = idle.pop()
                if connection.idle_since > eldest:
                    connection.begin(exchange)
                    return
                connection.close()
        if self._places < self._limits.connections_per_host:
            self._places += 1
            self._connect(exchange)
        else:
            self._waiting[exchange] = None

    def withdraw(self, exchange: Exchange) -> str:
        """Give it up: leave the queue, or close the connection that is half-way through it. Says how far it had come."""
        connection = exchange.connection
        if connection is None:
            self._waiting.pop(exchange, None)
            return f"still waiting for one of {self._limits.connections_per_host} connections"
        progress = connection.progress()
        connection.exchange = exchange.connection = None
        connection.close()
        return progress

    async def aclose(self) -> None:
        """Close every connection; returns when their sockets are closed. Exchanges must have been withdrawn before."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        openings = [connection.opening for connection in self._connections if connection.opening is not None]
        for connection in tuple(self._connections):
            connection.close()
        await asyncio.gather(*openings, return_exceptions=True)
        if self._connections:
            self._emptied = self._loop.create_future()
            await self._emptied

    def released(self, connection: Connection) -> None:
        while self._waiting:
            exchange, _ = self._waiting.popitem(last=False)
            if not exchange.future.done():
                connection.begin(exchange)
                return
        connection.idle_since = self._loop.time()
        self._idle.append(connection)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(self._limits.idle_connection_s, self._sweep)

    def freed(self, connection: Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)
        while self._waiting:
            exchange, _ = self._waiting.popitem(last=False)
            if not exchange.future.done():
                self._connect(exchange)
                return
        self._places -= 1

    def renew(self, exchange: Exchange) -> None:
        self._connect(exchange)

    def lost(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if self._emptied is not None and not self._connections and not self._emptied.done():
            self._emptied.set_result(None)

    def _sweep(self) -> None:
        eldest = self._loop.time() - self._limits.idle_connection_s
        for connection in [one for one in self._idle if one.idle_since <= eldest]:
            connection.close()
        due = self._idle[0].idle_since + self._limits.idle_connection_s if self._idle else None
        self._sweeper = None if due is None else self._loop.call_at(due, self._sweep)

    def _connect(self, exchange: Exchange) -> None:
        connection = Connection(self, self._limits.max_response_bytes)
        self._connections.add(connection)
        exchange.connection = connection
        connection.opening = self._loop.create_task(self._open(connection, exchange))
        connection.opening.add_done_callback(lambda task: self._opened(connection, task))

    async def _open(self, connection: Connection, exchange: Exchange) -> None:
        try:
            await self._loop.create_connection(lambda: connection, self._target.host, self._target.port, **self._tls)
        except asyncio.CancelledError:
            exchange.connection = None
            self._unopened(connection)
            exchange.fail("the connection was closed before anything was sent")
            raise
        except (OSError, UnicodeError) as error:
            exchange.connection = None
            self._unopened(connection)
            exchange.fail(_why(error, self._target), error)
            return
        connection.opening = None
        if connection.closed:
            exchange.connection = None
            exchange.fail("the connection was closed before anything was sent")
        elif exchange.future.done():
            exchange.connection = None
            self.released(connection)
        else:
            connection.begin(exchange)

    def _unopened(self, connection: Connection) -> None:
        connection.opening = None
        connection.close()

    def _opened(self, connection: Connection, opening: asyncio.Task[None]) -> None:
        """The opening is over. One that was cancelled may never have begun, and uvloop closes its socket without a word."""
        connection.opening = None
        if opening.cancelled() or not connection.made:
            self.lost(connection)


def _why(error: OSError | UnicodeError, target: Target) -> str:
    if isinstance(error, socket.gaierror):
        return f"cannot resolve {target.host}: {error.strerror}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS with {target.host}:{target.port}: {error}"
    return f"cannot connect to {target.host}:{target.port}: {error}"
