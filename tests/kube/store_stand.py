"""A real API server with our definitions, and stores that are opened upon it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from kube_server import ApiServer

from eventing.kinds.key import Key
from eventing.kinds.meta import Resource
from eventing.kinds.registry import KINDS
from eventing.settings import Kubernetes
from eventing.store.kubernetes.client import Client
from eventing.store.kubernetes.connecting import connected
from eventing.store.kubernetes.store import KubernetesStore, opened
from kanal.crds import text

DEFINED = [kind for kind in KINDS if kind.GROUP]
SYSTEM = "kanal-system"


def define(kube: ApiServer, *namespaces: str) -> None:
    """Install the definitions, and make namespaces."""
    kube.kubectl("apply", "-f", "-", given=text(DEFINED, "yaml"))
    names = [f"crd/{kind.PLURAL}.{kind.GROUP}" for kind in DEFINED]
    kube.kubectl("wait", "--for=condition=Established", "--timeout=30s", *names)
    for name in (SYSTEM, *namespaces):
        kube.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})


def place(kind: str, namespace: str = "default") -> str:
    """The path of a collection."""
    model = next(one for one in KINDS if kind == one.KIND)
    root = "/apis" if model.GROUP else "/api"
    return f"{root}/{model.full_version(model.VERSIONS[0])}/namespaces/{namespace}/{model.PLURAL}"


def serves(kube: ApiServer, path: str) -> bool:
    """Whether there is anything at this path. What is nowhere gets no JSON as an answer."""
    try:
        return kube.ask("GET", path).status == 200
    except json.JSONDecodeError:
        return False


def one(kind: str, name: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """An object as somebody writes it."""
    model = next(one for one in KINDS if kind == one.KIND)
    version = model.full_version(model.VERSIONS[0])
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec}


def put(kube: ApiServer, document: dict[str, Any], namespace: str = "default") -> dict[str, Any]:
    """Make an object as somebody else would."""
    answer = kube.ask("POST", place(document["kind"], namespace), document)
    assert answer.status == 201, answer.message
    return answer.body


@asynccontextmanager
async def store_upon(
    kube: ApiServer, kinds: Iterable[type[Resource]] = KINDS, also: Iterable[Key] = (), kubeconfig: str = ""
) -> AsyncIterator[tuple[Client, KubernetesStore]]:
    """A client and a store upon it, whose pauses are as short as they may be."""
    async with connected(Kubernetes(kubeconfig=kubeconfig or str(kube.kubeconfig))) as client:
        async with opened(client, kinds, system_namespace=SYSTEM, jitter=lambda: 0.0, also=also) as store:
            yield client, store


def kubeconfig_at(kube: ApiServer, folder: Path, port: int = 0, token: str = "") -> str:
    """A kubeconfig that leads through another port, or as somebody else."""
    found = json.loads(kube.kubeconfig.read_text(encoding="utf-8"))
    if port:
        found["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{port}"
    if token:
        found["users"][0]["user"]["token"] = token
    file = folder / f"kubeconfig-{port}-{len(token)}"
    file.write_text(json.dumps(found), encoding="utf-8")
    return str(file)


def account(kube: ApiServer, name: str, *rules: dict[str, Any]) -> str:
    """The token of an account that may do just this."""
    kube.ask("POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": name}})
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    assert kube.ask("POST", f"{rbac}/clusterroles", {"metadata": {"name": name}, "rules": rules}).status == 201
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
    }
    assert kube.ask("POST", f"{rbac}/clusterrolebindings", binding).status == 201
    path = f"/api/v1/namespaces/default/serviceaccounts/{name}/token"
    answer = kube.ask("POST", path, {"spec": {}})
    return str(answer.body["status"]["token"])


class Held:
    """A store in a task of its own, for a fixture whose beginning and end are not in the same task."""

    def __init__(self, kube: ApiServer) -> None:
        self._kube = kube
        self._over = asyncio.Event()

    async def start(self) -> KubernetesStore:
        ready: asyncio.Future[KubernetesStore] = asyncio.get_running_loop().create_future()
        self._task = asyncio.ensure_future(self._hold(ready))
        await asyncio.wait([self._task, ready], return_when=asyncio.FIRST_COMPLETED)
        return ready.result() if ready.done() else await self._task

    async def stop(self) -> None:
        self._over.set()
        await self._task

    async def _hold(self, ready: asyncio.Future[KubernetesStore]) -> Any:
        async with store_upon(self._kube, DEFINED) as (_, store):
            ready.set_result(store)
            await self._over.wait()
