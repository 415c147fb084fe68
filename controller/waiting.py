"""Waiting with an end."""

from __future__ import annotations

import asyncio


async def waited(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, but no longer than so many seconds."""
    try:
        # Not `wait_for`: before Python 3.12 it swallows a cancellation that comes with the event.
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
