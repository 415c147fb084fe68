"""What the statuses say, when their times move, and what of a plan may run before everything is there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from control_stand import NOON, channel, compiled, condition, kafka_channel, key, resources, stored, subscription, well

from eventing.plan.compile import Compiled, compile_plan
from eventing.plan.diff import runnable
from eventing.plan.model import Plan
from eventing.plan.options import Observed, Options, Problem, Snapshot
from eventing.plan.status import carry_times

TOPIC = "knative-messaging-kafka.default.c1"
REFUSED = Problem("Invalid", f"topic {TOPIC}: replicationFactor: replication factor 3 > 1 broker")
TEXT = channel() + subscription()


def seen(**what: dict[str, Problem | None]) -> tuple[Compiled, Observed]:
    """Compile with what was seen; the keys `c1` and `s1` stand for the uids."""
    everything = tuple(resources(TEXT))
    plan = compile_plan(Snapshot(everything)).plan
    uids = {one.name: uid for group in (plan.ingresses, plan.egresses) for uid, one in group.items()}
    found = {what: {uids.get(name, name): problem for name, problem in rows.items()} for what, rows in what.items()}
    observed = Observed(**found)
    return compile_plan(Snapshot(everything, Options(), observed)), observed


async def test_everything_is_ready_where_everything_is_there() -> None:
    found = await compiled(TEXT)
    ready = {key.kind: condition(status) for key, status in found.statuses.items()}
    assert ready == dict.fromkeys(("Channel", "KafkaChannel", "Subscription"), ("True", "", ""))


async def test_a_channels_status_holds_its_address_and_what_is_behind_it() -> None:
    found = await compiled(TEXT)
    url = {"name": "http", "url": "http://127.0.0.1:8080/default/c1"}
    behind = found.statuses[key("KafkaChannel", "c1")]
    status = found.statuses[key("Channel", "c1")]
    for one in (behind, status):
        assert (one["address"], one["addresses"]) == (url, [url])
    assert behind["annotations"] == {"default.topic": TOPIC}
    assert status["channel"] == {
        "apiVersion": "messaging.knative.dev/v1beta1",
        "kind": "KafkaChannel",
        "name": "c1",
        "namespace": "default",
    }


@pytest.mark.parametrize("kind", ["Channel", "KafkaChannel", "Subscription"])
def test_nothing_is_ready_before_it_was_looked_at(kind: str) -> None:
    found, _ = seen()
    (status,) = [status for key, status in found.statuses.items() if key.kind == kind]
    state, reason, message = condition(status)
    assert (state, reason) == ("Unknown", "NotYetObserved")
    assert message


def test_b58_a_topic_that_can_not_be_made_is_why_both_channels_are_not_ready() -> None:
    found, observed = seen(topics={TOPIC: REFUSED})
    for kind, one in (("KafkaChannel", "TopicReady"), ("KafkaChannel", "Ready"), ("Channel", "Ready")):
        assert condition(found.statuses[key(kind, "c1")], one) == ("False", REFUSED.reason, REFUSED.message)
    told = condition(found.statuses[key("Subscription", "s1")])
    assert told == ("False", REFUSED.reason, f"Channel default/c1: {REFUSED.message}")
    part = runnable(found.plan, observed, Plan())
    assert (part.ingresses, part.egresses) == ({}, {})
    assert part.topics == found.plan.topics


def test_a_topic_that_nobody_looked_at_is_not_there_yet() -> None:
    found, observed = seen(groups={"s1": None})
    part = runnable(found.plan, observed, Plan())
    assert (part.ingresses, part.egresses) == ({}, {})


def test_an_egress_without_start_offsets_does_not_run_and_is_not_ready() -> None:
    waits = Problem("KafkaUnavailable", "the coordinator does not answer")
    for groups, status in (({}, "Unknown"), ({"s1": waits}, "False")):
        found, observed = seen(topics={TOPIC: None}, groups=groups, routes={"c1": None})
        part = runnable(found.plan, observed, Plan())
        assert part.ingresses == found.plan.ingresses
        assert part.egresses == {}
        assert condition(found.statuses[key("Channel", "c1")])[0] == "True"
        assert condition(found.statuses[key("Subscription", "s1")], "AddedToChannel")[0] == status
        assert condition(found.statuses[key("Subscription", "s1")])[0] == status
        (entry,) = found.statuses[key("KafkaChannel", "c1")]["subscribers"]
        assert entry["ready"] == status
        assert entry["message"]


def test_all_that_kafka_is_prepared_for_runs() -> None:
    found, observed = seen(topics={TOPIC: None}, groups={"s1": None})
    assert runnable(found.plan, observed, Plan()) == found.plan


@pytest.mark.parametrize("unseen", ["topics", "groups"])
def test_what_runs_goes_on_while_kafka_can_not_be_asked_and_nothing_new_begins(unseen: str) -> None:
    """Its topic and its start offsets were there; that nobody answers now does not mean that they are gone."""
    away = Problem("KafkaUnavailable", "no broker answers")
    what = {"topics": {TOPIC: None}, "groups": {"s1": None}}
    what[unseen] = dict.fromkeys(what[unseen], away)
    if unseen == "topics":
        del what["groups"]
    found, observed = seen(**what)
    assert runnable(found.plan, observed, found.plan) == found.plan
    assert runnable(found.plan, observed, Plan()).egresses == {}
    gone = Observed({TOPIC: REFUSED}, observed.groups)
    assert runnable(found.plan, gone, found.plan).ingresses == {}


def test_a_probe_that_fails_colours_the_channels() -> None:
    problem = Problem("ProbeFailed", "http://a answers the probe of /default/c1 with 404")
    found, _ = seen(topics={TOPIC: None}, groups={"s1": None}, routes={"c1": problem})
    assert condition(found.statuses[key("KafkaChannel", "c1")], "ProbeSucceeded")[1:] == (
        "ProbeFailed",
        problem.message,
    )
    assert condition(found.statuses[key("Channel", "c1")])[1:] == ("ProbeFailed", problem.message)


async def test_observed_generation_is_the_generation_that_was_compiled() -> None:
    store = await stored(channel() + subscription())
    await stored(subscription(to="{uri: 'http://other'}"), store)
    found = well(store.list())
    assert found.statuses[key("Channel", "c1")]["observedGeneration"] == 1
    assert found.statuses[key("Subscription", "s1")]["observedGeneration"] == 2
    assert found.statuses[key("KafkaChannel", "c1")]["subscribers"][0]["observedGeneration"] == 2


async def test_the_times_of_conditions_move_with_their_status_only() -> None:
    stamps = [(NOON + timedelta(minutes=n)).strftime("%Y-%m-%dT%H:%M:%SZ") for n in range(3)]
    unseen, _ = seen()
    problem, _ = seen(topics={TOPIC: REFUSED})
    other, _ = seen(topics={TOPIC: Problem("KafkaUnavailable", "no answer")})
    one = key("KafkaChannel", "c1")
    first = carry_times({}, unseen.statuses[one], NOON)
    assert {c["lastTransitionTime"] for c in first["conditions"]} == {stamps[0]}
    second = carry_times(first, problem.statuses[one], NOON + timedelta(minutes=1))
    moved = {c["type"] for c in second["conditions"] if c["lastTransitionTime"] == stamps[1]}
    assert moved == {"Ready", "TopicReady"}
    third = carry_times(second, other.statuses[one], NOON + timedelta(minutes=2))
    assert stamps[2] not in {c["lastTransitionTime"] for c in third["conditions"]}
    assert condition(third)[1:] == ("KafkaUnavailable", "no answer")
    assert carry_times(third, other.statuses[one], NOON + timedelta(days=1)) == third


async def test_a_template_of_another_kind_is_served_by_kafka_and_says_so() -> None:
    spec = "{channelTemplate: {apiVersion: messaging.knative.dev/v1, kind: InMemoryChannel}}"
    found = await compiled(channel(spec=spec))
    (child,) = found.children
    assert child.KIND == "KafkaChannel"
    state, reason, message = condition(found.statuses[key("Channel", "c1")], "BackingChannelReady")
    assert (state, reason) == ("True", "ServedByKafka")
    assert "InMemoryChannel" in message


async def test_the_child_of_a_channel_has_its_template_and_its_delivery() -> None:
    spec = """{delivery: {retry: 4},
  channelTemplate: {apiVersion: messaging.knative.dev/v1beta1, kind: KafkaChannel, spec: {numPartitions: 3}}}"""
    (child,) = (await compiled(channel(spec=spec))).children
    assert child.spec_document() == {"numPartitions": 3, "replicationFactor": 1, "delivery": {"retry": 4}}
    (owner,) = child.metadata.owner_references
    assert (owner.kind, owner.name, owner.controller) == ("Channel", "c1", True)


@pytest.mark.parametrize(
    "meta", ["labels: {}", "ownerReferences: [{apiVersion: x.io/v1, kind: Thing, name: t, uid: u, controller: true}]"]
)
async def test_a_kafka_channel_that_belongs_to_somebody_else_is_never_a_child(meta: str) -> None:
    found = await compiled(kafka_channel(meta=meta) + channel())
    assert found.children == ()
    state, reason, message = condition(found.statuses[key("Channel", "c1")])
    assert (state, reason) == ("False", "BackingChannelTaken")
    assert "KafkaChannel default/c1" in message
    assert condition(found.statuses[key("KafkaChannel", "c1")])[0] == "True"
