"""The two ends of an event's way in the larger benchmarks, each a process of its own: a subscriber and a sender.

Both are cheap and remember little: an event's id is a number below `--events` and its key is `id % keys`, so one byte an
event says how often it came, and the event before it of the same key is `id - keys`. They print one line when they are up,
then answer each line of their input (`account`, or `save FILE` for those bytes) with one line of JSON, and end with it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import uvloop

_ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
_FAILED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
_SHOWN = 1_000
_AGAIN_S = 0.1


class End(Protocol):
    """What both ends can say of themselves."""

    seen: bytearray

    def account(self) -> dict[str, Any]:
        """Everything but the ids."""
        ...


class Subscriber:
    """Counts what comes, refuses some by chance, and takes its time for some keys."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.seen = bytearray(options.events)
        self.keys: int = options.keys
        self._share = options.fail / 100
        self._delay_s, self._slow_s, self._slow_every = (
            options.delay_ms / 1000,
            options.slow_ms / 1000,
            options.slow_every,
        )
        self._chance = random.Random(options.seed).random
        self._requests = self._delivered = self._refused = self._strangers = self._early_count = 0
        self._distinct = self._most_times = self._open = self._most_open = 0
        self._early: list[int] = []
        self._first_s = self._last_s = self._silence_s = 0.0
        self._last_of_key = [0.0] * self.keys

    def on_event(self, n: int, transport: asyncio.Transport) -> None:
        """One whole request has come."""
        self._requests += 1
        if not 0 <= n < len(self.seen):
            self._strangers += 1
            transport.write(_ACCEPTED)
            return
        now = time.monotonic()
        self._first_s = self._first_s or now
        if self.keys:
            self._look_at_key(n, now)
        if self._share and self._chance() < self._share:
            self._refused += 1
            transport.write(_FAILED)
            return
        delay_s = self._slow_s if self._slow_every and n % self.keys % self._slow_every == 0 else self._delay_s
        if delay_s:
            self._open += 1
            self._most_open = max(self._most_open, self._open)
            asyncio.get_running_loop().call_later(delay_s, self._taken_late, n, transport)
        else:
            self._taken(n, transport)

    def _look_at_key(self, n: int, now: float) -> None:
        before, key = n - self.keys, n % self.keys
        if before >= 0 and not self.seen[before]:
            self._early_count += 1
            if len(self._early) < _SHOWN:
                self._early.append(n)
        if last := self._last_of_key[key]:
            self._silence_s = max(self._silence_s, now - last)
        self._last_of_key[key] = now

    def _taken_late(self, n: int, transport: asyncio.Transport) -> None:
        self._open -= 1
        self._taken(n, transport)

    def _taken(self, n: int, transport: asyncio.Transport) -> None:
        """What is done is done, even where the dispatcher that asked is gone."""
        self._delivered += 1
        times = self.seen[n] + 1
        self._distinct += times == 1
        self._most_times = max(self._most_times, times)
        self.seen[n] = min(times, 255)
        self._last_s = time.monotonic()
        if not transport.is_closing():
            transport.write(_ACCEPTED)

    def account(self) -> dict[str, Any]:
        """See `End`; times are of the machine's monotonic clock, and `silence_s` is the longest of a key since last asked."""
        silence_s, self._silence_s = self._silence_s, 0.0
        return {
            "requests": self._requests,
            "distinct": self._distinct,
            "duplicates": self._delivered - self._distinct,
            "most_times": self._most_times,
            "refused": self._refused,
            "strangers": self._strangers,
            "early_count": self._early_count,
            "early": self._early,
            "most_open": self._most_open,
            "first_s": self._first_s,
            "last_s": self._last_s,
            "silence_s": silence_s,
        }


