"""The steps of the switch are those of this very cluster: what is there is stopped, patched and kept, in an order that loses nothing."""

from __future__ import annotations

from typing import Any

import knative_stand as knative
import yaml

from eventing.kinds.meta import Features
from kanal.migrate.estate import Estate, estate
from kanal.migrate.finalizers import left
from kanal.migrate.steps import Step, steps
from kanal.migrate.switch import Switch

SYSTEM = "knative-eventing"
EVERYTHING = Switch("everything", SYSTEM, "kanal", "my-kafka:9092")
BESIDE = Switch("kafka", SYSTEM, "kanal", "my-kafka:9092")


def held(*documents: dict[str, Any]) -> Estate:
    return estate([*knative.installation(), *documents], Features(), SYSTEM)


def the(found: list[Step], words: str) -> Step:
    (one,) = [step for step in found if words in step.title]
    return one


def workload(kind: str, name: str, namespace: str = SYSTEM) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}}


def test_controllers_stop_before_dispatchers_and_kanal_comes_after_both() -> None:
    titles = [one.title for one in steps(held(*knative.shop()), EVERYTHING)]
    order = [
        "Keep what there is",
        "Stop Knative's controllers",
        "Stop Knative's dispatchers and wait until their groups are empty",
        "Delete Knative's webhooks",
        "Put Kanal's definitions in the place of Knative's",
        "Install Kanal",
        "See that it delivers",
        "Move the senders, then stop Knative's receivers",
        "Clean up, when no way back is wanted",
        "The way back, until then",
    ]
    assert titles == order


def test_only_the_workloads_that_are_there_are_stopped_wherever_they_are() -> None:
    whole = held(
        workload("Deployment", "kafka-controller"),
        workload("Deployment", "knative-operator", "knative-operator"),
        workload("StatefulSet", "kafka-broker-dispatcher"),
        workload("Deployment", "kafka-broker-dispatcher", "shop"),
        workload("Deployment", "somebody-elses"),
    )
    found = steps(whole, EVERYTHING)
    assert the(found, "controllers").commands == (
        "kubectl -n knative-operator scale deployment knative-operator --replicas=0",
        "kubectl -n knative-eventing scale deployment kafka-controller --replicas=0",
    )
    assert the(found, "dispatchers").commands == (
        "kubectl -n knative-eventing scale statefulset kafka-broker-dispatcher --replicas=0",
        "kubectl -n shop scale deployment kafka-broker-dispatcher --replicas=0",
    )


def test_kanals_own_workloads_are_never_stopped_though_they_have_the_names_of_knatives() -> None:
    own = [
        workload("Deployment", "kafka-channel-receiver", "kanal"),
        workload("StatefulSet", "kafka-channel-dispatcher", "kanal"),
    ]
    for one in own:
        one["metadata"]["labels"] = {"app.kubernetes.io/part-of": "kanal"}
    theirs = [workload("Deployment", "kafka-channel-receiver"), workload("StatefulSet", "kafka-channel-dispatcher")]
    for documents in (own, [*own, *theirs]):
        found = steps(held(*documents), EVERYTHING)
        stopping = [one for step in found[:-1] for one in step.commands if " scale " in one]
        assert [one for one in stopping if "-n kanal " in one] == []
        assert "kubectl -n knative-eventing scale deployment kafka-channel-receiver --replicas=0" in stopping
        assert "kubectl -n knative-eventing scale statefulset kafka-channel-dispatcher --replicas=0" in stopping


def test_beside_knatives_core_its_controllers_webhooks_and_definitions_stay() -> None:
    found = steps(held(*knative.shop()), BESIDE)
    text = str(found)
    assert "eventing-controller" not in text
    assert " webhook.eventing.knative.dev" not in text
    assert "kanal crds" not in text
    assert "validation.webhook.kafka.eventing.knative.dev" in text
    assert the(found, "Leave the definitions").commands == ()


