"""A child process of a benchmark, and what a process costs as `/proc` tells it (so this runs on Linux only)."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

_GUARD = 'exec 3<&0; (read -r _ <&3 || kill -KILL $$) & exec "$@" </dev/null 3<&-'
_TICKS = os.sysconf("SC_CLK_TCK")
_STOP_S = 25


def processor_s(pid: int) -> float:
    """Processor seconds that a running process has used; 0 where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def status(pid: int, field: str) -> int:
    """A number of `/proc/PID/status`: `Threads`, or KiB as in `VmRSS` and `VmHWM` (its peak); 0 where it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1])
    return 0


def sockets(pid: int) -> int:
    """Open sockets of a process."""
    found = 0
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found += str(link.readlink()).startswith("socket:")
    return found


class Process:
    """A guarded child that may be killed and begun again; its cost is that of all its lives."""

    def __init__(self, name: str, command: Sequence[str], log: Path, *, talks: bool = False) -> None:
        self.name, self._command, self._log, self._talks = name, command, log, talks
        self._earlier_s, self._peak_kib = 0.0, 0
        self.begin()

    def begin(self) -> None:
        """Start it, again where it ended."""
        guarded = self._command if self._talks else ["/bin/sh", "-c", _GUARD, self.name, *self._command]
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                guarded,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if self._talks else output,
                stderr=output,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def look(self) -> Self:
        """Take note of what it costs; ends the benchmark where the process has ended by itself."""
        if self._process.poll() is not None:
            said = self._log.read_text(errors="replace")[-3000:]
            sys.exit(f"{self.name} ended by itself with code {self._process.returncode}\n{said}")
        self._peak_kib = max(self._peak_kib, status(self.pid, "VmHWM"))
        return self

    @property
    def processor_s(self) -> float:
        """Processor seconds up to now."""
        return self._earlier_s + processor_s(self.pid)

    @property
    def peak_mib(self) -> float:
        """The most resident memory that any of its lives had when we looked."""
        return self._peak_kib / 1024

    def kill(self) -> None:
        """`kill -9`."""
        self.look()
        self._earlier_s += processor_s(self.pid)
        self._process.kill()
        self._reap()

    def stop(self) -> None:
        """End it as Kubernetes does, or after 25 s by force; one that talks ends with its input."""
        if self._talks:
            self._reap()
        elif self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._reap()

    def greet(self) -> None:
        """Hear what a process that talks says when it is up."""
        self.hello = self._heard() if self._talks else {}

    def ask(self, command: str) -> dict[str, Any]:
        """What a process that talks answers to one line."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(command.encode() + b"\n")
            self._process.stdin.flush()
        return self._heard()

    def _heard(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait(10)
            self.look()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _reap(self) -> None:
        if not self._talks:
            self._process.wait()
        guard = self._process.stdin
        if guard is not None and not guard.closed:
            with contextlib.suppress(OSError):
                guard.write(b"reaped\n")
                guard.close()
