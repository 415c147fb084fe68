"""Our processes do all their work with the settings and the roles that the chart gives them, on a real API server and Kafka."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import kube_binaries
import pytest
from daemons import Daemon
from daemons import running as daemon_running
from helm_chart import CHART, OURS, Document, Helm, merged
from kube_server import ApiServer, free, running
from store_stand import kubeconfig_at

pytestmark = [pytest.mark.kube, pytest.mark.timeout(300)]

NAMESPACE = "somewhere"
PATIENCE_S = 90.0
CHANNEL = {"apiVersion": "messaging.knative.dev/v1", "kind": "Channel", "name": "c"}
SINK = {"ref": {"apiVersion": "v1", "kind": "Service", "name": "sink"}}
STEP = {"steps": [SINK]}
KINDS = {
    "channels.messaging.knative.dev/c": ("Channel", "messaging.knative.dev/v1", {}),
    "subscriptions.messaging.knative.dev/s": (
        "Subscription",
        "messaging.knative.dev/v1",
        {"channel": CHANNEL, "subscriber": SINK},
    ),
    "brokers.eventing.knative.dev/b": ("Broker", "eventing.knative.dev/v1", {}),
    "triggers.eventing.knative.dev/t": ("Trigger", "eventing.knative.dev/v1", {"broker": "b", "subscriber": SINK}),
    "sequences.flows.knative.dev/q": ("Sequence", "flows.knative.dev/v1", STEP),
    "parallels.flows.knative.dev/p": ("Parallel", "flows.knative.dev/v1", {"branches": [{"subscriber": SINK}]}),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server of its own, for what the chart makes for a whole cluster."""
    if reason := kube_binaries.missing(kube_binaries.API_SERVER):
        pytest.skip(reason)
    with running(tmp_path_factory.mktemp("kube")) as found:
        yield found


@pytest.fixture
def helm(server: ApiServer, tmp_path: Path) -> Iterator[Helm]:
    made = Helm(kube_binaries.found("helm"), tmp_path, server.kubeconfig)
    yield made
    made("uninstall", "kanal", "--namespace", NAMESPACE, "--wait")


def install(helm: Helm, values: Document) -> None:
    helm("install", "kanal", str(CHART), "--namespace", NAMESPACE, "--create-namespace", values=values)


def started(server: ApiServer, folder: Path, verb: str, account: str, **environment: str) -> Daemon:
    """A process as its pod would run it: the settings of the release, and the token of its account if it gets one."""
    text = server.kubectl("get", "configmap", "kanal-settings", "-n", NAMESPACE, "-o", "jsonpath={.data.kanal\\.toml}")
    (folder / "kanal.toml").write_text(text, encoding="utf-8")
    given = {"KANAL_CONFIG": str(folder / "kanal.toml"), "KUBECONFIG": str(folder / "none"), **environment}
    if account:
        token = server.kubectl("create", "token", account, "--namespace", NAMESPACE).strip()
        given["KANAL_KUBERNETES__KUBECONFIG"] = kubeconfig_at(server, folder, token=token)
    words = [verb, "--kubernetes"] if verb == "controller" else [verb]
    return Daemon([Path(sys.executable).with_name("kanal"), *words], folder / f"{verb}.log", given)


def read(server: ApiServer, path: str) -> Document:
    answer = server.ask("GET", path)
    return answer.body if answer.status == 200 else {}


def ready(server: ApiServer, name: str) -> bool:
    """Whether a resource says so; what it is made of is looked up by `kubectl`, so that no version stands here."""
    found = json.loads(server.kubectl("get", name, "--namespace", "default", "--output", "json"))
    conditions = {one["type"]: one["status"] for one in found.get("status", {}).get("conditions", ())}
    return conditions.get("Ready") == "True"


def test_the_controller_makes_everything_ready_with_its_own_role_and_the_ingress_with_none(
    server: ApiServer, helm: Helm, kafka: str, topic: str, tmp_path: Path
) -> None:
    names = {
        name: f"{topic}.{name}" for name in ("plan_topic", "outcome_topic", "event_types_topic", "resources_topic")
    }
    names |= {"channel_topic": f"{topic}.{{namespace}}.{{name}}", "broker_topic": f"{topic}.b.{{namespace}}.{{name}}"}
    kafka_values = {"kafka": {"bootstrap": kafka}, "settings": {"names": names, "control": {"resync_s": 1}}}
    install(helm, merged(kafka_values, {"webhook": {"enabled": False}}))
    ingress, control = free(), free()
    receiver = started(server, tmp_path, "channel", "", KANAL_INGRESS__PORT=str(ingress))
    controller = started(
        server,
        tmp_path,
        "controller",
        "kanal-controller",
        KANAL_CONTROL__PORT=str(control),
        KANAL_CONTROL__TOKEN="token",
        KANAL_CONTROL__PROBE_URLS=f"http://127.0.0.1:{ingress}",
    )
    sink: Document = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "sink"}}
    sink["spec"] = {"ports": [{"port": 80}], "clusterIP": "None"}
    documents = [sink]
    for name, (kind, version, spec) in KINDS.items():
        documents.append(
            {"apiVersion": version, "kind": kind, "metadata": {"name": name.rpartition("/")[2]}, "spec": spec}
        )
    with ExitStack() as stack:
        for one in (receiver, controller):
            stack.enter_context(daemon_running(one))
        server.kubectl("apply", "-f", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}))
        for name in KINDS:
            controller.until(lambda name=name: ready(server, name), f"{name} is not Ready", PATIENCE_S)
        service = read(server, "/api/v1/namespaces/default/services/c-kn-channel")
        assert service["spec"]["externalName"] == f"kafka-channel-ingress.{NAMESPACE}.svc.cluster.local"
        told = read(server, "/api/v1/namespaces/default/events")["items"]
        assert {one["involvedObject"]["kind"] for one in told} >= {"Channel", "Broker"}
        lease = read(server, f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/kanal-controller")
        assert lease["spec"]["holderIdentity"]
        server.kubectl("delete", *KINDS, "--wait=false")
        controller.until(
            lambda: not read(server, "/api/v1/namespaces/default/services/c-kn-channel"),
            "the Service stays",
            PATIENCE_S,
        )
    for log in tmp_path.glob("*.log"):
        assert "forbidden" not in log.read_text(encoding="utf-8").lower(), log.name


def test_the_webhook_is_vouched_for_after_an_installation_an_upgrade_and_a_rollback(
    server: ApiServer, helm: Helm, tmp_path: Path
) -> None:
    install(helm, OURS)
    webhook = started(server, tmp_path, "webhook", "kanal-webhook", KANAL_WEBHOOK__PORT=str(free()))
    places = (
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/kanal.dev-defaulting",
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/kanal.dev-validation",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/eventtypes.eventing.knative.dev",
    )

    def trusted() -> list[str]:
        found = [read(server, place) for place in places]
        clients: list[Any] = [one["webhooks"][0]["clientConfig"] for one in found[:2]]
        clients.append(found[2]["spec"]["conversion"]["webhook"]["clientConfig"])
        return [one.get("caBundle", "") for one in clients]

    with daemon_running(webhook):
        webhook.until(lambda: all(trusted()), "nobody vouches for the webhook", PATIENCE_S)
        before = trusted()
        values = merged(OURS, {"webhook": {"timeoutSeconds": 5}})
        helm("upgrade", "kanal", str(CHART), "--namespace", NAMESPACE, values=values)
        assert trusted() == before
        helm("rollback", "kanal", "1", "--namespace", NAMESPACE)
        assert trusted() == before
