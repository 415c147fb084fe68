"""Whose a child is: what a flow finds under the name that it needs, what a child keeps, and how the names are made."""

from __future__ import annotations

import itertools
import re

from control_stand import channel, compiled, condition, kafka_channel, key, resources, stored, subscription, well
from flow_stand import URL, child, egress, flow_key, names, parallel, ref, sequence, uri, ways
from hypothesis import given
from hypothesis import strategies as st

from eventing.kinds.meta import Defaults
from eventing.plan.compile import compile_plan
from eventing.plan.flows import LONGEST_CHILD_NAME, child_name
from eventing.plan.options import Options, Snapshot

S = flow_key("Sequence", "s")
THREE = sequence(uri("a"), uri("b"), uri("c"), reply=uri("r"))


async def test_a_channel_of_somebody_else_is_left_alone_and_nothing_of_the_flow_reads_or_writes_it() -> None:
    text = kafka_channel("s-kn-sequence-1", spec="{numPartitions: 7}") + THREE
    found = await compiled(text)
    reason = "KafkaChannel default/s-kn-sequence-1 was there before and is not owned by this Sequence"
    assert condition(found.statuses[S], "ChannelsReady") == ("False", "ChildTaken", reason)
    assert names(found.children, "KafkaChannel") == ["s-kn-sequence-0", "s-kn-sequence-2"]
    assert set(ways(found)) == {"s-kn-sequence-2"}
    assert condition(found.statuses[S], "SubscriptionsReady")[:2] == ("False", "ChannelMissing")
    assert found.plan.topics["knative-messaging-kafka.default.s-kn-sequence-1"].partitions == 7
    assert condition(found.statuses[key("KafkaChannel", "s-kn-sequence-1")])[0] == "True"


async def test_a_subscription_of_somebody_else_is_left_alone() -> None:
    found = await compiled(channel() + subscription("s-kn-sequence-0", to="{uri: 'http://own'}") + sequence(uri("a")))
    assert ways(found) == {"s-kn-sequence-0": ("c1", "http://own", None)}
    assert condition(found.statuses[S], "SubscriptionsReady") == (
        "False",
        "ChildTaken",
        "Subscription default/s-kn-sequence-0 was there before and is not owned by this Sequence",
    )


async def test_a_flow_whose_first_channel_is_somebody_elses_has_no_address() -> None:
    text = (
        kafka_channel("s-kn-sequence-0") + sequence(uri("a")) + channel() + subscription(to=str(ref("Sequence", "s")))
    )
    found = await compiled(text)
    assert "address" not in found.statuses[S]
    assert condition(found.statuses[S], "Addressable")[:2] == ("False", "ChildTaken")
    message = condition(found.statuses[key("Subscription", "s1")])[2]
    assert message == "spec.subscriber: Sequence default/s has no address; its own conditions say why"


async def test_a_name_that_two_want_belongs_to_one_of_them_whatever_the_order() -> None:
    both = resources(channel("s-kn-sequence-0") + sequence(uri("a")))
    for order in itertools.permutations(both):
        found = well(order)
        assert condition(found.statuses[S])[0] == "True"
        assert condition(found.statuses[key("Channel", "s-kn-sequence-0")]) == (
            "False",
            "BackingChannelTaken",
            "KafkaChannel default/s-kn-sequence-0 is made for Sequence default/s already",
        )


async def test_who_has_a_child_already_keeps_it() -> None:
    store = await stored(sequence(uri("a")))
    for one in compile_plan(Snapshot(store.list())).children:
        await store.apply(one)
    found = well((await stored(channel("s-kn-sequence-0"), store)).list())
    assert condition(found.statuses[S])[0] == "True"
    assert condition(found.statuses[key("Channel", "s-kn-sequence-0")])[:2] == ("False", "BackingChannelTaken")


