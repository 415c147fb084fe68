"""How the start of the embedded Kafka is shown: a moving line on a terminal, a few plain lines anywhere else.

Everything goes to standard error, so that standard output holds only what a script may want to read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as Bars
from rich.status import Status

from eventing.kafka.embedded import Progress, Tell

ROUGHLY_BYTES = 46_600_000  # of one Kafka release and all that it needs; only the bar's length depends on it


@contextmanager
def shown() -> Iterator[Tell]:
    """What to hand to `EmbeddedKafka.start`; a moving line disappears when the block ends."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    moving = _Moving(Console(stderr=True))
    try:
        yield moving
    finally:
        moving.stop()


class _Lines:
    """One line a step; a download says only that it began."""

    def __init__(self) -> None:
        self._step = ""

    def __call__(self, progress: Progress) -> None:
        if progress.step != "fetch":
            print(progress.text, file=sys.stderr, flush=True)
        elif self._step != "fetch":
            print("fetching Apache Kafka, 45 MB, once", file=sys.stderr, flush=True)
        self._step = progress.step


class _Moving:
    """A bar while Kafka is fetched, then a spinner with the step's text; another port than usual is said for good."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = Status("", console=console)
        columns = (SpinnerColumn(), TextColumn("fetching Apache Kafka, once"), BarColumn(), DownloadColumn())
        self._bars = Bars(*columns, console=console, transient=True)
        self._bar = self._bars.add_task("", total=ROUGHLY_BYTES)

    def __call__(self, progress: Progress) -> None:
        if progress.step == "fetch":
            self._bars.start()
            total = max(ROUGHLY_BYTES, progress.size)
            self._bars.update(self._bar, completed=progress.size, total=total)
        elif progress.step == "port":
            self._console.print(progress.text, markup=False, highlight=False)
        else:
            self._bars.stop()
            self._status.update(escape(progress.text))
            self._status.start()

    def stop(self) -> None:
        self._bars.stop()
        self._status.stop()
