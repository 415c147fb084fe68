"""Operations on a Kafka in memory behind the real API, and `kanal` verbs typed against it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from control_stand import NOON, channel, compiled, resources, stored, subscription
from memory_kafka import MemoryKafka
from typer.testing import CliRunner

from controller.insight.lag import Gauger
from controller.insight.trace import Tracer
from controller.jobs import Jobs
from controller.letters import Letters
from controller.operations import Operations
from eventing.codec import kafka as kafka_codec
from eventing.errors import EventingError
from eventing.event import Event
from eventing.letters import marker
from eventing.marks import marked
from eventing.plan.model import Egress, Plan
from eventing.plan.options import Options
from eventing.store.memory import MemoryStore
from kanal.api.app import api
from kanal.api.insight import insight
from kanal.api.operations import operations
from kanal.cli import app
from kanal.serve import serving

GRAVES = "kanal-dead-letters.default.s1"
TRIGGER_GRAVES = "kanal-dead-letters-trigger.default.t1"
TRIGGER = """
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{broker: b1, subscriber: {{uri: "http://sink:9001"}}, filters: [{{exact: {{type: t.a}}}}]}}
"""


@dataclass
class Stand:
    """Subscription default/s1 of Channel default/c1, with two partitions of ten records, in an API at `server`."""

    kafka: MemoryKafka
    store: MemoryStore
    plan: Plan
    operations: Operations
    server: str
    egress: Egress

    async def kanal(self, *words: str, answer: str = "") -> str:
        """Type a verb that works; what it printed."""
        code, told = await self.typed(*words, answer=answer)
        assert code == 0, told
        return told

    async def refused(self, *words: str) -> str:
        """Type a verb that is refused; why."""
        code, told = await self.typed(*words)
        assert code == 1, told
        return told

    async def typed(self, *words: str, answer: str = "") -> tuple[int, str]:
        def run() -> Any:
            return CliRunner().invoke(app, [*words, "--server", self.server], input=answer)

        result = await asyncio.to_thread(run)
        if isinstance(result.exception, EventingError):
            return 1, str(result.exception)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output

    async def trigger(self, name: str = "t1", namespace: str = "default") -> Egress:
        """Add a Trigger of a broker whose topic has one partition of ten records, delivered up to the last one."""
        for one in resources(TRIGGER.format(name=name, namespace=namespace)):
            uid = (await self.store.apply(one)).metadata.uid
        topic, graves = f"broker-{name}", f"kanal-dead-letters-trigger.{namespace}.{name}"
        own = {"filters": ({"exact": {"type": "t.a"}},), "reply": "http://broker", "reply_topic": topic, "ttl": 7}
        egress = Egress(uid, "Trigger", namespace, name, topic, f"g-{name}", "http://sink", graves, **own)  # type: ignore[arg-type]
        self.plan = Plan(egresses={**self.plan.egresses, uid: egress})
        self.kafka.create_topic(topic, 1)
        for _ in range(10):
            self.kafka.topics[topic].append(topic, None, b"", [], self.kafka.now_ms)
        self.kafka.group(egress.group).marks[0] = marked(10, ())
        return egress

    def bury(self, id_: str, data: bytes | None = b"{}", *, in_: str = GRAVES, **attributes: str) -> None:
        """Keep an event as a dead letter."""
        told = {"kanalreason": "subscriber answered 500", "kanalattempts": "4", "knativeerrorcode": "500"}
        told |= {"kanallastattempt": "2026-11-25T11:00:00.000Z", "datacontenttype": "application/json"}
        event = Event({"specversion": "1.0", "id": id_, "source": "/s", "type": "t.a", **told, **attributes}, data)
        self._append(in_, *kafka_codec.to_record(event))

    def mark(self, offset: int, *, in_: str = GRAVES) -> None:
        """What a dispatcher does when a letter has been redelivered."""
        self._append(in_, None, None, marker(offset, "delivered", "2026-11-25T12:00:00.000Z"))

    def _append(self, topic: str, key: bytes | None, value: bytes | None, headers: Any) -> None:
        if topic not in self.kafka.topics:
            self.kafka.create_topic(topic, 1)
        self.kafka.topics[topic].append(topic, key, value, headers, self.kafka.now_ms)


@asynccontextmanager
async def standing() -> AsyncIterator[Stand]:
    text = channel() + subscription()
    store, kafka = await stored(text, MemoryStore(lambda: NOON)), MemoryKafka()
    (egress,) = (await compiled(text)).plan.egresses.values()
    kafka.create_topic(egress.topic, 2)
    for _ in range(20):
        kafka.topics[egress.topic].append(egress.topic, None, b"", [], kafka.now_ms)
    kafka.group(egress.group).marks.update({0: marked(10, ()), 1: marked(10, ())})
    admin, ids = kafka.admin(), itertools.count(1)
    async with Jobs(admin, lambda: None, lambda: f"j{next(ids)}") as jobs:
        letters = Letters(kafka.scanner(), admin, kafka.appender(), lambda: NOON)
        plan = Plan(egresses={egress.uid: egress})
        stand = Stand(kafka, store, plan, None, "", egress)  # type: ignore[arg-type]
        stand.operations = Operations(store, lambda: stand.plan, jobs, letters, admin, Options(), lambda: NOON)
        gauger = Gauger(admin, kafka.scanner(), "outcomes", 1.0, NOON.timestamp)
        tracer = Tracer(admin, kafka.scanner(), "outcomes", "all", NOON.timestamp, lambda: 0.0)
        routers = [operations(stand.operations), insight(gauger, tracer, lambda: stand.plan, NOON.timestamp)]
        served = api(store, ready=lambda: True, metrics=lambda: (b"text/plain", b""), routers=routers)
        async with serving(served, "127.0.0.1", 0, what="test") as port:
            stand.server = f"http://127.0.0.1:{port}"
            yield stand
