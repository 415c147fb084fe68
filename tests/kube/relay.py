"""A wire between a client and the API server that a test can cut, or let fall silent."""

from __future__ import annotations

import asyncio
from typing import Self


class Relay:
    """Passes bytes on in both directions, on a port of its own."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._silent: set[asyncio.StreamWriter] = set()
        self._open = True

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """End every connection, and refuse new ones until `mend`."""
        self._open = False
        for one in self._writers:
            one.transport.abort()

    def mend(self) -> None:
        """Take connections again."""
        self._open = True

    def silence(self) -> None:
        """Pass nothing on any more through the connections that there are, and end none of them; new ones work."""
        self._silent = set(self._writers)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers |= {writer, back}
        try:
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        except (OSError, asyncio.CancelledError):
            # The loop may end before the wire: nobody is there to whom that would matter.
            pass
        finally:
            for one in (writer, back):
                self._writers.discard(one)
                one.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if writer not in self._silent:
                writer.write(data)
        writer.transport.abort()
