"""What a role costs before its first event: seconds from its start to its first answer, and resident memory when idle.

Starts an embedded Kafka, then each role as its own process, with the quickstart's plan. Run: `python benchmarks/idle.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eventing.kafka.embedded import EmbeddedKafka, Options
from eventing.kafka.embedded.process import free_port

KANAL = str(Path(sys.executable).parent / "kanal")
QUICKSTART = str(Path(__file__).parents[1] / "examples" / "quickstart")
SETTLE_S = 5.0


@contextmanager
def role(name: str, kafka: str, *arguments: str) -> Iterator[tuple[int, int, float]]:
    """A running role: its process id, its port, and how long it took to answer."""
    port = free_port("127.0.0.1")
    began = time.monotonic()
    command = [KANAL, name, *arguments, "--kafka", kafka, "--port", str(port), "--log-level", "error"]
    process = subprocess.Popen(command)
    try:
        while not answers(port or 0, "/healthz"):
            if process.poll() is not None or time.monotonic() - began > 30:
                sys.exit(f"kanal {name} does not answer")
            time.sleep(0.005)
        yield process.pid, port or 0, time.monotonic() - began
    finally:
        process.terminate()
        process.wait(30)


def answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def resident_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def measure(name: str, kafka: str, rounds: int) -> None:
    starts, sizes = [], []
    for _ in range(rounds):
        with role("controller", kafka, QUICKSTART), role(name, kafka) as (pid, port, start):
            deadline = time.monotonic() + 30
            while not answers(port, "/readyz") and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(SETTLE_S)
            starts.append(start)
            sizes.append(resident_mib(pid))
    print(f"kanal {name:<11} first answer {statistics.median(starts):.2f} s   idle {statistics.median(sizes):.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=3, help="medians of so many starts")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as data:
        kafka = asyncio.run(EmbeddedKafka.start(Options(data=Path(data), port=0)))
        try:
            for name in ("channel", "dispatcher"):
                measure(name, kafka.bootstrap, rounds)
        finally:
            asyncio.run(kafka.stop())


if __name__ == "__main__":
    main()
