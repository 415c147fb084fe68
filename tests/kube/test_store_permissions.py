"""What a store in a cluster makes of objects that it can't read, kinds that are not there, and what it may not do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kube_server import ApiServer
from raw_http import until
from store_stand import DEFINED, SYSTEM, account, define, kubeconfig_at, one, place, put, serves, store_upon
from structlog.testing import capture_logs

from eventing.errors import AlreadyExists, Conflict, Denied, Invalid, NotFound, TooLarge
from eventing.kinds.broker import Broker
from eventing.kinds.configmap import ConfigMap
from eventing.kinds.crd import crd
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.key import Key
from eventing.kinds.registry import parse
from eventing.kinds.sequence import Sequence
from eventing.settings import Kubernetes
from eventing.store.kubernetes.connecting import connected
from eventing.store.kubernetes.store import KubernetesStore

PATIENCE_S = 60.0
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
STEPS = {"steps": [{"uri": "http://a"}]}
BROKER = Key("eventing.knative.dev", "Broker", "default", "b")
SEQUENCE = Key("flows.knative.dev", "Sequence", "default", "s")


@pytest.fixture(scope="module")
def cluster(kube: ApiServer) -> ApiServer:
    define(kube, "elsewhere")
    return kube


@pytest.fixture(autouse=True)
def tidy(cluster: ApiServer) -> Iterator[None]:
    """Whatever a test left of our kinds is gone afterwards."""
    yield
    for kind in DEFINED:
        if serves(cluster, place(kind.KIND)):
            cluster.ask("DELETE", place(kind.KIND))


def names(store: KubernetesStore) -> list[str]:
    return [found.metadata.name for found in store.list()]


async def ask(cluster: ApiServer, method: str, path: str, body: Any = None) -> dict[str, Any]:
    answer = await asyncio.to_thread(cluster.ask, method, path, body)
    assert answer.status in (200, 201), answer.message
    return answer.body


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


@pytest.fixture
def loose(cluster: ApiServer) -> Iterator[None]:
    """The API server takes any Sequence, as one would whose definition is older."""
    path = f"{CRDS}/sequences.flows.knative.dev"
    found = crd(Sequence)
    for version in found["spec"]["versions"]:
        anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        version["schema"] = {"openAPIV3Schema": anything}
    assert cluster.ask("PATCH", path, {"spec": found["spec"]}).status == 200
    yield
    cluster.ask("DELETE", place("Sequence"))
    define(cluster)


async def test_an_object_that_the_models_refuse_is_left_out_and_its_author_can_be_told(
    cluster: ApiServer, loose: None
) -> None:
    bad = one("Sequence", "s", {"steps": "none"})
    path = f"{place('Sequence')}/s"
    await until(lambda: cluster.ask("POST", place("Sequence"), bad).status in (201, 409), PATIENCE_S)
    with capture_logs() as logs:
        async with store_upon(cluster, [Sequence, Broker]) as (_, store):
            put(cluster, one("Broker", "b", {}))
            await until(lambda: names(store) == ["b"], PATIENCE_S)
            found = store.unreadable[SEQUENCE]
            assert (found.generation, bool(found.uid)) == (1, True)
            assert isinstance(found.error, Invalid)
            assert str(found.error).startswith("Sequence default/s: spec.steps: ")
            assert [log["object"] for log in logs if log["log_level"] == "warning"] == ["Sequence default/s"]
            status = {"conditions": [{"type": "Ready", "status": "False", "message": str(found.error)}]}
            assert await store.set_status(SEQUENCE, status, version=found.version) is None
            assert (await ask(cluster, "GET", path))["status"] == status
            snapshots = store.snapshots()
            await anext(snapshots)
            await ask(cluster, "PATCH", path, {"spec": STEPS})
            await until(lambda: names(store) == ["b", "s"], PATIENCE_S)
            assert (dict(store.unreadable), len(await asyncio.wait_for(anext(snapshots), PATIENCE_S))) == ({}, 2)
            await ask(cluster, "PATCH", path, {"spec": {"steps": "none"}})
            await until(lambda: store.unreadable, PATIENCE_S)
            assert names(store) == ["b", "s"]
            gone = await store.delete(SEQUENCE)
            assert gone is not None
            assert (names(store), dict(store.unreadable)) == (["b"], {})


async def test_an_object_that_could_never_be_read_can_be_taken_away(cluster: ApiServer, loose: None) -> None:
    bad = one("Sequence", "s", {"steps": "none"}, finalizers=["example.com/a"])
    await until(lambda: cluster.ask("POST", place("Sequence"), bad).status in (201, 409), PATIENCE_S)
    async with store_upon(cluster, [Sequence]) as (_, store):
        assert await store.delete(SEQUENCE) is None
        assert [*store.unreadable] == [SEQUENCE]
        await ask(cluster, "PATCH", f"{place('Sequence')}/s", {"metadata": {"finalizers": []}})
        await until(lambda: not store.unreadable, PATIENCE_S)
        assert await store.delete(SEQUENCE) is None


async def test_a_kind_that_is_not_there_holds_nobody_up_and_is_followed_when_it_comes(cluster: ApiServer) -> None:
    path = f"{CRDS}/sequences.flows.knative.dev"
    await ask(cluster, "DELETE", path)
    await until(lambda: not serves(cluster, place("Sequence")), PATIENCE_S)
    with capture_logs() as logs:
        async with store_upon(cluster, [Broker, Sequence]) as (_, store):
            assert (await store.create(parse(one("Broker", "b", {})))).metadata.uid
            assert any("install what defines sequences.flows.knative.dev" in str(log.get("error")) for log in logs)
            with pytest.raises(NotFound, match="Sequence default/s"):
                await store.create(parse(one("Sequence", "s", STEPS)))
            await asyncio.to_thread(define, cluster)
            put(cluster, one("Sequence", "s", STEPS))
            await until(lambda: names(store) == ["b", "s"], PATIENCE_S)


async def test_a_kind_is_followed_in_a_version_that_the_server_has(cluster: ApiServer) -> None:
    """As beside Knative's own definitions, which have only the older version of a KafkaChannel."""
    path = f"{CRDS}/kafkachannels.messaging.knative.dev"
    found = crd(KafkaChannel)["spec"]["versions"]
    for version in found:
        version["served"] = version["name"] == "v1"
    await ask(cluster, "PATCH", path, {"spec": {"versions": found}})
    try:
        await until(lambda: not serves(cluster, place("KafkaChannel")), PATIENCE_S)
        async with store_upon(cluster, [KafkaChannel]) as (_, store):
            made = await store.create(parse(one("KafkaChannel", "k", {"numPartitions": 2})))
            assert await store.set_status(Key("messaging.knative.dev", "KafkaChannel", "default", "k"), {"a": 1})
            assert names(store) == ["k"]
            assert made.spec.document()["numPartitions"] == 2
    finally:
        await asyncio.to_thread(define, cluster)
        await until(lambda: serves(cluster, place("KafkaChannel")), PATIENCE_S)


