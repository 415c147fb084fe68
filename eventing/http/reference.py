"""The sender port on aiohttp: slower by a factor of several, and written by others.

It exists so that the contract suite judges `lean` against an independent implementation. aiohttp comes with the `dev`
extra only; nothing but tests and benchmarks imports this module.
"""

from __future__ import annotations

import asyncio
import io
from types import SimpleNamespace

import aiohttp
from yarl import URL

from eventing.errors import Invalid
from eventing.http import RawHeaders, Response, SendFailed
from eventing.http.request import block
from eventing.http.target import Target, parse
from eventing.http.tls import Trust

_NOT_SENT = frozenset({"Accept", "Accept-Encoding", "Content-Type", "User-Agent"})


class ReferenceSender:
    """The port `Sender`; made and used inside one running event loop. Arguments as those of `LeanSender`."""

    def __init__(
        self,
        *,
        connections_per_host: int = 100,
        idle_connection_s: float = 4.0,
        max_response_bytes: int = 1_048_576,
        trust: Trust | None = None,
    ) -> None:
        self._max_response_bytes = max_response_bytes
        self._trust = trust or Trust()
        self._closing = asyncio.Event()
        self._under_way: set[asyncio.Task[Response]] = set()
        self._session = _session(
            aiohttp.TCPConnector(
                limit=0, limit_per_host=connections_per_host, keepalive_timeout=idle_connection_s, use_dns_cache=False
            )
        )
        # aiohttp can't be told to take a fresh connection, so what is sent once more has a connector that keeps none.
        self._fresh = _session(
            aiohttp.TCPConnector(limit=0, limit_per_host=connections_per_host, force_close=True, use_dns_cache=False)
        )

    async def post(self, url: str, headers: RawHeaders, body: bytes, *, timeout_s: float) -> Response:
        """POST `body` to `url` within `timeout_s` seconds in all; see `Sender`."""
        target = parse(url)
        block(headers)
        if self._closing.is_set():
            raise SendFailed("the sender is closed", where=url)
        exchange = asyncio.ensure_future(self._exchange(target, headers, body))
        self._under_way.add(exchange)
        try:
            done, _ = await asyncio.wait((exchange,), timeout=timeout_s)
            if not done:
                raise SendFailed(f"no whole answer within {timeout_s:g} s", where=url)
            if exchange.cancelled():
                raise SendFailed("the sender was closed", where=url)
            return exchange.result()
        finally:
            self._under_way.discard(exchange)
            exchange.cancel()
            await asyncio.wait((exchange,))

    async def aclose(self) -> None:
        """Close every connection; requests under way fail with `SendFailed`."""
        self._closing.set()
        for exchange in self._under_way:
            exchange.cancel()
        await self._session.close()
        await self._fresh.close()

    async def _exchange(self, target: Target, headers: RawHeaders, body: bytes) -> Response:
        trace = SimpleNamespace(reused=False)
        try:
            try:
                return await self._once(self._session, target, headers, body, trace)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                if not trace.reused:
                    raise
                return await self._once(self._fresh, target, headers, body, trace)
        except aiohttp.InvalidURL as error:
            raise Invalid(f"is no URL: {error}", where=f"URL {target.url!r}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise SendFailed(f"{type(error).__name__}: {error}", where=target.url) from error

    async def _once(
        self, session: aiohttp.ClientSession, target: Target, headers: RawHeaders, body: bytes, trace: SimpleNamespace
    ) -> Response:
        async with session.post(
            URL(target.origin + target.prefix.split(b" ", 2)[1].decode(), encoded=True),
            data=io.BytesIO(body) if body else b"",
            headers=[(name.decode("latin-1"), value.decode("utf-8")) for name, value in headers],
            allow_redirects=False,
            ssl=self._trust.context(target.origin) if target.secure else True,
            trace_request_ctx=trace,
        ) as answer:
            content, truncated = b"", False
            while chunk := await answer.content.readany():
                content += chunk
                if len(content) > self._max_response_bytes:
                    content, truncated = content[: self._max_response_bytes], True
                    answer.close()
                    break
            names = tuple((name.lower(), value) for name, value in answer.raw_headers)
            return Response(answer.status, names, content, truncated)


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(_mark_reused)
    return aiohttp.ClientSession(
        connector=connector,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=_NOT_SENT,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        trace_configs=[trace],
    )


async def _mark_reused(
    _session: aiohttp.ClientSession, context: SimpleNamespace, _: aiohttp.TraceConnectionReuseconnParams
) -> None:
    context.trace_request_ctx.reused = True
