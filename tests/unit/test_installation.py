"""The ConfigMaps in which an installation says what counts where a resource says nothing."""

from __future__ import annotations

from typing import Any

import pytest
from control_stand import channel, compiled, condition, kafka_channel, key, resources
from mesh_stand import CLASS, broker, config, config_map, mesh

from eventing.kinds.broker import Broker
from eventing.kinds.channel import Channel
from eventing.kinds.key import Key
from eventing.kinds.meta import Defaults
from eventing.kinds.registry import check_update, parse
from eventing.kinds.sequence import Sequence
from eventing.plan.compile import Compiled, compile_plan
from eventing.plan.installation import defaults
from eventing.plan.options import NOT_PUBLISHED, Observed, Options, Problem, Snapshot

BASE = Defaults(partitions=2, replication_factor=3, broker_partitions=6)
K1, B1 = key("KafkaChannel", "k1"), mesh("Broker", "b1")

CHANNELS = """
clusterDefault:
  apiVersion: messaging.knative.dev/v1beta1
  kind: KafkaChannel
  spec: {numPartitions: 4}
namespaceDefaults:
  ns1: {apiVersion: messaging.knative.dev/v1, kind: InMemoryChannel}
"""
BROKERS = """
clusterDefault:
  brokerClass: MTChannelBasedBroker
  apiVersion: v1
  kind: ConfigMap
  name: usual
  namespace: knative-eventing
  delivery: {retry: 4, deadLetterSink: {ref: {apiVersion: v1, kind: Service, name: letters}}}
  brokerClasses:
    Kafka: {apiVersion: v1, kind: ConfigMap, name: of-kafka, namespace: knative-eventing}
namespaceDefaults:
  ns1:
    brokerClass: Kafka
    apiVersion: v1
    kind: ConfigMap
    name: of-ns1
    brokerClasses:
      MTChannelBasedBroker: {apiVersion: v1, kind: ConfigMap, name: mt-of-ns1}
  ns2: {brokerClass: Kafka}
  ns3: {apiVersion: v1, kind: ConfigMap, name: of-ns3}
  ns4:
    brokerClass: Kafka
    apiVersion: v1
    kind: ConfigMap
    name: of-ns4
    brokerClasses:
      Kafka: {apiVersion: v1, kind: ConfigMap, name: never}
"""


