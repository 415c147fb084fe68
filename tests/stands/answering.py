"""What the delivery cases share: answers by event, delivery blocks, an own Kafka, and roles as processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from confluent_kafka.admin import AdminClient
from raw_http import Answer, Peer, RawServer, Request
from stack import PATIENCE_S, Stack

from eventing.feed.topic import TopicFeed
from eventing.kafka.embedded import EmbeddedKafka, Options

KANAL = str(Path(sys.executable).parent / "kanal")


def status(code: int, headers: str = "", body: bytes = b"") -> bytes:
    """A whole answer."""
    return f"HTTP/1.1 {code} Said\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def by_id(choose: Callable[[str, int], Answer]) -> Answer:
    """Answer as `choose(id, nth time this id comes, from 1)` says."""
    seen: dict[str, int] = {}

    async def answer(peer: Peer, request: Request) -> None:
        id_ = request.header(b"ce-id")[0].decode()
        seen[id_] = seen.get(id_, 0) + 1
        await choose(id_, seen[id_])(peer, request)

    return answer


def delivery(dead_letters: RawServer | str | None = None, **fields: object) -> str:
    """A delivery block; the dead letter sink is a server or a URL."""
    uri = dead_letters.url if isinstance(dead_letters, RawServer) else dead_letters
    return f"delivery: {json.dumps({**fields, **({'deadLetterSink': {'uri': uri}} if uri else {})})}"


def extension(request: Request, name: str) -> str | None:
    """A CloudEvents attribute as the subscriber saw it."""
    found = request.header(b"ce-" + name.encode())
    return found[0].decode() if found else None


class RoomyServer(RawServer):
    """A `RawServer` that takes heads up to 256 KiB instead of 64."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, self._host, limit=262_144)
        self.port = self._server.sockets[0].getsockname()[1]
        return self


async def within(
    condition: Callable[[], Awaitable[bool]], deadline_s: float = PATIENCE_S, every_s: float = 0.1
) -> None:
    """Return when a condition that asks others holds; fail when it does not in time."""
    async with asyncio.timeout(deadline_s):
        while not await condition():
            await asyncio.sleep(every_s)


async def send_many(stack: Stack, events: list[Mapping[str, str]], channel: str = "c1") -> None:
    """Send events (attributes by name) as batches, in this order."""
    base = {"specversion": "1.0", "type": "t.a", "source": "/s"}
    for at in range(0, len(events), 100):
        batch = json.dumps([base | dict(one) for one in events[at : at + 100]]).encode()
        await stack.send({"Content-Type": "application/cloudevents-batch+json"}, batch, channel)


@dataclass(frozen=True)
class Member:
    """One member of a consumer group; its id changes when it leaves and joins again."""

    id: str
    partitions: frozenset[int]


async def members(kafka: str, group: str) -> list[Member]:
    """Who is in a consumer group now; nobody where there is no such group."""

    def ask() -> list[Member]:
        admin = AdminClient({"bootstrap.servers": kafka})
        described = admin.describe_consumer_groups([group], request_timeout=10)[group].result(10)
        return [
            Member(one.member_id, frozenset(p.partition for p in one.assignment.topic_partitions))
            for one in described.members
        ]

    return await asyncio.to_thread(ask)


async def groups(kafka: str) -> set[str]:
    """The names of all consumer groups."""
    admin = AdminClient({"bootstrap.servers": kafka})
    listed = await asyncio.to_thread(lambda: admin.list_consumer_groups(request_timeout=10).result(10))
    return {one.group_id for one in listed.valid}


async def shared_out(kafka: str, group: str, owners: int, partitions: int) -> None:
    """Return when so many members own all the partitions between them, each once."""

    async def settled() -> bool:
        now = await members(kafka, group)
        owned = sorted(p for one in now for p in one.partitions)
        return len(now) == owners and owned == list(range(partitions)) and all(one.partitions for one in now)

    await within(settled)


@asynccontextmanager
async def own_kafka(data: Path, port: int = 0, **properties: str) -> AsyncIterator[EmbeddedKafka]:
    """A Kafka that a test may break; dots in names of properties are underscores here."""
    named = {name.replace("_", "."): value for name, value in properties.items()}
    kafka = await EmbeddedKafka.start(Options(data=data, port=port, properties=named))
    try:
        yield kafka
    finally:
        await kafka.stop()


@asynccontextmanager
async def role(stack: Stack, name: str, **settings: object) -> AsyncIterator[asyncio.subprocess.Process]:
    """`kanal dispatcher` or `kanal channel` in a process of its own, on the stack's plan as it is now.

    `settings` are `group__field=value`. The test may kill it; else it ends by SIGTERM.
    """
    topic = f"{stack.ns}.plan"
    feed = TopicFeed(stack.settings.kafka, topic, stack.appender, stack.admin)
    try:
        await feed.publish(await stack.plan())
    finally:
        await feed.aclose()
    chosen = {"kafka__bootstrap": stack.bootstrap, "names__plan_topic": topic, **settings}
    environment = {f"KANAL_{key.upper()}": str(value) for key, value in chosen.items()}
    process = await asyncio.create_subprocess_exec(KANAL, name, env={**os.environ, **environment})
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
