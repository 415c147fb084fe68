"""uvicorn inside our own event loop: a listening socket, its port, and a clean end.

`uvicorn.Server` takes over signals, sleeps in a loop of its own and exits the process when a port is taken; none of that
suits one role among several in a process. So its protocol and its configuration are used, and the forty lines between.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from channel.door import Door
from eventing.errors import Unavailable

BACKLOG = 4_096
"""Connections that may wait to be taken: what Linux allows at most, so that a burst is slow rather than refused."""


class Server:
    """A running HTTP server; `port` is the one that it really has."""

    def __init__(self, listener: asyncio.Server, state: ServerState) -> None:
        self._listener = listener
        self._state = state
        self.port: int = listener.sockets[0].getsockname()[1]

    @classmethod
    async def start(
        cls,
        app: ASGIApp,
        host: str,
        port: int,
        *,
        where: str,
        setting: str = "",
        keep_alive_s: int = 75,
        tls: ssl.SSLContext | None = None,
    ) -> Server:
        """Listen, on the running loop; port 0 takes a free one, and with `tls` nothing is said in the clear.

        Raises `Unavailable` where the address can't be had: it names what wanted it (`where`) and the setting to change.
        """
        config = uvicorn.Config(
            app,
            http=Door,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=keep_alive_s,
        )
        config.load()
        state = ServerState()
        loop = asyncio.get_running_loop()
        try:
            listener = await loop.create_server(lambda: Door(config, state, {}), host, port, backlog=BACKLOG, ssl=tls)
        except OSError as error:
            fix = (
                f"stop what listens there, or choose another port with {setting} (0 takes a free one)"
                if setting
                else ""
            )
            message = f"can't listen on {host}:{port}: {error.strerror or error}"
            raise Unavailable(message, where=where, field=setting, fix=fix) from error
        return cls(listener, state)

    async def aclose(self, grace_s: float = 10.0) -> None:
        """Take no more connections, let requests under way finish for up to `grace_s` seconds, close everything."""
        self._listener.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        tasks = list(self._state.tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        # What was answered last still has to leave the socket's buffer; a client that does not read is not waited for.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                for door in [one for one in self._state.connections if isinstance(one, Door)]:
                    await door.gone.wait()
        for connection in list(self._state.connections):
            connection.transport.abort()
        await self._listener.wait_closed()
