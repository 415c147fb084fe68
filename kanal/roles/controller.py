"""The controller as a part of a stack, and as a process of its own."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI

from controller.jobs import Jobs
from controller.kafka import KafkaSide
from controller.letters import Letters
from controller.operations import Operations
from controller.probe import Prober
from controller.reconcile import Controller
from controller.surroundings import Surroundings
from eventing.errors import EventingError, Invalid
from eventing.feed import Feed
from eventing.kinds.delivery import PAUSED_ANNOTATION
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Resource
from eventing.manifest import Manifest
from eventing.plan.options import Options
from eventing.settings import Settings
from eventing.store import Store
from eventing.store.local import LocalStore, opened
from eventing.store.memory import MemoryStore
from eventing.telemetry import Telemetry
from kanal import files
from kanal.api.app import api
from kanal.api.kube.happenings import Happenings
from kanal.api.operations import operations
from kanal.roles.common import Clients, alone, beside
from kanal.roles.insight import looking
from kanal.roles.registry import registering
from kanal.roles.terms import defaults_of, features_of
from kanal.serve import serving

_log = structlog.get_logger("controller")
Say = Callable[[str], None]
FILE_ANNOTATION = "kanal.dev/file"
"""Which file an object comes from; when no file says it any more, it goes."""


def options_of(settings: Settings) -> Options:
    """The planner's options as the settings have them."""
    place = in_cluster(settings) if settings.kubernetes.enabled else {}
    return Options(
        **{
            "base_url": settings.ingress.public_url or f"http://{settings.ingress.host}:{settings.ingress.port}",
            **place,
        },
        channel_topic=settings.names.channel_topic,
        subscription_group=settings.names.subscription_group,
        dead_letter_topic=settings.names.dead_letter_topic,
        broker_topic=settings.names.broker_topic,
        trigger_group=settings.names.trigger_group,
        trigger_dead_letter_topic=settings.names.trigger_dead_letter_topic,
        own_topics=frozenset(
            {
                settings.names.plan_topic,
                settings.names.outcome_topic,
                settings.names.event_types_topic,
                settings.names.resources_topic,
                record_topic(settings),
            }
        ),
        any_broker_class=settings.control.any_broker_class,
        most_replicas=settings.kafka.most_replicas,
        services=settings.resolve.services,
        service_template=settings.resolve.service_template,
        defaults=defaults_of(settings),
        timeout_s=settings.delivery.timeout_s,
        longest_wait_s=settings.delivery.longest_wait_s,
    )


def record_topic(settings: Settings) -> str:
    """Where a stack in one process keeps its plan for the next one.

    Not the plan topic: on a Kafka that others use too, that is the word of their controller to their data plane.
    """
    return f"{settings.names.resources_topic}.plan"


def in_cluster(settings: Settings) -> dict[str, Any]:
    """The options that are others where the resources live in a cluster. Raises `Invalid`."""
    own = settings.kubernetes
    if own.serves not in ("everything", "kafka"):
        fix = "write everything or kafka"
        raise Invalid(f"{own.serves!r} is nothing to serve", where="settings", field="kubernetes.serves", fix=fix)
    domain = f"{own.namespace}.svc.{own.cluster_domain}"
    return {
        "base_url": settings.ingress.public_url or f"http://{own.channel_service}.{domain}",
        "channel_url": own.channel_url or f"http://{{service}}.{{namespace}}.svc.{own.cluster_domain}",
        "broker_url": own.broker_url or f"http://{own.broker_service}.{domain}/{{namespace}}/{{name}}",
        "in_cluster": True,
        "system_namespace": own.namespace,
        "serves": own.serves,
    }


@dataclass(frozen=True, slots=True)
class Control:
    """A controller at work, and what a person may ask of it."""

    controller: Controller
    operations: Operations

    @property
    def ready(self) -> bool:
        """Whether the first round is over."""
        return self.controller.rounds > 0


@asynccontextmanager
async def controlling(
    settings: Settings,
    store: Store,
    feed: Feed,
    kafka: Clients,
    telemetry: Telemetry | None = None,
    *,
    surroundings: Surroundings | None = None,
    whole: Callable[[], bool] = lambda: True,
) -> AsyncIterator[Control]:
    """Reconcile while inside; for `surroundings` and `whole` see `Controller`."""
    options = options_of(settings)
    prober = Prober(settings.control.probe_urls or [options.base_url])
    side = KafkaSide(kafka.admin, delete_topics=settings.control.delete_topics)

    def ring() -> None:
        controller.ring()

    async with Jobs(kafka.admin, ring, lambda: uuid.uuid4().hex[:8]) as jobs:
        controller = Controller(
            store,
            feed,
            side,
            prober,
            options,
            _now,
            settings.control.resync_s,
            jobs.laid_over,
            jobs.published,
            surroundings,
            whole,
        )
        letters = Letters(kafka.scanner, kafka.admin, kafka.appender, _now)
        does = Operations(store, lambda: controller.plan, jobs, letters, kafka.admin, options, _now)
        async with beside(controller.run()), registering(settings, store, kafka.admin, telemetry):
            yield Control(controller, does)


