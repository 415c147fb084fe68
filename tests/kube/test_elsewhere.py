"""What resources refer to and a cluster has: it is looked up on a real API server and followed while somebody needs it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from kube_server import ApiServer
from raw_http import until
from store_stand import account, kubeconfig_at

from eventing.plan.options import Foreign
from eventing.plan.references import Reference
from eventing.settings import Kubernetes
from eventing.store.kubernetes.connecting import connected
from eventing.store.kubernetes.elsewhere import Elsewhere

PATIENCE_S = 60.0
GROUP = "things.example.com"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SERVICES = "/api/v1/namespaces/default/services"
THINGS = f"/apis/{GROUP}/v1/namespaces/default/thingummies"


def definition() -> dict[str, Any]:
    """A kind of somebody else's, whose plural nobody could guess."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    versions = [
        {"name": name, "served": True, "storage": name == "v1", "schema": schema, "subresources": {"status": {}}}
        for name in ("v1", "v1alpha1")
    ]
    names = {"kind": "Thing", "plural": "thingummies", "singular": "thing"}
    spec = {"group": GROUP, "scope": "Namespaced", "names": names, "versions": versions}
    return {"metadata": {"name": f"thingummies.{GROUP}"}, "spec": spec}


@pytest.fixture(scope="module")
def cluster(kube: ApiServer) -> ApiServer:
    kube.ask("POST", CRDS, definition())
    kube.kubectl("wait", "--for=condition=Established", "--timeout=30s", f"crd/thingummies.{GROUP}")
    return kube


def service(name: str, namespace: str = "default") -> Reference:
    return Reference("v1", "Service", namespace, name)


def thing(name: str, version: str = "v1") -> Reference:
    return Reference(f"{GROUP}/{version}", "Thing", "default", name)


@asynccontextmanager
async def looking(cluster: ApiServer, kubeconfig: str = "", **more: Any) -> AsyncIterator[Elsewhere]:
    async with connected(Kubernetes(kubeconfig=kubeconfig or str(cluster.kubeconfig))) as client:
        async with Elsewhere(client, "cluster.local", jitter=lambda: 0.0, **more) as elsewhere:
            yield elsewhere


async def ask(cluster: ApiServer, method: str, path: str, body: Any = None) -> None:
    answer = await asyncio.to_thread(cluster.ask, method, path, body)
    assert answer.status in (200, 201), answer.message


async def make(cluster: ApiServer, name: str, status: Any) -> None:
    await ask(cluster, "POST", THINGS, {"apiVersion": f"{GROUP}/v1", "kind": "Thing", "metadata": {"name": name}})
    await ask(cluster, "PATCH", f"{THINGS}/{name}/status", {"status": status})


async def test_a_service_is_reached_by_its_name_and_one_that_is_not_there_is_not_found(cluster: ApiServer) -> None:
    async with looking(cluster) as elsewhere:
        await elsewhere.want([service("kubernetes"), service("nobody"), service("kubernetes", "nowhere")])
        assert elsewhere.found == {service("kubernetes").key: Foreign("http://kubernetes.default.svc.cluster.local")}


async def test_what_comes_changes_and_goes_is_told_of(cluster: ApiServer) -> None:
    new = {"metadata": {"name": "new"}, "spec": {"ports": [{"port": 80}]}}
    async with looking(cluster) as elsewhere:
        await elsewhere.want([service("new"), thing("t")])
        assert elsewhere.found == {}
        for reference, work in [
            (service("new"), ask(cluster, "POST", SERVICES, new)),
            (thing("t"), make(cluster, "t", {"address": {"url": "http://t"}})),
        ]:
            bell = elsewhere.changed
            await work
            await asyncio.wait_for(bell.wait(), PATIENCE_S)
            await until(lambda reference=reference: elsewhere.found.get(reference.key, Foreign()).url, PATIENCE_S)
        bell = elsewhere.changed
        await ask(cluster, "PATCH", f"{THINGS}/t/status", {"status": {"address": {"url": "http://other"}}})
        await asyncio.wait_for(bell.wait(), PATIENCE_S)
        await until(lambda: elsewhere.found[thing("t").key].url == "http://other", PATIENCE_S)
        await ask(cluster, "DELETE", f"{SERVICES}/new")
        await ask(cluster, "DELETE", f"{THINGS}/t")
        await until(lambda: elsewhere.found == {}, PATIENCE_S)


