"""A job on the controller, followed on the terminal until it is over; ctrl-C cancels it."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer

from eventing.errors import EventingError
from kanal.cli.naming import ROOT
from kanal.cli.server import READING_S, ask, lines

INTERRUPTED = 130


def run(server: str, place: str, wish: dict[str, Any], what: str) -> dict[str, Any]:
    """Begin a job with a POST and show its progress until it is done; what the controller answered when it began.

    Raises `EventingError` where it is refused or fails; ends the command where it is cancelled, here or by somebody else.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    begun: dict[str, Any] = {}
    since = time.monotonic()
    try:
        with interruptions() as heed:
            begun = job = ask(server, "POST", place, wish, READING_S)
            since = time.monotonic()
            with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
                bar = progress.add_task(what, total=job["total"], rate="")
                for job in lines(server, f"{ROOT}/jobs/{begun['id']}/progress"):
                    heed()
                    progress.update(bar, completed=job["done"], rate=_rate(job["done"], since))
    except KeyboardInterrupt:
        if not begun:
            told = f"{what}: interrupted before the controller answered, and it may still begin"
            jobs = f"{server.rstrip('/')}{ROOT}/jobs"
            print(f"kanal: {told}; look with: curl {jobs}; cancel with: curl -X DELETE {jobs}/ID", file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from None
        job = ask(server, "DELETE", f"{ROOT}/jobs/{begun['id']}")
    told = f"{what}: {job['done']} of {job['total']} done"
    if job["state"] == "failed":
        raise EventingError(f"{told}, then it failed: {job['problem']}", where=job["title"])
    if job["state"] != "done":
        print(f"kanal: {told}, cancelled; what is under way may still be delivered", file=sys.stderr)
        raise typer.Exit(INTERRUPTED)
    print(f"{told}, {_rate(job['done'], since)}")
    return begun


@contextmanager
def interruptions() -> Iterator[Callable[[], None]]:
    """Make sure of ctrl-C while inside: the function raises `KeyboardInterrupt` where one came and got lost.

    Python drops what a signal raises inside a callback of its own, of an import for instance.
    """
    came = False

    def note(number: int, frame: object) -> None:  # noqa: ARG001  what a handler is called with
        nonlocal came
        came = True
        raise KeyboardInterrupt

    def heed() -> None:
        if came:
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    # Only the main thread hears of signals; who ignores this one goes on doing so.
    heard = before != signal.SIG_IGN and threading.current_thread() is threading.main_thread()
    if heard:
        signal.signal(signal.SIGINT, note)
    try:
        yield heed
    finally:
        if heard:
            signal.signal(signal.SIGINT, before)


def _rate(done: int, since: float) -> str:
    return f"{done / max(time.monotonic() - since, 0.001):.0f} a second"