class Applier:
    """Brings what the files say into a store, again and again; tells every problem.

    In a store that outlives the process (`lasting`) it marks what is written in a file, and takes away what earlier
    processes have brought and no file says any more.
    """

    def __init__(self, store: Store, settings: Settings, say: Say, *, lasting: bool = False) -> None:
        self._store = store
        self._lasting = lasting
        self._defaults = defaults_of(settings)
        self._say = say
        self._applied: set[Key] = set()
        self._paused: dict[Key, str | None] = {}
        self._places: dict[Key, str] = {}
        self._remarked: set[str] = set()
        self.whole = False
        """Whether all that the files say was applied the last time."""

    def place(self, key: Key) -> str:
        """Where an object is written, `FILE:LINE`; empty for one that stands in no file."""
        return self._places.get(key, "")

    async def apply(self, manifest: Manifest) -> int:
        """Apply the resources; those that are gone from the files go too, but only where every file could be read.

        Returns the number of problems.
        """
        problems = [str(problem) for problem in manifest.problems]
        wanted: set[Key] = set()
        there = {key_of(r): r.metadata.annotations.get(PAUSED_ANNOTATION) for r in self._store.list()}
        if self._lasting:
            self._applied |= {key_of(r) for r in self._store.list() if FILE_ANNOTATION in r.metadata.annotations}
        for located in manifest.resources:
            key = key_of(located.resource)
            wanted.add(key)
            self._places[key] = f"{located.file}:{located.line}"
            try:
                resource = self._as_paused(located.resource.defaulted(self._defaults), there.get(key))
                await self._store.apply(_marked(resource, located.file) if self._lasting else resource)
            except EventingError as error:
                problems.append(f"{located.file}:{located.line}: {error}")
        if problems:
            self._applied |= wanted
        else:
            for key in self._applied - wanted:
                await self._store.delete(key)
            self._applied = wanted
        remarks = [str(remark) for remark in manifest.remarks]
        for text in (*problems, *(one for one in remarks if one not in self._remarked)):
            self._say(text)
        self._remarked = set(remarks)
        self.whole = not problems
        return len(problems)

    def _as_paused(self, resource: Resource, there: str | None) -> Resource:
        """The resource with the pause that a command has set; what the file says of it, or no longer says, goes first."""
        key = key_of(resource)
        own, before = resource.metadata.annotations.get(PAUSED_ANNOTATION), self._paused.get(key)
        self._paused[key] = own
        if own is not None or before is not None or there is None:
            return resource
        metadata = resource.metadata.annotated(**{PAUSED_ANNOTATION: there})
        return resource.model_copy(update={"metadata": metadata})


def _marked(resource: Resource, file: str) -> Resource:
    metadata = resource.metadata.annotated(**{FILE_ANNOTATION: file})
    return resource.model_copy(update={"metadata": metadata})


async def serve_controller(settings: Settings, paths: Sequence[Path], *, watch: bool, stop: asyncio.Event) -> None:
    """Run until `stop`: `kanal controller`."""
    token = settings.control.token
    async with AsyncExitStack() as stack:
        role = await stack.enter_async_context(alone(settings))
        store = await stack.enter_async_context(storing(settings, role.kafka)) if token else MemoryStore(_now)
        applier = Applier(
            store, settings, lambda text: print(text, file=sys.stderr, flush=True), lasting=bool(token and paths)
        )
        features = features_of(settings)
        news = files.changes(paths, features)
        await applier.apply(files.load(paths, features) if paths else Manifest())
        control = await stack.enter_async_context(
            controlling(
                settings, store, role.feed, role.kafka, role.telemetry, whole=lambda: bool(token) or applier.whole
            )
        )
        port = await stack.enter_async_context(
            telling(settings, store, control, role.kafka, role.telemetry, token=token, setting="--port")
        )
        _log.info("controller ready", port=port, kafka=settings.kafka.bootstrap)
        if watch:
            await stack.enter_async_context(beside(following(applier, news)))
        await stop.wait()


@asynccontextmanager
async def storing(settings: Settings, kafka: Clients) -> AsyncIterator[LocalStore]:
    """The resources that Kafka keeps, while inside; ends with `Unavailable` where another process takes them over."""
    store = await opened(settings.kafka, settings.names.resources_topic, kafka.appender, kafka.admin, _now)
    try:
        async with beside(_notice_other(store)):
            yield store
    finally:
        await store.aclose()


async def _notice_other(store: LocalStore) -> None:
    raise await store.ousted()


@asynccontextmanager
async def telling(
    settings: Settings,
    store: Store,
    control: Control,
    kafka: Clients,
    telemetry: Telemetry,
    *,
    token: str,
    setting: str,
) -> AsyncIterator[int]:
    """Serve the API of the resources and of everything else that a person may ask while inside; yields the port."""
    async with asked(settings, store, control, kafka, telemetry, token=token) as app:
        own = settings.control
        async with serving(app, own.host, own.port, what="controller", setting=setting) as port:
            yield port


@asynccontextmanager
async def asked(
    settings: Settings,
    store: Store,
    control: Control,
    kafka: Clients,
    telemetry: Telemetry,
    *,
    token: str,
    writable: bool = True,
) -> AsyncIterator[FastAPI]:
    """The application that answers whatever a person may ask, while inside."""
    events, ending = Happenings(store, _now), asyncio.Event()
    app = api(
        store,
        ready=lambda: control.ready,
        metrics=telemetry.exposition,
        routers=[operations(control.operations), looking(settings, control.controller, kafka)],
        token=token,
        events=events,
        defaults=defaults_of(settings),
        features=features_of(settings),
        now=_now,
        ending=ending,
        writable=writable,
    )
    async with beside(events.run()):
        try:
            yield app
        finally:
            ending.set()


async def following(applier: Applier, news: AsyncIterator[Manifest]) -> None:
    """Apply the files again whenever they change."""
    async for manifest in news:
        await applier.apply(manifest)


def _now() -> datetime:
    return datetime.now(UTC)
