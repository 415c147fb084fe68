"""What the tests of the control side stand on: resources from YAML, a planner in one call, a Kafka that can refuse."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from controller.kafka import KafkaSide
from controller.probe import Prober
from controller.reconcile import Controller
from eventing.errors import EventingError
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Defaults, Resource
from eventing.manifest import read
from eventing.plan.compile import Compiled, compile_plan
from eventing.plan.model import Ingress, Plan, TopicSpec
from eventing.plan.options import Observed, Options, Problem, Snapshot
from eventing.record import Mark, Span, TopicState
from eventing.store.memory import MemoryStore

GROUP = "messaging.knative.dev"
NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
PATIENCE_S = 5.0


def channel(name: str = "c1", namespace: str = "default", spec: str = "{}") -> str:
    return f"""---
apiVersion: {GROUP}/v1
kind: Channel
metadata: {{name: {name}, namespace: {namespace}}}
spec: {spec}
"""


def kafka_channel(name: str = "c1", namespace: str = "default", spec: str = "{}", meta: str = "labels: {}") -> str:
    return f"""---
apiVersion: {GROUP}/v1beta1
kind: KafkaChannel
metadata: {{name: {name}, namespace: {namespace}, {meta}}}
spec: {spec}
"""


def subscription(
    name: str = "s1",
    namespace: str = "default",
    *,
    of: str = "c1",
    to: str = "{uri: 'http://sink:9001'}",
    more: str = "",
    meta: str = "labels: {}",
) -> str:
    return f"""---
apiVersion: {GROUP}/v1
kind: Subscription
metadata: {{name: {name}, namespace: {namespace}, {meta}}}
spec: {{channel: {{apiVersion: {GROUP}/v1, kind: Channel, name: {of}}}, subscriber: {to}, {more}}}
"""


def service(name: str, namespace: str = "") -> str:
    """A reference to a Service; in the referring object's namespace where none is given."""
    place = f", namespace: {namespace}" if namespace else ""
    return f"{{ref: {{apiVersion: v1, kind: Service, name: {name}{place}}}}}"


def dead_letters(sink: str) -> str:
    return f"delivery: {{deadLetterSink: {sink}}}"


def resources(text: str) -> list[Resource]:
    manifest = read(text, "f.yaml")
    assert manifest.problems == []
    return [one.resource.defaulted(Defaults()) for one in manifest.resources]


async def stored(text: str, store: MemoryStore | None = None) -> MemoryStore:
    """A store (a new one, or this) in which the text is applied."""
    store = store or MemoryStore(lambda: NOON)
    for one in resources(text):
        await store.apply(one)
    return store


async def compiled(
    text: str, options: Options | None = None, *, statuses: Mapping[Key, Mapping[str, Any]] | None = None
) -> Compiled:
    """What comes of the text where Kafka and the ingresses do all that is asked; `statuses` were there before."""
    store = await stored(text)
    for child in compile_plan(Snapshot(store.list(), options or Options())).children:
        await store.apply(child)
    for one, status in (statuses or {}).items():
        await store.set_status(one, status)
    return well(store.list(), options or Options())


def well(found: Sequence[Resource], options: Options | None = None) -> Compiled:
    """Compile where everything that the plan needs is there."""
    snapshot = Snapshot(tuple(found), options or Options())
    plan = compile_plan(snapshot).plan
    seen = Observed(dict.fromkeys(plan.topics), dict.fromkeys(plan.egresses), dict.fromkeys(plan.ingresses))
    return compile_plan(Snapshot(snapshot.resources, snapshot.options, seen))


def key(kind: str, name: str, namespace: str = "default") -> Key:
    return Key(GROUP, kind, namespace, name)


def condition(status: Mapping[str, Any], kind: str = "Ready") -> tuple[str, str, str]:
    """Status, reason and message."""
    found = next(one for one in status["conditions"] if one["type"] == kind)
    return found["status"], found.get("reason", ""), found.get("message", "")


def status_of(store: MemoryStore, kind: str, name: str, namespace: str = "default") -> Mapping[str, Any]:
    found = {(r.KIND, r.metadata.namespace, r.metadata.name): r.status for r in store.list()}
    return found[kind, namespace, name]


