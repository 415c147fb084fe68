"""Values: a wrong one is refused with its name and the fix, a right one does what it says, and a package brings them along."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from helm_chart import CHART, EMBEDDED, KUBE_VERSION, OURS, Document, Helm, Refused, merged, named, pods

from eventing.settings import load

pytestmark = pytest.mark.kube

POD = {
    "labels": {"team": "a"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "k", "operator": "Exists"}],
    "spread": False,
    "env": [{"name": "KANAL_LOG__LEVEL", "value": "debug"}],
}
LOGIN = {"kafka": {"auth": {"existingSecret": "kafka-login"}}}


REFUSALS: dict[str, tuple[Document, str]] = {
    "no Kafka": ({}, "kafka.embedded.enabled=true"),
    "two Kafkas": (merged(OURS, EMBEDDED), "leave out one"),
    "a login to the embedded Kafka": (
        merged(EMBEDDED, {"kafka": {"auth": {"existingSecret": "x"}}}),
        "leave out kafka.auth",
    ),
    "three replicas on one broker": (merged(EMBEDDED, {"kafka": {"replicationFactor": 3}}), "one broker"),
    "a password twice": (
        merged(OURS, merged(LOGIN, {"kafka": {"properties": {"sasl.password": "x"}}})),
        "leave it out",
    ),
    "a scaler that follows nothing": (merged(OURS, {"dispatcher": {"keda": {"enabled": True}}}), "keda.follows"),
    "a word that is none": (merged(OURS, {"serves": "knative"}), "'everything', 'kafka'"),
    "a name that is none": (merged(OURS, {"ingress": {"replica": 2}}), "'replica' not allowed"),
    "a setting that is none": (merged(OURS, {"settings": {"delivery": {"timeout": 5}}}), "'timeout' not allowed"),
    "a setting of the chart's own": (
        merged(OURS, {"settings": {"kafka": {"bootstrap": "x:1"}}}),
        "'bootstrap' not allowed",
    ),
    "a number that is a word": (merged(OURS, {"dispatcher": {"replicas": "two"}}), "want integer"),
    "an address without a port": ({"kafka": {"bootstrap": "kafka"}}, "kafka/bootstrap"),
    "a pod's key that is none": (merged(OURS, {"ingress": {"pod": {"nodeSelectr": {}}}}), "'nodeSelectr' not allowed"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_wrong_value_is_refused_with_its_name_and_the_fix(helm: Helm, case: str) -> None:
    values, words = REFUSALS[case]
    with pytest.raises(Refused, match=re.escape(words)):
        helm.rendered(values)


def test_the_settings_are_what_the_values_say(helm: Helm) -> None:
    given = {"delivery": {"timeout_s": 1.5, "process_events": 2_000_000}, "names": {"plan_topic": 'a"\\\té<'}}
    given |= {"resolve": {"services": {"a b": "http://x"}}, "control": {"event_type_auto_create": True}}
    kafka = {
        "kafka": {"properties": {"ssl.cipher.suites": "a,b", "socket.nagle.disable": True}, "replicationFactor": 3}
    }
    objects = helm.rendered(merged(merged(OURS, kafka), {"settings": given, "clusterDomain": "corp"}), namespace="ns")
    settings = load({}, named(objects, "ConfigMap", "kanal-settings")["data"]["kanal.toml"])
    assert settings.delivery.timeout_s == 1.5
    assert settings.delivery.process_events == 2_000_000
    assert settings.names.plan_topic == 'a"\\\té<'
    assert settings.resolve.services == {"a b": "http://x"}
    assert settings.control.event_type_auto_create is True
    assert settings.control.probe_urls == ["http://kafka-channel-ingress-pods.ns.svc.corp:8080"]
    assert settings.kafka.properties == {"ssl.cipher.suites": "a,b", "socket.nagle.disable": "true"}
    assert settings.kafka.default_replication_factor == 3
    assert settings.kubernetes.cluster_domain == "corp"


def test_the_keys_of_pods_count_for_all_and_those_of_a_role_in_their_place(helm: Helm) -> None:
    own = {"nodeSelector": {"big": "yes"}, "env": []}
    found = pods(helm.rendered(merged(OURS, {"pods": POD, "dispatcher": {"pod": own}})))
    ingress, dispatcher = found["ingress"], found["dispatcher"]
    assert ingress["spec"]["nodeSelector"] == {"disk": "ssd"}
    assert dispatcher["spec"]["nodeSelector"] == {"big": "yes"}
    assert dispatcher["spec"]["tolerations"] == ingress["spec"]["tolerations"] == POD["tolerations"]
    assert ingress["metadata"]["labels"]["team"] == "a"
    assert "topologySpreadConstraints" not in ingress["spec"]
    assert ["KANAL_LOG__LEVEL" in json.dumps(one) for one in (ingress, dispatcher)] == [True, False]


def test_a_package_holds_what_the_folder_holds(helm: Helm, tmp_path: Path) -> None:
    helm("package", str(CHART), "--destination", str(tmp_path))
    (package,) = tmp_path.glob("*.tgz")
    said = helm("show", "values", str(package))
    assert said.strip() == (CHART / "values.yaml").read_text(encoding="utf-8").strip()
    words = ("kanal", str(package), "--namespace", "foo", "--kube-version", KUBE_VERSION)
    assert "kafkachannels.messaging.knative.dev" in helm("template", *words, values=OURS)
