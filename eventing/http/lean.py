"""The default sender: HTTP/1.1 straight on asyncio transports, because delivery is what this product costs.

Per request: one future, one write, no task and no timer. What a request needs twice (a parsed URL, a pool, the header
names) is kept; `connection` reads the answer, `pool` chooses the connection, `exchange` holds the deadline. It does
neither HTTP/2 nor proxies nor redirects, and leaves a compressed answer compressed.
"""

from __future__ import annotations

import asyncio

from eventing.http import RawHeaders, Response, SendFailed
from eventing.http.exchange import Deadlines, Exchange
from eventing.http.pool import HostPool, Limits
from eventing.http.request import message
from eventing.http.target import Target, parse
from eventing.http.tls import Trust

_ROUTES_KEPT = 4_096


class LeanSender:
    """The port `Sender`; made and used inside one running event loop.

    `idle_connection_s` is in seconds and should stay below the peers' own limit; an answer's body beyond
    `max_response_bytes` is cut, and its connection closed.
    """

    def __init__(
        self,
        *,
        connections_per_host: int = 100,
        idle_connection_s: float = 4.0,
        max_response_bytes: int = 1_048_576,
        trust: Trust | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._limits = Limits(connections_per_host, idle_connection_s, max_response_bytes)
        self._trust = trust or Trust()
        self._routes: dict[str, tuple[Target, HostPool]] = {}
        self._pools: dict[str, HostPool] = {}
        self._deadlines = Deadlines(self._loop, self._expire)
        self._closed = False

    async def post(self, url: str, headers: RawHeaders, body: bytes, *, timeout_s: float) -> Response:
        """POST `body` to `url` within `timeout_s` seconds in all; see `Sender`."""
        if self._closed:
            raise SendFailed("the sender is closed", where=url)
        target, pool = self._routes.get(url) or self._route(url)
        exchange = Exchange(pool, self._loop.create_future(), url, message(target, headers, body))
        lane = self._deadlines.start(exchange, timeout_s)
        try:
            pool.submit(exchange)
            return await exchange.future
        except asyncio.CancelledError:
            pool.withdraw(exchange)
            if not exchange.future.cancel() and not exchange.future.cancelled():
                exchange.future.exception()  # else asyncio complains that nobody looked
            raise
        finally:
            lane.waiting.pop(exchange, None)

    async def aclose(self) -> None:
        """Close every connection and wait until their sockets are closed; requests under way fail with `SendFailed`."""
        self._closed = True
        # The queues first: a connection that closes hands its place to the next exchange in a queue.
        for exchange in sorted(self._deadlines.under_way(), key=lambda one: one.connection is not None):
            exchange.pool.withdraw(exchange)
            exchange.fail("the sender was closed")
        self._deadlines.close()
        await asyncio.gather(*(pool.aclose() for pool in self._pools.values()))

    def _expire(self, exchange: Exchange, timeout_s: float) -> None:
        progress = exchange.pool.withdraw(exchange)
        exchange.fail(f"no whole answer within {timeout_s:g} s: {progress}")

    def _route(self, url: str) -> tuple[Target, HostPool]:
        if len(self._routes) >= _ROUTES_KEPT:
            self._routes.clear()
            self._pools = {origin: pool for origin, pool in self._pools.items() if not pool.unused}
        target = parse(url)
        pool = self._pools.get(target.origin)
        if pool is None:
            tls = self._trust.context(target.origin) if target.secure else None
            pool = self._pools[target.origin] = HostPool(self._loop, target, self._limits, tls)
        self._routes[url] = target, pool
        return target, pool
