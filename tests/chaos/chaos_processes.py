"""What a disturbance is done to: role processes as a person starts them, and an embedded Kafka of one's own.

Every process is hit by its own id only, and none outlives the test run: a guard shell sees the end of our pipe, as the
embedded Kafka's does, so that even a run that was killed leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from eventing.kafka.embedded import EmbeddedKafka, Options

KANAL = str(Path(sys.executable).parent / "kanal")
STOP_S = 25.0
_ports = itertools.cycle(range(20_000 + os.getpid() % 10_000, 32_000))
_GUARD = 'exec 3<&0; (read -r _ <&3 || kill -KILL $$) & exec "$@" </dev/null 3<&-'


async def until(condition: Callable[[], bool], deadline_s: float, what: str) -> None:
    """Return when the condition holds; fail with `what` when it does not in time."""
    try:
        async with asyncio.timeout(deadline_s):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {deadline_s:g} s: {what}") from None


async def get(port: int, path: str, timeout_s: float = 5.0) -> tuple[int, bytes]:
    """Status and body of a GET on loopback; status 0 where nobody answers in time."""
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
                raw = await reader.read()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return 0, b""
    head, _, body = raw.partition(b"\r\n\r\n")
    return (int(head.split()[1]) if head.startswith(b"HTTP/1.1 ") else 0), body


def steady_port() -> int:
    """A free port below those that Linux gives to clients: who listens on it can be killed and come back to it."""
    while True:
        port = next(_ports)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


class Role:
    """One running `kanal VERB`; what it says goes to a file, and a restart goes on in the same file."""

    def __init__(self, name: str, arguments: list[str], port: int, log: Path) -> None:
        self.name, self.port, self._arguments, self._log = name, port, arguments, log
        self.begin()

    def begin(self) -> None:
        """Start the process, again where it ended."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, self.name, KANAL, *self._arguments],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "KANAL_LOG__FORMAT": "json"},
                start_new_session=True,
            )
        self.pid = self._process.pid

    @property
    def said(self) -> str:
        """Everything that it wrote."""
        return self._log.read_text(errors="replace")

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.runs:
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it as the kernel does when memory runs out."""
        self.signal(signal.SIGKILL)
        self._process.wait()
        self._forget()

    async def stop(self) -> int:
        """End it as Kubernetes does; its exit code."""
        self.signal(signal.SIGTERM)
        await until(lambda: not self.runs, STOP_S, f"{self.name} ends after SIGTERM\n{self.said[-3000:]}")
        self._forget()
        return int(self._process.returncode)

    def status(self, field: str) -> int:
        """A number out of `/proc/PID/status`: `Threads`, or `VmRSS` in KiB."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))

    async def answers(self, path: str = "/readyz") -> None:
        """Return when it is ready."""
        async with asyncio.timeout(STOP_S):
            while (await get(self.port, path))[0] != 200:
                assert self.runs, f"{self.name} ended\n{self.said[-3000:]}"
                await asyncio.sleep(0.05)

    def _forget(self) -> None:
        guard = self._process.stdin
        if guard is not None and not guard.closed:
            with contextlib.suppress(OSError):
                guard.write(b"reaped\n")
                guard.close()


class Broker:
    """An embedded Kafka that may be harmed; always on the same port and data."""

    def __init__(self, data: Path, properties: Mapping[str, str] | None = None) -> None:
        self._options = Options(data=data, port=steady_port(), properties=properties or {})
        self._running: EmbeddedKafka | None = None
        self.bootstrap = f"127.0.0.1:{self._options.port}"

    async def start(self) -> None:
        """Start it where it does not run."""
        if self._running is None:
            self._running = await EmbeddedKafka.start(self._options)

    async def kill(self) -> None:
        """`kill -9`."""
        self.signal(signal.SIGKILL)
        await self.died()

    async def died(self) -> None:
        """Wait for its end, whatever causes it."""
        assert self._running is not None
        await self._running.died()
        await self._running.stop()
        self._running = None

    def signal(self, number: int) -> None:
        """Send the broker's process a signal."""
        assert self._running is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._running.pid, number)

    async def heal(self) -> None:
        """Make it run again, whatever a scenario left behind."""
        if self._running is not None:
            self.signal(signal.SIGCONT)
            if _ended(self._running.pid):
                await self.died()
        await self.start()

    async def aclose(self) -> None:
        """Stop it."""
        if self._running is not None:
            self.signal(signal.SIGCONT)
            await self._running.stop()
            self._running = None


def descendants() -> set[int]:
    """The processes below ours that have not ended."""
    found: set[int] = set()
    open_ = [os.getpid()]
    while open_:
        for task in Path(f"/proc/{open_.pop()}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                children = [int(word) for word in task.read_text().split()]
                open_ += children
                found.update(children)
    return {pid for pid in found if not _ended(pid)}


def _ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] == "Z"
    except OSError:
        return True
