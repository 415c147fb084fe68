"""uvicorn's HTTP/1.1 protocol with four holes closed that matter where strangers knock.

- A head has a size and a time: uvicorn would gather header bytes without bound, and wait for the rest of a head for ever.
- `Upgrade: h2c`, which some clients (Java's among them) send with their first POST, makes the parser take the body for the
  new protocol; uvicorn then serves a request without a body, which here would be an accepted event without its data. The
  upgrade is declined as RFC 9110 §7.8 allows: the request is parsed again as if it had not asked.
- Fields after a chunked body are not headers: uvicorn adds them to the request's, where they could become attributes.
- What is no HTTP is answered in the same one line as everything else.
"""

from __future__ import annotations

import asyncio

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from channel.answer import LINGER_BYTES, LINGER_S

MAX_HEAD_BYTES = 262_144
_HOP_BY_HOP = frozenset((b"connection", b"upgrade", b"http2-settings"))


class Door(HttpToolsProtocol):
    """One connection of a sender."""

    _in_head = False
    _head_bytes = 0
    _refused = False
    _skipped = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.gone = asyncio.Event()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self.gone.set()

    def data_received(self, data: bytes) -> None:
        """Parse; an idle connection's clock runs on until a whole head is there."""
        if self._refused:
            self._skip(data)
            return
        if self._in_head:
            self._head_bytes += len(data)
        self._feed(data)
        if self._refused:
            return
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(
                b"431 Request Header Fields Too Large", b"the request's head is larger than %d bytes" % MAX_HEAD_BYTES
            )
        elif self.cycle is not None and not self.cycle.response_complete:
            self._unset_keepalive_if_required()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if not self.parser.should_upgrade():
            self._in_head = False
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        if not self._in_head:
            super().on_message_complete()

    def _feed(self, data: bytes) -> None:
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                if self.parser.get_method() == b"CONNECT":
                    self._refuse(b"405 Method Not Allowed", b"this is no proxy", b"allow: POST, OPTIONS\r\n")
                    return
                data = self._without_upgrade() + data[upgrade.args[0] :]
            except httptools.HttpParserError:
                self._refuse(b"400 Bad Request", b"the request is no HTTP/1.1")
                return
            else:
                return

    def _without_upgrade(self) -> bytes:
        """The head that was just read, without the wish for another protocol; a fresh parser waits for it."""
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        lines += [b"%s: %s" % field for field in self.headers if field[0] not in _HOP_BY_HOP]
        if not self.parser.should_keep_alive():
            lines.append(b"connection: close")
        self.parser = httptools.HttpRequestParser(self)
        return b"\r\n".join([*lines, b"", b""])

    def _refuse(self, status: bytes, reason: bytes, header: bytes = b"") -> None:
        if self.transport.is_closing():
            return
        self.transport.write(
            b"HTTP/1.1 %s\r\n%scontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s\n"
            % (status, header, len(reason) + 1, reason)
        )
        self._unset_keepalive_if_required()
        if self.cycle is None or self.cycle.response_complete:
            self._refused = True
            if self.transport.can_write_eof():
                self.transport.write_eof()
            self.timeout_keep_alive_task = self.loop.call_later(LINGER_S, self.timeout_keep_alive_handler)
        else:
            self.transport.close()

    def _skip(self, data: bytes) -> None:
        """Let a refused sender see the answer before a close on unread bytes resets the connection."""
        self._skipped += len(data)
        if self._skipped > LINGER_BYTES:
            self.flow.pause_reading()
