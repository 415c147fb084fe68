"""One HTTP/1.1 connection: writes a request, reads one answer, and says whether another may follow.

This is the hot path of delivery, hence callbacks in place of tasks and streams. It parses with httptools (llhttp) and
decides what llhttp leaves open: where an answer ends that only the peer's close delimits, how much of it is kept, and
what counts as a stale connection. It opens nothing and chooses nothing; its owner, the pool, does.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import httptools

from eventing.http import Response
from eventing.http.exchange import Exchange

_MAX_HEAD_BYTES = 65_536
# Chunks of one byte cost six on the wire; whatever is above this is an attack and no answer.
_MAX_FRAMING = 8


class Owner(Protocol):
    """What a connection tells its pool."""

    def released(self, connection: Connection) -> None:
        """It is open and free for another request."""

    def freed(self, connection: Connection) -> None:
        """It will carry nothing any more; its place is free. Said once."""

    def renew(self, exchange: Exchange) -> None:
        """A kept-alive one died before the peer answered `exchange`; its place goes to a fresh one for it."""

    def lost(self, connection: Connection) -> None:
        """Its socket is closed."""


class Connection(asyncio.Protocol):
    """A connection and the answer it is reading; `served` counts the answers it brought."""

    __slots__ = (
        "_body",
        "_complete",
        "_headers",
        "_heard",
        "_keep",
        "_max_body",
        "_owner",
        "_parser",
        "_size",
        "_status",
        "_transport",
        "_wire",
        "closed",
        "exchange",
        "idle_since",
        "opening",
        "served",
    )

    def __init__(self, owner: Owner, max_response_bytes: int) -> None:
        self._owner = owner
        self._max_body = max_response_bytes
        self._transport: Any = None
        self._parser: Any = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = self._wire = self._status = 0
        self._heard = self._complete = self._keep = False
        self.opening: asyncio.Task[None] | None = None
        self.exchange: Exchange | None = None
        self.closed = False
        self.served = 0
        self.idle_since = 0.0

    @property
    def made(self) -> bool:
        """Whether it ever had a socket."""
        return self._transport is not None

    def begin(self, exchange: Exchange) -> None:
        """Send a request; its future gets the answer or the failure."""
        self.exchange = exchange
        exchange.connection = self
        self._status = 0
        self._headers = []
        self._heard = self._complete = False
        self._transport.write(exchange.message)

    def close(self) -> None:
        """Drop it now, whatever it is doing; an exchange on it is the caller's to end."""
        if self.closed:
            return
        self.closed = True
        if self.opening is not None:
            self.opening.cancel()
        if self._transport is not None:
            # Not close(): that would wait for unsent bytes, and under TLS for the peer's farewell.
            self._transport.abort()
        self._owner.freed(self)

    def progress(self) -> str:
        """How far the exchange has come, for the text of an error."""
        if self.opening is not None:
            return "still connecting"
        if not self._heard:
            return "no byte of an answer came"
        return "its body was unfinished" if self._status else "its head was unfinished"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._parser = httptools.HttpResponseParser(self)
        if self.closed:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self.exchange is None:
            # An answer nobody asked for could be taken for the answer to the next request.
            self.close()
            return
        self._heard = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail("the answer switches to another protocol (101)")
            return
        except httptools.HttpParserError as error:
            if not self._complete:
                self._fail(f"the answer is not HTTP: {error}", error)
                return
            self._keep = False
        if self._complete or self._size > self._max_body:
            self._finish()
        else:
            self._wire += len(data)
            if not self._status and self._wire > _MAX_HEAD_BYTES:
                self._fail(f"the head of the answer is larger than {_MAX_HEAD_BYTES} bytes")
            elif self._wire > _MAX_FRAMING * self._max_body + _MAX_HEAD_BYTES:
                self._fail("the answer is nearly all framing")

    def eof_received(self) -> None:
        if self.exchange is None:
            self.close()
        elif self._status and self._ends_with_connection():
            self._keep = False
            self._finish()
        elif self._heard:
            self._fail("the connection was closed in the middle of the answer")
        else:
            self._fail("the connection was closed without an answer")

    def connection_lost(self, exc: Exception | None) -> None:
        self._parser = None
        if self.exchange is not None:
            place = "in the middle of the answer" if self._heard else "without an answer"
            self._fail(f"the connection broke {place}" + (f": {exc}" if exc else ""), exc)
        else:
            self.close()
        self._owner.lost(self)

    def on_message_begin(self) -> None:
        if self._complete:
            self._keep = False  # more came than one answer

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._status:  # else a trailer
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if not self._complete:
            self._status = self._parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        if not self._complete and self._size <= self._max_body:
            self._size += len(data)
            self._body.append(data)

    def on_message_complete(self) -> None:
        if self._complete:
            return
        if self._status < 200:
            self._status = 0
            self._headers = []  # of an interim answer
            return
        self._complete = True
        self._keep = self._parser.should_keep_alive()

    def _ends_with_connection(self) -> bool:
        codings = [value for name, value in self._headers if name == b"transfer-encoding"]
        if codings:
            return not codings[-1].strip().lower().endswith(b"chunked")
        return all(name != b"content-length" for name, _ in self._headers)

    def _finish(self) -> None:
        exchange = self._detach()
        body, truncated = b"", False
        if self._size:
            body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
            if self._size > self._max_body:
                body, truncated, self._keep = body[: self._max_body], True, False
            self._body = []
            self._size = 0
        self._wire = 0
        future = exchange.future
        if not future.done():
            future.set_result(Response(self._status, tuple(self._headers), body, truncated))
        # An answer that overtook its request leaves a connection on which the rest of the request is still to come.
        if self._keep and not self._transport.get_write_buffer_size():
            self.served += 1
            self._owner.released(self)
        else:
            self.close()

    def _fail(self, message: str, cause: BaseException | None = None) -> None:
        exchange = self._detach()
        if self.served and not self._heard and not exchange.future.done() and not self.closed:
            self.closed = True
            self._transport.abort()
            self._owner.renew(exchange)
        else:
            self.close()
            exchange.fail(message, cause)

    def _detach(self) -> Exchange:
        exchange = self.exchange
        assert exchange is not None  # noqa: S101 - only called while one is under way
        self.exchange = exchange.connection = None
        return exchange
