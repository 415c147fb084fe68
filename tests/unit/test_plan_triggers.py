"""What becomes of a Trigger: the way from its broker's topic to its subscriber, and what its conditions say."""

from __future__ import annotations

import json

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
    stored,
    subscription,
)
from mesh_stand import broker, config_map, mesh, trigger

from eventing.errors import Denied
from eventing.kinds.delivery import ORDER_ANNOTATION, PAUSED_ANNOTATION
from eventing.kinds.dependency import DEPENDENCY_ANNOTATION
from eventing.kinds.meta import Features
from eventing.manifest import read
from eventing.plan.compile import Compiled, compile_plan
from eventing.plan.model import Egress
from eventing.plan.options import Observed, Options, Problem, Snapshot
from eventing.verdict import RetryPolicy

T1 = mesh("Trigger", "t1")
B1_URL = "http://127.0.0.1:8080/default/b1"
TOPIC = "knative-broker-default-b1"
BOTH = Options(services={"own": "http://own", "theirs": "http://theirs"})


def to_broker(name: str, namespace: str = "default", more: str = "") -> str:
    ref = f"{{apiVersion: eventing.knative.dev/v1, kind: Broker, name: {name}, namespace: {namespace}}}"
    return f"{{ref: {ref}{more}}}"


def only(found: Compiled) -> Egress:
    (out,) = found.plan.egresses.values()
    return out


def of(found: Compiled, kind: str = "Ready") -> tuple[str, str, str]:
    return condition(found.statuses[T1], kind)


async def test_a_trigger_becomes_a_way_out_of_its_brokers_topic_and_replies_go_back_there() -> None:
    out = only(await compiled(broker() + trigger()))
    assert (out.kind, out.namespace, out.name) == ("Trigger", "default", "t1")
    assert (out.topic, out.group) == (TOPIC, "knative-trigger-default-t1")
    assert (out.subscriber, out.dead_letter) == ("http://sink:9001", None)
    assert out.dead_letter_topic == "kanal-dead-letters-trigger.default.t1"
    assert (out.reply, out.reply_topic) == (B1_URL, TOPIC)
    assert (out.order, out.pace, out.filters) == ("unordered", "running", ())
    assert (out.ttl, out.keeps_ttl, out.sink_returns) == (None, False, False)


async def test_the_status_of_a_trigger_has_knatives_conditions_and_where_it_delivers() -> None:
    found = await compiled(broker() + trigger(more=dead_letters("{uri: 'http://d'}")))
    status = found.statuses[T1]
    assert [one["type"] for one in status["conditions"]] == [
        "BrokerReady",
        "DeadLetterSinkResolved",
        "DependencyReady",
        "OIDCIdentityCreated",
        "Ready",
        "SubscriberResolved",
        "SubscriptionReady",
    ]
    assert of(found) == ("True", "", "")
    assert (status["subscriberUri"], status["deadLetterSinkUri"]) == ("http://sink:9001", "http://d")
    assert status["annotations"] == {"group.id": "knative-trigger-default-t1"}
    assert of(await compiled(broker() + trigger()), "DeadLetterSinkResolved") == (
        "True",
        "DeadLetterSinkNotConfigured",
        "",
    )


async def test_templates_make_the_names_and_a_recorded_group_outlasts_them() -> None:
    options = Options(trigger_group="g-{namespace}-{broker}-{name}-{uid}", trigger_dead_letter_topic="d-{name}")
    out = only(await compiled(broker() + trigger(), options))
    assert (out.group, out.dead_letter_topic) == (f"g-default-b1-t1-{out.uid}", "d-t1")
    recorded = {T1: {"annotations": {"group.id": "its-group"}}}
    assert only(await compiled(broker() + trigger(), options, statuses=recorded)).group == "its-group"


@pytest.mark.parametrize("setting", ["trigger_group", "trigger_dead_letter_topic"])
async def test_a_template_that_makes_no_name_is_told(setting: str) -> None:
    found = await compiled(broker() + trigger(), Options(**{setting: "{nmae}"}))
    assert found.plan.egresses == {}
    status, _, message = of(found, "SubscriptionReady")
    assert status == "False"
    assert f"names.{setting}" in message


