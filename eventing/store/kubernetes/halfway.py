"""Connections that were being made when their request was called off.

httpcore closes one whose TLS handshake fails, but not one whose handshake is cancelled: it would stay open until the garbage
is collected. Its trace tells of each connection before that point and after it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any


class _Half:
    def __init__(self) -> None:
        self.stream: Any = None

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            self.stream = info["return_value"]
        elif event == "connection.start_tls.complete":
            self.stream = None


@asynccontextmanager
async def no_halves() -> AsyncIterator[dict[str, Any]]:
    """Extensions for one request; a connection that is half made when the block is left by an error is closed."""
    half = _Half()
    try:
        yield {"trace": half}
    except BaseException:
        if half.stream is not None:
            await half.stream.aclose()
        raise