class FakeAdmin:
    """An `Admin` over a dictionary; `failing` holds errors by topic or group, `calls` what was asked for."""

    def __init__(self) -> None:
        self.topics: dict[str, TopicSpec] = {}
        self.groups: set[tuple[str, str]] = set()
        self.ids: dict[str, str] = {}
        self.made = 0
        self.failing: dict[str, EventingError] = {}
        self.calls: list[tuple[str, str]] = []

    async def topic(self, name: str) -> TopicState | None:
        found = self.topics.get(name)
        return None if found is None else TopicState(self.ids[name], found.partitions)

    async def create_topic(self, spec: TopicSpec) -> None:
        self._called("create_topic", spec.name)
        if spec.name not in self.topics:
            self.topics[spec.name] = spec
            self.made += 1
            self.ids[spec.name] = f"id{self.made}"

    async def settle_group(self, group: str, topic: str, *, anew: bool = False) -> None:
        self._called("settle_group anew" if anew else "settle_group", group)
        self.groups.add((group, topic))

    async def marks(self, group: str, topic: str) -> Mapping[int, Mark]:
        raise NotImplementedError

    async def set_marks(self, group: str, topic: str, marks: Mapping[int, Mark]) -> None:
        raise NotImplementedError

    async def spans(self, topic: str, since_ms: int | None = None) -> Mapping[int, Span]:
        raise NotImplementedError

    async def keep_group(self, group: str, topic: str) -> None:
        self._called("keep_group", group)

    async def delete_topic(self, name: str) -> None:
        self._called("delete_topic", name)
        self.topics.pop(name, None)

    async def delete_group(self, group: str) -> None:
        self._called("delete_group", group)
        self.groups = {one for one in self.groups if one[0] != group}

    async def aclose(self) -> None:
        pass

    def _called(self, what: str, name: str) -> None:
        self.calls.append((what, name))
        if name in self.failing:
            raise self.failing[name]


class FakeProber:
    """Says yes for every route that is not in `answers`."""

    def __init__(self) -> None:
        self.answers: dict[str, Problem] = {}
        self.routing: set[str] = set()
        """The uids of routes that are still known although nobody wants them."""
        self.asked: list[str] = []

    async def probe(self, ingresses: Sequence[Ingress]) -> Mapping[str, Problem | None]:
        self.asked = [one.uid for one in ingresses]
        return {one.uid: self.answers.get(one.uid) for one in ingresses}

    async def unrouted(self, paths: Mapping[str, str]) -> Collection[str]:
        return [uid for uid in paths if uid not in self.routing]


class FakeFeed:
    """Keeps what was published; `failing` refuses it."""

    def __init__(self, before: Plan | None = None) -> None:
        self.before = before
        self.untold: EventingError | None = None
        self.plan = Plan()
        self.failing: EventingError | None = None

    async def publish(self, plan: Plan) -> None:
        if self.failing is not None:
            raise self.failing
        self.plan = plan

    async def told(self) -> Plan | None:
        if self.untold is not None:
            raise self.untold
        return self.before

    def plans(self) -> Any:
        raise NotImplementedError


class CountingStore(MemoryStore):
    """Counts what the controller writes."""

    def __init__(self) -> None:
        super().__init__(lambda: NOON)
        self.written: list[str] = []

    async def apply(self, resource: Resource) -> Resource:
        self.written.append(f"{resource.KIND} {resource.metadata.name}")
        return await super().apply(resource)

    async def create(self, resource: Resource, *, dry_run: bool = False) -> Resource:
        self.written.append(f"{resource.KIND} {resource.metadata.name}")
        return await super().create(resource, dry_run=dry_run)

    async def update(self, resource: Resource, *, dry_run: bool = False) -> Resource:
        self.written.append(f"{resource.KIND} {resource.metadata.name}")
        return await super().update(resource, dry_run=dry_run)

    async def set_status(
        self, key: Key, status: Mapping[str, Any], *, version: str = "", dry_run: bool = False
    ) -> Resource | None:
        self.written.append(f"status of {key.kind} {key.name}")
        return await super().set_status(key, status, version=version, dry_run=dry_run)


class ControllerStand:
    """A controller on fakes; `round` is one round."""

    def __init__(self, options: Options | None = None) -> None:
        self.store, self.admin, self.prober, self.feed = CountingStore(), FakeAdmin(), FakeProber(), FakeFeed()
        self.now: datetime = NOON
        self.options = options or Options()
        self.controller = self.controlling(KafkaSide(self.admin))

    def controlling(self, side: KafkaSide, **more: Any) -> Controller:
        """A controller over what this stand has."""
        prober = cast("Prober", self.prober)
        return Controller(
            self.store, self.feed, side, prober, self.options, lambda: self.now, resync_s=60.0, **more
        )  # fmt: skip

    async def round(self, text: str = "") -> None:
        await stored(text, self.store)
        self.store.written.clear()
        await self.controller.reconcile()

    def ready(self, kind: str, name: str) -> tuple[str, str, str]:
        return condition(status_of(self.store, kind, name))

    def objects(self) -> list[str]:
        return [str(key_of(one)) for one in self.store.list()]