async def test_of_two_that_claim_one_group_the_second_is_told_who_has_it() -> None:
    found = await compiled(broker() + trigger() + trigger("t2"), Options(trigger_group="one"))
    assert only(found).name == "t1"
    message = condition(found.statuses[mesh("Trigger", "t2")])[2]
    assert message.startswith("the group one belongs to Trigger default/t1 already; ")
    mixed = await compiled(
        broker() + trigger() + channel() + subscription(), Options(trigger_group="one", subscription_group="one")
    )
    assert "the group one belongs to Subscription default/s1 already" in of(mixed)[2]


async def test_who_has_a_group_keeps_it_against_a_newcomer_with_a_smaller_name() -> None:
    recorded = {mesh("Trigger", "t2"): {"annotations": {"group.id": "one"}}}
    found = await compiled(broker() + trigger() + trigger("t2"), Options(trigger_group="one"), statuses=recorded)
    assert only(found).name == "t2"


@pytest.mark.parametrize("to", ["{uri: 'http://sink'}", service("gone")])
async def test_who_has_a_group_keeps_it_against_another_kind_and_while_it_delivers_nothing(to: str) -> None:
    """What lies before its offsets is yet to be delivered, and by nobody else."""
    recorded = {T1: {"annotations": {"group.id": "one"}}}
    text = broker() + trigger(to=to) + channel() + subscription()
    found = await compiled(text, Options(subscription_group="one"), statuses=recorded)
    assert "s1" not in [out.name for out in found.plan.egresses.values()]
    message = condition(found.statuses[key("Subscription", "s1")])[2]
    assert message.startswith("the group one belongs to Trigger default/t1 already; ")


async def test_a_trigger_is_ready_only_when_its_group_has_its_start() -> None:
    everything = tuple(resources(broker() + trigger()))
    found = compile_plan(Snapshot(everything))
    assert of(found, "SubscriptionReady")[0] == "Unknown"
    uid = only(found).uid
    observed = Observed(groups={uid: Problem("KafkaDenied", "no permission")})
    assert of(compile_plan(Snapshot(everything, observed=observed)), "SubscriptionReady") == (
        "False",
        "KafkaDenied",
        "no permission",
    )


async def test_b44_a_trigger_before_its_broker_names_it_and_is_ready_once_it_is_there() -> None:
    stand = ControllerStand()
    await stand.round(trigger() + broker("b2"))
    status, reason, message = stand.ready("Trigger", "t1")
    assert (status, reason) == ("False", "BrokerDoesNotExist")
    assert message.startswith("Broker default/b1 does not exist; ")
    assert "subscriberUri" in stand.store.list()[-1].status
    await stand.round(broker())
    assert stand.ready("Trigger", "t1")[0] == "True"


async def test_a_broker_whose_name_is_nearly_right_is_suggested() -> None:
    assert of(await compiled(broker("orders") + trigger(of="broker: order")))[2].endswith("did you mean orders?")
    assert of(await compiled(trigger()))[2].endswith("apply a Broker of this name, or correct the reference")


async def test_a_trigger_is_not_ready_while_its_broker_is_not() -> None:
    found = await compiled(broker(spec=f"{{{dead_letters(service('gone'))}}}") + trigger(more="delivery: {retry: 1}"))
    status, _, message = of(found, "BrokerReady")
    assert status == "False"
    assert message.startswith("Broker default/b1: ")
    assert "Service default/gone" in message


async def test_b43_a_broker_of_another_namespace_is_found_there() -> None:
    text = broker(namespace="ns2") + broker() + trigger(of="brokerRef: {name: b1, namespace: ns2}")
    manifest = read(text, "f.yaml", Features(cross_namespace_event_links=True))
    assert manifest.problems == []
    found = compile_plan(Snapshot(tuple(one.resource for one in manifest.resources)))
    assert only(found).topic == "knative-broker-ns2-b1"
    assert only(found).namespace == "default"


@pytest.mark.parametrize("group", ["v1", "serving.knative.dev/v1"])
async def test_b43_a_service_of_another_namespace_is_found_there_and_never_in_ones_own(group: str) -> None:
    to = f"{{ref: {{apiVersion: {group}, kind: Service, name: w, namespace: ns2}}}}"
    text = broker(namespace="ns1") + trigger(namespace="ns1", to=to)
    found = await compiled(text, Options(services={"ns1/w": "http://here", "ns2/w": "http://there"}))
    assert only(found).subscriber == "http://there"
    found = await compiled(text, Options(services={"ns1/w": "http://here", "w": "http://default"}))
    assert found.plan.egresses == {}
    status, reason, message = condition(found.statuses[mesh("Trigger", "t1", "ns1")], "SubscriberResolved")
    assert (status, reason) == ("False", "ReferenceMissing")
    assert "Service ns2/w" in message
    template = await compiled(text, Options(service_template="http://{name}.{namespace}:80"))
    assert only(template).subscriber == "http://w.ns2:80"


