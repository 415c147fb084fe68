"""`kanal migrate --dry-run` against a real API server: what Knative wrote there is found, nothing is changed, and its commands work."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import knative_stand as knative
import kube_binaries
import pytest
import pytest_asyncio
import yaml
from cluster_stack import clustered
from helm_chart import CHART, Helm, Refused
from knative_kafka import Left, named
from kube_server import ApiServer
from raw_http import RawServer, until
from stack import PATIENCE_S, ids

from eventing.kinds.registry import KINDS
from eventing.settings import Kafka, Kubernetes, Settings
from kanal.crds import text, webhook
from kanal.migrate.report import Report, document
from kanal.migrate.run import examined

SYSTEM = "knative-eventing"
NOTHING_DONE = {0: 0, 1: 0}
KANAL = Path(sys.executable).parent / "kanal"
DEFINED = [kind for kind in KINDS if kind.GROUP]
RESOURCES = "brokers,triggers,channels.messaging.knative.dev,kafkachannels,subscriptions"


@pytest.fixture(scope="module")
def cluster(kube: ApiServer) -> ApiServer:
    """The API server with definitions and with the ConfigMaps of a Knative."""
    kube.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=text(DEFINED, "yaml"))
    names = [f"crd/{kind.PLURAL}.{kind.GROUP}" for kind in DEFINED]
    kube.kubectl("wait", "--for=condition=Established", "--timeout=30s", *names)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}}
    for one in (namespace, *map(written, knative.installation())):
        kube.kubectl("apply", "-f", "-", given=json.dumps(one))
    return kube


@pytest.fixture
def namespace(cluster: ApiServer) -> Iterator[str]:
    """A namespace of the test's own, and nothing in it afterwards that another test would see."""
    name = f"mig-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    yield name
    for kind in RESOURCES.split(","):
        for one in json.loads(cluster.kubectl("get", kind, "-n", name, "-o", "json"))["items"]:
            patch = '{"metadata":{"finalizers":null}}'
            cluster.kubectl("-n", name, "patch", kind, one["metadata"]["name"], "--type=merge", "-p", patch)
        cluster.kubectl("delete", kind, "--all", "-n", name, "--wait=false")


def written(one: dict[str, Any]) -> dict[str, Any]:
    """The object as somebody applies it: without what only the server gives."""
    bare = copy.deepcopy(one)
    for field in ("uid", "resourceVersion", "generation", "creationTimestamp"):
        bare["metadata"].pop(field, None)
    return bare


def put(cluster: ApiServer, one: dict[str, Any]) -> dict[str, Any]:
    """The object in the API server with its status, as Knative's controller would leave it."""
    kind = next(kind for kind in KINDS if one["kind"] == kind.KIND)
    place = f"/apis/{one['apiVersion']}/namespaces/{one['metadata']['namespace']}/{kind.PLURAL}"
    made = cluster.ask("POST", place, written(one))
    assert made.status == 201, made.message
    answer = cluster.ask("PATCH", f"{place}/{one['metadata']['name']}/status", {"status": one["status"]})
    assert answer.status == 200, answer.message
    return answer.body


def shop(
    cluster: ApiServer,
    namespace: str,
    trigger_group: str | None = "",
    pay: str = "http://pay.shop",
    prints: str = "http://print.shop",
) -> dict[str, str]:
    """A shop as Knative serves it; the uids by name."""
    generic, backing = knative.channel(namespace)
    channel = put(cluster, generic)
    backing["metadata"]["ownerReferences"][0]["uid"] = channel["metadata"]["uid"]
    objects = [
        knative.broker(namespace),
        knative.trigger(namespace, group=trigger_group, subscriber=pay),
        backing,
        knative.subscription(namespace, subscriber=prints),
    ]
    uids = {one["metadata"]["name"]: str(put(cluster, one)["metadata"]["uid"]) for one in objects}
    entry = {"uid": uids["print"], "name": "print", "generation": 1, "subscriberUri": prints}
    path = f"/apis/messaging.knative.dev/v1beta1/namespaces/{namespace}/kafkachannels/bills"
    assert cluster.ask("PATCH", path, {"spec": {"subscribers": [entry]}}).status == 200
    return uids


async def looked(cluster: ApiServer, kafka: str = "", serves: str = "everything") -> Report:
    settings = replace(Settings(), kubernetes=Kubernetes(kubeconfig=str(cluster.kubeconfig), serves=serves))
    return await examined(replace(settings, kafka=Kafka(bootstrap=kafka)) if kafka else settings, [], SYSTEM)


