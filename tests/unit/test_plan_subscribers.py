"""The list of subscribers of a KafkaChannel: written where Kanal serves everything, read beside Knative's core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control_stand import (
    channel,
    compiled,
    condition,
    dead_letters,
    kafka_channel,
    key,
    service,
    stored,
    subscription,
    well,
)
from mesh_stand import CLASS, broker, mesh, trigger

from eventing.kinds.key import key_of
from eventing.kinds.meta import Resource
from eventing.kinds.registry import parse
from eventing.plan.compile import Compiled, compile_plan
from eventing.plan.options import Observed, Options, Problem, Snapshot

BESIDE = Options(serves="kafka")
REFERENCE = "{{ref: {{apiVersion: messaging.knative.dev/v1, kind: Channel, name: {}}}}}"
C1 = key("KafkaChannel", "c1")


def beside(spec: Mapping[str, Any], name: str = "c1", **metadata: Any) -> Resource:
    """A KafkaChannel as Knative's core leaves it."""
    meta = {"name": name, "namespace": "default", "uid": f"uid-{name}", "generation": 1, **metadata}
    return parse(
        {"apiVersion": "messaging.knative.dev/v1beta1", "kind": "KafkaChannel", "metadata": meta, "spec": spec}
    )


def entry(uid: str = "u1", **more: Any) -> dict[str, Any]:
    return {"uid": uid, "generation": 3, "subscriberUri": "http://sink:9001", **more}


def said(found: Compiled, name: str = "c1") -> list[dict[str, Any]]:
    return list(found.statuses[key("KafkaChannel", name)].get("subscribers", []))


async def test_a_switch_to_knatives_core_and_back_changes_nothing_that_is_delivered() -> None:
    """The one writes what the other reads: same uid, group, URLs, patience and dead letter topic."""
    delivery = "delivery: {retry: 3, backoffDelay: PT2S, deadLetterSink: {uri: 'http://letters:1'}}"
    text = (
        channel(spec=f"{{{delivery}}}")
        + channel("c2")
        + subscription("plain")
        + subscription("replies", more=f"reply: {REFERENCE.format('c2')}")
        + subscription("patient", more="delivery: {retry: 9, timeout: PT5S}")
        + subscription("back", more=dead_letters(REFERENCE.format("c1")))
        + subscription("other", of="c2")
    )
    alone = await compiled(text)
    assert len(alone.plan.egresses) == 5
    store = await stored(text)
    kept = []
    for child in compile_plan(Snapshot(store.list())).children:
        if child.KIND == "KafkaChannel":
            entries = [dict(one) for one in alone.subscribers[key_of(child)]]
            document = child.document()
            document["spec"] = {**document["spec"], "subscribers": entries}
            kept.append(parse({**document, "status": alone.statuses[key_of(child)]}))
    shared = well(kept, BESIDE)
    assert shared.plan == alone.plan
    assert [one for name in ("c1", "c2") for one in said(shared, name)] == [
        one for name in ("c1", "c2") for one in said(alone, name)
    ]
    assert shared.subscribers == {}


async def test_b41_each_subscription_has_one_entry_and_a_channel_without_any_an_empty_list() -> None:
    found = await compiled(channel() + channel("c2") + subscription("s1") + subscription("s2"))
    (one, two), none = found.subscribers[C1], found.subscribers[key("KafkaChannel", "c2")]
    assert none == ()
    assert {one["name"], two["name"]} == {"s1", "s2"}
    assert {one["uid"], two["uid"]} == set(found.plan.egresses)
    assert set(one) == {"uid", "name", "generation", "subscriberUri"}


async def test_an_entry_shows_everything_resolved_and_the_delivery_that_counts() -> None:
    """Whoever reads it need not know the channel or look anything up."""
    options = Options(services={"w": "http://w:1", "dls": "http://dls:1"})
    to, sink = service("w"), service("dls")
    spec = f"{{delivery: {{retry: 5, backoffPolicy: linear, deadLetterSink: {sink}}}}}"
    own = "delivery: {retry: 2}"
    found = await compiled(channel(spec=spec) + subscription("a", to=to) + subscription("b", to=to, more=own), options)
    by_name = {one["name"]: one for one in found.subscribers[C1]}
    assert {one["subscriberUri"] for one in by_name.values()} == {"http://w:1"}
    uri = {"deadLetterSink": {"uri": "http://dls:1"}}
    assert by_name["a"]["delivery"] == {"retry": 5, "backoffPolicy": "linear", **uri}
    assert by_name["b"]["delivery"] == {"retry": 2, **uri}


