"""A courier, or a whole egress loop, with everything around it scripted: targets that answer by URL, and Kafka in memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from memory_kafka import MemoryKafka, MemoryReader
from raw_http import until

from dispatcher.budget import Budget, Limits
from dispatcher.deliver import Clock, Courier
from dispatcher.graveyard import Graveyard
from dispatcher.loop import EgressLoop
from dispatcher.outcome import Failed, Outcome
from dispatcher.replies import Replies
from eventing.http import RawHeaders, Response
from eventing.kafka import ReaderListener, appended
from eventing.plan.model import Egress, TopicSpec
from eventing.record import Record
from eventing.settings import Delivery
from eventing.verdict import RetryPolicy

SUBSCRIBER, REPLY, SINK = "http://subscriber/", "http://reply/", "http://sink/"
TOPIC, GROUP, GRAVES = "t", "g", "graves"
EVENT = {"specversion": "1.0", "id": "e0", "source": "/s", "type": "t.a"}
CE = [(b"ce-specversion", b"1.0"), (b"ce-type", b"t.reply"), (b"ce-source", b"/r"), (b"ce-id", b"r")]


def answer(status: int, body: bytes = b"", *headers: tuple[bytes, bytes]) -> Response:
    return Response(status, headers, body)


def headers_of(id_: str) -> list[tuple[str, bytes | None]]:
    pairs = [(f"ce_{name}", value.encode()) for name, value in {**EVENT, "id": id_}.items()]
    return [*pairs, ("content-type", b"application/json")]


def record(
    offset: int = 0, key: str | None = None, partition: int = 0, extra: Sequence[tuple[str, bytes | None]] = ()
) -> Record:
    raw = None if key is None else key.encode()
    return Record(TOPIC, partition, offset, raw, b'{"n":1}', [*headers_of(f"e{offset}"), *extra])


@dataclass
class Post:
    """A request as a target saw it."""

    url: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    timeout_s: float

    def header(self, name: bytes) -> bytes | None:
        found = [value for key, value in self.headers if key == name]
        assert len(found) < 2
        return found[0] if found else None

    def attributes(self) -> dict[bytes, bytes]:
        return {key[3:]: value for key, value in self.headers if key.startswith(b"ce-")}

    @property
    def id(self) -> str:
        return (self.header(b"ce-id") or b"").decode()


Said = Response | Exception | int


class Stand:
    """One egress; a `Sender`, a `Listener`, a nap and a clock that never moves."""

    def __init__(self, settings: Delivery | None = None, order: str = "ordered") -> None:
        self.egress = Egress(
            "uid",
            "Subscription",
            "ns",
            "s1",
            TOPIC,
            GROUP,
            SUBSCRIBER,
            GRAVES,
            reply=REPLY,
            dead_letter=SINK,
            policy=RetryPolicy(retry=2, backoff="linear", delay_s=0.2, timeout_s=3.0),
            order=order,  # type: ignore[arg-type]
        )
        self.kafka = MemoryKafka()
        self.settings = settings or Delivery(commit_interval_s=0.01, drain_s=5.0)
        self.budget = Budget(Limits(self.settings.process_events, self.settings.process_kib * 1024))
        self.clock = Clock(lambda: 1_000_000.0, lambda: 0.0, lambda: 0.0)
        self.graveyard = Graveyard(self.kafka.appender(), self.kafka.admin(), {"retention.ms": "-1"}, 1)
        self.replies = Replies(self.kafka.appender())
        self.posts: list[Post] = []
        self.naps: list[float] = []
        self.on_nap: Callable[[], object] = lambda: None
        self.attempts: list[tuple[str, int | None]] = []
        self.failures: list[tuple[int, Failed]] = []
        self.ended_with: list[tuple[int, int, Outcome]] = []
        self.filtered = 0
        self.held: dict[str, asyncio.Event] = {}
        self._script: dict[str, list[Said]] = {}
        self.readers: list[MemoryReader] = []
        self.couriers: list[Courier] = []

    def says(self, url: str, *answers: Said) -> None:
        """What this URL answers, one after the other; the last again and again. Everything else answers 202."""
        self._script[url] = list(answers)

    def hold(self, id_: str) -> asyncio.Event:
        """The event of this id is not answered before the returned event is set."""
        return self.held.setdefault(id_, asyncio.Event())

    def change(self, **fields: Any) -> None:
        self.egress = replace(self.egress, **fields)
        for courier in self.couriers:
            courier.egress = self.egress

    def policy(self, **fields: Any) -> None:
        self.change(policy=replace(self.egress.policy, **fields))

    @property
    def targets(self) -> list[str]:
        return [post.url for post in self.posts]

    @property
    def ids(self) -> list[str]:
        return [post.id for post in self.posts]

    def kept(self) -> list[dict[str, str]]:
        """The headers of what lies in the dead letter topic."""
        return [{name: (value or b"").decode() for name, value in one.headers} for one in self.kafka.records(GRAVES)]

    async def deliver(self, one: Record | None = None) -> Outcome:
        """Let a courier deliver one record; waits take no time."""
        courier = Courier(self.egress, self, self.graveyard, self.replies, self, self.clock, self._nap)
        self.couriers.append(courier)
        return await courier.deliver(one or record())

    async def _nap(self, _: Record, seconds: float) -> None:
        self.naps.append(seconds)
        self.on_nap()

    async def post(self, url: str, headers: RawHeaders, body: bytes, *, timeout_s: float) -> Response:
        post = Post(url, list(headers), body, timeout_s)
        self.posts.append(post)
        if post.id in self.held:
            await self.held[post.id].wait()
        script = self._script.get(url, [202])
        said = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(said, Exception):
            raise said
        return Response(said, (), b"") if isinstance(said, int) else said

    async def aclose(self) -> None: ...

    def attempted(self, egress: Egress, record: Record, target: str, status: int | None, seconds: float) -> None:
        self.attempts.append((target, status))

    def waits(self, egress: Egress, record: Record, failed: Failed) -> None:
        self.failures.append((record.offset, failed))

    def ended(self, egress: Egress, record: Record, outcome: Outcome) -> None:
        self.ended_with.append((record.partition, record.offset, outcome))

    def passed_over(self, egress: Egress, records: int) -> None:
        self.filtered += records

    # With a loop

    def reader(self, egress: Egress, listener: ReaderListener) -> MemoryReader:
        self.readers.append(self.kafka.reader(egress.topic, egress.group, listener))
        return self.readers[-1]

    def loop(self, egress: Egress | None = None) -> EgressLoop:
        return EgressLoop(
            egress or self.egress,
            sender=self,
            graveyard=self.graveyard,
            replies=self.replies,
            listener=self,
            clock=self.clock,
            settings=self.settings,
            budget=self.budget,
            readers=self.reader,
            scanner=self.kafka.scanner(),
        )

    async def topic(self, partitions: int = 1, name: str = TOPIC) -> None:
        await self.kafka.admin().create_topic(TopicSpec(name, partitions))

    async def send(self, *ids: str, key: str | None = None, data: bytes = b"{}") -> None:
        """Put events into the topic."""
        raw = None if key is None else key.encode()
        for id_ in ids:
            await appended(self.kafka.appender(), TOPIC, raw, data, headers_of(id_))

    @contextlib.asynccontextmanager
    async def running(self) -> Any:
        """A loop at work, which owns its partitions; everything that is held is let go at the end."""
        loop = self.loop()
        loop.start()
        await until(lambda: self.readers[-1].positions)
        try:
            yield loop
        finally:
            for event in self.held.values():
                event.set()
            await loop.aclose()

    def committed(self, partition: int = 0) -> int:
        """The first offset that is not committed, -1 where nothing is."""
        marks = self.kafka.committed(GROUP)
        return marks[partition].offset if partition in marks else -1
