"""From resources to a plan: what becomes of each, and that only the resources decide it."""

from __future__ import annotations

import itertools

import pytest
from control_stand import channel, compiled, condition, dead_letters, kafka_channel, key, resources, subscription, well

from eventing.kinds.delivery import ORDER_ANNOTATION, PAUSED_ANNOTATION
from eventing.plan.compile import compile_plan
from eventing.plan.diff import runnable
from eventing.plan.model import Plan
from eventing.plan.options import Observed, Options, Snapshot
from eventing.verdict import RetryPolicy

C1 = "knative-messaging-kafka.default.c1"


async def test_a_channel_and_a_subscription_become_a_route_a_topic_and_a_way_out() -> None:
    spec = (
        "{channelTemplate: {apiVersion: messaging.knative.dev/v1beta1, kind: KafkaChannel, spec: {numPartitions: 3}}}"
    )
    plan = (await compiled(channel(spec=spec) + subscription())).plan
    (route,), (out,), (topic,) = plan.ingresses.values(), plan.egresses.values(), plan.topics.values()
    assert (route.topic, route.path, route.hosts) == (C1, "/default/c1", ("c1-kn-channel.default.svc.cluster.local",))
    assert (topic.name, topic.partitions, topic.replication_factor) == (C1, 3, 1)
    assert topic.config == {"retention.ms": "604800000"}
    assert (out.topic, out.group) == (C1, f"kafka.default.c1.{out.uid}")
    assert (out.subscriber, out.reply, out.dead_letter) == ("http://sink:9001", None, None)
    assert out.dead_letter_topic == "kanal-dead-letters.default.s1"
    assert (out.order, out.policy) == ("ordered", RetryPolicy())


def test_the_order_of_the_resources_changes_nothing() -> None:
    text = channel("a") + channel("b") + kafka_channel("c") + subscription("s", of="a") + subscription("t", of="b")
    everything = resources(text)
    first, *others = (well(order) for order in itertools.permutations(everything))
    for other in others:
        assert other == first
        assert list(other.statuses.items()) == list(first.statuses.items())


async def test_a_child_that_is_stored_already_compiles_as_one_that_is_not() -> None:
    """The second round of a controller must not undo its first."""
    options = Options(channel_topic="everything")
    text = channel("a") + kafka_channel("b")
    new = well(resources(text), options)
    stored = await compiled(text, options)
    assert [i.name for i in stored.plan.ingresses.values()] == [i.name for i in new.plan.ingresses.values()] == ["a"]


async def test_templates_make_the_names() -> None:
    options = Options(
        base_url="https://events.example/",
        channel_topic="t-{namespace}-{name}",
        subscription_group="g-{namespace}-{channel}-{name}-{uid}",
        dead_letter_topic="d-{namespace}-{name}",
    )
    found = await compiled(channel(namespace="ns") + subscription(namespace="ns"), options)
    (out,) = found.plan.egresses.values()
    assert (out.topic, out.group, out.dead_letter_topic) == ("t-ns-c1", f"g-ns-c1-s1-{out.uid}", "d-ns-s1")
    assert found.statuses[key("Channel", "c1", "ns")]["address"]["url"] == "https://events.example/ns/c1"


@pytest.mark.parametrize("template", ["{nmae}", "{0}", "{name", "{name.first}", "{name} with spaces", "x" * 250])
async def test_a_template_that_makes_no_name_is_told_and_ends_nothing(template: str) -> None:
    found = await compiled(channel() + subscription(), Options(channel_topic=template))
    assert found.plan.ingresses == {} == found.plan.egresses
    status, _, message = condition(found.statuses[key("Channel", "c1")])
    assert status == "False"
    assert "names.channel_topic" in message


async def test_a_recorded_name_wins_over_a_template_that_changed() -> None:
    statuses = {
        key("KafkaChannel", "c1"): {"annotations": {"default.topic": "from-knative"}},
        key("Subscription", "s1"): {"annotations": {"group.id": "its-group"}},
    }
    found = await compiled(channel() + subscription(), statuses=statuses)
    (out,) = found.plan.egresses.values()
    assert list(found.plan.topics) == [out.topic] == ["from-knative"]
    assert out.group == "its-group"


async def test_a_missing_dead_letter_sink_stops_deliveries_and_no_sender_and_changes_no_recorded_name() -> None:
    lost = dead_letters("{ref: {apiVersion: v1, kind: Service, name: gone}}")
    topic, group = {"default.topic": "from-knative"}, {"group.id": "its-group"}
    statuses = {key("KafkaChannel", "c1"): {"annotations": topic}, key("Subscription", "s1"): {"annotations": group}}
    found = await compiled(channel(spec=f"{{{lost}}}") + subscription(more=lost), statuses=statuses)
    assert [route.topic for route in found.plan.ingresses.values()] == ["from-knative"]
    assert found.plan.egresses == {}
    assert condition(found.statuses[key("KafkaChannel", "c1")])[0] == "False"
    assert found.statuses[key("KafkaChannel", "c1")]["annotations"] == topic
    assert found.statuses[key("Subscription", "s1")]["annotations"] == group


async def test_of_two_channels_that_claim_one_topic_the_second_is_told_who_has_it() -> None:
    found = await compiled(channel("a") + channel("b"), Options(channel_topic="one"))
    assert [route.name for route in found.plan.ingresses.values()] == ["a"]
    assert condition(found.statuses[key("Channel", "a")])[0] == "True"
    for kind in ("KafkaChannel", "Channel"):
        status, _, message = condition(found.statuses[key(kind, "b")])
        assert status == "False"
        assert message.startswith("the topic one belongs to KafkaChannel default/a already; ")


