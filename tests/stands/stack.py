"""The whole stack in the test's own process and event loop, on the session's real Kafka: what `kanal up` is made of.

Each stack has a namespace of its own, so its topics and groups are nobody else's. Subscribers are `RawServer`s.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition
from raw_http import Request, until
from reading import watermarks

from controller.operations import Operations
from controller.reconcile import Controller
from dispatcher.dispatcher import Dispatcher
from eventing.feed import Feed
from eventing.feed.direct import DirectFeed
from eventing.feed.kept import KeptFeed
from eventing.feed.topic import TopicFeed
from eventing.http import Response
from eventing.http.lean import LeanSender
from eventing.kafka import Admin, Appender
from eventing.kinds.condition import Condition
from eventing.kinds.meta import Features, Resource
from eventing.manifest import combine, read
from eventing.marks import unfinished
from eventing.plan.model import Egress, Plan
from eventing.settings import Settings
from eventing.store import Store
from eventing.store.memory import MemoryStore
from eventing.telemetry import Telemetry
from kanal.roles.channel import ingress
from kanal.roles.common import Clients, clients
from kanal.roles.controller import Applier, Control, controlling
from kanal.roles.dispatcher import dispatching
from kanal.roles.terms import features_of

PATIENCE_S = 30.0
BODY = b'{"n":1}'
_numbers = itertools.count(1)

CHANNEL = """
apiVersion: messaging.knative.dev/v1
kind: Channel
metadata: {{name: {name}, namespace: {ns}}}
spec:
  channelTemplate:
    apiVersion: messaging.knative.dev/v1beta1
    kind: KafkaChannel
    spec: {{numPartitions: {partitions}, replicationFactor: 1}}
"""
SUBSCRIPTION = """
apiVersion: messaging.knative.dev/v1
kind: Subscription
metadata: {{name: {name}, namespace: {ns}, annotations: {{{annotations}}}}}
spec:
  channel: {{apiVersion: messaging.knative.dev/v1, kind: Channel, name: {channel}}}
  subscriber: {{uri: "{subscriber}"}}
  {more}
