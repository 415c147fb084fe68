"""The whole stack with its resources in a real API server: what the roles are in a cluster, but for addresses on the loopback."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Generic, TypeVar

from kube_server import ApiServer
from room import Room
from room import room as room_in
from stack import Stack, running
from store_stand import DEFINED, define, place

from eventing.feed import Feed
from eventing.settings import Kubernetes, Settings
from eventing.store import Store
from eventing.store.kubernetes.connecting import connected
from eventing.telemetry import Telemetry
from kanal.roles.cluster import controlling_cluster, storing_in_cluster
from kanal.roles.common import Clients
from kanal.roles.controller import Control

KNATIVE_SERVICES = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "services.serving.knative.dev"},
    "spec": {
        "group": "serving.knative.dev",
        "scope": "Namespaced",
        "names": {"plural": "services", "singular": "service", "kind": "Service"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
"""A Knative Service says its address in its status; that of Kubernetes' own has a name that means nothing here."""


class KnativeServices(dict[str, str]):
    """The URLs of Services by `NAMESPACE/NAME`: each is a Knative Service in the cluster."""

    def __init__(self, kube: ApiServer) -> None:
        super().__init__()
        self._kube = kube

    def __setitem__(self, place: str, url: str) -> None:
        namespace, _, name = place.partition("/")
        metadata = {"name": name, "namespace": namespace}
        body = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": metadata}
        body["status"] = {"address": {"url": url}}
        assert self._kube.ask("POST", _services(namespace), body).status == 201
        super().__setitem__(place, url)

    def __delitem__(self, place: str) -> None:
        namespace, _, name = place.partition("/")
        assert self._kube.ask("DELETE", f"{_services(namespace)}/{name}").status == 200
        super().__delitem__(place)

    def update(self, others: Mapping[str, str]) -> None:  # type: ignore[override]
        for name, url in others.items():
            self[name] = url


def _services(namespace: str) -> str:
    return f"/apis/serving.knative.dev/v1/namespaces/{namespace}/services"


def named(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


def in_cluster(kube: ApiServer, namespace: str, port: int = 0, **more: Any) -> Kubernetes:
    """The settings of an installation whose addresses are paths of an ingress on the loopback."""
    url = f"http://127.0.0.1:{port}/{{namespace}}/{{name}}" if port else ""
    return Kubernetes(
        enabled=True,
        kubeconfig=str(kube.kubeconfig),
        namespace=namespace,
        channel_url=url,
        broker_url=url,
        **more,
    )


_defined: set[int] = set()
"""The ports of API servers that have the definitions."""


def prepared(kube: ApiServer, namespace: str) -> None:
    """The definitions are there, that of Knative Services too, and so is this namespace."""
    if kube.port in _defined:
        kube.ask("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        return
    _defined.add(kube.port)
    define(kube, namespace)
    kube.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", KNATIVE_SERVICES)
    kube.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd/services.serving.knative.dev")
    # Its garbage collector has to know the new kinds.
    kube.manage_anew()


@asynccontextmanager
async def clustered(
    kafka: str,
    kube: ApiServer,
    system: str = "",
    /,
    kubernetes: Mapping[str, Any] | None = None,
    **groups: Mapping[str, Any],
) -> AsyncIterator[Stack]:
    """A stack whose resources live in the API server; `kubernetes` and `groups` change settings.

    `system` is the namespace of an installation that was there before.
    """
    system = system or named("kanal")
    await asyncio.to_thread(prepared, kube, system)

    @asynccontextmanager
    async def home(
        settings: Settings, feed: Feed, clients: Clients, telemetry: Telemetry
    ) -> AsyncIterator[tuple[Store, Control]]:
        own = in_cluster(kube, system, settings.ingress.port, **(kubernetes or {}))
        settings = dataclasses.replace(settings, kubernetes=own)
        async with (
            connected(own) as client,
            storing_in_cluster(settings, client) as store,
            controlling_cluster(settings, client, store, feed, clients, telemetry) as control,
        ):
            yield store, control

    async def new_namespace(name: str) -> None:
        answer = await asyncio.to_thread(kube.ask, "POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        assert answer.status == 201, answer.message

    async with running(kafka, home=home, plan_topic=f"{system}.plan", **groups) as stack:
        stack.new_namespace = new_namespace
        await new_namespace(stack.ns)
        try:
            yield stack
        finally:
            # What its resources want is nobody else's to make.
            await asyncio.to_thread(_emptied, kube, stack.ns)


def upon(kube: ApiServer) -> Callable[..., AbstractAsyncContextManager[Stack]]:
    """What tests that make a stack of their own call in place of `stack.running`, to run in this cluster."""

    def running(kafka: str, /, **groups: Mapping[str, Any]) -> AbstractAsyncContextManager[Stack]:
        return clustered(kafka, kube, **groups)

    return running


class ClusterRoom(Room):
    """A room whose Services are Knative Services."""

    async def _apply_all(self) -> None:
        kubernetes, knative = (
            '"apiVersion": "v1", "kind": "Service"',
            '"apiVersion": "serving.knative.dev/v1", "kind": "Service"',
        )
        self._texts = {title: text.replace(kubernetes, knative) for title, text in self._texts.items()}
        await super()._apply_all()


@asynccontextmanager
async def room_upon(kube: ApiServer, stack: Stack, *, cross_namespace: bool = False) -> AsyncIterator[Room]:
    """A room in a cluster."""
    async with room_in(stack, cross_namespace=cross_namespace, kind=ClusterRoom) as found:
        try:
            yield found
        finally:
            # What a test has made in another way than by applying it.
            await asyncio.to_thread(_emptied, kube, found.ns)


T = TypeVar("T")


class Held(Generic[T]):
    """What a block holds, in a task of its own, for a fixture whose beginning and end are not in the same task."""

    def __init__(self, block: AbstractAsyncContextManager[T]) -> None:
        self._block = block
        self._over = asyncio.Event()

    async def __aenter__(self) -> T:
        ready: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._task = asyncio.ensure_future(self._hold(ready))
        await asyncio.wait([self._task, ready], return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            await self._task
        return ready.result()

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        await self._task

    async def _hold(self, ready: asyncio.Future[T]) -> None:
        async with self._block as found:
            ready.set_result(found)
            await self._over.wait()


def _emptied(kube: ApiServer, namespace: str) -> None:
    for kind in DEFINED:
        kube.ask("DELETE", place(kind.KIND, namespace))


def gone(kube: ApiServer, path: str) -> bool:
    return kube.ask("GET", path).status == 404