def ran(cluster: ApiServer, command: str) -> None:
    """A command of the report, as a person pastes it."""
    environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig)}
    done = subprocess.run(
        ["sh", "-c", command], env=environment, check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def of(report: Report, namespace: str, what: str = "problems") -> list[str]:
    """What the report says of the objects of a namespace."""
    return [str(one) for one in getattr(report, what) if f" {namespace}/" in one.object]


@pytest_asyncio.fixture
async def topics(kafka: str, namespace: str) -> tuple[str, str]:
    """The topics of the shop in Kafka."""
    names = f"knative-broker-{namespace}-orders", f"knative-messaging-kafka.{namespace}.bills"
    for name in names:
        await Left(kafka).topic(name, {0: [], 1: []})
    return names


async def test_what_knative_wrote_is_found_and_clean_where_kafka_agrees(
    cluster: ApiServer, namespace: str, kafka: str, topics: tuple[str, str]
) -> None:
    uids = shop(cluster, namespace)
    groups = f"knative-trigger-{namespace}-pay", f"kafka.{namespace}.bills.{uids['print']}"
    for group, topic in zip(groups, topics, strict=True):
        await Left(kafka).committed(group, topic, NOTHING_DONE)
    report = await looked(cluster, kafka)
    assert of(report, namespace) == of(report, namespace, "differences") == []
    whole = document(report)
    rows = [one for one in (*whole["topics"], *whole["groups"]) if one["object"]["namespace"] == namespace]
    assert {one.get("group", one["topic"]) for one in rows} == {*topics, *groups}
    assert all(one["agrees"] and one["exists"] for one in rows)


async def test_looking_changes_nothing(cluster: ApiServer, namespace: str) -> None:
    shop(cluster, namespace)

    def everything() -> Any:
        maps = cluster.kubectl("get", "configmaps", "-n", SYSTEM, "-o", "json")
        return json.loads(cluster.kubectl("get", RESOURCES, "-A", "-o", "json")), json.loads(maps)

    before = everything()
    assert (await looked(cluster)).problems
    assert everything() == before


async def test_the_command_that_records_a_name_makes_the_report_clean(
    cluster: ApiServer, namespace: str, kafka: str, topics: tuple[str, str]
) -> None:
    uids = shop(cluster, namespace, trigger_group=None)
    await Left(kafka).committed(uids["pay"], topics[0], NOTHING_DONE)
    await Left(kafka).committed(f"kafka.{namespace}.bills.{uids['print']}", topics[1], NOTHING_DONE)
    (problem,) = of(await looked(cluster, kafka), namespace)
    ran(cluster, problem.partition("record it: ")[2])
    assert of(await looked(cluster, kafka), namespace) == []
    told = cluster.kubectl("get", "trigger", "pay", "-n", namespace, "-o", "jsonpath={.status.annotations}")
    assert json.loads(told) == {"group.id": uids["pay"]}


async def test_after_the_commands_that_clean_up_a_deletion_does_not_hang(cluster: ApiServer, namespace: str) -> None:
    shop(cluster, namespace)
    report = await looked(cluster)
    (cleaning,) = [step for step in report.steps if step.title.startswith("Clean up")]
    own = [command for command in cleaning.commands if f" -n {namespace} " in command]
    assert len(own) == 3
    for command in own:
        ran(cluster, command)
    cluster.kubectl("delete", RESOURCES, "--all", "-n", namespace, "--timeout=30s")
    assert json.loads(cluster.kubectl("get", RESOURCES, "-n", namespace, "-o", "json"))["items"] == []


async def test_kanals_definitions_take_the_place_of_knatives_under_living_objects(
    cluster: ApiServer, namespace: str
) -> None:
    theirs = json.loads(text(DEFINED, "json", webhook("knative-eventing/eventing-webhook", "")))["items"]
    for one in map(_as_knative_ships, theirs):
        cluster.kubectl("replace", "-f", "-", given=json.dumps(one))
        cluster.kubectl("apply", "-f", "-", given=json.dumps(one))
    try:
        until_served(cluster, lambda versions: versions == {"v1beta1"})
        uids = shop(cluster, namespace)
        (step,) = [one for one in (await looked(cluster)).steps if "definitions" in one.title]
        (command,) = step.commands
        ran(cluster, command.replace("kanal crds", f"{KANAL} crds"))
        until_served(cluster, lambda versions: versions == {"v1beta1", "v1"})
        found = cluster.ask("GET", f"/apis/messaging.knative.dev/v1/namespaces/{namespace}/kafkachannels/bills")
        assert found.body["metadata"]["uid"] == uids["bills"]
        assert found.body["status"]["annotations"] == {"default.topic": f"knative-messaging-kafka.{namespace}.bills"}
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/eventtypes.eventing.knative.dev"
        conversion = cluster.ask("GET", path).body["spec"]["conversion"]
        assert conversion["webhook"]["clientConfig"]["service"]["namespace"] == "kanal"
        schema = json.dumps(
            cluster.ask("GET", path.replace("eventtypes.eventing", "kafkachannels.messaging")).body["spec"]
        )
        assert "numPartitions" in schema  # nothing of the loose schema is left
    finally:
        cluster.kubectl("replace", "-f", "-", given=text(DEFINED, "yaml"))


def until_served(cluster: ApiServer, wanted: Callable[[set[str]], bool]) -> None:
    """Return when the API server has KafkaChannels in just these versions."""
    ends = time.monotonic() + 30
    while True:
        versions = {
            version
            for version in ("v1beta1", "v1")
            for one in cluster.ask("GET", f"/apis/messaging.knative.dev/{version}").body["resources"]
            if one["name"] == "kafkachannels"
        }
        if wanted(versions):
            return
        assert time.monotonic() < ends, versions
        time.sleep(0.1)


def _as_knative_ships(ours: dict[str, Any]) -> dict[str, Any]:
    """A definition as it stands in a cluster with Knative: its labels, KafkaChannel in one version, any status and spec."""
    one = copy.deepcopy(ours)
    one["metadata"]["labels"] = {"knative.dev/crd-install": "true"}
    versions = one["spec"]["versions"]
    if one["spec"]["names"]["kind"] == "KafkaChannel":
        versions = [version for version in versions if version["name"] == "v1beta1"]
    for version in versions:
        loose = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        version["schema"] = {"openAPIV3Schema": {"type": "object", "properties": {"spec": loose, "status": loose}}}
    one["spec"]["versions"] = versions
    return one


@pytest.mark.parametrize("serves", ["everything", "kafka"])
async def test_helm_takes_the_printed_values_though_it_made_none_of_the_definitions(
    cluster: ApiServer, namespace: str, tmp_path: Path, serves: str
) -> None:
    if reason := kube_binaries.missing(["helm"]):
        pytest.skip(reason)
    report = await looked(cluster, serves=serves)
    (script,) = [one for step in report.steps for one in step.commands if "kanal-values.yaml <<" in one]
    values = yaml.safe_load(script.split("\n", 1)[1].removesuffix("END"))
    helm = Helm(kube_binaries.found("helm"), tmp_path, cluster.kubeconfig)
    words = ("install", "kanal", str(CHART), "--namespace", namespace, "--dry-run=server")
    assert "kafka-channel-dispatcher" in helm(*words, values=values)
    with pytest.raises(Refused, match=r"crds\.install=false"):
        helm(*words, values={**values, "crds": {"install": True}})


@pytest.mark.timeout(300)  # with an API server, a Kafka and a whole stack to start
@pytest.mark.parametrize("serves", ["everything", "kafka"])
async def test_kanals_own_controller_goes_on_in_the_cluster_where_knatives_dispatchers_stopped(
    cluster: ApiServer, namespace: str, kafka: str, serves: str
) -> None:
    left = Left(kafka)
    topic, bills = f"knative-broker-{namespace}-orders", f"knative-messaging-kafka.{namespace}.bills"
    await left.topic(topic, {0: named("a", 5), 1: named("b", 2)})
    await left.topic(bills, {0: named("x", 3), 1: [], 2: named("z", 1)})
    async with RawServer() as pay, RawServer() as prints:
        uids = shop(cluster, namespace, pay=pay.url, prints=prints.url)
        await left.committed(f"knative-trigger-{namespace}-pay", topic, {0: 3, 1: 2})
        await left.committed(f"kafka.{namespace}.bills.{uids['print']}", bills, {0: 1, 1: 0, 2: 1})
        assert of(await looked(cluster, kafka, serves), namespace) == []
        async with clustered(kafka, cluster, kubernetes={"serves": serves}):
            await until(lambda: len(pay.requests) == 2 and len(prints.requests) == 2, PATIENCE_S)
            await left.more(topic, {1: ["new-order"]})
            await left.more(bills, {1: ["new-bill"]})
            await until(lambda: len(pay.requests) == 3 and len(prints.requests) == 3, PATIENCE_S)
    assert sorted(ids(pay.requests)) == ["a3", "a4", "new-order"]
    assert sorted(ids(prints.requests)) == ["new-bill", "x1", "x2"]