"""
UNORDERED = 'kafka.eventing.knative.dev/delivery.order: "unordered"'


def good(id_: str | None = None, **attributes: str) -> dict[str, str]:
    """Headers of a valid binary event; underscores in names are none, since no attribute has one."""
    event = {"specversion": "1.0", "type": "t.a", "source": "/s", "id": id_ or f"e{next(_numbers)}", **attributes}
    return {**{f"ce-{name}": value for name, value in event.items()}, "Content-Type": "application/json"}


def ids(requests: list[Request]) -> list[str]:
    """The ids of what a subscriber got, in order of arrival."""
    return [one.header(b"ce-id")[0].decode() for one in requests]


async def _no_matter(_: str) -> None:
    """At home a namespace is nothing but a name."""


@dataclass
class Stack:
    """A running stack; `ns` is its namespace."""

    ns: str
    port: int
    store: Store
    admin: Admin
    telemetry: Telemetry
    dispatcher: Dispatcher
    controller: Controller
    operations: Operations
    sender: LeanSender
    bootstrap: str
    features: Features
    settings: Settings
    feed: Feed
    appender: Appender
    _applier: Applier
    _own_dispatcher: AsyncExitStack
    _dispatch: Callable[[Telemetry], AbstractAsyncContextManager[Dispatcher]]
    problems: list[str] = field(default_factory=list)
    new_namespace: Callable[[str], Awaitable[None]] = _no_matter
    """Makes a namespace, where there has to be one before anything can be in it."""
    _texts: dict[str, str] = field(default_factory=dict)

    async def apply(self, text: str) -> None:
        """Apply YAML; `{ns}` is filled in by the caller."""
        await self._applier.apply(combine([read(text, "test.yaml", self.features)]))

    async def channel(self, name: str = "c1", partitions: int = 3, more: str = "") -> str:
        """Apply a Channel and wait until it is Ready; its topic."""
        self._texts[f"channel {name}"] = CHANNEL.format(name=name, ns=self.ns, partitions=partitions) + more
        await self._apply_all()
        await self.ready("Channel", name)
        return f"knative-messaging-kafka.{self.ns}.{name}"

    async def subscription(
        self,
        subscriber: str,
        name: str = "s1",
        channel: str = "c1",
        more: str = "",
        annotations: str = "",
        *,
        wait: bool = True,
    ) -> None:
        """Apply a Subscription and, unless told otherwise, wait until it is Ready."""
        text = SUBSCRIPTION.format(
            name=name, ns=self.ns, channel=channel, subscriber=subscriber, more=more, annotations=annotations
        )
        self._texts[f"subscription {name}"] = text
        await self._apply_all()
        if wait:
            await self.ready("Subscription", name)

    async def remove(self, name: str) -> None:
        """Take a Subscription away."""
        del self._texts[f"subscription {name}"]
        await self._apply_all()

    async def _apply_all(self) -> None:
        self.problems.clear()
        await self.apply("\n---\n".join(self._texts.values()))
        assert self.problems == []

    def resource(self, kind: str, name: str) -> Resource | None:
        found = (r for r in self.store.list() if (r.KIND, r.metadata.name) == (kind, name))
        return next(found, None)

    def condition(self, kind: str, name: str, type_: str = "Ready") -> Condition | None:
        resource = self.resource(kind, name)
        conditions = () if resource is None else resource.status.get("conditions", ())
        return next((c for c in map(Condition.model_validate, conditions) if c.type == type_), None)

    def is_ready(self, kind: str, name: str) -> bool:
        resource, ready = self.resource(kind, name), self.condition(kind, name)
        if resource is None or ready is None:
            return False
        return ready.status == "True" and resource.status["observedGeneration"] == resource.metadata.generation

    async def ready(self, kind: str, name: str) -> None:
        try:
            await until(lambda: self.is_ready(kind, name), PATIENCE_S)
        except TimeoutError:
            raise AssertionError(f"{kind} {name} is not Ready: {self.condition(kind, name)}") from None

    def status(self, kind: str, name: str) -> Mapping[str, Any]:
        resource = self.resource(kind, name)
        return {} if resource is None else resource.status

    async def plan(self) -> Plan:
        """What the data plane was told last."""
        return await anext(aiter(self.feed.plans()))

    async def egress(self, name: str = "s1") -> Egress:
        egresses = (await self.plan()).egresses.values()
        return next(e for e in egresses if (e.namespace, e.name) == (self.ns, name))

    def another_dispatcher(self) -> AbstractAsyncContextManager[Dispatcher]:
        """A further replica on the same plan; what it counts is not in `counted`."""
        return self._dispatch(Telemetry())

    async def stop_dispatcher(self) -> None:
        """End the stack's own dispatcher before the stack ends, as SIGTERM does."""
        await self._own_dispatcher.aclose()

    @asynccontextmanager
    async def another_ingress(self) -> AsyncIterator[int]:
        """A further replica of the ingress, with a producer of its own; its port."""
        settings = dataclasses.replace(self.settings, ingress=dataclasses.replace(self.settings.ingress, port=0))
        async with (
            clients(settings) as own,
            ingress(settings, self.feed, own.appender, Telemetry()) as port,
        ):
            yield port

    def url(self, name: str = "c1") -> str:
        return f"http://127.0.0.1:{self.port}/{self.ns}/{name}"

    async def post(self, headers: Mapping[str, str] | None = None, body: bytes = BODY, channel: str = "c1") -> Response:
        pairs = [(name.encode(), value.encode()) for name, value in (headers or good()).items()]
        return await self.sender.post(self.url(channel), pairs, body, timeout_s=PATIENCE_S)

    async def send(self, headers: Mapping[str, str] | None = None, body: bytes = BODY, channel: str = "c1") -> None:
        """Send an event that must be accepted."""
        response = await self.post(headers, body, channel)
        assert response.status == 202, response

    async def caught_up(self, name: str = "s1") -> None:
        """Return when the subscription has committed everything in its topic."""
        egress = await self.egress(name)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                marks, spans = await asyncio.gather(
                    self.admin.marks(egress.group, egress.topic), self.admin.spans(egress.topic)
                )
                if not any(unfinished(mark, spans[p].end) for p, mark in marks.items()):
                    return
                await asyncio.sleep(0.05)

    async def records(self, topic: str) -> list[Message]:
        """Everything that lies in a topic, an empty list where there is none."""
        return await asyncio.to_thread(_read_all, self.bootstrap, topic)

    async def buried(self, name: str = "s1") -> list[Message]:
        """What lies in a subscription's dead letter topic."""
        return await self.records(f"kanal-dead-letters.{self.ns}.{name}")

    def counted(self, outcome: str, name: str = "s1", kind: str = "Subscription") -> float:
        labels = {"kind": kind, "namespace": self.ns, "name": name, "outcome": outcome}
        return self.telemetry.registry.get_sample_value("kanal_dispatcher_events_total", labels) or 0.0