async def test_only_the_config_maps_that_count_are_held(cluster: ApiServer) -> None:
    put(cluster, config_map("ours", a="1"), SYSTEM)
    for name in ("named", "other", "asked-for"):
        put(cluster, config_map(name, a="1"), "elsewhere")
    also = [Key("", "ConfigMap", "elsewhere", "asked-for")]
    async with store_upon(cluster, [Broker, ConfigMap], also) as (_, store):
        assert set(names(store)) - {"kube-root-ca.crt"} == {"ours", "asked-for"}
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "named", "namespace": "elsewhere"}
        await store.create(parse(one("Broker", "b", {"config": reference})))
        await until(lambda: "named" in names(store), PATIENCE_S)
        assert "other" not in names(store)
        change = {"data": {"a": "2"}}
        await ask(cluster, "PATCH", f"{place('ConfigMap', 'elsewhere')}/named", change)
        key = Key("", "ConfigMap", "elsewhere", "named")
        await until(lambda: (store.get(key) or parse(config_map("x"))).document().get("data") == {"a": "2"}, PATIENCE_S)
        await store.delete(BROKER)
        await until(lambda: "named" not in names(store), PATIENCE_S)


async def test_a_config_map_that_is_named_at_the_start_is_there_at_the_start(cluster: ApiServer) -> None:
    cluster.ask("POST", place("ConfigMap", "elsewhere"), config_map("first"))
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "first", "namespace": "elsewhere"}
    put(cluster, one("Broker", "b", {"config": reference}))
    async with store_upon(cluster, [Broker, ConfigMap]) as (_, store):
        assert "first" in names(store)


def _rule(group: str, *resources: str, verbs: str = "get list watch", names: tuple[str, ...] = ()) -> dict[str, Any]:
    rule = {"apiGroups": [group], "resources": [*resources], "verbs": verbs.split()}
    return rule | ({"resourceNames": [*names]} if names else {})


async def test_a_permission_that_is_missing_is_named_with_verb_and_resource(cluster: ApiServer, tmp_path: Path) -> None:
    token = account(cluster, "reads-brokers", _rule("eventing.knative.dev", "brokers"))
    kubeconfig = kubeconfig_at(cluster, tmp_path, token=token)

    async def both() -> None:
        async with store_upon(cluster, [Broker, Sequence], kubeconfig=kubeconfig):
            raise AssertionError

    with pytest.raises(Denied) as caught:
        await both()
    assert caught.value.fix == "grant the verb list on sequences.flows.knative.dev in a role"
    put(cluster, one("Broker", "b", {}))
    async with store_upon(cluster, [Broker], kubeconfig=kubeconfig) as (_, store):
        assert names(store) == ["b"]
        with pytest.raises(Denied, match="Broker default/b") as caught:
            await store.set_status(BROKER, {"a": 1})
        assert caught.value.fix == "grant the verb patch on brokers.eventing.knative.dev/status in a role"
        with pytest.raises(Denied, match="Broker default/b"):
            await store.delete(BROKER)
        assert names(store) == ["b"]


