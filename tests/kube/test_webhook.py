"""A real API server asks the webhook: what it takes is filled in as at home, what it refuses is refused in the same words."""

from __future__ import annotations

import base64
import copy
import json
import re
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from daemons import Daemon
from kube_server import ApiServer, free
from kubectl_stand import kubectl_stand

from eventing.kinds.crd import ConversionWebhook, crd
from eventing.kinds.meta import Resource
from eventing.kinds.registry import KINDS
from kanal.webhook.certificates import LIFE, made, names_of
from kanal.webhook.configurations import CONVERT_PATH, DEFAULTING, configurations
from kanal.webhook.keeping import SECRET

NAMESPACE = "kanal-webhook-test"
OURS = [kind for kind in KINDS if kind.GROUP]
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").rglob("*.yaml"))
PATIENCE_S = 60.0
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
CHANNEL = {"apiVersion": "messaging.knative.dev/v1", "kind": "Channel", "name": "c"}
SINK = {"ref": {"apiVersion": "v1", "kind": "Service", "name": "s"}}
Document = dict[str, Any]


class Webhook(Daemon):
    """`kanal webhook` on a port of its own."""

    def __init__(self, kube: ApiServer, folder: Path, port: int) -> None:
        self.port = port
        self.log = folder / f"webhook-{port}.log"
        command = [
            Path(sys.executable).with_name("kanal"),
            "webhook",
            "--kubeconfig",
            kube.kubeconfig,
            "--port",
            str(port),
        ]
        command += ["--set", f"kubernetes.namespace={NAMESPACE}", "--set", "webhook.resync_s=0.5"]
        super().__init__(command, self.log)

    def shown(self) -> str:
        """The certificate that the next client is shown, empty where nobody listens; PEM."""
        try:
            return ssl.get_server_certificate(("127.0.0.1", self.port), timeout=10)
        except OSError:
            return ""


@pytest.fixture(scope="module")
def port() -> int:
    return free()


@pytest.fixture(scope="module")
def cluster(kube: ApiServer, port: int) -> Iterator[ApiServer]:
    """The API server with our definitions, which asks at the port; as before when the module is done."""
    kube.kubectl("create", "namespace", NAMESPACE)
    url = f"https://127.0.0.1:{port}"
    kube.kubectl("apply", "-f", "-", given=yaml.safe_dump_all([_defined(kind, url) for kind in OURS]))
    kube.kubectl("wait", "--for=condition=Established", "--timeout=30s", *(f"crd/{k.PLURAL}.{k.GROUP}" for k in OURS))
    kube.kubectl("apply", "-f", "-", given=_asking(port))
    yield kube
    kube.kubectl("delete", "-f", "-", given=_asking(port))
    for kind in OURS:
        kube.kubectl("delete", kind.PLURAL + "." + kind.GROUP, "--all", "--all-namespaces", "--ignore-not-found")
    kube.kubectl("apply", "-f", "-", given=yaml.safe_dump_all([crd(kind) for kind in OURS]))
    kube.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.fixture(scope="module")
def webhook(cluster: ApiServer, port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webhook]:
    """The webhook that the API server asks."""
    found = Webhook(cluster, tmp_path_factory.mktemp("webhook"), port)
    found.start()
    try:
        found.until(lambda: _takes(cluster), "the API server does not trust it", PATIENCE_S)
        yield found
    finally:
        found.stop()


@pytest.fixture(autouse=True)
def place(cluster: ApiServer) -> Iterator[None]:
    """Whatever a test left of our kinds is gone afterwards."""
    yield
    for kind in OURS:
        version = kind.full_version(kind.VERSIONS[0])
        cluster.ask("DELETE", f"/apis/{version}/namespaces/default/{kind.PLURAL}")


def _defined(kind: type[Resource], url: str) -> Document:
    definition = crd(kind, ConversionWebhook(namespace=NAMESPACE, name="kanal-webhook"))
    if kind.SHAPES:
        definition["spec"]["conversion"]["webhook"]["clientConfig"] = {"url": url + CONVERT_PATH}
    return definition


def _asking(port: int) -> str:
    return yaml.safe_dump_all(configurations(namespace=NAMESPACE, url=f"https://127.0.0.1:{port}"))