async def test_an_address_is_the_first_of_several_or_the_only_one(cluster: ApiServer) -> None:
    several = {"addresses": [{"url": "http://first"}, {"url": "http://second"}], "address": {"url": "http://only"}}
    statuses: dict[str, Any] = {
        "several": several,
        "only": {"addresses": [], "address": {"url": "http://only"}},
        "none": {"conditions": []},
        "odd": {"address": {"url": 7}, "addresses": 7},
        "hostless": {"address": {"url": "/path"}},
    }
    for name, status in statuses.items():
        await make(cluster, name, status)
    async with looking(cluster) as elsewhere:
        await elsewhere.want(map(thing, statuses))
        found = {reference.name: elsewhere.found[reference.key] for reference in map(thing, statuses)}
    assert {name: one.status for name, one in found.items()} == statuses
    urls = {"several": "http://first", "only": "http://only", "none": "", "odd": "", "hostless": ""}
    assert {name: one.url for name, one in found.items()} == urls


async def test_a_kind_without_a_version_is_looked_up_in_the_one_that_the_server_prefers(cluster: ApiServer) -> None:
    await make(cluster, "preferred", {"address": {"url": "http://p"}})
    async with looking(cluster) as elsewhere:
        wanted = [thing("preferred", ""), Reference("/", "Service", "default", "kubernetes")]
        await elsewhere.want(wanted)
        assert {key.name for key in elsewhere.found} == {"preferred", "kubernetes"}
        assert not any(one.problem for one in elsewhere.found.values())


async def test_an_object_that_is_asked_for_in_two_versions_is_found_in_the_one_that_there_is(
    cluster: ApiServer,
) -> None:
    await make(cluster, "twice", {"address": {"url": "http://twice"}})
    async with looking(cluster) as elsewhere:
        await elsewhere.want([thing("twice", "v1"), thing("twice", "v0")])
        assert elsewhere.found[thing("twice").key].url == "http://twice"
        assert not elsewhere.found[thing("twice").key].problem


async def test_a_kind_that_is_not_there_is_a_problem_until_it_comes(cluster: ApiServer) -> None:
    reference = Reference("later.example.com/v1", "Later", "default", "x")
    async with looking(cluster) as elsewhere:
        await elsewhere.want([reference, service("kubernetes")])
        assert elsewhere.found[service("kubernetes").key].url
        problem = elsewhere.found[reference.key].problem
        assert problem.startswith("the cluster has no Later in later.example.com/v1; install")
        found = definition()
        found["metadata"]["name"] = "laters.later.example.com"
        found["spec"] |= {"group": "later.example.com", "names": {"kind": "Later", "plural": "laters"}}
        bell = elsewhere.changed
        await ask(cluster, "POST", CRDS, found)
        await asyncio.wait_for(bell.wait(), PATIENCE_S)
        await until(lambda: reference.key not in elsewhere.found, PATIENCE_S)


async def test_a_kind_that_may_not_be_read_is_a_problem_that_says_which_role_to_give(
    cluster: ApiServer, tmp_path: Path
) -> None:
    rule = {"apiGroups": [""], "resources": ["services"], "verbs": ["get", "list", "watch"]}
    token = account(cluster, "reads-services", rule)
    await make(cluster, "secret", {"address": {"url": "http://s"}})
    async with looking(cluster, kubeconfig_at(cluster, tmp_path, token=token)) as elsewhere:
        await elsewhere.want([thing("secret"), service("kubernetes")])
        assert elsewhere.found[service("kubernetes").key] == Foreign("http://kubernetes.default.svc.cluster.local")
        assert elsewhere.found[thing("secret").key] == Foreign(
            problem=f"Kanal may not read thingummies.{GROUP}; grant get, list and watch on it in "
            'a ClusterRole labelled duck.knative.dev/addressable: "true"'
        )


async def test_a_server_that_does_not_answer_holds_nobody_up_for_long(cluster: ApiServer, tmp_path: Path) -> None:
    writers: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    async with silent:
        kubeconfig = kubeconfig_at(cluster, tmp_path, silent.sockets[0].getsockname()[1])
        async with looking(cluster, kubeconfig, patience_s=0.2) as elsewhere:
            await elsewhere.want([service("x")])
            assert "has not answered" in elsewhere.found[service("x").key].problem
        for one in writers:
            one.transport.abort()


async def test_a_kind_of_which_nobody_needs_anything_is_followed_no_more(cluster: ApiServer) -> None:
    async with looking(cluster) as elsewhere:
        await elsewhere.want([service("kubernetes"), thing("t")])
        tasks = {kind: task for kind, (_, task) in elsewhere._sightings.items()}
        await elsewhere.want([service("kubernetes")])
        await until(tasks[f"{GROUP}/v1", "Thing"].cancelled, PATIENCE_S)
        assert not tasks["v1", "Service"].done()
        assert [key.kind for key in elsewhere.found] == ["Service"]
        await elsewhere.want([])
        assert elsewhere.found == {}