async def test_a_pod_uses_its_account_and_a_token_that_was_changed_meanwhile(
    cluster: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "namespace").write_text("mine", encoding="utf-8")
    (tmp_path / "ca.crt").write_bytes(cluster.authority.read_bytes())
    token = tmp_path / "token"
    token.write_text("expired", encoding="utf-8")
    monkeypatch.setattr("eventing.store.kubernetes.connecting.SERVICE_ACCOUNT", str(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(cluster.port))
    async with connected(Kubernetes()) as client:
        assert client.namespace == "mine"
        with pytest.raises(Denied):
            await client.get(place("Broker"))
        token.write_text(cluster.token, encoding="utf-8")
        assert (await client.get(place("Broker")))["kind"] == "BrokerList"


async def test_somebody_whom_the_server_does_not_know_is_told_so(cluster: ApiServer, tmp_path: Path) -> None:
    async def unknown() -> None:
        async with store_upon(cluster, [Broker], kubeconfig=kubeconfig_at(cluster, tmp_path, token="nobody")):
            raise AssertionError

    with pytest.raises(Denied, match="does not know us") as caught:
        await unknown()
    assert "kubeconfig" in caught.value.fix


async def test_a_config_map_that_may_not_be_read_is_told_of_and_one_that_may_be_read_by_its_name_is_read(
    cluster: ApiServer, tmp_path: Path
) -> None:
    for name in ("allowed", "forbidden"):
        cluster.ask("POST", place("ConfigMap", "elsewhere"), config_map(name))
    rules = [_rule("eventing.knative.dev", "brokers"), _rule("", "configmaps", names=("allowed",))]
    token = account(cluster, "reads-one", *rules)
    for name in ("allowed", "forbidden"):
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "namespace": "elsewhere"}
        put(cluster, one("Broker", name, {"config": reference}))
    async with store_upon(cluster, [Broker], kubeconfig=kubeconfig_at(cluster, tmp_path, token=token)) as (_, store):
        assert names(store) == ["allowed", "allowed", "forbidden"]
        key = Key("", "ConfigMap", "elsewhere", "forbidden")
        assert [*store.unreadable] == [key]
        assert store.unreadable[key].error.fix == "grant the verb list on configmaps in a role"
        await ask(cluster, "DELETE", f"{place('Broker')}/forbidden")
        await until(lambda: not store.unreadable, PATIENCE_S)


async def test_what_a_server_refuses_comes_in_the_words_of_the_port(cluster: ApiServer) -> None:
    async with store_upon(cluster, [Broker, Sequence]) as (client, store):
        made = await store.create(parse(one("Broker", "b", {})))
        with pytest.raises(AlreadyExists, match="Broker default/b"):
            await store.create(parse(one("Broker", "b", {})))
        with pytest.raises(NotFound, match="Broker nowhere/b"):
            await store.create(parse(one("Broker", "b", {}, namespace="nowhere")))
        with pytest.raises(TooLarge, match="Broker default/b"):
            await store.set_status(BROKER, {"a": "x" * 3_500_000})
        await ask(cluster, "PATCH", f"{place('Broker')}/b", {"metadata": {"labels": {"a": "b"}}})
        with pytest.raises(Conflict, match=r"Broker default/b: metadata\.resourceVersion"):
            await store.set_status(BROKER, {"a": 1}, version=made.metadata.resource_version)
        bad = one("KafkaChannel", "k", {"numPartitions": 0})
        with pytest.raises(Invalid, match=r"spec\.numPartitions"):
            await client.post(place("KafkaChannel"), bad)


async def test_many_objects_come_in_chunks(cluster: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async with store_upon(cluster, [Broker]) as (client, store):
        await asyncio.gather(*(store.create(parse(one("Broker", f"b{number}", {}))) for number in range(30)))
    monkeypatch.setattr("eventing.store.kubernetes.following._CHUNK", 7)
    asked = []
    get = type(client).get

    async def counted(self: Any, path: str, **query: str) -> Any:
        asked.append(query)
        return await get(self, path, **query)

    monkeypatch.setattr(type(client), "get", counted)
    async with store_upon(cluster, [Broker]) as (_, store):
        assert len(names(store)) == 30
    assert [bool(query.get("continue")) for query in asked] == [False, True, True, True, True]
