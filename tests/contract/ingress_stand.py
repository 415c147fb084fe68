"""The real ingress on a free port, a stand-in for Kafka behind it, and a client that speaks bytes."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from channel.app import create_app
from channel.ingress import EventIngress, Noticed
from channel.server import Server
from eventing import settings
from eventing.codec import http, kafka
from eventing.errors import EventingError
from eventing.kafka import Done, Headers, Position
from eventing.plan.model import Ingress, Plan
from eventing.telemetry import IngressMetrics, Telemetry

PATH = "/default/c1"
HOST = "c1-kn-channel.default.svc.cluster.local"
PLAN = Plan(
    ingresses={
        "uid-1": Ingress("uid-1", "Channel", "default", "c1", "topic-1", PATH, (HOST,)),
        "uid-2": Ingress("uid-2", "Channel", "other", "c2", "topic-2", "/other/c2"),
    }
)
GOOD = {
    "ce-specversion": "1.0",
    "ce-type": "t.a",
    "ce-source": "/s",
    "ce-id": "1",
    "Content-Type": "application/json",
}
BODY = b'{"n":1}'


@dataclass
class Stored:
    """A record that Kafka was given."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def attributes(self) -> dict[str, str]:
        return {name: (value or b"").decode() for name, value in self.headers}

    def delivered(self) -> list[tuple[bytes, bytes]]:
        """The headers with which a subscriber would get it."""
        return http.encode_binary(kafka.from_record(self.headers, self.value))[0]


@dataclass
class FakeKafka:
    """Acknowledges everything, unless told how to answer the nth append; `hold` keeps the answers back."""

    stored: list[Stored] = field(default_factory=list)
    answers: list[EventingError | None] = field(default_factory=list)
    refuse: list[EventingError | None] = field(default_factory=list)
    hold: bool = False
    _held: list[tuple[Done, Position | EventingError]] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def append(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, done: Done) -> None:
        refusal = self.refuse.pop(0) if self.refuse else None
        if refusal is not None:
            raise refusal
        failure = self.answers.pop(0) if self.answers else None
        if failure is None:
            self.stored.append(Stored(topic, key, value, headers))
        self._held.append((done, failure or Position(0, len(self.stored))))
        self._changed.set()
        if not self.hold:
            asyncio.get_running_loop().call_soon(self.release)

    def release(self) -> None:
        held, self._held = self._held, []
        for done, outcome in held:
            done(outcome)

    async def given(self, number: int) -> None:
        """Wait until this many appends await their answer."""
        while len(self._held) < number:
            self._changed.clear()
            await self._changed.wait()

    async def aclose(self) -> None:
        """Nothing to close."""


@dataclass
class Reply:
    """An answer as it came."""

    status: int
    headers: list[tuple[str, str]]
    body: str

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key == name]
        assert len(found) < 2, found
        return found[0] if found else None


class Client:
    """One connection to the ingress."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def flood(self, piece: bytes, most: int) -> int:
        """Send the piece again and again until the ingress closes or `most` bytes are on their way; how many those are."""
        sent = 0
        with suppress(ConnectionError):
            while sent < most:
                await self.send(piece)
                sent += len(piece)
        return sent

    async def reply(self, *, head_only: bool = False) -> Reply:
        async with asyncio.timeout(20):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *lines = head.rstrip("\r\n").split("\r\n")
            headers = [(name.lower(), value.strip()) for name, _, value in (one.partition(":") for one in lines)]
            reply = Reply(int(line.split()[1]), headers, "")
            if not head_only and reply.status >= 200:
                reply.body = (await self.reader.readexactly(int(reply.header("content-length") or 0))).decode()
        return reply

    async def ended(self) -> bytes:
        """What still comes until the ingress closes the connection."""
        async with asyncio.timeout(20):
            with suppress(ConnectionError):
                return await self.reader.read()
        return b""

    def close(self) -> None:
        self.writer.close()


def request(
    headers: dict[str, str | bytes] | Iterable[tuple[str, str | bytes]],
    body: bytes | None = b"",
    *,
    method: str = "POST",
    path: str = PATH,
    host: str = "localhost",
) -> bytes:
    """A request in bytes; header names as they stand, repeated where they repeat; no Content-Length for body None."""
    pairs = headers.items() if isinstance(headers, dict) else headers
    lines = [f"{method} {path} HTTP/1.1".encode(), f"Host: {host}".encode()]
    lines += [name.encode() + b": " + (value if isinstance(value, bytes) else value.encode()) for name, value in pairs]
    if body is not None:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body or b""])


@dataclass
class Stand:
    """The ingress under test."""

    server: Server
    events: EventIngress
    kafka: FakeKafka
    telemetry: Telemetry
    clients: list[Client] = field(default_factory=list)

    async def connect(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.server.port, limit=2**20))
        self.clients.append(client)
        return client

    async def tell(self, raw: bytes) -> Reply:
        """Send one request on a connection of its own."""
        client = await self.connect()
        await client.send(raw)
        reply = await client.reply(head_only=raw.startswith(b"HEAD "))
        client.close()
        return reply

    async def post(
        self, headers: dict[str, str | bytes] | Iterable[tuple[str, str | bytes]], body: bytes = BODY
    ) -> Reply:
        return await self.tell(request(headers, body))

    async def post_structured(self, text: str, content_type: str = "application/cloudevents+json") -> Reply:
        return await self.post({"Content-Type": content_type}, text.encode())

    async def accepted(
        self, headers: dict[str, str | bytes] | Iterable[tuple[str, str | bytes]], body: bytes = BODY
    ) -> Stored:
        """The record of an event that must be accepted."""
        before = len(self.kafka.stored)
        reply = await self.post(headers, body)
        assert (reply.status, reply.body) == (202, "")
        assert len(self.kafka.stored) == before + 1
        return self.kafka.stored[-1]

    def metric(self, sample: str, /, **labels: str) -> float:
        return self.telemetry.registry.get_sample_value(sample, labels) or 0.0


@asynccontextmanager
async def ingress(
    *,
    plan: Plan | None = PLAN,
    not_ready: Callable[[], str] = str,
    host: str = "127.0.0.1",
    noticed: Noticed | None = None,
    **limits: float,
) -> AsyncIterator[Stand]:
    """Serve while inside; limits are fields of the ingress settings."""
    wanted = settings.Ingress(host=host, port=0, **limits)  # type: ignore[arg-type]
    telemetry, fake = Telemetry(), FakeKafka()
    events = EventIngress(fake, IngressMetrics(telemetry), wanted, noticed)
    if plan is not None:
        events.replace(plan)
    server = await Server.start(
        create_app(events, telemetry, not_ready),
        wanted.host,
        wanted.port,
        where="ingress",
        setting="ingress.port",
        keep_alive_s=wanted.keep_alive_s,
    )
    stand = Stand(server, events, fake, telemetry)
    try:
        yield stand
    finally:
        for client in stand.clients:
            client.close()
        fake.release()
        await server.aclose(grace_s=1.0)


def structured(**members: object) -> str:
    return json.dumps({"specversion": "1.0", "type": "t.a", "source": "/s", "id": "1", **members}, ensure_ascii=False)


def taken_port() -> socket.socket:
    """A socket that listens on a port of 127.0.0.1."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener
