"""What becomes of a Broker: its address, its topic as its ConfigMap wants it, and what its conditions say."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest
from control_stand import (
    ControllerStand,
    channel,
    compiled,
    condition,
    dead_letters,
    kafka_channel,
    key,
    resources,
    service,
    status_of,
    subscription,
    well,
)
from mesh_stand import CLASS, RECORDED, broker, config, config_map, mesh, trigger
from structlog.testing import capture_logs

from eventing.errors import Invalid, Unavailable
from eventing.kinds.meta import Defaults
from eventing.plan.compile import Compiled, compile_plan
from eventing.plan.model import Ingress, TopicSpec
from eventing.plan.options import Observed, Options, Problem, Snapshot

B1 = mesh("Broker", "b1")
TOPIC = "knative-broker-default-b1"
EXTERNAL = "kafka.eventing.knative.dev/external.topic"


def the_topic(found: Compiled) -> TopicSpec:
    (topic,) = found.plan.topics.values()
    return topic


def the_route(found: Compiled) -> Ingress:
    (route,) = found.plan.ingresses.values()
    return route


def of(found: Compiled, kind: str = "Ready") -> tuple[str, str, str]:
    return condition(found.statuses[B1], kind)


async def test_a_broker_becomes_a_route_and_a_topic_as_the_installation_has_them() -> None:
    options = Options(defaults=Defaults(broker_partitions=6, replication_factor=2))
    found = await compiled(broker(), options)
    assert the_topic(found) == TopicSpec(TOPIC, 6, 2)
    route = the_route(found)
    assert (route.kind, route.namespace, route.name) == ("Broker", "default", "b1")
    assert (route.topic, route.path, route.hosts, route.ttl) == (TOPIC, "/default/b1", (), None)
    assert of(found) == ("True", "", "")


async def test_the_status_of_a_broker_has_knatives_conditions_its_address_and_its_topic() -> None:
    found = await compiled(broker(spec=f"{{{dead_letters(service('dls'))}}}"), Options(services={"dls": "http://d"}))
    status = found.statuses[B1]
    assert [one["type"] for one in status["conditions"]] == [
        "Addressable",
        "ConfigMapUpdated",
        "ConfigParsed",
        "DataPlaneAvailable",
        "EventPoliciesReady",
        "ProbeSucceeded",
        "Ready",
        "TopicReady",
    ]
    assert status["address"] == {"name": "http", "url": "http://127.0.0.1:8080/default/b1"}
    assert status["addresses"] == [status["address"]]
    assert status["deadLetterSinkUri"] == "http://d"
    assert status["annotations"] == {"default.topic": TOPIC}
    assert status["observedGeneration"] == 1


def test_a_broker_is_not_ready_before_its_topic_and_its_address_are_there() -> None:
    everything = tuple(resources(broker()))
    found = compile_plan(Snapshot(everything))
    assert of(found)[0] == of(found, "TopicReady")[0] == of(found, "ProbeSucceeded")[0] == "Unknown"
    (uid,) = found.plan.ingresses
    seen = Observed({TOPIC: None}, {}, {uid: Problem("ProbeFailed", "404")})
    assert of(compile_plan(Snapshot(everything, observed=seen))) == ("False", "ProbeFailed", "404")


async def test_the_config_map_says_how_the_topic_should_be() -> None:
    data = {
        "default.topic.partitions": " 3 ",
        "default.topic.replication.factor": "2",
        "default.topic.config.retention.ms": "1000 ",
        "default.topic.config.cleanup.policy": "delete",
    }
    found = await compiled(config_map(**data) + broker(spec=config()))
    assert the_topic(found) == TopicSpec(TOPIC, 3, 2, {"retention.ms": "1000", "cleanup.policy": "delete"})
    assert of(found, "ConfigParsed") == ("True", "", "")
    assert mesh("ConfigMap", "topics")._replace(group="") not in found.statuses


async def test_what_a_config_map_leaves_out_is_the_installations() -> None:
    found = await compiled(config_map(**{"default.topic.partitions": "3"}) + broker(spec=config()))
    assert the_topic(found) == TopicSpec(TOPIC, 3, 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("default.topic.partitions", "0"),
        ("default.topic.partitions", "-1"),
        ("default.topic.partitions", "ten"),
        ("default.topic.partitions", "²"),
        ("default.topic.partitions", "99999999999"),
        ("default.topic.replication.factor", "40000"),
        ("default.topic.replication.factor", ""),
    ],
)
async def test_a_wrong_value_is_said_with_the_key_and_no_topic_is_made_of_it(name: str, value: str) -> None:
    found = await compiled(config_map(**{name: value}) + broker(spec=config()) + trigger())
    assert found.plan.topics == {} == found.plan.ingresses == found.plan.egresses
    status, _, message = of(found, "ConfigParsed")
    assert status == "False"
    assert message.startswith(f"ConfigMap default/topics: data[{name}]: ")
    assert of(found)[2] == message


async def test_a_key_that_nobody_obeys_is_said() -> None:
    data = {"bootstrap.servers": "elsewhere:9092", "auth.secret.ref.name": "s", "default.topic.partition": "3"}
    found = await compiled(config_map(**data) + broker(spec=config()))
    status, reason, message = of(found, "ConfigParsed")
    assert (status, reason) == ("True", "PartlyObeyed")
    assert "bootstrap.servers is not obeyed" in message
    assert "auth.secret.ref.name is not obeyed" in message
    assert "default.topic.partition is not known, did you mean default.topic.partitions?" in message
    assert the_topic(found).partitions == 10


async def test_b44_a_missing_config_map_is_named_and_counts_once_it_is_there() -> None:
    found = await compiled(broker(spec=config()))
    assert found.plan.ingresses == {}
    status, reason, message = of(found)
    assert (status, reason) == ("False", "NotFound")
    assert "ConfigMap default/topics does not exist" in message
    assert of(await compiled(config_map() + broker(spec=config())))[0] == "True"


async def test_a_config_map_in_another_namespace_is_looked_for_there() -> None:
    text = config_map(namespace="ns1", **{"default.topic.partitions": "3"}) + broker(spec=config(namespace="ns2"))
    assert "ConfigMap ns2/topics does not exist" in of(await compiled(text))[2]
    text += config_map(namespace="ns2", **{"default.topic.partitions": "4"})
    assert the_topic(await compiled(text)).partitions == 4


async def test_knatives_own_config_map_may_be_missing_because_nobody_installed_it() -> None:
    known = config("kafka-broker-config", "knative-eventing")
    found = await compiled(broker(spec=known))
    assert the_topic(found) == TopicSpec(TOPIC, 10, 1)
    status, reason, message = of(found, "ConfigParsed")
    assert (status, reason, of(found)[0]) == ("True", "InstallationDefaults", "True")
    assert "ConfigMap knative-eventing/kafka-broker-config" in message
    there = config_map("kafka-broker-config", "knative-eventing", **{"default.topic.partitions": "2"})
    assert the_topic(await compiled(there + broker(spec=known))).partitions == 2
    assert of(await compiled(broker(spec=config("kafka-broker-config"))))[0] == "False"


async def test_a_config_of_another_kind_is_said() -> None:
    spec = "{config: {apiVersion: rabbitmq.com/v1, kind: RabbitmqCluster, name: r}}"
    assert of(await compiled(broker(spec=spec)))[2].startswith("spec.config.kind: ")


async def test_a_broker_with_a_topic_goes_on_whatever_becomes_of_its_config_map() -> None:
    """Its triggers have yet to get what lies there, and its senders find nothing wrong with it."""
    for text in ("", config_map(**{"default.topic.partitions": "x"})):
        found = await compiled(text + broker(spec=config()) + trigger(), statuses={B1: RECORDED})
        assert the_topic(found) == TopicSpec("from-knative", external=True)
        assert the_route(found).topic == "from-knative"
        assert len(found.plan.egresses) == 1
        assert of(found, "ConfigParsed")[0] == of(found)[0] == "False"


async def test_a_recorded_topic_wins_over_a_template_that_changed() -> None:
    options = Options(broker_topic="t.{namespace}.{name}")
    assert the_topic(await compiled(broker(), options)).name == "t.default.b1"
    found = await compiled(broker(), options, statuses={B1: RECORDED})
    assert the_topic(found).name == the_route(found).topic == "from-knative"
    assert found.statuses[B1]["annotations"] == RECORDED["annotations"]


async def test_a_template_that_makes_no_name_is_told_and_ends_nothing() -> None:
    found = await compiled(broker() + trigger(), Options(broker_topic="{nmae}"))
    assert found.plan.ingresses == {} == found.plan.egresses
    assert "names.broker_topic" in of(found)[2]
    assert condition(found.statuses[mesh("Trigger", "t1")], "BrokerReady")[0] == "False"


async def test_an_external_topic_is_taken_and_never_made() -> None:
    text = config_map(**{"default.topic.partitions": "3"}) + broker(spec=config(), **{EXTERNAL: "theirs"})
    found = await compiled(text, statuses={B1: RECORDED})
    assert the_topic(found) == TopicSpec("theirs", external=True)
    assert the_route(found).topic == found.statuses[B1]["annotations"]["default.topic"] == "theirs"


@pytest.mark.parametrize("topic", ["kanal.plan", "kanal.outcomes", "kanal.eventtypes"])
async def test_no_broker_writes_events_among_our_own_records(topic: str) -> None:
    found = await compiled(broker(**{EXTERNAL: topic}))
    assert found.plan.ingresses == {}
    assert of(found)[2].startswith(f"metadata.annotations[{EXTERNAL}]: the topic {topic} ")


async def test_an_external_topic_that_is_missing_is_said_and_found_once_it_is_there() -> None:
    stand = ControllerStand()
    await stand.round(broker(**{EXTERNAL: "theirs"}))
    status, _, message = stand.ready("Broker", "b1")
    assert status == "False"
    assert "theirs: there is no such topic" in message
    assert stand.admin.calls == []
    await stand.admin.create_topic(TopicSpec("theirs", 3))
    await stand.round()
    assert stand.ready("Broker", "b1")[0] == "True"


async def test_two_brokers_may_share_a_topic_that_is_neithers() -> None:
    found = await compiled(broker(**{EXTERNAL: "theirs"}) + broker("b2", **{EXTERNAL: "theirs"}))
    assert {route.name for route in found.plan.ingresses.values()} == {"b1", "b2"}
    assert of(found)[0] == condition(found.statuses[mesh("Broker", "b2")])[0] == "True"


@pytest.mark.parametrize(("word", "ttl"), [("true", 255), ("7", 7)])
async def test_a_broker_that_counts_passes_says_so_to_its_ingress(word: str, ttl: int) -> None:
    assert the_route(await compiled(broker(**{"kanal.dev/ttl": word}))).ttl == ttl


async def test_b44_a_missing_dead_letter_sink_is_named_while_the_broker_goes_on_taking_events() -> None:
    spec = f"{{{dead_letters(service('gone', 'ns2'))}}}"
    found = await compiled(broker(spec=spec))
    assert the_route(found).topic == TOPIC
    status, _, message = of(found, "ConfigParsed")
    assert (status, of(found)[0]) == ("False", "False")
    assert "Service ns2/gone" in message
    assert "deadLetterSinkUri" not in found.statuses[B1]
    there = await compiled(broker(spec=spec), Options(services={"ns2/gone": "http://d"}))
    assert of(there)[0] == "True"
    assert there.statuses[B1]["deadLetterSinkUri"] == "http://d"


@pytest.mark.parametrize("name", ["MTChannelBasedBroker", "KafkaNamespaced", "RabbitMQBroker", "anything"])
async def test_a_broker_of_another_class_is_served_and_says_by_whom(name: str) -> None:
    spec = "{config: {apiVersion: rabbitmq.com/v1beta1, kind: RabbitmqCluster, name: gone}}"
    found = await compiled(broker(spec=spec, **{CLASS: name}) + trigger())
    assert the_topic(found) == TopicSpec(TOPIC, 10, 1)
    status, reason, message = of(found, "DataPlaneAvailable")
    assert (status, reason, of(found)[0]) == ("True", "ServedByKafka", "True")
    assert message == f"Kanal serves the class {name} with Kafka; spec.config is not looked at"
    assert len(found.plan.egresses) == 1


async def test_b44_where_only_kafka_is_served_a_broker_of_another_class_is_left_alone_with_its_triggers() -> None:
    options = Options(any_broker_class=False)
    text = broker("other", **{CLASS: "RabbitMQBroker"}) + trigger("to", of="broker: other") + broker() + trigger()
    found = await compiled(text, options)
    assert [route.name for route in found.plan.ingresses.values()] == ["b1"]
    assert [out.name for out in found.plan.egresses.values()] == ["t1"]
    assert set(found.statuses) == {B1, mesh("Trigger", "t1")}
    assert set(found.left_alone) == {mesh("Broker", "other"), mesh("Trigger", "to")}
    assert all("RabbitMQBroker" in reason for reason in found.left_alone.values())


async def test_a_broker_that_is_left_alone_gets_no_status_and_ends_no_round() -> None:
    stand = ControllerStand(Options(any_broker_class=False))
    await stand.round(broker(**{CLASS: "RabbitMQBroker"}) + trigger() + config_map() + channel())
    assert status_of(stand.store, "Broker", "b1") == {} == status_of(stand.store, "Trigger", "t1")
    assert status_of(stand.store, "ConfigMap", "topics") == {}
    assert stand.ready("Channel", "c1")[0] == "True"


async def test_b44_the_log_says_once_of_each_that_nobody_handles_it() -> None:
    stand = ControllerStand(Options(any_broker_class=False))
    with capture_logs() as logs:
        await stand.round(broker(**{CLASS: "RabbitMQBroker"}) + trigger())
        await stand.round()
    told = [one["object"] for one in logs if one["event"] == "left alone"]
    assert told == ["Broker default/b1", "Trigger default/t1"]


async def test_a_broker_that_somebody_else_serves_is_reached_where_its_status_says() -> None:
    options = Options(any_broker_class=False)
    to = "{ref: {apiVersion: eventing.knative.dev/v1, kind: Broker, name: other}}"
    text = broker("other", **{CLASS: "RabbitMQBroker"}) + channel() + subscription(to=to)
    found = await compiled(text, options)
    assert "Broker default/other has no address" in condition(found.statuses[key("Subscription", "s1")])[2]
    theirs = {mesh("Broker", "other"): {"address": {"url": "http://rabbit/other"}}}
    (out,) = (await compiled(text, options, statuses=theirs)).plan.egresses.values()
    assert out.subscriber == "http://rabbit/other"


@pytest.mark.parametrize("text", [kafka_channel("b1"), channel("b1")])
async def test_of_a_broker_and_a_channel_of_one_name_only_one_has_the_address(text: str) -> None:
    found = await compiled(text + broker())
    assert [route.kind for route in found.plan.ingresses.values()] == ["Broker"]
    for kind in ("KafkaChannel", "Channel") if "kind: Channel" in text else ("KafkaChannel",):
        status, _, message = condition(found.statuses[key(kind, "b1")])
        assert status == "False"
        assert "/default/b1 belongs to Broker default/b1 already; give one of the two another name" in message


async def test_a_channel_that_was_there_before_keeps_the_address_and_its_topic() -> None:
    found = await compiled(kafka_channel("b1") + broker() + trigger(), statuses={key("KafkaChannel", "b1"): RECORDED})
    assert the_route(found).kind == "KafkaChannel"
    assert the_topic(found).name == "from-knative"
    assert "/default/b1 belongs to KafkaChannel default/b1 already" in of(found)[2]
    assert "address" not in found.statuses[B1]
    assert found.plan.egresses == {}


async def test_whoever_names_the_one_without_the_address_is_told_and_sends_nothing_to_the_other() -> None:
    to = "{ref: {apiVersion: messaging.knative.dev/v1beta1, kind: KafkaChannel, name: b1}}"
    found = await compiled(kafka_channel("b1") + broker() + channel() + subscription(to=to))
    assert found.plan.egresses == {}
    assert "KafkaChannel default/b1 has no address" in condition(found.statuses[key("Subscription", "s1")])[2]


async def test_of_a_broker_and_a_channel_that_claim_one_topic_the_second_is_told_who_has_it() -> None:
    found = await compiled(channel() + broker(), Options(channel_topic="one", broker_topic="one"))
    assert the_route(found).kind == "Broker"
    assert "the topic one belongs to Broker default/b1 already" in condition(found.statuses[key("Channel", "c1")])[2]


async def test_settings_of_a_topic_that_no_plan_could_carry_are_told() -> None:
    found = await compiled(config_map(**{"default.topic.config.retention.ms": "1" * 70_000}) + broker(spec=config()))
    assert found.plan.topics == {}
    assert "ConfigMap default/topics: data: the keys default.topic.config.* have" in of(found)[2]


async def test_a_topic_of_a_channel_or_broker_here_is_not_taken_away_by_one_that_calls_it_somebody_elses() -> None:
    for text, topic in (
        (kafka_channel("z"), "knative-messaging-kafka.default.z"),
        (broker("z"), "knative-broker-default-z"),
    ):
        found = await compiled(broker(**{EXTERNAL: topic}) + text)
        assert the_route(found).name == "z"
        assert f"the topic {topic} belongs to" in of(found)[2]


async def test_one_name_in_two_namespaces_is_two_brokers() -> None:
    found = await compiled(broker(namespace="ns1") + broker(namespace="ns2"))
    assert {(r.path, r.topic) for r in found.plan.ingresses.values()} == {
        ("/ns1/b1", "knative-broker-ns1-b1"),
        ("/ns2/b1", "knative-broker-ns2-b1"),
    }


THREE = {"default.topic.replication.factor": "3"}


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (config_map(**THREE) + broker(spec=config()), B1),
        (kafka_channel(spec="{replicationFactor: 3}"), key("KafkaChannel", "c1")),
    ],
)
async def test_b58_yaml_for_three_brokers_runs_on_one_and_says_what_it_got(text: str, at: Any) -> None:
    found = await compiled(text, Options(most_replicas=1))
    assert the_topic(found).replication_factor == 1
    status, reason, message = condition(found.statuses[at], "TopicReady")
    assert (status, reason) == ("True", "FewerReplicas")
    assert message.startswith("1 replica, not 3: ")
    assert condition(found.statuses[at])[0] == "True"


@pytest.mark.parametrize("most", [0, 3, 5])
async def test_b58_where_kafka_has_enough_brokers_nothing_is_taken_off(most: int) -> None:
    found = await compiled(config_map(**THREE) + broker(spec=config()), Options(most_replicas=most))
    assert the_topic(found).replication_factor == 3
    assert of(found, "TopicReady") == ("True", "", "")


def failing(text: str, problem: Problem) -> tuple[str, str, str]:
    everything = tuple(resources(text))
    return of(compile_plan(Snapshot(everything, observed=Observed({TOPIC: problem}))), "TopicReady")


def test_b58_a_topic_that_kafka_refuses_names_where_it_is_described() -> None:
    refused = Problem(Invalid.reason, "topic t: replicationFactor: replication factor 3 > 1 broker; ask for at most 1")
    status, _, message = failing(config_map(**THREE) + broker(spec=config()), refused)
    assert status == "False"
    assert "replication factor 3 > 1 broker" in message
    assert message.endswith("how the topic should be stands in the keys default.topic.* of ConfigMap default/topics")
    assert "kafka.default_replication_factor" in failing(broker(), refused)[2]


def test_while_kafka_is_away_nobody_is_sent_to_a_config_map() -> None:
    away = Problem("Kafka" + Unavailable.reason, "no answer")
    assert failing(config_map(**THREE) + broker(spec=config()), away) == ("False", "KafkaUnavailable", "no answer")


def test_the_order_of_the_resources_changes_nothing() -> None:
    text = broker() + kafka_channel("b1") + broker("b2") + trigger() + trigger("t2") + config_map()
    everything = resources(text)
    first = well(everything)
    for other in (well(list(reversed(everything))), well([*everything[3:], *everything[:3]])):
        assert other == first
        assert list(other.statuses) == list(first.statuses)


def test_nothing_that_was_seen_changes_the_plan() -> None:
    everything = tuple(resources(broker() + trigger()))
    blind = compile_plan(Snapshot(everything)).plan
    problem: Mapping[str, Problem | None] = {TOPIC: Problem("Invalid", "no")}
    seen = Observed(problem, dict.fromkeys(blind.egresses, problem[TOPIC]), dict.fromkeys(blind.ingresses))
    assert compile_plan(dataclasses.replace(Snapshot(everything), observed=seen)).plan == blind