async def test_a_relative_uri_goes_behind_the_address_of_a_broker() -> None:
    text = broker() + broker("b2") + trigger(to=to_broker("b2", more=", uri: '?a=b'"))
    assert only(await compiled(text)).subscriber == "http://127.0.0.1:8080/default/b2?a=b"


async def test_a_channel_that_does_not_own_what_has_its_name_is_nobodys_subscriber() -> None:
    to = "{ref: {apiVersion: messaging.knative.dev/v1, kind: Channel, name: c1}}"
    found = await compiled(broker() + trigger(to=to) + kafka_channel() + channel())
    assert found.plan.egresses == {}
    assert "Channel default/c1 has no address" in of(found, "SubscriberResolved")[2]
    assert only(await compiled(broker() + trigger(to=to) + channel())).subscriber == "http://127.0.0.1:8080/default/c1"


async def test_b40_a_subscriber_that_vanishes_takes_nothing_with_it() -> None:
    recorded = {T1: {"annotations": {"group.id": "its-group"}, "subscriberUri": "http://old"}}
    found = await compiled(broker() + trigger(to=service("gone")), statuses=recorded)
    assert found.plan.egresses == {}
    assert "subscriberUri" not in found.statuses[T1]
    assert found.statuses[T1]["annotations"] == {"group.id": "its-group"}
    assert of(found)[0] == of(found, "SubscriberResolved")[0] == "False"
    assert of(found, "SubscriptionReady")[0] == "Unknown"


async def test_b40_a_label_or_another_annotation_changes_no_way_out() -> None:
    found = [await compiled(broker() + trigger(**more)) for more in ({}, {"example.com/note": "any"})]
    assert found[0].plan == found[1].plan


async def test_b41_a_new_delivery_of_the_broker_counts_for_its_triggers_at_once() -> None:
    stand = ControllerStand()
    for retry in range(20):
        await stand.round(broker(spec=f"{{delivery: {{retry: {retry}}}}}") + trigger())
    assert [out.policy.retry for out in stand.feed.plan.egresses.values()] == [19]
    assert stand.admin.groups == {("knative-trigger-default-t1", TOPIC)}


async def test_the_newer_filters_win_over_the_older_and_none_of_both_means_everything() -> None:
    older = "filter: {attributes: {type: a, source: ''}}"
    newer = "filters: [{exact: {type: b}}, {not: {prefix: {source: c}}}]"
    documents = ({"exact": {"type": "b"}}, {"not": {"prefix": {"source": "c"}}})
    found = {
        more: only(await compiled(broker() + trigger(more=more))).filters
        for more in (older, newer, f"{older}, {newer}", f"{older}, filters: []", "filter: {}, filters: []", "")
    }
    assert list(found.values()) == [
        ({"attributes": {"type": "a", "source": ""}},),
        documents,
        documents,
        ({"attributes": {"type": "a", "source": ""}},),
        (),
        (),
    ]


@pytest.mark.parametrize(
    ("word", "order"), [("ordered", "ordered"), ("Ordered", "ordered"), ("unordered", "unordered")]
)
async def test_a_trigger_is_unordered_unless_it_says_otherwise(word: str, order: str) -> None:
    assert only(await compiled(broker() + trigger(**{ORDER_ANNOTATION: word}))).order == order


async def test_a_paused_trigger_is_ready_and_says_that_it_rests() -> None:
    found = await compiled(broker() + trigger(**{PAUSED_ANNOTATION: "true"}))
    assert only(found).pace == "paused"
    assert (of(found)[0], of(found, "Paused")[:2]) == ("True", ("True", "Paused"))


OWN, THEIRS = dead_letters(service("own")), dead_letters(service("theirs"))