def _takes(cluster: ApiServer) -> bool:
    """Whether an object of ours is taken just now."""
    path = "/apis/eventing.knative.dev/v1/namespaces/default/brokers?dryRun=All"
    return cluster.ask("POST", path, written("Broker", {}, name="asked")).status == 201


def written(kind: str, spec: Document, version: str = "", name: str = "x", **metadata: Any) -> Document:
    model = next(one for one in KINDS if kind == one.KIND)
    api_version = model.full_version(version or model.VERSIONS[0])
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec}


def until(condition: Callable[[], object], what: str) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < ends, what
        time.sleep(0.05)


def told(found: Document) -> Document:
    """What an object says, without what only its server knows."""
    metadata = found["metadata"]
    annotations = {name: text for name, text in (metadata.get("annotations") or {}).items() if name != APPLIED}
    return {
        "apiVersion": found["apiVersion"],
        "kind": found["kind"],
        "name": metadata["name"],
        "labels": metadata.get("labels") or {},
        "annotations": annotations,
        "spec": found["spec"],
    }


async def test_kubectl_applies_every_example_with_the_defaults_of_home(
    cluster: ApiServer, webhook: Webhook, tmp_path: Path
) -> None:
    compared = 0
    async with kubectl_stand(tmp_path) as home:
        for file in EXAMPLES:
            documents = [one for one in yaml.safe_load_all(file.read_text(encoding="utf-8")) if one]
            cluster.kubectl("apply", "-f", str(file))
            await home("apply", "-f", str(file))
            for one in documents:
                if one["apiVersion"] == "v1":
                    continue
                group, _, version = one["apiVersion"].partition("/")
                words = ("get", f"{one['kind']}.{version}.{group}", one["metadata"]["name"])
                there = json.loads(cluster.kubectl(*words, "-o", "json"))
                here = json.loads(await home(*words, "-o", "json"))
                assert told(there) == told(here)
                compared += 1
            assert cluster.kubectl("apply", "-f", str(file)) == await home("apply", "-f", str(file))
            cluster.kubectl("delete", "-f", str(file))
    assert compared > 10


TRIGGER = written("Trigger", {"broker": "b", "subscriber": SINK})
WRONG = [
    written("Trigger", {"broker": "", "subscriber": SINK}),
    written("Trigger", {"broker": "b", "subscriber": {"uri": "ftp://a"}}),
    written("Trigger", {"broker": "b", "subscriber": SINK, "filters": [{"cesql": "type = "}]}),
    written("Trigger", {"brokerRef": {"name": "b", "namespace": "other"}, "subscriber": SINK}),
    written("Subscription", {"channel": {**CHANNEL, "namespace": "other"}, "subscriber": SINK}),
    written("Subscription", {"channel": CHANNEL, "subscriber": SINK, "delivery": {"timeout": "5s", "retry": -1}}),
    written("Channel", {"subscribers": [{"uid": "u", "subscriberUri": "http://a"}]}),
    written("Channel", {"channelTemplate": {"apiVersion": "messaging.knative.dev/v1beta1", "kind": "KafkaChannel", "spec": {"numPartition": 1}}}),
    written("KafkaChannel", {"numPartitions": 0, "replicationFactor": 0}),
    written("Sequence", {"steps": []}),
    written("Parallel", {"branches": [{"filter": SINK}]}),
    written("EventType", {"type": "t", "schemaData": "{"}),
    written("EventType", {"attributes": [{"name": "type", "value": "t"}]}, "v1beta3"),
    written("Broker", {}, annotations={"kanal.dev/ttl": "many"}),
]  # fmt: skip
CHANGES = [
    (TRIGGER, {"broker": "c", "subscriber": SINK}),
    (written("KafkaChannel", {}), {"numPartitions": 3}),
    (written("Channel", {"delivery": {"retry": 1}}), {"delivery": {"retry": 2}}),
    (written("Subscription", {"channel": CHANNEL, "subscriber": SINK}), {"channel": {**CHANNEL, "name": "d"}, "subscriber": SINK}),
    (written("EventType", {"type": "t"}), {"type": "t", "description": "d"}),
]  # fmt: skip