async def test_a_subscription_whose_references_are_missing_has_no_entry() -> None:
    found = await compiled(channel() + subscription(to=REFERENCE.format("nowhere")))
    assert found.subscribers == {C1: ()}


async def test_what_a_controller_has_written_into_a_child_stays_there() -> None:
    """Otherwise the child would be changed back in each round, and the list written again."""
    store = await stored(channel() + subscription())
    (child,) = compile_plan(Snapshot(store.list())).children
    there = child.document()
    there["spec"] = {**there["spec"], "subscribers": [entry()]}
    await store.apply(parse(there))
    found = compile_plan(Snapshot(store.list()))
    assert [one.document()["spec"]["subscribers"][0]["uid"] for one in found.children] == ["u1"]
    assert set(found.plan.egresses) == {r.metadata.uid for r in store.list() if r.KIND == "Subscription"}


def test_an_entry_becomes_a_way_out_and_the_channel_tells_the_core_about_it() -> None:
    one = beside({"subscribers": [entry(replyUri="http://reply:1/x", name="s1")]})
    unseen = compile_plan(Snapshot((one,), BESIDE))
    (out,) = unseen.plan.egresses.values()
    assert (out.uid, out.group, out.title) == ("u1", "kafka.default.c1.u1", "Subscription default/s1")
    assert (out.subscriber, out.reply, out.dead_letter) == ("http://sink:9001", "http://reply:1/x", None)
    assert (out.topic, out.dead_letter_topic) == ("knative-messaging-kafka.default.c1", "kanal-dead-letters.default.s1")
    waiting = "the start offsets of the group kafka.default.c1.u1 are not committed yet"
    assert said(unseen) == [{"uid": "u1", "observedGeneration": 3, "ready": "Unknown", "message": waiting}]
    assert said(well([one], BESIDE)) == [{"uid": "u1", "observedGeneration": 3, "ready": "True"}]
    failed = Observed(groups={"u1": Problem("Denied", "no rights")})
    refused = {"uid": "u1", "observedGeneration": 3, "ready": "False", "message": "no rights"}
    assert said(compile_plan(Snapshot((one,), BESIDE, failed))) == [refused]


def test_an_entry_with_nothing_but_a_reply_forwards_the_events() -> None:
    found = well([beside({"subscribers": [{"uid": "u1", "replyUri": "http://reply:1"}]})], BESIDE)
    (out,) = found.plan.egresses.values()
    assert (out.subscriber, out.reply, out.name) == ("http://reply:1", None, "u1")


def test_the_delivery_of_an_entry_wins_and_only_a_missing_sink_is_the_channels() -> None:
    spec = {
        "delivery": {"retry": 7, "deadLetterSink": {"uri": "http://of-channel:1"}},
        "subscribers": [
            entry("u1", delivery={"retry": 2}),
            entry("u2", delivery={"deadLetterSink": {"uri": "http://own:1"}}),
            entry("u3"),
        ],
    }
    out = well([beside(spec)], BESIDE).plan.egresses
    assert {uid: (e.policy.retry, e.dead_letter) for uid, e in out.items()} == {
        "u1": (2, "http://of-channel:1"),
        "u2": (0, "http://own:1"),
        "u3": (7, "http://of-channel:1"),
    }


def test_b41_a_doubled_entry_counts_once_and_the_newest_wins() -> None:
    new, old = entry(generation=5, subscriberUri="http://new:1"), entry(generation=4, subscriberUri="http://old:1")
    for entries in ([new, old], [old, new]):
        found = well([beside({"subscribers": entries})], BESIDE)
        assert [e.subscriber for e in found.plan.egresses.values()] == ["http://new:1"]
        assert [one["observedGeneration"] for one in said(found)] == [5]


