"""The sender port: one HTTP POST out, one whole answer back.

A sender follows no redirect, decompresses nothing, bounds what it reads, and keeps connections alive per host. A request
on a kept-alive connection that fails before the first byte of an answer is sent once more on a fresh connection; the
caller never sees that. Two adapters pass one contract suite: `lean` (the default) and `reference` (aiohttp).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from eventing.errors import Unavailable

RawHeaders = Sequence[tuple[bytes, bytes]]


class SendFailed(Unavailable):
    """No whole answer came: refused, reset, DNS, TLS, time-out or an answer that is not HTTP. Retriable."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: status, headers with lower-case names in the order they came, body cut at the sender's bound."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    truncated: bool = False

    def header(self, name: bytes) -> bytes | None:
        """The first header of this lower-case name."""
        return next((value for key, value in self.headers if key == name), None)


class Sender(Protocol):
    """Sends events over HTTP."""

    async def post(self, url: str, headers: RawHeaders, body: bytes, *, timeout_s: float) -> Response:
        """POST `body` to `url`; the time-out covers the whole exchange, waiting for a connection included.

        `Host` and `Content-Length` are the sender's to write. Raises `SendFailed`, and `Invalid` for a URL that can
        never work. Cancelling the caller frees the connection at once.
        """

    async def aclose(self) -> None:
        """Close every connection; requests under way fail with `SendFailed`."""