def said(name: str, namespace: str = "kanal", **data: str) -> Any:
    """One of the ConfigMaps; `_` in a key stands for `-`."""
    meta = {"name": name, "namespace": namespace}
    keys = {one.replace("_", "-"): text for one, text in data.items()}
    return parse({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": keys})


def filled(kind: str, found: Defaults, namespace: str = "default", spec: Any = None, **annotations: str) -> Any:
    group = {"Channel": "messaging.knative.dev/v1", "Broker": "eventing.knative.dev/v1"}.get(
        kind, "flows.knative.dev/v1"
    )
    meta = {"name": "one", "namespace": namespace, "uid": f"uid-{namespace}", "annotations": annotations}
    return parse({"apiVersion": group, "kind": kind, "metadata": meta, "spec": spec or {}}).defaulted(found)


def test_without_any_of_them_nothing_changes() -> None:
    assert defaults([], BASE) == (BASE, {})
    other = said("default-ch-webhook", "elsewhere", default_ch_config=CHANNELS)
    assert defaults([other, said("another", default_ch_config=CHANNELS)], BASE) == (BASE, {})


def test_the_channel_by_default_is_that_of_the_namespace_else_that_of_the_cluster() -> None:
    found, problems = defaults([said("default-ch-webhook", default_ch_config=CHANNELS)], BASE)
    assert problems == {}
    for kind, spec in (("Channel", {}), ("Sequence", {"steps": [{"uri": "http://s"}]})):
        one = filled(kind, found, spec=spec)
        assert isinstance(one, Channel | Sequence)
        assert one.spec.channel_template is not None
        assert (one.spec.channel_template.kind, one.spec.channel_template.spec) == (
            "KafkaChannel",
            {"numPartitions": 4},
        )
        there = filled(kind, found, "ns1", spec=spec)
        assert (there.spec.channel_template.kind, there.spec.channel_template.spec) == ("InMemoryChannel", {})
        assert one.defaulted(found) == one


@pytest.mark.parametrize(
    ("namespace", "class_", "expected"),
    [
        ("default", None, ("MTChannelBasedBroker", "knative-eventing/usual", 4)),
        ("default", "Kafka", ("Kafka", "knative-eventing/of-kafka", 10)),
        ("default", "Other", ("Other", "knative-eventing/usual", 4)),
        ("ns1", None, ("Kafka", "ns1/of-ns1", 10)),
        ("ns1", "MTChannelBasedBroker", ("MTChannelBasedBroker", "ns1/mt-of-ns1", 10)),
        ("ns2", None, ("Kafka", "knative-eventing/of-kafka", 10)),
        ("ns2", "MTChannelBasedBroker", ("MTChannelBasedBroker", "knative-eventing/usual", 4)),
        ("ns3", None, ("MTChannelBasedBroker", "ns3/of-ns3", 10)),
        ("ns4", None, ("Kafka", "ns4/of-ns4", 10)),
    ],
)
def test_a_broker_gets_what_its_class_gets_first_in_its_namespace_then_in_the_cluster(
    namespace: str, class_: str | None, expected: tuple[str, str, int]
) -> None:
    found, problems = defaults([said("config-br-defaults", default_br_config=BROKERS)], BASE)
    assert problems == {}
    one = filled("Broker", found, namespace, **({CLASS: class_} if class_ else {}))
    assert isinstance(one, Broker)
    assert one.spec.config is not None
    assert one.spec.delivery is not None
    shown = f"{one.spec.config.namespace}/{one.spec.config.name}"
    assert (one.broker_class, shown, one.spec.delivery.retry) == expected
    assert one.defaulted(found) == one
    assert check_update(one, one, found) == []


def test_what_a_broker_says_itself_wins() -> None:
    found, _ = defaults([said("config-br-defaults", default_br_config=BROKERS)], BASE)
    own = {"config": {"apiVersion": "v1", "kind": "ConfigMap", "name": "own"}, "delivery": {"retry": 1}}
    one = filled("Broker", found, spec=own)
    assert (one.spec.config.name, one.spec.delivery.retry, one.spec.delivery.dead_letter_sink) == ("own", 1, None)
    usual = filled("Broker", found, "ns9").spec.delivery.dead_letter_sink.ref
    assert (usual.name, usual.namespace) == ("letters", "ns9")


def test_the_own_namespace_of_an_installation_comes_before_knatives() -> None:
    own = said("kafka-channel-config", "here", **{"default.topic.partitions": "5"})
    knatives = said("kafka-channel-config", "knative-eventing", **{"default.topic.partitions": "7"})
    assert defaults([own, knatives], BASE, "here")[0].partitions == 5
    assert defaults([knatives, own], BASE, "here")[0].partitions == 5
    assert defaults([own, knatives], BASE, "elsewhere")[0].partitions == 7


def test_topics_of_channels_and_of_brokers_have_defaults_of_their_own() -> None:
    maps = [said("kafka-channel-config", **{"default.topic.partitions": "5", "default.topic.replication.factor": "2"})]
    found, _ = defaults([*maps, said("default-ch-webhook", default_ch_config=CHANNELS)], BASE)
    assert (found.partitions, found.replication_factor, found.broker_partitions) == (5, 2, 6)
    assert (found.of("ns1").partitions, found.of("ns1").replication_factor) == (5, 2)


WRONG = [
    ("default-ch-webhook", "default-ch-config", "clusterDefault: {apiVersion: a/v1, knd: X}", "clusterDefault.knd: "),
    ("default-ch-webhook", "default-ch-config", "clusterDefault: [", "line 2: "),
    ("default-ch-webhook", "default-ch-config", "- a", "one mapping is needed, not a list"),
    ("default-ch-webhook", "default-ch-config", "a: 1\n---\nb: 1", "one mapping is needed, not several documents"),
    (
        "default-ch-webhook",
        "default-ch-config",
        "namespaceDefaults: {n: {apiVersion: a/v1, kind: KafkaChannel, spec: {numPartitions: 0}}}",
        "namespaceDefaults.n.spec.numPartitions: ",
    ),
    ("config-br-defaults", "default-br-config", "clusterDefault: {kind: ConfigMap}", "clusterDefault.name: "),
    (
        "config-br-defaults",
        "default-br-config",
        "clusterDefault: {brokerClasses: {Kafka: {delivery: {retry: many}}}}",
        "clusterDefault.brokerClasses.Kafka.delivery.retry: ",
    ),
    ("config-br-defaults", "default-br-config", "clusterDefault: {brokerClass: ''}", "clusterDefault.brokerClass: "),
    ("config-br-defaults", "other", "", "the key is missing"),
    (
        "kafka-channel-config",
        "default.topic.partitions",
        "many",
        '"many" is no number that works; write a whole number',
    ),
    (
        "kafka-broker-config",
        "default.topic.replication.factor",
        "0",
        '"0" is no number that works; write a whole number',
    ),
]


@pytest.mark.parametrize(("name", "entry", "text", "message"), WRONG)
def test_a_wrong_one_is_told_with_its_key_and_counts_for_nothing(
    name: str, entry: str, text: str, message: str
) -> None:
    found, problems = defaults([said(name, **{entry: text})], BASE)
    assert found == BASE
    ((where, problem),) = problems.items()
    assert where == Key("", "ConfigMap", "kanal", name)
    assert problem.message.startswith(f"ConfigMap kanal/{name}: data[")
    assert message in problem.message


def of(found: Compiled, one: Key, kind: str = "Ready") -> tuple[str, str, str]:
    return condition(found.statuses[one], kind)


async def test_the_plan_obeys_them_as_soon_as_they_are_applied() -> None:
    text = config_map(
        "kafka-broker-config", "kanal", **{"default.topic.partitions": "3", "default.topic.config.a": "b"}
    )
    text += config_map("kafka-channel-config", "kanal", **{"default.topic.partitions": "5"})
    found = await compiled(text + channel() + broker(), Options(defaults=Defaults(broker_partitions=6)))
    topics = {one.name: (one.partitions, dict(one.config)) for one in found.plan.topics.values()}
    assert topics["knative-broker-default-b1"] == (3, {"a": "b"})
    assert topics["knative-messaging-kafka.default.c1"][0] == 5
    assert found.problems == {}


async def test_the_installations_own_counts_for_a_broker_that_names_knatives() -> None:
    """YAML made for Knative names its ConfigMap, and that of this installation stands for it."""
    text = config_map("kafka-broker-config", "kanal", **{"default.topic.partitions": "3"})
    found = await compiled(text + broker(spec=config("kafka-broker-config", "knative-eventing")))
    assert [one.partitions for one in found.plan.topics.values()] == [3]
    assert of(found, B1, "ConfigParsed")[:2] == ("True", "InstallationDefaults")


def test_the_channels_of_a_channel_are_made_as_its_namespace_has_them() -> None:
    written = said("default-ch-webhook", default_ch_config=CHANNELS.replace("InMemoryChannel", "KafkaChannel"))
    found, _ = defaults([written], BASE)
    both = [filled("Channel", found, namespace) for namespace in ("default", "ns1")]
    plan = compile_plan(Snapshot((*both, written), Options(defaults=BASE))).plan
    assert {name: topic.partitions for name, topic in plan.topics.items()} == {
        "knative-messaging-kafka.default.one": 4,
        "knative-messaging-kafka.ns1.one": 2,
    }


def test_what_a_topic_was_made_with_stays_when_the_default_of_its_namespace_changes() -> None:
    """The partitions of a channel can't be changed, so its Channel must not ask for others by itself."""
    template = "namespaceDefaults: {ns1: {apiVersion: messaging.knative.dev/v1beta1, kind: KafkaChannel}}"
    maps = [said("default-ch-webhook", default_ch_config=template)]
    one = filled("Channel", defaults(maps, BASE)[0], "ns1")
    (child,) = compile_plan(Snapshot((one, *maps), Options(defaults=BASE))).children
    after = compile_plan(Snapshot((one, child, *maps), Options(defaults=Defaults(partitions=9))))
    assert after.children[0].spec == child.spec
    assert [topic.partitions for topic in after.plan.topics.values()] == [2]
    assert of(after, key("Channel", "one", "ns1"), "BackingChannelReady")[0] == "Unknown"


def test_what_nobody_has_filled_in_yet_is_planned_as_if_it_were() -> None:
    """An API server may hold what was written while no webhook was there."""
    maps = [
        said("default-ch-webhook", default_ch_config=CHANNELS),
        said("config-br-defaults", default_br_config=BROKERS),
        said("of-kafka", "knative-eventing", **{"default.topic.partitions": "8"}),
    ]
    found, _ = defaults(maps, BASE)
    meta = {"name": "one", "namespace": "ns2", "uid": "u"}
    documents = [
        {"apiVersion": "messaging.knative.dev/v1", "kind": "Channel", "metadata": meta, "spec": {}},
        {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "metadata": {**meta, "name": "b", "uid": "v"}},
    ]
    raw = [parse(one) for one in documents]
    plans = [
        compile_plan(Snapshot((*those, *maps), Options(defaults=BASE))).plan
        for those in (raw, [one.defaulted(found) for one in raw])
    ]
    assert plans[0] == plans[1]
    assert sorted(topic.partitions for topic in plans[0].topics.values()) == [4, 8]


async def test_b44_a_wrong_one_makes_its_kind_not_ready_and_stops_nobody() -> None:
    wrong = {"default.topic.partitions": "many"}
    text = config_map("kafka-broker-config", "kanal", **wrong) + config_map("kafka-channel-config", "kanal", **wrong)
    found = await compiled(text + broker() + kafka_channel("k1"))
    for one, name in ((B1, "kafka-broker-config"), (K1, "kafka-channel-config")):
        status, _, message = of(found, one, "ConfigParsed")
        assert (status, of(found, one)[0]) == ("False", "False")
        assert message.startswith(f'ConfigMap kanal/{name}: data[default.topic.partitions]: "many" is no number')
        assert "address" in found.statuses[one]
    assert len(found.plan.ingresses) == 2
    assert {one.name for one in found.problems} == {"kafka-broker-config", "kafka-channel-config"}
    own = await compiled(text + config_map() + broker(spec=config()))
    assert of(own, B1)[0] == "True"


async def test_what_is_not_obeyed_is_said_of_channels_too() -> None:
    text = config_map("kafka-channel-config", "kanal", **{"bootstrap.servers": "elsewhere:9092"})
    found = await compiled(text + kafka_channel("k1"))
    status, reason, message = of(found, K1, "ConfigParsed")
    assert (status, reason, of(found, K1)[0]) == ("True", "PartlyObeyed", "True")
    assert "bootstrap.servers is not obeyed" in message


async def test_a_config_map_of_another_namespace_may_be_forbidden() -> None:
    strict = "clusterDefault: {disallowDifferentNamespaceConfig: true}"
    text = config_map("config-br-defaults", "kanal", **{"default-br-config": strict})
    found = await compiled(text + config_map() + broker(spec=config()))
    assert of(found, B1)[0] == "True"
    found = await compiled(text + config_map(namespace="ns2") + broker(spec=config(namespace="ns2")))
    assert found.plan.ingresses == {}
    message = of(found, B1, "ConfigParsed")[2]
    assert message.startswith("spec.config.namespace: ConfigMap ns2/topics is in another namespace than the Broker; ")


async def test_a_broker_keeps_the_keys_of_its_config_map_when_that_is_gone() -> None:
    """Whoever deletes it later, Knative's controller included, still knows how its topic was made."""
    data = {
        "default.topic.partitions": "3",
        "default.topic.replication.factor": "1",
        "bootstrap.servers": "kafka:9092",
        "auth.secret.ref.name": "secret",
        "default.topic.config.retention.ms": "1",
    }
    before = (await compiled(config_map(**data) + broker(spec=config()))).statuses[B1]
    kept = {name: text for name, text in data.items() if name != "default.topic.config.retention.ms"}
    assert before["annotations"] == {**kept, "default.topic": "knative-broker-default-b1"}
    after = await compiled(broker(spec=config()), statuses={B1: before})
    assert after.statuses[B1]["annotations"] == before["annotations"]
    assert of(after, B1)[1] == "NotFound"


async def test_config_map_updated_says_whether_the_data_plane_could_be_told() -> None:
    """Knative tells it through a ConfigMap, from which the condition has its name."""
    found = resources(kafka_channel("k1") + broker())
    plan = compile_plan(Snapshot(tuple(found))).plan
    for reason, expected in ((NOT_PUBLISHED, "False"), ("ProbeFailed", "True")):
        routes = dict.fromkeys(plan.ingresses, Problem(reason, "why"))
        seen = compile_plan(Snapshot(tuple(found), observed=Observed(routes=routes)))
        assert {of(seen, one, "ConfigMapUpdated")[0] for one in (K1, B1)} == {expected}
        assert {of(seen, one, "ProbeSucceeded")[0] for one in (K1, B1)} == {"False"}