def test_a_uid_in_two_channels_is_delivered_from_one_and_the_other_says_so() -> None:
    both = [beside({"subscribers": [entry()]}, name) for name in ("c1", "c2")]
    found = well(both, BESIDE)
    assert [e.topic for e in found.plan.egresses.values()] == ["knative-messaging-kafka.default.c1"]
    assert said(found)[0]["ready"] == "True"
    (other,) = said(found, "c2")
    assert other["ready"] == "False"
    assert "the uid u1 is that of Subscription default/u1 already" in other["message"]


def test_a_template_that_gives_two_entries_one_group_is_told() -> None:
    one = beside({"subscribers": [entry("u1", name="s"), entry("u2", name="s")]})
    found = well([one], Options(serves="kafka", subscription_group="g-{namespace}-{name}"))
    assert list(found.plan.egresses) == ["u1"]
    assert "the group g-default-s belongs to Subscription default/u1 already" in said(found)[1]["message"]


def test_an_entry_that_can_not_be_served_says_why_and_its_group_stays() -> None:
    """Whoever clears up must not take the offsets of one that waits for its reference."""
    missing = {"ref": {"apiVersion": "v1", "kind": "Service", "name": "dls"}}
    entries = [entry("u1", delivery={"deadLetterSink": missing}), entry("u2", subscriberUri="sink:9001")]
    found = well([beside({"subscribers": entries})], BESIDE)
    assert found.plan.egresses == {}
    assert {"u1", "u2"} <= found.alive
    first, second = said(found)
    assert "spec.subscribers[u1].delivery.deadLetterSink: Service default/dls does not exist" in first["message"]
    assert "spec.subscribers[u2].subscriberUri: " in second["message"]
    assert {first["ready"], second["ready"]} == {"False"}
    assert condition(found.statuses[C1])[0] == "True"


def test_a_channel_that_has_no_address_says_so_of_each_subscriber() -> None:
    found = well([beside({"subscribers": [entry()]})], Options(serves="kafka", channel_topic="{nope}"))
    assert found.plan.egresses == {}
    assert "KafkaChannel default/c1 can't be served: " in said(found)[0]["message"]


async def test_beside_the_core_nothing_but_its_part_is_touched() -> None:
    text = channel() + subscription() + broker("ours") + broker("theirs", **{CLASS: "MTChannelBasedBroker"})
    text += trigger("to-ours", of="broker: ours") + trigger("to-theirs", of="broker: theirs") + kafka_channel("k1")
    store = await stored(text)
    found = well(store.list(), BESIDE)
    assert set(found.statuses) == {key("KafkaChannel", "k1"), mesh("Broker", "ours"), mesh("Trigger", "to-ours")}
    assert {one.name for one in found.plan.egresses.values()} == {"to-ours"}
    assert set(found.left_alone) == {mesh("Broker", "theirs"), mesh("Trigger", "to-theirs")}
    assert found.children == ()


def test_beside_the_core_the_channels_that_it_made_are_not_taken_for_leftovers() -> None:
    """Their owner is a Channel that is not looked at."""
    owner = {"apiVersion": "messaging.knative.dev/v1", "kind": "Channel", "name": "c1", "uid": "x", "controller": True}
    one = beside({}, ownerReferences=[owner])
    (kept,) = compile_plan(Snapshot((one,), BESIDE)).children
    assert kept is one


async def test_beside_the_core_a_trigger_before_its_broker_is_nobodys_until_the_class_is_known() -> None:
    store = await stored(trigger())
    assert set(well(store.list(), BESIDE).left_alone) == {mesh("Trigger", "t1")}
    served = {"annotations": {"group.id": "knative-trigger-default-t1"}}
    found = await compiled(trigger(), BESIDE, statuses={mesh("Trigger", "t1"): served})
    assert condition(found.statuses[mesh("Trigger", "t1")], "BrokerReady")[1] == "BrokerDoesNotExist"
    assert found.statuses[mesh("Trigger", "t1")]["annotations"] == served["annotations"]
