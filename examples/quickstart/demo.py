"""The quickstart, played from beginning to end: `make demo`.

Starts what `make up` starts, on free ports where the usual are taken, sends a few events and shows where they went. Every
line that begins with `$` is a command that you can type yourself.
"""

from __future__ import annotations

import queue
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
KANAL = str(Path(sys.executable).parent / "kanal")
PATIENCE_S = 240.0  # the first start fetches Kafka
EVENTS = 2


class Demo:
    """A running `kanal up`, whose output is printed and remembered."""

    def __init__(self, data: str) -> None:
        displays = [part for name in ("event-display", "faulty=500", "dead-letters") for part in ("--display", name)]
        command = [KANAL, "up", str(HERE), "--data", data, "--port", "0", "--api-port", "0", *displays]
        show(["kanal", "up", "examples/quickstart", *displays])
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.lines: list[str] = []
        self._brief = False
        self._news: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def until(self, what: str, seen: Callable[[list[str]], bool], patience_s: float = PATIENCE_S) -> None:
        """Print what comes until it shows what we wait for."""
        deadline = time.monotonic() + patience_s
        while not seen(self.lines):
            try:
                line = self._news.get(timeout=max(deadline - time.monotonic(), 0))
            except queue.Empty:
                sys.exit(f"\nThe demo failed: {what} did not happen in {patience_s:.0f} s.")
            if line is None:
                sys.exit(f"\nThe demo failed: kanal up ended before this happened: {what}.")
            self._print(line)
            self.lines.append(line)

    def _print(self, line: str) -> None:
        """Print a line; what `faulty` gets is what `event-display` gets, so a line says enough."""
        if line.startswith("["):
            self._brief = line.startswith("[faulty]")
            if self._brief:
                line = "[faulty] gets the event too and answers 500"
        elif self._brief:
            return
        print("  " + line, flush=True)

    def stop(self) -> int:
        """Stop everything as ctrl-C does; what is still printed is shown."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(30)
        while (line := self._news.get(timeout=5)) is not None:
            self._print(line)
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._news.put(line.rstrip("\n"))
        self._news.put(None)


def show(command: list[str]) -> None:
    print(f"\n$ {shlex.join(command)}", flush=True)


def main() -> None:
    print("Kanal: CloudEvents through a real Apache Kafka to their subscribers, from the YAML in examples/quickstart.")
    with tempfile.TemporaryDirectory(prefix="kanal-demo-") as data:
        demo = Demo(data)
        try:
            play(demo)
            print("\nStopping, as ctrl-C would:", flush=True)
            code = demo.stop()
        except KeyboardInterrupt:
            # The terminal has told the child as well.
            demo.process.wait(30)
            raise
        finally:
            demo.process.kill()
        if code:
            sys.exit(f"The demo failed: kanal up ended with code {code}.")
    print(
        f"""
That was real: {EVENTS} events went through Kafka. `display` got them all. `faulty` answered 500 to each one three times,
so each went to `dead-letters`, with the reason in its knativeerror* attributes.

Try next:
  make up        the same, left running; then in another terminal:
    curl -v http://127.0.0.1:8080/default/quickstart -H "Ce-Id: 1" -H "Ce-Specversion: 1.0" \\
         -H "Ce-Type: my.first.event" -H "Ce-Source: me" -H "Content-Type: application/json" -d '{{"hello":"kanal"}}'
    .venv/bin/kanal send http://127.0.0.1:8080/default/quickstart --data '{{"n":1}}' --count 1000
    .venv/bin/kanal get
  make test      the whole suite on a real Kafka
  README.md      what else there is"""
    )


def play(demo: Demo) -> None:
    demo.until("every resource is ready", lambda lines: sum(line.startswith("ready") for line in lines) >= 3)
    address = next(line.split()[-1] for line in demo.lines if line.startswith("ready") and "Channel" in line)
    send = ["kanal", "send", address, "--type", "dev.kanal.greeting", "--data", '{"msg":"Hello Kanal!"}']
    send += ["--count", str(EVENTS)]
    show(send)
    sent = subprocess.run([KANAL, *send[1:]], check=False, text=True, stdout=subprocess.PIPE)
    print("  " + sent.stdout.strip(), flush=True)
    if sent.returncode:
        sys.exit("\nThe demo failed: the events were not accepted.")
    print("\nWhat the subscribers print:", flush=True)

    def arrived(lines: list[str]) -> bool:
        shown = [line for line in lines if line.startswith("[event-display]")]
        buried = [line for line in lines if line.startswith("[dead-letters]")]
        codes = [line for line in lines if "knativeerrorcode: 500" in line]
        return len(shown) == len(buried) == EVENTS and len(codes) == EVENTS and lines[-1] == ""

    demo.until("every event arrives and every failure is a dead letter", arrived, 60.0)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
