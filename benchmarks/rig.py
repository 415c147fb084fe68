"""What the larger benchmarks share: a Kafka, the real roles as processes, the two ends of the way, and what they cost.

A `Rig` is a context: whatever was started inside it has ended when it is left, by an error, ctrl-C or SIGTERM too; even a
benchmark that is killed takes its children along, because a guard shell of each sees the end of our pipe. On a Kafka of
your own (`--kafka`) all topics and groups carry the run's own prefix and are deleted at the end.

It measures; it judges nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import io
import json
import math
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from process import Process, processor_s, status

from eventing.kafka.embedded import EmbeddedKafka, Options

KANAL = str(Path(sys.executable).parent / "kanal")
ENDS = str(Path(__file__).with_name("ends.py"))
NAMESPACE = "default"
_FIRST_PORT, _EPHEMERAL = 21_000, 32_000
_NAMES = {
    "channel_topic": "{namespace}.{name}",
    "subscription_group": "group.{name}",
    "dead_letter_topic": "dead.{name}",
    "broker_topic": "{namespace}.{name}",
    "trigger_group": "group.{name}",
    "trigger_dead_letter_topic": "dead.{name}",
    "event_types_topic": "eventtypes",
    "outcome_topic": "outcomes",
    "plan_topic": "plan",
    "resources_topic": "resources",
}


def arguments(text: str | None, events: int = 0) -> argparse.ArgumentParser:
    """A parser with what every benchmark takes; `text` is the module's, of which the first line is shown."""
    parser = argparse.ArgumentParser(description=(text or "").splitlines()[0])
    if events:
        parser.add_argument("--events", type=int, default=events, help=f"how many; {events:,} by default")
    parser.add_argument("--kafka", default="", metavar="HOST:PORT", help="a Kafka that runs; else an embedded one")
    parser.add_argument(
        "--set", action="append", default=[], metavar="GROUP.FIELD=VALUE", help="a setting of all roles"
    )
    return parser


def free_port() -> int:
    """A free port below those that Linux gives to clients, so that nobody's connection takes it before we listen."""
    for port in range(_FIRST_PORT + os.urandom(1)[0] * 40, _EPHEMERAL):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    sys.exit("no free port")


def soon(condition: Callable[[], bool], patience_s: float) -> bool:
    """Whether the condition holds within this time."""
    deadline = time.monotonic() + patience_s
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds


def until(condition: Callable[[], bool], patience_s: float, what: str) -> None:
    """Return when the condition holds; end the benchmark with `what` where it does not in time."""
    if not soon(condition, patience_s):
        sys.exit(f"not within {patience_s:g} s: {what}")