async def test_a_child_that_is_there_keeps_labels_annotations_uid_and_status() -> None:
    store = await stored(sequence(uri("a")))
    for one in compile_plan(Snapshot(store.list())).children:
        metadata = one.metadata.model_copy(update={"labels": {"l": "1"}, "uid": "from-elsewhere"})
        await store.apply(one.model_copy(update={"metadata": metadata.annotated(mine="yes")}))
    name = key("Subscription", "s-kn-sequence-0")
    await store.set_status(name, {"annotations": {"group.id": "its-group"}})
    found = compile_plan(Snapshot(store.list()))
    one = child(found, "Subscription", name.name)
    assert (one.metadata.labels, one.metadata.annotations, one.metadata.uid) == (
        {"l": "1"},
        {"mine": "yes"},
        "from-elsewhere",
    )
    assert egress(found, name.name).group == "its-group"


async def test_a_default_that_changes_later_changes_no_channel_that_is_there() -> None:
    store = await stored(sequence(uri("a")))
    before = Options(defaults=Defaults(partitions=3))
    for one in compile_plan(Snapshot(store.list(), before)).children:
        await store.apply(one)
    found = well((await stored(sequence(uri("a"), uri("b")), store)).list(), Options(defaults=Defaults(partitions=5)))
    assert [topic.partitions for topic in found.plan.topics.values()] == [3, 5]
    assert condition(found.statuses[S])[0] == "True"


async def test_a_child_that_can_not_become_what_it_should_be_stays_and_says_why() -> None:
    template = {"apiVersion": "messaging.knative.dev/v1beta1", "kind": "KafkaChannel", "spec": {"numPartitions": 2}}
    store = await stored(sequence(uri("a"), channelTemplate=template))
    for one in compile_plan(Snapshot(store.list())).children:
        if one.KIND == "KafkaChannel":
            await store.apply(one.model_copy(update={"spec": one.spec.model_copy(update={"num_partitions": 9})}))
    found = well(store.list())
    status, reason, message = condition(found.statuses[S], "ChannelsReady")
    assert (status, reason) == ("False", "ChildInvalid")
    assert message.startswith("KafkaChannel default/s-kn-sequence-0: spec.numPartitions: can't be changed")
    assert [topic.partitions for topic in found.plan.topics.values()] == [9]
    assert child(found, "KafkaChannel", "s-kn-sequence-0").spec.num_partitions == 9
    # What runs goes on.
    assert set(ways(found)) == {"s-kn-sequence-0"}
    assert found.statuses[S]["address"]["url"] == f"{URL}/s-kn-sequence-0"


NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
names_ = st.from_regex(NAME, fullmatch=True).filter(lambda text: len(text) <= 253)


@given(names_, names_, st.integers(0, 999))
def test_the_name_of_a_child_is_a_name_fits_and_is_nobody_elses(one: str, other: str, number: int) -> None:
    suffix = f"-kn-parallel-filter-{number}"
    name = child_name(one, suffix)
    assert NAME.fullmatch(name)
    assert len(name) <= LONGEST_CHILD_NAME
    assert name.endswith(suffix)
    assert (name == child_name(other, suffix)) == (one == other)


def test_a_name_with_room_is_kept_and_another_one_is_shortened_with_the_md5_of_the_parents() -> None:
    assert child_name("a" * 49, "-kn-sequence-0") == "a" * 49 + "-kn-sequence-0"
    digest = "6eb6a030bcce166534b95bc2ab45d9cf"
    assert child_name("a" * 50, "-kn-sequence-0") == "a" * 17 + digest + "-kn-sequence-0"


async def test_a_flow_with_the_longest_name_is_served() -> None:
    found = await compiled(sequence(uri("a"), name="s" * 253) + parallel({"subscriber": uri("a")}, name="p" * 253))
    assert condition(found.statuses[flow_key("Sequence", "s" * 253)])[0] == "True"
    assert condition(found.statuses[flow_key("Parallel", "p" * 253)])[0] == "True"
