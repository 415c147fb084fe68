"""Blocking work beside the event loop, in threads that a process which ends does not wait for.

An executor's threads are joined at the end, and one that sits in a name lookup would hold the whole process up.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

_T = TypeVar("_T")


async def in_thread(work: Callable[[], _T]) -> _T:
    """Run blocking work and wait for its result; raises what it raised."""
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  it is raised where it is awaited
            future.set_exception(error)

    threading.Thread(target=run, name="work", daemon=True).start()
    return await answered(future)


async def answered(future: Future[_T]) -> _T:
    """Wait for the result of a future that another thread settles, librdkafka's for instance.

    Unlike `asyncio.wrap_future` a cancelled caller leaves the future alone: it is answered later all the same, and would
    be found closed.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[_T] = loop.create_future()

    def settle() -> None:
        if answer.done():
            return
        error = future.exception()
        if error is None:
            answer.set_result(future.result())
        else:
            answer.set_exception(error)

    def tell(_: Future[_T]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle)

    future.add_done_callback(tell)
    return await answer