@pytest.mark.parametrize(
    ("at_broker", "at_trigger", "retry", "sink"),
    [
        ("delivery: {}", "", 0, None),
        ("delivery: {retry: 3}", "", 3, None),
        (f"{THEIRS[:-1]}, retry: 3}}", "", 3, "http://theirs"),
        (f"{THEIRS[:-1]}, retry: 3}}", "delivery: {retry: 1}", 1, "http://theirs"),
        (f"{THEIRS[:-1]}, retry: 3}}", "delivery: {}", 0, "http://theirs"),
        (f"{THEIRS[:-1]}, retry: 3}}", OWN, 0, "http://own"),
        ("delivery: {retry: 0}", "delivery: {retry: 3}", 3, None),
    ],
)
async def test_the_nearest_delivery_counts_as_a_whole_and_only_its_missing_sink_is_the_brokers(
    at_broker: str, at_trigger: str, retry: int, sink: str | None
) -> None:
    """Conformance E, the delivery matrix."""
    found = await compiled(broker(spec=f"{{{at_broker}}}") + trigger(more=at_trigger), BOTH)
    out = only(found)
    assert (out.policy.retry, out.dead_letter) == (retry, sink)
    assert found.statuses[T1].get("deadLetterSinkUri") == sink


async def test_a_broker_that_says_nothing_retries_as_knatives_do() -> None:
    policy = only(await compiled(broker() + trigger())).policy
    assert policy == RetryPolicy(retry=10, backoff="exponential", delay_s=0.2)


async def test_a_sibling_keeps_the_brokers_dead_letter_sink() -> None:
    text = broker(spec=f"{{{THEIRS}}}") + trigger(more=OWN) + trigger("t2")
    found = await compiled(text, BOTH)
    assert {out.name: out.dead_letter for out in found.plan.egresses.values()} == {
        "t1": "http://own",
        "t2": "http://theirs",
    }


async def test_a_missing_dead_letter_sink_stops_the_deliveries_and_says_whose_it_is() -> None:
    found = await compiled(broker() + trigger(more=dead_letters(service("gone"))))
    assert found.plan.egresses == {}
    status, _, message = of(found, "DeadLetterSinkResolved")
    assert status == "False"
    assert message.startswith("spec.delivery.deadLetterSink: Service default/gone does not exist")
    found = await compiled(broker(spec=f"{{{dead_letters(service('gone'))}}}") + trigger())
    assert found.plan.egresses == {}
    assert of(found, "DeadLetterSinkResolved")[2].startswith("Broker default/b1: spec.delivery.deadLetterSink: ")


@pytest.mark.parametrize("sink", [to_broker("b1"), f"{{uri: '{B1_URL}'}}"])
async def test_a_dead_letter_sink_that_is_the_broker_itself_is_known_as_such(sink: str) -> None:
    assert only(await compiled(broker() + trigger(more=dead_letters(sink)))).sink_returns
    elsewhere = dead_letters(to_broker("b2"))
    assert not only(await compiled(broker() + broker("b2") + trigger(more=elsewhere))).sink_returns


async def test_the_limit_of_passes_is_the_brokers_and_stays_on_for_addresses_of_ours() -> None:
    counting = broker(**{"kanal.dev/ttl": "5"})
    outs = {
        to: only(await compiled(counting + broker("b2") + channel() + trigger(to=to)))
        for to in ("{uri: 'http://sink'}", to_broker("b2"), "{uri: 'http://127.0.0.1:8080/default/c1'}")
    }
    assert [out.ttl for out in outs.values()] == [5, 5, 5]
    assert [out.keeps_ttl for out in outs.values()] == [False, True, True]


def depending(kind: str, name: str, group: str = "messaging.knative.dev/v1") -> dict[str, str]:
    return {DEPENDENCY_ANNOTATION: json.dumps({"apiVersion": group, "kind": kind, "name": name})}


async def test_a_trigger_waits_for_what_it_depends_on() -> None:
    """Conformance G, TriggerDependencyAnnotation; it delivers all the same, as in Knative."""
    needs = depending("Subscription", "s1")
    found = await compiled(broker() + trigger(**needs))
    assert of(found) == ("False", "DependencyDoesNotExist", "Subscription default/s1 does not exist")
    assert only(found).name == "t1"
    found = await compiled(broker() + trigger(**needs) + channel() + subscription(to=service("gone")))
    status, _, message = of(found, "DependencyReady")
    assert status == "False"
    assert message.startswith("Subscription default/s1: ")
    assert of(await compiled(broker() + trigger(**needs) + channel() + subscription()))[0] == "True"
    assert of(await compiled(broker() + trigger(), statuses={}), "DependencyReady") == ("True", "", "")