def refusal(cluster: ApiServer, document: Document) -> str:
    with pytest.raises(AssertionError) as caught:
        cluster.kubectl("apply", "-f", "-", given=json.dumps(document))
    return str(caught.value)


async def test_a_wrong_resource_is_refused_in_the_words_of_home(
    cluster: ApiServer, webhook: Webhook, tmp_path: Path
) -> None:
    async with kubectl_stand(tmp_path) as home:
        for one in WRONG:
            here = await home("apply", "-f", "-", given=json.dumps(one), code=1)
            there = refusal(cluster, one)
            assert there == here, one
            assert f'The {one["kind"]} "x" is invalid: ' in there
        for before, spec in CHANGES:
            cluster.kubectl("apply", "-f", "-", given=json.dumps(before))
            await home("apply", "-f", "-", given=json.dumps(before))
            after = {**before, "spec": spec}
            here = await home("apply", "-f", "-", given=json.dumps(after), code=1)
            there = refusal(cluster, after)
            assert there == here, after
            assert "can't be changed once the resource is there: it is" in there


def test_a_dry_run_on_the_server_is_filled_in_and_nothing_stays(cluster: ApiServer, webhook: Webhook) -> None:
    words = ("apply", "--dry-run=server", "-o", "json", "-f", "-")
    shown = json.loads(cluster.kubectl(*words, given=json.dumps(TRIGGER)))
    assert shown["metadata"]["labels"] == {"eventing.knative.dev/broker": "b"}
    assert cluster.kubectl("get", "triggers") == ""


def test_an_event_type_is_the_same_in_every_version(cluster: ApiServer, webhook: Webhook) -> None:
    attributes = [
        {"name": "type", "required": True, "value": "t"},
        {"name": "source", "required": True, "value": "/s"},
        {"name": "specversion", "required": True, "value": "1.0"},
        {"name": "id", "required": True},
        {"name": "tenant"},
    ]
    broker = {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "name": "b"}
    spec = {"attributes": attributes, "reference": broker, "description": "d"}
    cluster.kubectl("apply", "-f", "-", given=json.dumps(written("EventType", spec, "v1beta3")))

    def read(version: str) -> Document:
        found: Document = json.loads(
            cluster.kubectl("get", f"eventtypes.{version}.eventing.knative.dev", "x", "-o", "json")
        )
        return found

    there = {**spec, "reference": {**broker, "namespace": "default"}}
    assert read("v1beta3")["spec"] == there
    older = read("v1beta2")
    assert older["spec"] == {"type": "t", "source": "/s", "reference": there["reference"], "description": "d"}
    assert read("v1beta1")["spec"] == older["spec"]
    cluster.kubectl("label", "eventtypes.v1beta2.eventing.knative.dev", "x", "a=b")
    again = read("v1beta3")
    assert (again["spec"], again["metadata"]["labels"]) == (there, {"a": "b"})
    assert "unchanged" in cluster.kubectl("apply", "-f", "-", given=json.dumps(written("EventType", spec, "v1beta3")))


def test_a_default_of_the_installation_counts_from_its_configmap_on(cluster: ApiServer, webhook: Webhook) -> None:
    name = "kafka-channel-config"
    try:
        cluster.kubectl("create", "configmap", name, "-n", NAMESPACE, "--from-literal=default.topic.partitions=4")
        path = "/apis/messaging.knative.dev/v1beta1/namespaces/default/kafkachannels?dryRun=All"

        def partitions() -> int:
            answer = cluster.ask("POST", path, written("KafkaChannel", {}))
            found: int = answer.body["spec"]["numPartitions"]
            return found

        until(lambda: partitions() == 4, "the ConfigMap does not count")
    finally:
        cluster.kubectl("delete", "configmap", name, "-n", NAMESPACE)
    until(lambda: partitions() == 1, "the ConfigMap counts still")


def test_what_a_chart_that_is_applied_anew_emptied_is_written_again(
    cluster: ApiServer, webhook: Webhook, port: int
) -> None:
    cluster.kubectl("replace", "-f", "-", given=_asking(port))
    until(lambda: _takes(cluster), "the API server does not trust it any more")
    webhooks = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
    assert cluster.ask("GET", f"{webhooks}/{DEFAULTING}").body["webhooks"][0]["clientConfig"]["caBundle"]


