"""A uvicorn server inside our own event loop: it takes no signals, tells its port and stops when told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from eventing.errors import Unavailable


class _Server(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        """Signals are the process's business."""


@asynccontextmanager
async def serving(app: Any, host: str, port: int, *, what: str, setting: str = "") -> AsyncIterator[int]:
    """Serve `app` while inside; yields the port. Raises `Unavailable` where it can't listen, naming the setting."""
    listener = bind(host, port, what=what, setting=setting)
    config = uvicorn.Config(
        app, lifespan="off", access_log=False, log_config=None, server_header=False, date_header=False,
        proxy_headers=False, timeout_graceful_shutdown=2,
    )
    server = _Server(config)
    task = asyncio.create_task(server._serve([listener]))  # noqa: SLF001  `serve` would take over our signals
    try:
        while not server.started and not task.done():
            await asyncio.sleep(0.005)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task
        listener.close()


def bind(host: str, port: int, *, what: str, setting: str = "") -> socket.socket:
    """A listening socket. Raises `Unavailable` that says what wanted it and which setting names another port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        fix = f"choose another port with {setting}, or 0 for a free one" if setting else ""
        raise Unavailable(f"can't listen on {host}:{port}: {error.strerror}", where=what, fix=fix) from error
    listener.listen(2048)
    return listener
