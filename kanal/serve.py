"""A small HTTP server beside the roles: probes, metrics, the controller's state, event displays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp

from channel.server import Server

GRACE_S = 2.0


@asynccontextmanager
async def serving(app: ASGIApp, host: str, port: int, *, what: str, setting: str = "") -> AsyncIterator[int]:
    """Serve `app` while inside; yields the port. Raises `Unavailable` where it can't listen, naming the setting."""
    server = await Server.start(app, host, port, where=what, setting=setting)
    try:
        yield server.port
    finally:
        await server.aclose(grace_s=GRACE_S)