def _read_all(bootstrap: str, topic: str) -> list[Message]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "reads",
            "enable.auto.commit": False,
            "allow.auto.create.topics": False,
        }
    )
    try:
        spans = watermarks(consumer, topic)
        wanted = sum(end - first for first, end in spans.values())
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in spans])
        records = [message for message in consumer.consume(wanted, 20) if message.error() is None] if wanted else []
        assert len(records) == wanted
        return records
    finally:
        consumer.close()


Home = Callable[[Settings, Feed, Clients, Telemetry], AbstractAsyncContextManager[tuple[Store, Control]]]


@asynccontextmanager
async def in_memory(
    settings: Settings, feed: Feed, kafka: Clients, telemetry: Telemetry
) -> AsyncIterator[tuple[Store, Control]]:
    """A controller of resources that live in memory."""
    store = MemoryStore(lambda: datetime.now(UTC))
    async with controlling(settings, store, feed, kafka) as control:
        yield store, control


@asynccontextmanager
async def running(
    kafka: str, /, *, home: Home = in_memory, plan_topic: str = "", **groups: Mapping[str, Any]
) -> AsyncIterator[Stack]:
    """A stack on this Kafka; `groups` change settings, for instance `delivery={"timeout_s": 1.0}`.

    `home` is where the resources live; with a `plan_topic` the plan is kept there too.
    """
    changes: dict[str, dict[str, Any]] = {
        "kafka": {"bootstrap": kafka},
        "ingress": {"port": 0},
        "delivery": {"commit_interval_s": 0.1},
        "control": {"resync_s": 1.0},
    }
    for group, values in groups.items():
        changes.setdefault(group, {}).update(values)
    settings = Settings(
        **{name: dataclasses.replace(getattr(Settings(), name), **values) for name, values in changes.items()}
    )
    problems: list[str] = []
    async with AsyncExitStack() as open_:
        telemetry, feed = Telemetry(), cast("Feed", DirectFeed())
        to_kafka = await open_.enter_async_context(clients(settings))
        if plan_topic:
            record = TopicFeed(settings.kafka, plan_topic, to_kafka.appender, to_kafka.admin)
            open_.push_async_callback(record.aclose)
            feed = KeptFeed(feed, record)
        port = await open_.enter_async_context(ingress(settings, feed, to_kafka.appender, telemetry))
        settings = dataclasses.replace(
            settings,
            ingress=dataclasses.replace(settings.ingress, port=port, public_url=f"http://127.0.0.1:{port}"),
        )

        def dispatch(counts: Telemetry) -> AbstractAsyncContextManager[Dispatcher]:
            return dispatching(settings, feed, to_kafka.appender, to_kafka.admin, counts)

        own_dispatcher = await open_.enter_async_context(AsyncExitStack())
        dispatcher = await own_dispatcher.enter_async_context(dispatch(telemetry))
        store, control = await open_.enter_async_context(home(settings, feed, to_kafka, telemetry))
        sender = LeanSender()
        open_.push_async_callback(sender.aclose)
        applier = Applier(store, settings, problems.append)
        yield Stack(
            f"test-{uuid.uuid4().hex[:10]}",
            port,
            store,
            to_kafka.admin,
            telemetry,
            dispatcher,
            control.controller,
            control.operations,
            sender,
            kafka,
            features_of(settings),
            settings,
            feed,
            to_kafka.appender,
            applier,
            own_dispatcher,
            dispatch,
            problems,
        )
