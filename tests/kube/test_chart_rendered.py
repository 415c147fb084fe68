"""What Helm makes of the chart is valid for Kubernetes, secure, and what our processes and the API server expect."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import click
import kubernetes_validate
import pytest
import typer.main
from helm_chart import CHART, EMBEDDED, KUBE_VERSION, OURS, Document, Helm, merged, named, pods

from eventing.kinds.crd import crd
from eventing.kinds.meta import Defaults
from eventing.kinds.registry import KINDS, parse
from eventing.plan.installation import installed
from eventing.settings import Settings, load
from kanal.cli import app
from kanal.crds import webhook
from kanal.webhook.configurations import configurations

pytestmark = pytest.mark.kube

POD = {
    "labels": {"team": "a"},
    "annotations": {"note": "b"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "k", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "spread": False,
    "priorityClassName": "high",
    "env": [{"name": "KANAL_LOG__LEVEL", "value": "debug"}],
}
LOGIN = {"kafka": {"auth": {"existingSecret": "kafka-login"}, "properties": {"client.rack": "a"}}}
CONFIGS = {
    "default-ch-webhook": {
        "default-ch-config": "clusterDefault:\n  apiVersion: messaging.knative.dev/v1\n  kind: KafkaChannel\n"
    },
    "config-br-defaults": {"default-br-config": "clusterDefault:\n  brokerClass: Kafka\n"},
    "kafka-channel-config": {"default.topic.partitions": "6"},
    "kafka-broker-config": {"default.topic.partitions": "12", "default.topic.replication.factor": "3"},
}
SIZES = {
    "ingress": {"autoscaling": {"enabled": True}},
    "dispatcher": {"keda": {"enabled": True, "follows": [{"group": "g", "topic": "t"}]}},
    "networkPolicies": {"enabled": True, "senders": [{"namespaceSelector": {}}], "kafkaPorts": [9094]},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
}
MATRIX: dict[str, Document] = {
    "plain": OURS,
    "embedded": EMBEDDED,
    "embedded without a volume": merged(EMBEDDED, {"kafka": {"embedded": {"persistence": {"enabled": False}}}}),
    "beside Knative": merged(OURS, {"serves": "kafka"}),
    "with a login": merged(OURS, LOGIN),
    "with everything": merged(merged(OURS, LOGIN), merged(SIZES, {"defaults": CONFIGS})),
    "embedded, fenced in": merged(EMBEDDED, {"networkPolicies": {"enabled": True}}),
    "without": merged(
        OURS,
        {
            "webhook": {"enabled": False},
            "crds": {"install": False},
            "userRoles": False,
            "podDisruptionBudgets": {"enabled": False},
            "controller": {"token": {"existingSecret": "mine"}},
        },
    ),
    "with its own pods": merged(
        merged(OURS, LOGIN),
        {"pods": POD, "image": {"digest": f"sha256:{'0' * 64}", "pullSecrets": ["registry"]}},
    ),
    "with settings": merged(
        OURS,
        {"settings": {"delivery": {"timeout_s": 1.5, "share_reading": False}, "resolve": {"services": {"a": "b"}}}},
    ),
}
SOMEBODY_ELSES = ("keda.sh/", "monitoring.coreos.com/")


@pytest.fixture(params=MATRIX)
def values(request: pytest.FixtureRequest) -> Document:
    return MATRIX[request.param]


def test_helm_has_nothing_to_complain_of(helm: Helm, values: Document) -> None:
    said = helm("lint", "--strict", str(CHART), "--kube-version", KUBE_VERSION, values=values)
    assert "[WARNING]" not in said


@cache
def valid(one: str) -> None:
    """Reads the whole schema for each object, so one that was seen before is not looked at again."""
    kubernetes_validate.validate(json.loads(one), "1.34", strict=True)


def test_every_object_is_valid_and_lands_in_the_namespace_of_the_release(helm: Helm, values: Document) -> None:
    seen = set()
    for one in helm.rendered(values, namespace="elsewhere"):
        title = (one["kind"], one["metadata"]["name"], one["metadata"].get("namespace"))
        assert title not in seen
        seen.add(title)
        if one["apiVersion"].partition("/")[0].endswith(".knative.dev"):
            parse({**one, "metadata": {"name": one["metadata"]["name"], "namespace": "elsewhere"}})
        elif not one["apiVersion"].startswith(SOMEBODY_ELSES):
            valid(json.dumps(one))
        scope = "Cluster" in one["kind"] or one["kind"].endswith(("WebhookConfiguration", "Definition"))
        assert one["metadata"].get("namespace") == (None if scope else "elsewhere")


def test_every_pod_keeps_to_the_restricted_standard(helm: Helm, values: Document) -> None:
    for role, pod in pods(helm.rendered(values)).items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, role
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for one in (*spec.get("initContainers", []), *spec["containers"]):
            own = one["securityContext"]
            assert own["readOnlyRootFilesystem"] is True
            assert own["allowPrivilegeEscalation"] is False
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert {"cpu", "memory"} <= one["resources"]["requests"].keys()
            assert "memory" in one["resources"]["limits"]
        assert all(volume.keys() & {"configMap", "secret", "emptyDir", "name"} for volume in spec.get("volumes", []))


def test_every_role_tells_when_it_has_started_is_ready_and_lives(helm: Helm, values: Document) -> None:
    for role, pod in pods(helm.rendered(values)).items():
        if role == "test":
            continue
        (one,) = pod["spec"]["containers"]
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= one.keys(), role
        ports = {port["name"] for port in one["ports"]}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            way = one[probe].get("httpGet") or one[probe].get("tcpSocket")
            assert way is None or way["port"] in ports


def settings_of(objects: list[Document], pod: Document) -> Settings:
    """What the process in a pod would settle on, with the image's own environment."""
    (one,) = pod["spec"]["containers"]
    environment = {f"KANAL_{name}__HOST": "0.0.0.0" for name in ("INGRESS", "CONTROL", "HEALTH")}
    environment |= {e["name"]: e.get("value", "name-of-the-pod") for e in one.get("env", [])}
    text = named(objects, "ConfigMap", "kanal-settings")["data"]["kanal.toml"]
    return load(environment, text)


