"""The child process of the embedded Kafka: it never outlives its parent, and never dies before the parent says so.

The JVM gets a session of its own, so that ctrl-C in the terminal reaches only us, and we stop it in our order. Should we
be killed, a shell that waits on a pipe from us sees its end and kills the JVM; a parent-death signal of the kernel would
be shorter, but it is tied to the thread that forked, not to the process, and Linux alone has it. SIGKILL is right there:
Kafka recovers its log from that, and the data directory is free at once.

Nothing here needs an event loop of its own: the exit is a `concurrent.futures.Future`, so a Kafka that was started under
one loop can be stopped under another.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

from eventing.errors import Unavailable
from eventing.kafka.embedded.config import Address

# `read` fails at the end of the pipe (the parent is gone) and succeeds on the line that says the JVM has been reaped,
# after which its number may be another process's.
_GUARD = 'exec 3<&0; (read -r _ <&3 || kill -KILL $$) & exec "$@" </dev/null 3<&-'


class Held:
    """An exclusive lock on a file; the JVM inherits it, so it lasts until the last of the two is gone."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def release(self) -> None:
        """Let go, for whoever inherited the lock as well."""
        if self.descriptor >= 0:
            fcntl.flock(self.descriptor, fcntl.LOCK_UN)
            os.close(self.descriptor)
            self.descriptor = -1


def hold(path: Path, *, patience_s: float, cancelled: threading.Event | None = None) -> Held:
    """Lock the file and write our process id into it; blocks up to `patience_s`.

    Raises `Unavailable` that names the holder, or OSError where the file can't be written.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + patience_s
    wait = cancelled or threading.Event()
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() < deadline and not wait.wait(0.05):
                continue
            holder = os.read(descriptor, 32).decode(errors="replace").strip()
            os.close(descriptor)
            raise Unavailable(
                f"is in use by process {holder or 'unknown'}", where=str(path.parent), fix="stop that process first"
            ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return Held(descriptor)


def free_port(host: str, wanted: int = 0) -> int | None:
    """The wanted port if it can be listened on now, any free one for 0; None where it is taken.

    Raises `Unavailable` where the host is no address of this machine.
    """
    try:
        family, kind, proto, _, where = socket.getaddrinfo(
            host or None, wanted, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, proto) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(where)
                probe.listen(1)
            except OSError:
                if wanted == 0:
                    raise
                return None
            return int(probe.getsockname()[1])
    except OSError as error:
        raise Unavailable(
            f"can't be listened on: {error.strerror or error}",
            where="kafka",
            field=str(Address(host, wanted)),
            fix="choose an address of this machine with --listen",
        ) from error


class Child:
    """One guarded process, without a terminal and with its output in a file."""

    def __init__(
        self, command: Sequence[str], *, output: Path, cwd: Path, environment: Mapping[str, str], lock: Held
    ) -> None:
        with output.open("wb") as console:
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours
                ["/bin/sh", "-c", _GUARD, "kafka", *command],
                stdin=subprocess.PIPE,
                bufsize=0,
                stdout=console,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=dict(environment),
                pass_fds=(lock.descriptor,),
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._exit: Future[int] = Future()
        self._exit.set_running_or_notify_cancel()
        threading.Thread(target=self._reap, name=f"reap-{self.pid}", daemon=True).start()

    @property
    def exit_code(self) -> int | None:
        """How it ended, negative for a signal; None while it runs."""
        return self._exit.result() if self._exit.done() else None

    async def wait(self) -> int:
        """Wait for the end, whoever causes it."""
        return await asyncio.wrap_future(self._exit)

    async def stop(self, grace_s: float) -> int:
        """Ask it to end, and after `grace_s` seconds end it; at once where the caller is cancelled."""
        try:
            self._signal(signal.SIGTERM)
            async with asyncio.timeout(grace_s):
                return await self.wait()
        except TimeoutError:
            pass
        finally:
            if self.exit_code is None:
                self._signal(signal.SIGKILL)
        return await self.wait()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def _reap(self) -> None:
        code = self._process.wait()
        guard = self._process.stdin
        if guard is not None:
            # Who is killed together with the shell that waits for this line leaves nobody to read it.
            with contextlib.suppress(OSError), guard:
                guard.write(b"reaped\n")
        self._exit.set_result(code)