class Door(asyncio.Protocol):
    """One connection to the subscriber; reads no more of HTTP than an event's id and the length of its body."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        pending = self._pending + data if self._pending else data
        while (end := pending.find(b"\r\n\r\n")) >= 0:
            head = pending[: end + 2].lower()
            length = _number(head, b"\r\ncontent-length:") or 0
            if len(pending) < end + 4 + length:
                break
            pending = pending[end + 4 + length :]
            number = _number(head, b"\r\nce-id:")
            self._subscriber.on_event(-1 if number is None else number, self._transport)
        self._pending = pending


def _number(head: bytes, name: bytes) -> int | None:
    at = head.find(name)
    if at < 0:
        return None
    text = head[at + len(name) : head.index(b"\r", at + 2)].strip()
    return int(text) if text.isdigit() else None


class Sender:
    """Sends batches on a few connections, each with keys of its own, so that each key's events are accepted in order."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.seen = bytearray(options.events)
        self._keys, self._connections, self._rate = options.keys, options.connections, options.rate
        url = urlsplit(options.url)
        self._host, self._port = url.hostname or "127.0.0.1", url.port or 80
        self._head = (
            f"POST {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\n"
            "Content-Type: application/cloudevents-batch+json\r\nContent-Length: "
        ).encode()
        self._data = "x" * options.size
        self._accepted = self._again = 0
        self._took_s = 0.0
        self._trouble = ""

    async def run(self) -> None:
        """Send everything, each batch until it is accepted."""
        self._began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(self._connections):
                group.create_task(self._send(number))
        self._took_s = time.monotonic() - self._began

    async def _send(self, number: int) -> None:
        share = self._keys // self._connections
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        for first in range(number * share, len(self.seen), self._keys):
            batch = range(first, min(first + share, len(self.seen)))
            if self._rate:
                await asyncio.sleep(self._began + first / self._rate - time.monotonic())
            request = self._request(batch)
            while True:
                try:
                    streams = streams or await asyncio.open_connection(self._host, self._port)
                    code = await _exchange(*streams, request)
                except (OSError, asyncio.IncompleteReadError) as error:
                    streams, code, self._trouble = None, 0, repr(error)
                if code == 202:
                    break
                self._trouble = f"answer {code}" if code else self._trouble
                self._again += 1
                await asyncio.sleep(_AGAIN_S)
            self._accepted += len(batch)
            for n in batch:
                self.seen[n] = 1
        if streams is not None:
            streams[1].close()

    def _request(self, batch: range) -> bytes:
        events = ",".join(
            f'{{"specversion":"1.0","type":"dev.kanal.bench","source":"/bench","id":"{n}",'
            f'"partitionkey":"{n % self._keys}","data":"{self._data}"}}'
            for n in batch
        )
        return b"%b%d\r\n\r\n[%b]" % (self._head, len(events) + 2, events.encode())

    def account(self) -> dict[str, Any]:
        """See `End`; `took_s` is 0 until everything is accepted."""
        return {"accepted": self._accepted, "again": self._again, "took_s": self._took_s, "trouble": self._trouble}


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    await reader.readexactly(_number(head, b"\r\ncontent-length:") or 0)
    return int(head[9:12])


async def _talk(end: End, hello: dict[str, Any]) -> None:
    """Answer the parent until it closes our input, or is gone."""
    print(json.dumps(hello), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        verb, _, file = line.strip().partition(" ")
        if verb == "save":
            await asyncio.to_thread(Path(file).write_bytes, end.seen)
        print(json.dumps(end.account()), flush=True)


async def _subscribe(options: argparse.Namespace) -> None:
    subscriber = Subscriber(options)
    server = await asyncio.get_running_loop().create_server(lambda: Door(subscriber), "127.0.0.1", 0, backlog=1_000)
    await _talk(subscriber, {"port": server.sockets[0].getsockname()[1]})


async def _send(options: argparse.Namespace) -> None:
    sender = Sender(options)
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(sender.run())
        await _talk(sender, {})
        sending.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    subscriber, sender = verbs.add_parser("subscriber"), verbs.add_parser("sender")
    for one in (subscriber, sender):
        one.add_argument("--events", type=int, required=True)
        one.add_argument("--keys", type=int, default=0)
    subscriber.add_argument("--delay-ms", type=float, default=0)
    subscriber.add_argument("--slow-ms", type=float, default=0)
    subscriber.add_argument("--slow-every", type=int, default=0)
    subscriber.add_argument("--fail", type=float, default=0)
    subscriber.add_argument("--seed", type=int, default=1)
    sender.add_argument("--url", required=True)
    sender.add_argument("--connections", type=int, default=10)
    sender.add_argument("--rate", type=float, default=0)
    sender.add_argument("--size", type=int, default=100)
    options = parser.parse_args()
    uvloop.run(_subscribe(options) if options.verb == "subscriber" else _send(options))


if __name__ == "__main__":
    main()
