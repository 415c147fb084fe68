"""What a Sequence and a Parallel become: their children by Knative's names, the ways between them, and their statuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from control_stand import channel, compiled, condition, key, stored, subscription
from flow_stand import URL, egress, flow_key, names, parallel, ref, sequence, uri, ways
from hypothesis import given, settings
from hypothesis import strategies as st
from mesh_stand import broker, mesh, trigger

from eventing.plan.compile import Compiled, compile_plan
from eventing.plan.options import Observed, Options, Problem, Snapshot
from eventing.verdict import RetryPolicy

S, P = flow_key("Sequence", "s"), flow_key("Parallel", "p")
MEMORY = {"apiVersion": "messaging.knative.dev/v1", "kind": "InMemoryChannel"}
THREE = sequence(uri("a"), uri("b"), uri("c"), reply=uri("r"))
TWO = parallel(
    {"filter": uri("f"), "subscriber": uri("a"), "reply": uri("own")}, {"subscriber": uri("b")}, reply=uri("r")
)


async def test_each_step_has_a_channel_and_a_subscription_of_the_same_name_and_replies_to_the_next_one() -> None:
    found = await compiled(THREE)
    expected = ["s-kn-sequence-0", "s-kn-sequence-1", "s-kn-sequence-2"]
    assert names(found.children, "KafkaChannel") == names(found.children, "Subscription") == expected
    assert ways(found) == {
        "s-kn-sequence-0": ("s-kn-sequence-0", "http://a:9001", f"{URL}/s-kn-sequence-1"),
        "s-kn-sequence-1": ("s-kn-sequence-1", "http://b:9001", f"{URL}/s-kn-sequence-2"),
        "s-kn-sequence-2": ("s-kn-sequence-2", "http://c:9001", "http://r:9001"),
    }
    assert sorted(route.name for route in found.plan.ingresses.values()) == expected


async def test_without_a_reply_the_last_steps_answers_are_dropped() -> None:
    assert ways(await compiled(sequence(uri("a"))))["s-kn-sequence-0"] == ("s-kn-sequence-0", "http://a:9001", None)


async def test_a_branch_has_a_channel_a_filter_subscription_and_a_subscription() -> None:
    found = await compiled(TWO)
    assert names(found.children, "KafkaChannel") == ["p-kn-parallel", "p-kn-parallel-0", "p-kn-parallel-1"]
    assert ways(found) == {
        "p-kn-parallel-filter-0": ("p-kn-parallel", "http://f:9001", f"{URL}/p-kn-parallel-0"),
        "p-kn-parallel-0": ("p-kn-parallel-0", "http://a:9001", "http://own:9001"),
        "p-kn-parallel-filter-1": ("p-kn-parallel", f"{URL}/p-kn-parallel-1", None),
        "p-kn-parallel-1": ("p-kn-parallel-1", "http://b:9001", "http://r:9001"),
    }
    assert len(names(found.children, "Subscription")) == 4


async def test_a_branch_without_any_reply_drops_the_answers() -> None:
    assert ways(await compiled(parallel({"subscriber": uri("a")})))["p-kn-parallel-0"][2] is None


async def test_b45_a_parallel_without_a_filter_is_ready() -> None:
    found = await compiled(TWO)
    assert condition(found.statuses[P]) == ("True", "", "")


async def test_a_steps_delivery_counts_for_that_step_alone() -> None:
    delivery = {"retry": 4, "backoffPolicy": "linear", "deadLetterSink": uri("d")}
    found = await compiled(sequence(uri("a"), {**uri("b"), "delivery": delivery}))
    second, first = egress(found, "s-kn-sequence-1"), egress(found, "s-kn-sequence-0")
    assert (second.policy, second.dead_letter) == (RetryPolicy(retry=4, backoff="linear"), "http://d:9001")
    assert (first.policy, first.dead_letter) == (RetryPolicy(), None)


async def test_a_branchs_delivery_counts_for_its_subscriber_and_not_for_its_filter() -> None:
    delivery = {"retry": 4, "deadLetterSink": uri("d")}
    found = await compiled(parallel({"filter": uri("f"), "subscriber": uri("a"), "delivery": delivery}))
    subscriber, filter_ = egress(found, "p-kn-parallel-0"), egress(found, "p-kn-parallel-filter-0")
    assert (subscriber.policy.retry, subscriber.dead_letter) == (4, "http://d:9001")
    assert (filter_.policy.retry, filter_.dead_letter) == (0, None)


@pytest.mark.parametrize(("text", "kind", "name"), [(THREE, "Sequence", "s"), (TWO, "Parallel", "p")])
async def test_every_child_is_controlled_by_its_flow(text: str, kind: str, name: str) -> None:
    store = await stored(text)
    (flow,) = store.list()
    found = compile_plan(Snapshot(store.list()))
    assert found.children
    for one in found.children:
        (owner,) = one.metadata.owner_references
        assert (owner.kind, owner.api_version, owner.name) == (kind, "flows.knative.dev/v1", name)
        assert (owner.uid, owner.controller) == (flow.metadata.uid, True)


async def test_the_template_makes_every_channel_of_a_flow() -> None:
    spec = {"numPartitions": 4, "replicationFactor": 2, "retentionDuration": "P1D"}
    template = {"apiVersion": "messaging.knative.dev/v1beta1", "kind": "KafkaChannel", "spec": spec}
    text = sequence(uri("a"), uri("b"), channelTemplate=template)
    found = await compiled(text + parallel({"subscriber": uri("a")}, channelTemplate=template))
    topics = found.plan.topics.values()
    assert {(one.partitions, one.replication_factor, one.config["retention.ms"]) for one in topics} == {
        (4, 2, "86400000")
    }
    assert len(topics) == 4


async def test_a_template_of_another_kind_is_served_by_kafka_and_the_status_says_so() -> None:
    found = await compiled(sequence(uri("a"), channelTemplate=MEMORY))
    assert condition(found.statuses[S], "ChannelsReady") == (
        "True",
        "ServedByKafka",
        "Kanal serves each InMemoryChannel with a KafkaChannel",
    )
    assert condition(found.statuses[S])[0] == "True"


async def test_the_status_of_a_sequence_tells_of_each_child_and_has_the_address_of_the_first_channel() -> None:
    status = (await compiled(THREE)).statuses[S]
    assert {one["type"]: one["status"] for one in status["conditions"]} == dict.fromkeys(
        ["Ready", "ChannelsReady", "SubscriptionsReady", "Addressable", "EventPoliciesReady"], "True"
    )
    assert status["address"]["url"] == status["addresses"][0]["url"] == f"{URL}/s-kn-sequence-0"
    place = {"name": "s-kn-sequence-2", "namespace": "default"}
    ready = {"type": "Ready", "status": "True"}
    assert status["channelStatuses"][2] == {
        "channel": {"apiVersion": "messaging.knative.dev/v1beta1", "kind": "KafkaChannel", **place},
        "ready": ready,
    }
    assert status["subscriptionStatuses"][2] == {
        "subscription": {"apiVersion": "messaging.knative.dev/v1", "kind": "Subscription", **place},
        "ready": ready,
    }
    assert len(status["channelStatuses"]) == len(status["subscriptionStatuses"]) == 3


async def test_the_status_of_a_parallel_tells_of_each_child_and_has_the_address_of_the_ingress_channel() -> None:
    status = (await compiled(TWO)).statuses[P]
    assert status["address"]["url"] == f"{URL}/p-kn-parallel"
    assert status["ingressChannelStatus"]["channel"]["name"] == "p-kn-parallel"
    told = [
        (
            one["filterSubscriptionStatus"]["subscription"]["name"],
            one["filterChannelStatus"]["channel"]["name"],
            one["subscriberSubscriptionStatus"]["subscription"]["name"],
        )
        for one in status["branchStatuses"]
    ]
    assert told == [(f"p-kn-parallel-filter-{i}", f"p-kn-parallel-{i}", f"p-kn-parallel-{i}") for i in (0, 1)]
    assert status["branchStatuses"][0]["filterChannelStatus"]["ready"] == {"type": "Ready", "status": "True"}


async def test_b44_a_step_that_leads_nowhere_makes_the_sequence_false_and_the_message_names_it() -> None:
    found = await compiled(sequence(uri("a"), ref("Service", "gone", "ns2")))
    status, _, message = condition(found.statuses[S])
    assert status == condition(found.statuses[S], "SubscriptionsReady")[0] == "False"
    assert message.startswith("Subscription default/s-kn-sequence-1: ")
    assert "Service ns2/gone does not exist" in message
    assert condition(found.statuses[S], "ChannelsReady")[0] == "True"
    entries = found.statuses[S]["subscriptionStatuses"]
    assert [one["ready"]["status"] for one in entries] == ["True", "False"]
    assert "Service ns2/gone" in entries[1]["ready"]["message"]


async def test_b44_a_missing_dead_letter_sink_of_a_branch_is_told_by_the_parallel() -> None:
    branch = {"subscriber": uri("a"), "delivery": {"deadLetterSink": ref("Service", "gone")}}
    status, _, message = condition((await compiled(parallel({"subscriber": uri("b")}, branch))).statuses[P])
    assert status == "False"
    assert message.startswith("Subscription default/p-kn-parallel-1: spec.delivery.deadLetterSink: ")
    assert "Service default/gone does not exist" in message


async def test_b44_what_a_flow_waits_for_is_unknown_until_it_is_seen_and_false_once_it_fails() -> None:
    store = await stored(THREE)
    for one in compile_plan(Snapshot(store.list())).children:
        await store.apply(one)
    unseen = compile_plan(Snapshot(store.list())).statuses[S]
    assert condition(unseen, "ChannelsReady")[0] == condition(unseen)[0] == "Unknown"
    assert condition(unseen, "ChannelsReady")[2].startswith("KafkaChannel default/s-kn-sequence-0: the topic ")
    topic = "knative-messaging-kafka.default.s-kn-sequence-1"
    failed = Observed(topics={topic: Problem("Invalid", "replication factor 3 > 1 broker")})
    status = compile_plan(Snapshot(store.list(), observed=failed)).statuses[S]
    assert condition(status, "ChannelsReady") == (
        "False",
        "Invalid",
        "KafkaChannel default/s-kn-sequence-1: replication factor 3 > 1 broker",
    )


async def test_b43_references_of_steps_replies_filters_and_dead_letter_sinks_go_where_they_say() -> None:
    services = {f"{ns}/{name}": f"http://{name}.{ns}" for ns in ("ns1", "ns2") for name in ("w", "d", "r", "f")}
    options = Options(services=services)

    def there(name: str) -> dict[str, Any]:
        return ref("Service", name, "ns2")

    step = {**there("w"), "delivery": {"deadLetterSink": there("d")}}
    found = await compiled(sequence(step, namespace="ns1", reply=there("r")), options)
    out = egress(found, "s-kn-sequence-0")
    assert (out.subscriber, out.dead_letter, out.reply) == ("http://w.ns2", "http://d.ns2", "http://r.ns2")
    assert out.namespace == "ns1"
    physical = found.statuses[key("Subscription", "s-kn-sequence-0", "ns1")]["physicalSubscription"]
    assert physical["subscriberUri"] == "http://w.ns2"
    branch = {"filter": there("f"), "subscriber": ref("Service", "w"), "reply": there("r")}
    found = await compiled(parallel(branch, namespace="ns1"), options)
    assert egress(found, "p-kn-parallel-filter-0").subscriber == "http://f.ns2"
    out = egress(found, "p-kn-parallel-0")
    assert (out.subscriber, out.reply) == ("http://w.ns1", "http://r.ns2")


async def test_a_flow_is_a_destination_as_a_channel_is() -> None:
    text = channel() + subscription("in", to=str(ref("Sequence", "s")))
    text += sequence(uri("a"), reply=ref("Parallel", "p")) + parallel(
        {"subscriber": uri("b"), "reply": ref("Channel", "c1")}
    )
    found = ways(await compiled(text))
    assert found["in"] == ("c1", f"{URL}/s-kn-sequence-0", None)
    assert found["s-kn-sequence-0"][2] == f"{URL}/p-kn-parallel"
    assert found["p-kn-parallel-0"][2] == f"{URL}/c1"


async def test_a_trigger_sends_into_a_flow_and_a_flow_replies_to_a_broker() -> None:
    text = broker() + trigger(to=str(ref("Sequence", "s"))) + sequence(uri("a"), reply=ref("Broker", "b1"))
    found = await compiled(text)
    assert ways(found)["t1"][1] == f"{URL}/s-kn-sequence-0"
    assert egress(found, "t1").keeps_ttl
    assert ways(found)["s-kn-sequence-0"][2] == f"{URL}/b1"
    assert [condition(found.statuses[one])[0] for one in (S, mesh("Trigger", "t1"))] == ["True", "True"]


async def test_a_flow_whose_first_channel_has_the_address_of_a_broker_says_so() -> None:
    found = await compiled(broker("s-kn-sequence-0"))
    statuses = {mesh("Broker", "s-kn-sequence-0"): found.statuses[mesh("Broker", "s-kn-sequence-0")]}
    found = await compiled(broker("s-kn-sequence-0") + sequence(uri("a")), statuses=statuses)
    status, _, message = condition(found.statuses[S], "ChannelsReady")
    assert status == "False"
    assert "belongs to Broker default/s-kn-sequence-0 already" in message
    assert condition(found.statuses[S], "Addressable")[0] == "False"
    assert "address" not in found.statuses[S]


async def test_a_flow_that_is_missing_is_named() -> None:
    found = await compiled(channel() + subscription(to=str(ref("Sequence", "s"))))
    assert "Sequence default/s does not exist" in condition(found.statuses[key("Subscription", "s1")])[2]


def shape(found: Compiled) -> Mapping[str, Any]:
    return {f"{one.KIND} {one.metadata.name}": (one.spec.document(), one.metadata) for one in found.children}


targets = st.sampled_from([uri("a"), uri("b"), ref("Service", "w"), ref("Sequence", "s"), ref("Parallel", "p")])
deliveries = st.sampled_from([{}, {"delivery": {"retry": 2}}, {"delivery": {"deadLetterSink": uri("d")}}])
steps = st.lists(st.builds(lambda one, more: {**one, **more}, targets, deliveries), min_size=1, max_size=4)
maybe = st.one_of(st.just({}), targets)
branches = st.lists(
    st.builds(
        lambda one, filter_, reply, more: {
            "subscriber": one,
            **({"filter": filter_} if filter_ else {}),
            **({"reply": reply} if reply else {}),
            **more,
        },
        targets,
        maybe,
        maybe,
        deliveries,
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=25, deadline=None)
@given(steps, branches, maybe, steps)
async def test_compiling_what_was_compiled_changes_nothing_and_any_change_of_a_flow_is_a_legal_one(
    first: list[dict[str, Any]], ways_: list[dict[str, Any]], reply: dict[str, Any], second: list[dict[str, Any]]
) -> None:
    store = await stored(sequence(*first, reply=reply) + parallel(*ways_, reply=reply))
    for text in ("", sequence(*second) + parallel(*ways_[::-1])):
        await stored(text, store)
        once = compile_plan(Snapshot(store.list()))
        assert not [one for one in once.statuses.values() if "ChildInvalid" in str(one)]
        for one in once.children:
            await store.apply(one)
        twice = compile_plan(Snapshot(store.list()))
        assert {name: spec for name, (spec, _) in shape(twice).items()} == {
            name: spec for name, (spec, _) in shape(once).items()
        }
        for one in twice.children:
            await store.apply(one)
        assert shape(compile_plan(Snapshot(store.list()))) == shape(twice)
        assert compile_plan(Snapshot(store.list())).plan == twice.plan
        subscriptions = [one for one in once.children if one.KIND == "Subscription"]
        channels = [one for one in once.children if one.KIND == "KafkaChannel"]
        lengths = len(second if text else first), len(ways_)
        assert (len(channels), len(subscriptions)) == (sum(lengths) + 1, lengths[0] + 2 * lengths[1])