def test_two_that_start_together_show_one_certificate(cluster: ApiServer, webhook: Webhook, tmp_path: Path) -> None:
    pair = [Webhook(cluster, tmp_path, free()) for _ in range(2)]
    webhook.stop()
    try:
        cluster.kubectl("delete", "secret", SECRET, "-n", NAMESPACE)
        for one in pair:
            one.start()
        for one in pair:
            one.until(one.shown, "it does not listen", PATIENCE_S)
        assert pair[0].shown() == pair[1].shown() == _kept(cluster)
    finally:
        for one in pair:
            one.stop()
        webhook.start()
    webhook.until(lambda: _takes(cluster), "the API server does not trust it", PATIENCE_S)
    assert webhook.shown() == pair[0].shown() or webhook.shown() == _kept(cluster)


def test_a_certificate_that_ends_soon_is_replaced_while_everybody_goes_on(cluster: ApiServer, webhook: Webhook) -> None:
    aged = made(names_of("kanal-webhook", NAMESPACE, "cluster.local"), datetime.now(UTC) - LIFE * 0.8)
    webhook.stop()
    secret = f"/api/v1/namespaces/{NAMESPACE}/secrets/{SECRET}"
    data = {name: base64.b64encode(part).decode() for name, part in aged.data().items()}
    assert cluster.ask("PATCH", secret, {"data": data}).status == 200
    webhook.start()
    webhook.until(lambda: _takes(cluster), "the API server does not trust it", PATIENCE_S)
    first = webhook.shown()
    assert first == _kept(cluster) != aged.chain.decode()
    assert cluster.ask("PATCH", secret, {"data": data}).status == 200

    def renewed() -> bool:
        assert _takes(cluster), "nobody may notice"
        return webhook.shown() not in ("", first)

    until(renewed, "it shows the same certificate still")
    assert webhook.alive
    assert webhook.shown() == _kept(cluster)
    assert _takes(cluster)


def _kept(cluster: ApiServer) -> str:
    there = cluster.ask("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets/{SECRET}").body
    return base64.b64decode(there["data"]["tls.crt"]).decode()


def test_while_it_is_away_nothing_is_taken_and_whatever_is_to_go_goes(cluster: ApiServer, webhook: Webhook) -> None:
    cluster.kubectl("apply", "-f", "-", given=json.dumps(written("EventType", {"type": "t"})))
    held = copy.deepcopy(TRIGGER)
    held["metadata"]["finalizers"] = ["example.com/held"]
    cluster.kubectl("apply", "-f", "-", given=json.dumps(held))
    path = "/apis/eventing.knative.dev/v1/namespaces/default/triggers/x"
    webhook.stop()
    try:
        assert "kanal.dev" in refusal(cluster, written("Broker", {}))
        assert cluster.kubectl("get", "eventtypes.v1beta2.eventing.knative.dev", "-o", "name")
        with pytest.raises(AssertionError, match="conversion webhook"):
            cluster.kubectl("get", "eventtypes")
        status = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
        assert cluster.ask("PATCH", f"{path}/status", status).status == 200
        cluster.kubectl("delete", "trigger", "x", "--wait=false")
        assert cluster.ask("PATCH", path, {"metadata": {"finalizers": None}}).status == 200
        assert cluster.ask("GET", path).status == 404
    finally:
        webhook.start()
    webhook.until(lambda: _takes(cluster), "the API server does not trust it", PATIENCE_S)


def test_told_to_stop_it_ends_without_a_word_of_trouble(cluster: ApiServer, webhook: Webhook, tmp_path: Path) -> None:
    other = Webhook(cluster, tmp_path, free())
    other.start()
    other.until(other.shown, "it does not listen", PATIENCE_S)
    for greeting in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01"):
        _greet(other.port, greeting)
    other.stop()
    assert '"stopped"' in other.last_words.splitlines()[-1], "it was ended by force"
    assert re.findall("Traceback|Error|warning", other.last_words) == []


def _greet(port: int, greeting: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), 10) as one:
        one.sendall(greeting)
        one.shutdown(socket.SHUT_WR)
        while one.recv(1_000):
            pass
