"""Programs that run beside a test: each with a log of its own, and ended by its process id when the test is done with it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

LAST_WORDS = 3000
# The kernel takes the end of the thread that started a program for the end of its parent, so this one lasts.
_STARTER = ThreadPoolExecutor(1)
ENDS_WITHIN_S = 20.0


class Daemon:
    """One program that may be started again with the same words."""

    def __init__(self, command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self._command = [str(word) for word in command]
        self._environment = {**os.environ, **(environment or {})}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def last_words(self) -> str:
        """The end of its log."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-LAST_WORDS:] if self._log.exists() else ""

    def start(self) -> None:
        """Start it, in a group of its own so that a ctrl-C at the terminal leaves its end to the test."""
        self._process = _STARTER.submit(self._started).result()

    def stop(self, patience_s: float = ENDS_WITHIN_S) -> None:
        """End it; by force where it takes longer than `patience_s` seconds."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as out:
            return subprocess.Popen(
                self._command,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform.startswith("linux") else None,  # noqa: PLW1509 one call, no lock
            )

    def until(self, ready: Callable[[], object], what: str, patience_s: float) -> None:
        """Wait until `ready` finds anything; `AssertionError` with its last words where it ends or that takes too long."""
        ends = time.monotonic() + patience_s
        while not ready():
            assert self.alive, f"{what}: {self._command[0]} has ended:\n{self.last_words}"
            assert time.monotonic() < ends, f"{what}: not within {patience_s:g} s:\n{self.last_words}"
            time.sleep(0.05)


@contextmanager
def running(daemon: Daemon) -> Iterator[Daemon]:
    """The daemon for as long as the block runs."""
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.stop()


def _end_with_parent() -> None:
    """A run that hangs is ended without a chance to tidy up: pytest-timeout's way."""
    end_with_parent = 1
    ctypes.CDLL(None).prctl(end_with_parent, signal.SIGKILL)