async def test_a_newcomer_never_takes_a_topic_or_a_group_away() -> None:
    options = Options(channel_topic="one", subscription_group="{channel}")
    statuses = {
        key("KafkaChannel", "b"): {"annotations": {"default.topic": "one"}},
        key("Subscription", "t"): {"annotations": {"group.id": "b"}},
    }
    text = channel("a") + channel("b") + subscription("s", of="b") + subscription("t", of="b")
    found = await compiled(text, options, statuses=statuses)
    assert [route.name for route in found.plan.ingresses.values()] == ["b"]
    assert [out.name for out in found.plan.egresses.values()] == ["t"]


async def test_two_subscriptions_never_share_a_group() -> None:
    """They would share out the events, and each would miss what the other got."""
    found = await compiled(channel() + subscription("s1") + subscription("s2"), Options(subscription_group="{channel}"))
    assert [out.name for out in found.plan.egresses.values()] == ["s1"]
    status, _, message = condition(found.statuses[key("Subscription", "s2")])
    assert status == "False"
    assert "the group c1 belongs to Subscription default/s1 already" in message


@pytest.mark.parametrize(
    ("word", "order"), [("ordered", "ordered"), ("unordered", "unordered"), ("UnOrdered", "unordered"), ("", "ordered")]
)
async def test_the_annotation_says_the_order(word: str, order: str) -> None:
    meta = f"annotations: {{{ORDER_ANNOTATION}: {word}}}" if word else "labels: {}"
    found = await compiled(channel() + subscription(meta=meta))
    assert [out.order for out in found.plan.egresses.values()] == [order]


@pytest.mark.parametrize(("word", "pace"), [("true", "paused"), ("True", "paused"), ("false", "running")])
async def test_a_paused_subscription_is_ready_and_says_that_it_rests(word: str, pace: str) -> None:
    found = await compiled(channel() + subscription(meta=f"annotations: {{{PAUSED_ANNOTATION}: '{word}'}}"))
    assert [out.pace for out in found.plan.egresses.values()] == [pace]
    status = found.statuses[key("Subscription", "s1")]
    assert condition(status)[0] == "True"
    told = [(one["status"], one["severity"]) for one in status["conditions"] if one["type"] == "Paused"]
    assert told == ([("True", "Info")] if pace == "paused" else [])


async def test_an_egress_is_told_which_topic_of_that_name_it_reads() -> None:
    plan = (await compiled(channel() + subscription())).plan
    (out,) = plan.egresses.values()
    ids = {out.topic: "id1"}
    seen = Observed(dict.fromkeys(plan.topics), dict.fromkeys(plan.egresses), dict.fromkeys(plan.ingresses), ids)
    assert [one.topic_id for one in runnable(plan, seen, Plan()).egresses.values()] == ["id1"]


PARENT = "{delivery: {retry: 5, backoffPolicy: linear, deadLetterSink: {uri: 'http://parent'}}}"


@pytest.mark.parametrize(
    ("parent", "own", "policy", "sink"),
    [
        ("{}", "", RetryPolicy(), None),
        (PARENT, "", RetryPolicy(retry=5, backoff="linear"), "http://parent"),
        (PARENT, "delivery: {retry: 1}", RetryPolicy(retry=1), "http://parent"),
        (PARENT, "delivery: {deadLetterSink: {uri: 'http://own'}}", RetryPolicy(), "http://own"),
        ("{}", "delivery: {retry: 2, timeout: PT3S}", RetryPolicy(retry=2, timeout_s=3.0), None),
    ],
)
async def test_the_nearest_delivery_counts_as_a_whole_but_for_the_dead_letter_sink(
    parent: str, own: str, policy: RetryPolicy, sink: str | None
) -> None:
    found = await compiled(channel(spec=parent) + subscription(more=own))
    (out,) = found.plan.egresses.values()
    assert (out.policy, out.dead_letter) == (policy, sink)


async def test_the_options_give_the_time_out_and_the_longest_wait() -> None:
    found = await compiled(channel() + subscription(), Options(timeout_s=7.0, longest_wait_s=60.0))
    (out,) = found.plan.egresses.values()
    assert out.policy == RetryPolicy(timeout_s=7.0, longest_wait_s=60.0)


def test_what_was_seen_colours_the_statuses_and_never_the_plan() -> None:
    everything = tuple(resources(channel() + subscription()))
    assert well(everything).plan == compile_plan(Snapshot(everything)).plan


async def test_b41_each_subscription_has_one_entry_in_its_channels_status() -> None:
    found = await compiled(channel() + subscription("s1") + subscription("s2"))
    entries = found.statuses[key("KafkaChannel", "c1")]["subscribers"]
    uids = {out.uid for out in found.plan.egresses.values()}
    assert len(entries) == len(uids) == 2
    assert {entry["uid"] for entry in entries} == uids
    assert {entry["ready"] for entry in entries} == {"True"}
    assert {(out.topic, out.subscriber) for out in found.plan.egresses.values()} == {(C1, "http://sink:9001")}
    assert len({out.group for out in found.plan.egresses.values()}) == 2


async def test_a_long_channel_name_leaves_the_suffix_of_its_host_out() -> None:
    name = "c" * 60
    (route,) = (await compiled(channel(name))).plan.ingresses.values()
    assert route.hosts == (f"{name}.default.svc.cluster.local",)
    assert route.path == f"/default/{name}"
