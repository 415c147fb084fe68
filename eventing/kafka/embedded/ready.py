"""When Kafka is ready: its broker answers a metadata request and counts itself among the living.

A connection alone would not tell, since Kafka listens before the controller lets the broker serve. Two dozen bytes of
Kafka's protocol (Metadata, version 4) say it without a client library, its threads and its log of refused connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct

from eventing.kafka.embedded.config import Address
from eventing.kafka.embedded.process import Child

_METADATA, _VERSION, _CORRELATION = 3, 4, 1
_CLIENT = b"kanal"
_BODY = struct.pack(">hhih", _METADATA, _VERSION, _CORRELATION, len(_CLIENT)) + _CLIENT + struct.pack(">i?", 0, False)
_REQUEST = struct.pack(">i", len(_BODY)) + _BODY
_PAUSE_S = 0.02
_ONE_TRY_S = 2.0


async def until_answers(address: Address, child: Child, timeout_s: float) -> bool:
    """True once the broker serves, False once the child has ended; TimeoutError after `timeout_s` seconds."""
    async with asyncio.timeout(timeout_s):
        while child.exit_code is None:
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                async with asyncio.timeout(_ONE_TRY_S):
                    if await _serves(address):
                        return True
            await asyncio.sleep(_PAUSE_S)
    return False


async def _serves(address: Address) -> bool:
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(_REQUEST)
        (size,) = struct.unpack(">i", await reader.readexactly(4))
        answer = await reader.readexactly(size)
        # correlation id, throttle time, then the number of brokers that the controller has let in.
        brokers: int = struct.unpack_from(">iii", answer)[2]
        return brokers > 0
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