def test_the_values_say_how_kanal_reaches_kafka_and_leave_definitions_alone() -> None:
    login = knative.config_map(
        "kafka-broker-config",
        **{
            "auth.secret.ref.name": "login",
            "default.topic.replication.factor": "3",
            "bootstrap.servers": "my-kafka:9092",
        },
    )
    whole = estate([login, *knative.shop()], Features(), SYSTEM)
    found = steps(whole, Switch("kafka", SYSTEM, "kanal", "", settings=[("names.broker_topic", "b.{name}")]))
    (script,) = [one for one in the(found, "Install Kanal").commands if "END" in one]
    assert yaml.safe_load(script.split("\n", 1)[1].removesuffix("END")) == {
        "serves": "kafka",
        "crds": {"install": False},
        "kafka": {"bootstrap": "my-kafka:9092", "replicationFactor": 3, "auth": {"existingSecret": "login"}},
        "settings": {"names": {"broker_topic": "b.{name}"}},
    }
    assert "kubectl -n knative-eventing get secret login" in the(found, "Secret").commands[1]


def test_what_the_core_fills_into_resources_goes_on_where_the_core_goes() -> None:
    texts = {"default-ch-config": "clusterDefault:\n  kind: KafkaChannel\n"}
    whole = held(knative.config_map("default-ch-webhook", **texts))

    def told(switch: Switch) -> Any:
        (script,) = [one for one in the(steps(whole, switch), "Install Kanal").commands if "END" in one]
        return yaml.safe_load(script.split("\n", 1)[1].removesuffix("END")).get("defaults")

    assert told(EVERYTHING) == {"default-ch-webhook": texts}
    assert told(BESIDE) is None


def test_finalizers_of_knatives_controllers_are_taken_off_and_others_stay() -> None:
    hub = knative.broker("shop")
    hub["metadata"]["finalizers"] = ["ours.example.com/keep", "brokers.eventing.knative.dev"]
    first, second = (one.command for one in left(held(hub, knative.kafka_channel("shop")), "everything"))
    patch = "kubectl -n shop patch"
    assert first == (
        f"{patch} brokers.eventing.knative.dev orders --type=merge -p "
        '\'{"metadata":{"finalizers":["ours.example.com/keep"]}}\''
    )
    assert second == (
        f'{patch} kafkachannels.messaging.knative.dev bills --type=merge -p \'{{"metadata":{{"finalizers":null}}}}\''
    )


def test_beside_knatives_core_what_that_cares_for_keeps_its_finalizers() -> None:
    other = knative.broker("shop", "mt", class_="MTChannelBasedBroker")
    whole = held(knative.subscription("shop"), other, knative.broker("shop"))
    assert {one.key.name for one in left(whole, "kafka")} == {"orders"}
    assert {one.key.name for one in left(whole, "everything")} == {"orders", "mt", "print"}


def test_a_secret_that_knative_has_read_would_hang_too() -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "login", "namespace": "shop", "finalizers": ["kafka.eventing/1-2-3"]},
    }
    (one,) = left(held(secret), "kafka")
    assert one.command == 'kubectl -n shop patch secrets login --type=merge -p \'{"metadata":{"finalizers":null}}\''


def test_knatives_own_objects_go_last_and_those_of_kafka_sources_stay() -> None:
    trigger = knative.trigger("shop")
    source = {"apiVersion": "sources.knative.dev/v1", "kind": "KafkaSource", "metadata": {"name": "s", "uid": "9"}}
    whole = held(
        trigger, knative.consumer_group("shop", trigger, "mine"), knative.consumer_group("shop", source, "theirs")
    )
    commands = the(steps(whole, EVERYTHING), "Clean up").commands
    assert commands[-1] == "kubectl -n shop delete consumergroups.internal.kafka.eventing.knative.dev mine"
    assert [one for one in commands if "theirs" in one] == []