class Rig:
    """One benchmark's Kafka, roles and ends."""

    def __init__(self, options: argparse.Namespace, *, heap_mib: int = 512) -> None:
        self._settings: list[str] = options.set
        self._prefix = f"bench-{uuid.uuid4().hex[:8]}"
        self._embedded: EmbeddedKafka | None = None
        self.bootstrap: str = options.kafka
        self._heap_mib = heap_mib
        self._processes: list[Process] = []
        self._ports: dict[str, int] = {}

    def __enter__(self) -> Self:
        signal.signal(signal.SIGTERM, _end)
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(line_buffering=True)
        self.directory = Path(tempfile.mkdtemp(prefix="kanal-bench-"))
        try:
            if not self.bootstrap:
                options = Options(data=self.directory / "kafka", port=0, heap_mib=self._heap_mib)
                self._embedded = asyncio.run(EmbeddedKafka.start(options))
                self.bootstrap = self._embedded.bootstrap
            self.admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 2})
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        # A second ctrl-C must not leave half of it behind.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        for process in reversed(self._processes):
            process.stop()
        if self._embedded is not None:
            asyncio.run(self._embedded.stop())
        elif hasattr(self, "admin"):
            self._delete()
        shutil.rmtree(self.directory, ignore_errors=True)
        for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
            signal.signal(number, handler)
        if isinstance(error, KeyboardInterrupt):
            sys.exit(130)

    def role(self, verb: str, *more: str, name: str = "") -> Process:
        """Start `kanal VERB` on this Kafka."""
        port = self._ports.setdefault(name or verb, free_port())
        named = [f"names.{key}={self._prefix}.{value}" for key, value in _NAMES.items()]
        chosen = [word for setting in (*named, *self._settings) for word in ("--set", setting)]
        command = [
            KANAL,
            verb,
            *more,
            "--kafka",
            self.bootstrap,
            "--port",
            str(port),
            "--log-level",
            "warning",
            *chosen,
        ]
        return self._started(name or verb, command)

    def port(self, role: str) -> int:
        """Where a role listens."""
        return self._ports[role]

    def end(self, name: str, *words: object) -> Process:
        """Start a subscriber or a sender of `ends.py`; it answers `account` and `save FILE`."""
        return self._started(name, [sys.executable, ENDS, *map(str, words)], talks=True)

    def subscriber(self, name: str, **options: object) -> tuple[Process, str]:
        """Start a subscriber with these options of `ends.py`, and its URL."""
        words = [word for key, value in options.items() for word in (f"--{key.replace('_', '-')}", value)]
        end = self.end(name, "subscriber", *words)
        return end, f"http://127.0.0.1:{end.hello['port']}/{name}"

    def _started(self, name: str, command: Sequence[str], *, talks: bool = False) -> Process:
        process = Process(name, command, self.directory / f"{name}.log", talks=talks)
        self._processes.append(process)
        process.greet()
        return process

    def control(self, resources: str, *, patience_s: float = 60.0) -> tuple[Process, Process]:
        """Start an ingress and a controller on these resources; both, when every Subscription and Trigger is Ready."""
        file = self.directory / "resources.yaml"
        file.write_text(resources)
        ingress = self.role("channel")
        self.ingress = f"http://127.0.0.1:{self._ports['channel']}"
        controller = self.role("controller", str(file), "--set", f"ingress.public_url={self.ingress}")
        until(self._all_ready, patience_s, "every Subscription and Trigger is Ready")
        return ingress, controller

    def _all_ready(self) -> bool:
        for process in self._processes:
            process.look()
        address = http.client.HTTPConnection("127.0.0.1", self._ports["controller"], timeout=5)
        try:
            found = []
            for kind in ("messaging.knative.dev/v1/subscriptions", "eventing.knative.dev/v1/triggers"):
                address.request("GET", f"/apis/{kind}")
                found += json.loads(address.getresponse().read()).get("items") or []
        except (OSError, ValueError, http.client.HTTPException):
            return False
        finally:
            address.close()
        conditions = [{c["type"]: c["status"] for c in one.get("status", {}).get("conditions", ())} for one in found]
        return bool(conditions) and all(one.get("Ready") == "True" for one in conditions)

    @property
    def broker_s(self) -> float:
        """Processor seconds of the embedded Kafka; not a number where it is another's."""
        return processor_s(self._embedded.pid) if self._embedded else float("nan")

    @property
    def broker_mib(self) -> float:
        """Resident memory of the embedded Kafka; not a number where it is another's."""
        return status(self._embedded.pid, "VmRSS") / 1024 if self._embedded else float("nan")

    def topic(self, channel: str) -> str:
        """The topic of a channel."""
        return f"{self._prefix}.{NAMESPACE}.{channel}"

    def dead(self, subscription: str) -> int:
        """How many records are in a subscription's dead letter topic."""
        return sum(self._ends(f"{self._prefix}.dead.{subscription}").values())

    def dead_letters(self, subscription: str) -> set[int]:
        """The ids in a subscription's dead letter topic."""
        name = f"{self._prefix}.dead.{subscription}"
        ends = self._ends(name)
        found: set[int] = set()
        if not sum(ends.values()):
            return found
        consumer = Consumer(
            {"bootstrap.servers": self.bootstrap, "group.id": self._prefix, "enable.auto.commit": False}
        )
        consumer.assign([TopicPartition(name, partition, 0) for partition in ends])
        left = sum(ends.values())
        while left and (message := consumer.poll(10.0)) is not None:
            left -= 1
            found.add(int(dict(message.headers() or ()).get("ce_id") or -1))
        consumer.close()
        return found

    def lag(self, channel: str, subscription: str) -> int:
        """Records of the channel that the subscription's group has not committed."""
        group, ends = f"{self._prefix}.group.{subscription}", self._ends(self.topic(channel))
        asked = self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
        offsets = {one.partition: max(one.offset, 0) for one in asked[group].result(10).topic_partitions}
        return sum(end - offsets.get(partition, 0) for partition, end in ends.items())

    def members(self, *subscriptions: str) -> list[int]:
        """How many partitions each member of these subscriptions' groups has."""
        asked = self.admin.describe_consumer_groups([f"{self._prefix}.group.{name}" for name in subscriptions])
        groups = [one.result(30) for one in asked.values()]
        return [len(member.assignment.topic_partitions) for group in groups for member in group.members]

    def _ends(self, topic: str) -> dict[int, int]:
        found = self.admin.list_topics(topic, timeout=10).topics[topic]
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        asked = self.admin.list_offsets({TopicPartition(topic, p): latest for p in found.partitions})
        return {one.partition: answer.result(10).offset for one, answer in asked.items()}

    def fill(
        self, channel: str, events: int, keys: int, size: int, types: int = 1, per_second: float = math.inf
    ) -> float:
        """Write events straight into the topic of a channel or broker, at most so many a second; seconds it took.

        Ids count from 0, keys (0: none) and types, `dev.kanal.bench` with a number behind it, come in turn.
        """
        failures: list[str] = []
        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "partitioner": "murmur2_random",
                "acks": "all",
                "linger.ms": 20,
                "batch.size": 900_000,
                "queue.buffering.max.kbytes": 32_768,
                "delivery.report.only.error": True,
                "on_delivery": lambda error, _: failures.append(str(error)),
            }
        )
        topic, data, began = self.topic(channel), b"x" * size, time.monotonic()
        common: list[tuple[str, str | bytes | None]] = [
            ("ce_specversion", b"1.0"),
            ("ce_source", b"/bench"),
        ]
        for n in range(events):
            key = b"%d" % (n % keys) if keys else None
            type_ = b"dev.kanal.bench%d" % (n % types) if types > 1 else b"dev.kanal.bench"
            own: list[tuple[str, str | bytes | None]] = [("ce_id", b"%d" % n), ("ce_type", type_)]
            headers = [*common, *own, *([("ce_partitionkey", key)] if key else [])]
            if n % 100 == 0 and (early := began + n / per_second - time.monotonic()) > 0:
                producer.flush()
                time.sleep(early)
            while True:
                try:
                    producer.produce(topic, data, key, headers=headers)
                    break
                except BufferError:
                    producer.poll(0.1)
        producer.flush()
        if failures:
            sys.exit(f"{len(failures)} events could not be written: {failures[0]}")
        return time.monotonic() - began

    def _delete(self) -> None:
        """Remove what this run made in another's Kafka."""
        try:
            topics = [name for name in self.admin.list_topics(timeout=10).topics if name.startswith(self._prefix)]
            groups = [one.group_id for one in self.admin.list_consumer_groups().result(10).valid]
            mine = [name for name in groups if name.startswith(self._prefix)]
            pending = [*(self.admin.delete_topics(topics) if topics else {}).values()]
            pending += [*(self.admin.delete_consumer_groups(mine) if mine else {}).values()]
            for one in pending:
                one.result(30)
        except KafkaException as error:
            print(f"what begins with {self._prefix} in {self.bootstrap} could not be deleted: {error}", file=sys.stderr)