def test_every_process_is_started_with_a_verb_and_settings_that_there_are(helm: Helm, values: Document) -> None:
    objects = helm.rendered(values)
    verbs: Any = typer.main.get_command(app)
    for role, pod in pods(objects).items():
        if role == "test":
            continue
        (one,) = pod["spec"]["containers"]
        verb, *words = one["args"]
        command = verbs.get_command(click.Context(verbs), verb)
        assert command is not None, role
        command.make_context(verb, list(words))
        settings = settings_of(objects, pod)
        assert settings.kubernetes.namespace == "foo"
        served = {
            "channel": settings.ingress,
            "dispatcher": settings.health,
            "controller": settings.control,
            "webhook": settings.webhook,
        }.get(verb)
        if served is not None:
            assert served.host == "0.0.0.0"
            assert served.port == one["ports"][0]["containerPort"]


def test_a_dispatcher_is_called_in_kafka_as_its_pod_is(helm: Helm) -> None:
    (one,) = pods(helm.rendered(OURS))["dispatcher"]["spec"]["containers"]
    (entry,) = [e for e in one["env"] if e["name"] == "KANAL_KAFKA__GROUP_INSTANCE"]
    assert entry["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_new_settings_make_new_pods_of_those_that_read_them(helm: Helm) -> None:
    def made(over: Document) -> Document:
        return {role: json.dumps(pod) for role, pod in pods(helm.rendered(merged(OURS, over))).items()}

    first = made({})
    changed = made({"settings": {"delivery": {"jitter": 0.5}}})
    assert {role for role in first if changed[role] != first[role]} == {
        "ingress",
        "dispatcher",
        "controller",
        "webhook",
    }


def test_the_embedded_kafka_is_where_the_others_look_for_it_and_has_one_replica(helm: Helm) -> None:
    objects = helm.rendered(EMBEDDED, namespace="ns")
    settings = settings_of(objects, pods(objects)["dispatcher"])
    service = named(objects, "Service", "kanal-kafka")
    (kafka,) = pods(objects)["kafka"]["spec"]["containers"]
    assert settings.kafka.bootstrap == "kanal-kafka.ns.svc.cluster.local:9092"
    assert f"--advertise={settings.kafka.bootstrap}" in kafka["args"]
    assert service["spec"]["ports"][0]["port"] == 9092
    assert settings.kafka.most_replicas == 1


@pytest.mark.parametrize("serves", ["everything", "kafka"])
def test_the_configurations_of_the_webhook_are_those_that_it_knows(helm: Helm, serves: str) -> None:
    objects = helm.rendered(merged(OURS, {"serves": serves}), namespace="ns")
    for wanted in configurations(namespace="ns", serves=serves):
        found = named(objects, wanted["kind"], wanted["metadata"]["name"])
        assert found["metadata"]["labels"].items() >= wanted["metadata"]["labels"].items()
        for one in (*found["webhooks"], *wanted["webhooks"]):
            one["rules"] = sorted(({**r, "apiVersions": sorted(r["apiVersions"])} for r in one["rules"]), key=str)
        assert found["webhooks"] == wanted["webhooks"]


def test_a_definition_is_the_one_of_the_models_kept_and_asking_the_webhook_of_this_release(helm: Helm) -> None:
    objects = helm.rendered(OURS, namespace="ns")
    for kind in (one for one in KINDS if one.GROUP):
        wanted = crd(kind, webhook("ns/kanal-webhook"))
        found = named(objects, "CustomResourceDefinition", f"{kind.PLURAL}.{kind.GROUP}")
        assert found["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
        assert found == wanted


def test_without_a_webhook_the_definitions_are_those_for_none(helm: Helm) -> None:
    objects = helm.rendered(merged(OURS, {"webhook": {"enabled": False}}))
    for kind in (one for one in KINDS if one.GROUP):
        found = named(objects, "CustomResourceDefinition", f"{kind.PLURAL}.{kind.GROUP}")
        found["metadata"].pop("annotations")
        assert found == crd(kind)
    assert "kanal-webhook" not in json.dumps(objects)


def test_beside_knative_only_the_channel_of_kafka_is_defined(helm: Helm) -> None:
    objects = helm.rendered(merged(OURS, {"serves": "kafka"}))
    defined = [one["metadata"]["name"] for one in objects if one["kind"] == "CustomResourceDefinition"]
    assert defined == ["kafkachannels.messaging.knative.dev"]


def test_the_config_maps_are_read_without_a_problem(helm: Helm) -> None:
    objects = helm.rendered(merged(OURS, {"defaults": CONFIGS}), namespace="ns")
    maps = [parse(named(objects, "ConfigMap", name)) for name in CONFIGS]
    found = installed(maps, Defaults(), "ns")
    assert found.problems == {}
    assert (found.broker_topics.partitions, found.defaults.partitions) == (12, 6)


def test_a_secret_is_read_before_a_client_of_kafka_starts_and_nowhere_else(helm: Helm) -> None:
    objects = helm.rendered(merged(OURS, LOGIN))
    for role, pod in pods(objects).items():
        login = [one for one in pod["spec"].get("initContainers", []) if one["name"] == "login"]
        reads = "kafka-login" in json.dumps(pod)
        assert bool(login) == reads == (role in ("ingress", "dispatcher", "controller")), role
        if login:
            out = login[0]["command"][-1]
            assert {"name": "KANAL_CONFIG", "value": out} in pod["spec"]["containers"][0]["env"]
            assert "login.py" in named(objects, "ConfigMap", "kanal-settings")["data"]


def test_a_digest_counts_more_than_a_tag(helm: Helm) -> None:
    digest = f"sha256:{'a' * 64}"
    images = {"image": {"repository": "registry.example/kanal", "tag": "dev", "digest": digest}}
    for values, image in ((images, f"@{digest}"), ({"image": {**images["image"], "digest": ""}}, ":dev")):
        text = json.dumps(pods(helm.rendered(merged(EMBEDDED, values))))
        assert text.count('"image":') == text.count(f'"image": "registry.example/kanal{image}"') > 5


def test_an_autoscaler_alone_says_how_many_there_are(helm: Helm) -> None:
    objects = helm.rendered(MATRIX["with everything"])
    assert "replicas" not in named(objects, "Deployment", "kafka-channel-receiver")["spec"]
    assert "replicas" not in named(objects, "StatefulSet", "kafka-channel-dispatcher")["spec"]
    target = named(objects, "HorizontalPodAutoscaler", "kafka-channel-receiver")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", "kafka-channel-receiver")
    (trigger,) = named(objects, "ScaledObject", "kafka-channel-dispatcher")["spec"]["triggers"]
    assert trigger["metadata"]["bootstrapServers"] == "kafka.example:9092"
    assert trigger["authenticationRef"] == {"name": "kafka-channel-dispatcher"}


def test_a_service_or_policy_selects_the_pods_of_one_role(helm: Helm) -> None:
    objects = helm.rendered(merged(EMBEDDED, {"networkPolicies": {"enabled": True}}))
    labels = {role: pod["metadata"]["labels"] for role, pod in pods(objects).items()}
    for one in objects:
        spec = one.get("spec", {})
        found = {"Service": "selector", "NetworkPolicy": "podSelector", "PodDisruptionBudget": "selector"}.get(
            one["kind"]
        )
        if found is None:
            continue
        wanted = spec[found].get("matchLabels", spec[found])
        selected = [role for role, own in labels.items() if own.items() >= wanted.items()]
        assert selected == [one["metadata"]["labels"]["app.kubernetes.io/component"]], one["metadata"]["name"]


def test_every_name_of_the_settings_and_the_webhook_is_a_service_of_the_chart(helm: Helm) -> None:
    objects = helm.rendered(OURS)
    services = {one["metadata"]["name"] for one in objects if one["kind"] == "Service"}
    own = Settings().kubernetes
    assert {own.channel_service, own.broker_service, "kanal-webhook", "kafka-channel-ingress-pods"} <= services
    assert {
        one["spec"]["ports"][0]["port"]
        for one in objects
        if one["kind"] == "Service"
        and "-ingress" in one["metadata"]["name"]
        and not one["metadata"]["name"].endswith("-pods")
    } == {80}


@pytest.mark.parametrize("name", ["kafka-channel-receiver", "kanal-webhook"])
def test_a_pod_goes_on_listening_for_a_moment_and_has_time_to_finish(helm: Helm, name: str) -> None:
    objects = helm.rendered(OURS)
    deployment = named(objects, "Deployment", name)["spec"]
    spec = deployment["template"]["spec"]
    assert spec["containers"][0]["lifecycle"] == {"preStop": {"exec": {"command": ["sleep", "5"]}}}
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    # What the process itself takes at most: answers, then what the producer still has.
    assert spec["terminationGracePeriodSeconds"] > 5 + Settings().kafka.ack_timeout_s + 10


def test_the_test_sends_to_the_channel_that_it_makes_and_is_its_subscriber(helm: Helm) -> None:
    for serves, kind in (("everything", "Channel"), ("kafka", "KafkaChannel")):
        objects = helm.rendered(merged(OURS, {"serves": serves}), namespace="ns")
        tests = [one for one in objects if "helm.sh/hook" in one["metadata"].get("annotations", {})]
        assert [one["kind"] for one in sorted(tests, key=_weight)] == ["Service", kind, "Subscription", "Pod"]
        subscription = named(tests, "Subscription", "kanal-test")["spec"]
        assert subscription["channel"]["name"] == named(tests, kind, "kanal-test")["metadata"]["name"]
        assert subscription["subscriber"]["ref"]["name"] == named(tests, "Service", "kanal-test")["metadata"]["name"]
        (one,) = named(tests, "Pod", "kanal-test")["spec"]["containers"]
        assert {"name": "ADDRESS", "value": "http://kanal-test-kn-channel.ns.svc.cluster.local"} in one["env"]


def _weight(one: Document) -> int:
    return int(one["metadata"]["annotations"]["helm.sh/hook-weight"])


def test_a_large_number_is_written_out(helm: Helm) -> None:
    keda = {"enabled": True, "follows": [{"group": "g", "topic": "t"}], "lagThreshold": 2_000_000}
    properties = {"log.retention.bytes": 1_073_741_824, "compression.type": "zstd", "auto.create.topics.enable": False}
    values = merged(EMBEDDED, {"kafka": {"embedded": {"properties": properties}}, "dispatcher": {"keda": keda}})
    objects = helm.rendered(values)
    (kafka,) = pods(objects)["kafka"]["spec"]["containers"]
    assert [one.removeprefix("--property=") for one in kafka["args"] if one.startswith("--property=")] == [
        "auto.create.topics.enable=false",
        "compression.type=zstd",
        "log.retention.bytes=1073741824",
    ]
    (trigger,) = named(objects, "ScaledObject", "kafka-channel-dispatcher")["spec"]["triggers"]
    assert trigger["metadata"]["lagThreshold"] == "2000000"
