"""What a POST costs: processor seconds of this process per 100,000 POSTs, for each sender behind the port.

The sink runs in a process of its own, so its cost is not counted. Run: `python benchmarks/sender.py [--requests N]`.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from typing import cast

import uvloop

from eventing.http import Sender
from eventing.http.lean import LeanSender
from eventing.http.reference import ReferenceSender

BODY = b"x" * 1024
HEADERS = (
    (b"ce-specversion", b"1.0"),
    (b"ce-type", b"dev.example.benchmark"),
    (b"ce-source", b"/benchmarks/sender"),
    (b"ce-id", b"4f2f2f0e-0f0e-4f7e-9a52-6cbb0f1f2d10"),
    (b"ce-time", b"2026-01-01T00:00:00Z"),
    (b"Content-Type", b"application/octet-stream"),
    (b"Prefer", b"reply"),
)
ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n"


class Sink(asyncio.Protocol):
    """Answers 202 once a head and the body that it announces have come; reads no more of HTTP than that."""

    def __init__(self) -> None:
        self.pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.pending += data
        while (end := self.pending.find(b"\r\n\r\n")) >= 0:
            length = int(self.pending[:end].lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            if len(self.pending) < end + 4 + length:
                return
            self.pending = self.pending[end + 4 + length :]
            self.transport.write(ANSWER)


async def sink() -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until the parent ends


async def measure(make: Callable[[], Sender], url: str, requests: int, connections: int) -> tuple[float, float]:
    sender = make()

    async def worker(count: int) -> None:
        for _ in range(count):
            answer = await sender.post(url, HEADERS, BODY, timeout_s=30.0)
            if answer.status != 202:
                raise RuntimeError(answer.status)

    async def run(count: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(worker(count // connections))

    await run(connections * 20)
    cpu, wall = time.process_time(), time.perf_counter()
    await run(requests)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    await sender.aclose()
    scale = 100_000 / (requests // connections * connections)
    return cpu * scale, wall * scale


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--requests", type=int, default=100_000)
    arguments.add_argument("--connections", type=int, default=64)
    arguments.add_argument("--sink", action="store_true", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.sink:
        uvloop.run(sink())
        return
    child = subprocess.Popen([sys.executable, __file__, "--sink"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None and child.stdout is not None  # noqa: PT018
    try:
        url = f"http://127.0.0.1:{int(child.stdout.readline())}/default/sink"
        print(f"{'sender':<12}{'cpu s / 100k':>14}{'wall s / 100k':>15}   {options.connections} connections, 1 KiB")
        senders: dict[str, Callable[[], Sender]] = {"lean": LeanSender, "reference": ReferenceSender}
        for name, make in senders.items():
            cpu, wall = uvloop.run(measure(make, url, options.requests, options.connections))
            print(f"{name:<12}{cpu:>14.2f}{wall:>15.2f}")
    finally:
        child.stdin.close()
        child.wait(10)
        child.stdout.close()


if __name__ == "__main__":
    main()