def _end(_: int, __: FrameType | None) -> None:
    sys.exit(143)


def channel(name: str, partitions: int) -> str:
    """A Channel's YAML."""
    return f"""
apiVersion: messaging.knative.dev/v1
kind: Channel
metadata: {{name: {name}}}
spec:
  channelTemplate:
    apiVersion: messaging.knative.dev/v1beta1
    kind: KafkaChannel
    spec: {{numPartitions: {partitions}, replicationFactor: 1}}
"""


def subscription(name: str, channel: str, url: str, *, delivery: str = "{}", order: str = "ordered") -> str:
    """A Subscription's YAML."""
    return f"""
apiVersion: messaging.knative.dev/v1
kind: Subscription
metadata: {{name: {name}, annotations: {{kafka.eventing.knative.dev/delivery.order: {order}}}}}
spec:
  channel: {{apiVersion: messaging.knative.dev/v1, kind: Channel, name: {channel}}}
  subscriber: {{uri: "{url}"}}
  delivery: {delivery}
"""


def broker(name: str, partitions: int) -> str:
    """A Broker's YAML, with its ConfigMap."""
    return f"""
apiVersion: v1
kind: ConfigMap
metadata: {{name: {name}}}
data: {{default.topic.partitions: "{partitions}", default.topic.replication.factor: "1"}}
---
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: {{name: {name}, annotations: {{eventing.knative.dev/broker.class: Kafka}}}}
spec:
  config: {{apiVersion: v1, kind: ConfigMap, name: {name}}}
  delivery: {{}}
"""


def trigger(name: str, broker: str, url: str, filters: str) -> str:
    """A Trigger's YAML; `filters` is the list in flow style."""
    return f"""
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {{name: {name}}}
spec:
  broker: {broker}
  filters: {filters}
  subscriber: {{uri: "{url}"}}
"""


def documents(parts: Iterable[str]) -> str:
    """Several resources in one text."""
    return "---".join(parts)
