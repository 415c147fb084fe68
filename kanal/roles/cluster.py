"""The controller in a cluster: it waits for its lease, then works on what the API server holds.

Nothing else of Kanal knows of Kubernetes' client; without the extra this module says what to install.
"""

from __future__ import annotations

import asyncio
import random
import socket
import sys
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import structlog
from fastapi import FastAPI

from controller.cluster.events import Events
from controller.cluster.lease import Lease
from controller.cluster.services import Services
from controller.cluster.surroundings import Cluster
from eventing.feed import Feed
from eventing.plan.references import served_kinds
from eventing.settings import Settings
from eventing.store.kubernetes.client import Client
from eventing.store.kubernetes.connecting import connected
from eventing.store.kubernetes.elsewhere import Elsewhere
from eventing.store.kubernetes.store import KubernetesStore, opened
from eventing.telemetry import Telemetry
from kanal import files
from kanal.roles.common import Clients, alone, beside
from kanal.roles.controller import Applier, Control, asked, controlling, following, options_of
from kanal.roles.standby import LeaderMetrics, Standby
from kanal.roles.terms import features_of
from kanal.serve import serving

_log = structlog.get_logger("controller")


@asynccontextmanager
async def storing_in_cluster(settings: Settings, client: Client) -> AsyncIterator[KubernetesStore]:
    """The resources of a cluster, while inside."""
    options = options_of(settings)
    kinds = served_kinds(options.serves)
    async with opened(client, kinds, system_namespace=options.system_namespace, jitter=random.random) as store:
        yield store


@asynccontextmanager
async def controlling_cluster(
    settings: Settings, client: Client, store: KubernetesStore, feed: Feed, kafka: Clients, telemetry: Telemetry
) -> AsyncIterator[Control]:
    """Reconcile what a cluster holds, while inside."""
    own, options = settings.kubernetes, options_of(settings)
    target = f"{own.channel_service}.{own.namespace}.svc.{own.cluster_domain}"
    services = Services(client, target, time.monotonic)
    async with Elsewhere(client, own.cluster_domain, jitter=random.random) as elsewhere:
        around = Cluster(store, elsewhere, services, options.serves, _now, time.monotonic)
        async with (
            controlling(settings, store, feed, kafka, telemetry, surroundings=around, whole=around.whole) as control,
            beside(around.follow(control.controller.ring)),
            beside(Events(store, client, _now).run()),
        ):
            yield control


async def serve_cluster_controller(
    settings: Settings, paths: Sequence[Path], *, watch: bool, stop: asyncio.Event
) -> None:
    """Run until `stop`, or until the lease is lost: `kanal controller --kubernetes`."""
    own = settings.kubernetes
    me = f"{socket.gethostname()}_{uuid.uuid4()}"
    async with AsyncExitStack() as stack:
        role = await stack.enter_async_context(alone(settings))
        client = await stack.enter_async_context(connected(own))
        lease = Lease(client, own.namespace, own.lease, me, _now, time.monotonic)
        LeaderMetrics(role.telemetry).leads.set_function(lambda: float(lease.held))
        front = Standby(role.telemetry, lambda: lease.holder)
        port = await stack.enter_async_context(
            serving(front, settings.control.host, settings.control.port, what="controller", setting="--port")
        )
        _log.info("controller stands by", port=port, kafka=settings.kafka.bootstrap, server=client.server)
        if await stack.enter_async_context(lease.leading(stop)):
            async with leading(settings, client, role.feed, role.kafka, role.telemetry, paths, watch=watch) as app:
                front.app = app
                await stop.wait()
                front.app = None


@asynccontextmanager
async def leading(
    settings: Settings,
    client: Client,
    feed: Feed,
    kafka: Clients,
    telemetry: Telemetry,
    paths: Sequence[Path] = (),
    *,
    watch: bool = False,
) -> AsyncIterator[FastAPI]:
    """All that the one controller that leads does, while inside; the application that answers for it."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(storing_in_cluster(settings, client))
        if paths:
            await stack.enter_async_context(_applying(settings, store, paths, watch=watch))
        control = await stack.enter_async_context(controlling_cluster(settings, client, store, feed, kafka, telemetry))
        app = await stack.enter_async_context(
            asked(settings, store, control, kafka, telemetry, token=settings.control.token, writable=False)
        )
        yield app


@asynccontextmanager
async def _applying(
    settings: Settings, store: KubernetesStore, paths: Sequence[Path], *, watch: bool
) -> AsyncIterator[None]:
    """Apply files, and follow them while inside where that is asked for."""
    features = features_of(settings)
    applier = Applier(store, settings, lambda text: print(text, file=sys.stderr, flush=True), lasting=True)
    news = files.changes(paths, features)
    await applier.apply(files.load(paths, features))
    async with AsyncExitStack() as stack:
        if watch:
            await stack.enter_async_context(beside(following(applier, news)))
        yield


def _now() -> datetime:
    return datetime.now(UTC)
