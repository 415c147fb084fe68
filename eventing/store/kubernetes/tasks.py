"""Tasks that run beside a block for as long as it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class _Left(Exception):
    pass


@asynccontextmanager
async def beside() -> AsyncIterator[asyncio.TaskGroup]:
    """A place for tasks that end with the block. An error of the block comes out as it was raised, and in no group."""
    raised: Exception | None = None
    try:
        async with asyncio.TaskGroup() as tasks:
            try:
                yield tasks
            except Exception as error:  # noqa: BLE001 - it is raised again below
                raised = error
            raise _Left
    except* _Left:
        pass
    if raised is not None:
        raise raised