async def test_a_dependency_that_nobody_has_looked_at_is_not_ready() -> None:
    found = await compiled(broker() + trigger(**depending("Trigger", "t2", "eventing.knative.dev/v1")) + trigger("t2"))
    assert of(found, "DependencyReady")[0] == "Unknown"


async def test_triggers_that_depend_on_each_other_say_so_and_their_statuses_come_to_rest() -> None:
    """A status that quoted the last one would be another one each round, and each would ask for the next round."""
    needs = [depending("Trigger", name, "eventing.knative.dev/v1") for name in ("t1", "t2", "t3")]
    for text in (trigger(**needs[0]), trigger(**needs[1]) + trigger("t2", **needs[2]) + trigger("t3", **needs[1])):
        stand = ControllerStand()
        await stand.round(broker() + text)
        for _ in range(4):
            await stand.round()
        assert stand.store.written == []
        assert stand.ready("Trigger", "t1")[:2] == ("False", "DependencyCircular")


async def test_what_is_never_ready_is_no_dependency() -> None:
    found = await compiled(broker() + config_map() + trigger(**depending("ConfigMap", "topics", "v1")))
    assert of(found, "DependencyReady")[:2] == ("False", "DependencyNeverReady")


async def test_b41_the_same_subscriber_twice_is_two_ways_out_and_the_same_file_twice_is_one() -> None:
    text = broker() + trigger() + trigger("t2")
    store = await stored(text, await stored(text))
    found = compile_plan(Snapshot(store.list()))
    assert sorted(out.group for out in found.plan.egresses.values()) == [
        "knative-trigger-default-t1",
        "knative-trigger-default-t2",
    ]
    assert {out.subscriber for out in found.plan.egresses.values()} == {"http://sink:9001"}


async def test_a_subscription_does_not_read_a_broker() -> None:
    text = subscription(of="b1").replace(
        "messaging.knative.dev/v1, kind: Channel", "eventing.knative.dev/v1, kind: Broker"
    )
    stand = ControllerStand()
    await stand.round(broker() + text)
    status, _, message = stand.ready("Subscription", "s1")
    assert status == "False"
    assert "Broker default/b1 is no channel; name a Channel; the events of a Broker go to Triggers" in message
    assert stand.feed.plan.egresses == {}


async def test_a_trigger_that_is_deleted_takes_its_group_and_leaves_the_topic() -> None:
    stand = ControllerStand()
    await stand.round(broker() + trigger() + trigger("t2"))
    assert {out.name for out in stand.feed.plan.egresses.values()} == {"t1", "t2"}
    await stand.store.delete(T1)
    await stand.round()
    assert stand.admin.groups == {("knative-trigger-default-t2", TOPIC)}
    assert list(stand.admin.topics) == [TOPIC]
    assert [out.name for out in stand.feed.plan.egresses.values()] == ["t2"]


async def test_a_trigger_whose_broker_is_deleted_keeps_its_group_for_the_broker_that_comes_back() -> None:
    stand = ControllerStand()
    await stand.round(broker() + trigger())
    await stand.store.delete(mesh("Broker", "b1"))
    await stand.round()
    assert stand.feed.plan.egresses == {} == stand.feed.plan.ingresses
    assert stand.ready("Trigger", "t1")[1] == "BrokerDoesNotExist"
    assert stand.admin.groups == {("knative-trigger-default-t1", TOPIC)}
    await stand.round(broker())
    assert stand.ready("Trigger", "t1")[0] == "True"
    await stand.store.delete(mesh("Broker", "b1"))
    await stand.store.delete(T1)
    await stand.round()
    assert stand.admin.groups == set()


async def test_nothing_is_delivered_before_the_group_has_its_start() -> None:
    stand = ControllerStand()
    stand.admin.failing["knative-trigger-default-t1"] = Denied("no permission")
    await stand.round(broker() + trigger())
    assert stand.feed.plan.egresses == {}
    assert stand.ready("Trigger", "t1")[0] == "False"
    stand.admin.failing.clear()
    await stand.round()
    assert [out.name for out in stand.feed.plan.egresses.values()] == ["t1"]
    assert stand.ready("Trigger", "t1")[0] == "True"
