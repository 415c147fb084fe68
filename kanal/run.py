"""How every long-running verb runs: one event loop, a stop bell that ctrl-C and SIGTERM ring, errors in one line."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable

import uvloop

from eventing.errors import EventingError

Main = Callable[[asyncio.Event], Awaitable[None]]


def run(main: Main) -> None:
    """Run `main(stop)` to its end; exits with the code of an `EventingError` after printing it. A second signal kills."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_stopped(main))
    except* EventingError as group:
        error = _first(group)
        print(f"kanal: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def _first(group: BaseExceptionGroup[EventingError]) -> EventingError:
    one = group.exceptions[0]
    return _first(one) if isinstance(one, BaseExceptionGroup) else one


async def _until_stopped(main: Main) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ring(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ring, number)
    await main(stop)
