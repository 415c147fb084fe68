"""Flows through the controller's rounds: a change applies at once and touches nothing but what it changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from control_stand import ControllerStand, channel, kafka_channel, key, status_of, subscription
from flow_stand import URL, flow_key, names, parallel, ref, sequence, uri

from eventing.kinds.delivery import PAUSED_ANNOTATION
from eventing.kinds.meta import Resource
from eventing.plan.model import Egress
from eventing.plan.options import Options

A, B, C = uri("a"), uri("b"), uri("c")
OWNER = "{{apiVersion: {group}/v1, kind: {kind}, name: s, uid: gone, controller: true}}"


class Stand(ControllerStand):
    """A controller stand that knows the steps of the Sequence `s`."""

    def object(self, kind: str, name: str) -> Resource:
        return next(one for one in self.store.list() if (one.KIND, one.metadata.name) == (kind, name))

    def step(self, number: int) -> Egress:
        return self.egress(f"s-kn-sequence-{number}")

    def egress(self, name: str) -> Egress:
        return next(one for one in self.feed.plan.egresses.values() if one.name == name)

    def identities(self) -> Mapping[str, tuple[str, str]]:
        """By Subscription: uid and group."""
        return {one.name: (one.uid, one.group) for one in self.feed.plan.egresses.values()}

    def deleted(self) -> list[str]:
        return [group for what, group in self.admin.calls if what == "delete_group"]


def failing(retry: int) -> dict[str, Any]:
    return {"delivery": {"retry": retry, "deadLetterSink": uri("d")}}


async def test_one_round_makes_a_sequence_and_it_is_ready() -> None:
    stand = Stand()
    await stand.round(sequence(A, B))
    assert stand.ready("Sequence", "s")[0] == "True"
    expected = ["s-kn-sequence-0", "s-kn-sequence-1"]
    stored = stand.store.list()
    assert names(stored, "KafkaChannel") == names(stored, "Subscription") == expected
    assert [stand.ready(one.KIND, one.metadata.name)[0] for one in stored] == ["True"] * 5
    assert len(stand.admin.topics) == len(stand.admin.groups) == 2


async def test_b45_one_round_makes_a_parallel_without_a_filter_and_it_is_ready() -> None:
    stand = Stand()
    await stand.round(parallel({"subscriber": A}, {"filter": B, "subscriber": C}))
    assert stand.ready("Parallel", "p")[0] == "True"
    assert len(stand.prober.asked) == 3


@pytest.mark.parametrize("text", [sequence(A, B), parallel({"subscriber": A}, {"filter": B, "subscriber": C})])
async def test_a_round_in_which_nothing_changed_writes_nothing(text: str) -> None:
    stand = Stand()
    await stand.round(text)
    for _ in range(2):
        await stand.round()
        assert stand.store.written == []


async def test_b45_a_delivery_that_a_step_gets_applies_in_one_round_and_in_place() -> None:
    stand = Stand()
    await stand.round(sequence(A, B))
    before = stand.identities()
    await stand.round(sequence(A, {**B, **failing(3)}))
    assert (stand.step(1).policy.retry, stand.step(1).dead_letter) == (3, "http://d:9001")
    assert stand.step(0).policy.retry == 0
    assert stand.identities() == before
    assert stand.deleted() == []
    assert stand.ready("Sequence", "s")[0] == "True"
    assert status_of(stand.store, "Sequence", "s")["observedGeneration"] == 2
    generations = [stand.object("Subscription", f"s-kn-sequence-{i}").metadata.generation for i in (0, 1)]
    assert generations == [1, 2]
    assert [one for one in stand.store.written if not one.startswith("status")] == ["Subscription s-kn-sequence-1"]


async def test_b45_steps_that_change_places_keep_their_channels_uids_and_groups() -> None:
    stand = Stand()
    await stand.round(sequence(A, B, C))
    before = stand.identities()
    await stand.round(sequence(C, B, A))
    assert [stand.step(i).subscriber for i in range(3)] == ["http://c:9001", "http://b:9001", "http://a:9001"]
    assert stand.identities() == before
    assert stand.deleted() == []
    changed = [one for one in stand.store.written if not one.startswith("status")]
    assert sorted(changed) == ["Subscription s-kn-sequence-0", "Subscription s-kn-sequence-2"]


async def test_b45_the_last_step_goes_with_its_children_and_its_group_and_the_one_before_replies_in_its_place() -> None:
    stand = Stand()
    await stand.round(sequence(A, B, C, reply=uri("r")))
    before, gone = stand.identities(), stand.step(2).group
    await stand.round(sequence(A, B, reply=uri("r")))
    stored = stand.store.list()
    expected = ["s-kn-sequence-0", "s-kn-sequence-1"]
    assert names(stored, "KafkaChannel") == names(stored, "Subscription") == expected
    assert stand.step(1).reply == "http://r:9001"
    assert stand.ready("Sequence", "s")[0] == "True"
    status = status_of(stand.store, "Sequence", "s")
    assert status["address"]["url"] == f"{URL}/s-kn-sequence-0"
    assert len(status["channelStatuses"]) == 2
    await stand.round()
    assert stand.identities() == {name: before[name] for name in expected}
    assert stand.deleted() == [gone]
    assert stand.ready("Sequence", "s")[0] == "True"


async def test_b45_a_channel_that_goes_is_served_until_the_data_plane_knows_that_nothing_leads_there() -> None:
    stand = Stand()
    await stand.round(sequence(A, B))
    assert stand.step(0).reply == f"{URL}/s-kn-sequence-1"
    await stand.round(sequence(A))
    assert stand.step(0).reply is None
    assert "s-kn-sequence-1" in {one.name for one in stand.feed.plan.ingresses.values()}
    await stand.round()
    assert [one.name for one in stand.feed.plan.ingresses.values()] == ["s-kn-sequence-0"]


async def test_a_step_that_is_added_gets_the_answers_of_the_one_before() -> None:
    stand = Stand()
    await stand.round(sequence(A, reply=uri("r")))
    assert stand.step(0).reply == "http://r:9001"
    await stand.round(sequence(A, B, reply=uri("r")))
    assert (stand.step(0).reply, stand.step(1).reply) == (f"{URL}/s-kn-sequence-1", "http://r:9001")
    assert stand.ready("Sequence", "s")[0] == "True"


async def test_a_reply_that_changes_changes_the_last_subscription_alone() -> None:
    stand = Stand()
    await stand.round(sequence(A, B))
    await stand.round(sequence(A, B, reply=uri("r")))
    assert stand.step(1).reply == "http://r:9001"
    assert [one for one in stand.store.written if not one.startswith("status")] == ["Subscription s-kn-sequence-1"]


async def test_a_branch_that_gets_a_filter_or_goes_changes_in_place() -> None:
    stand = Stand()
    await stand.round(parallel({"subscriber": A}, {"subscriber": B}))
    before = stand.identities()
    await stand.round(parallel({"filter": C, "subscriber": A}))
    filter_ = stand.egress("p-kn-parallel-filter-0")
    assert (filter_.subscriber, filter_.reply) == ("http://c:9001", f"{URL}/p-kn-parallel-0")
    left = ["p-kn-parallel-0", "p-kn-parallel-filter-0"]
    assert names(stand.store.list(), "Subscription") == left
    assert names(stand.store.list(), "KafkaChannel") == ["p-kn-parallel", "p-kn-parallel-0"]
    await stand.round()
    assert stand.identities() == {name: before[name] for name in left}
    assert len(stand.deleted()) == 2
    assert stand.ready("Parallel", "p")[0] == "True"


@pytest.mark.parametrize(("kind", "name"), [("Sequence", "s"), ("Parallel", "p")])
async def test_a_flow_that_goes_takes_its_children_and_nothing_else(kind: str, name: str) -> None:
    stand = Stand()
    other = channel() + subscription() + kafka_channel(f"{name}-kn-other")
    await stand.round(other)
    left = stand.objects()
    await stand.round(sequence(A, B) if kind == "Sequence" else parallel({"subscriber": A}))
    await stand.store.delete(flow_key(kind, name))
    await stand.round()
    assert stand.objects() == left
    assert [one.name for one in stand.feed.plan.egresses.values()] == ["s1"]


async def test_a_child_that_is_set_right_keeps_what_others_have_put_into_its_metadata() -> None:
    stand = Stand()
    await stand.round(sequence(A))
    one = stand.object("Subscription", "s-kn-sequence-0")
    metadata = one.metadata.model_copy(update={"finalizers": ["example.com/a"], "labels": {"a": "b"}})
    spec = one.spec.model_copy(update={"reply": one.spec.subscriber})
    await stand.store.update(one.model_copy(update={"spec": spec, "metadata": metadata}))
    await stand.round()
    there = stand.object("Subscription", "s-kn-sequence-0")
    assert there.spec == one.spec
    assert (there.metadata.finalizers, there.metadata.labels) == (["example.com/a"], {"a": "b"})


async def test_a_child_that_somebody_changed_or_deleted_is_set_right() -> None:
    stand = Stand()
    await stand.round(sequence(A))
    before = stand.objects()
    one = stand.object("Subscription", "s-kn-sequence-0")
    await stand.store.apply(one.model_copy(update={"spec": one.spec.model_copy(update={"reply": one.spec.subscriber})}))
    await stand.round()
    assert stand.object("Subscription", "s-kn-sequence-0").spec == one.spec
    await stand.store.delete(key("Subscription", "s-kn-sequence-0"))
    await stand.store.delete(key("KafkaChannel", "s-kn-sequence-0"))
    await stand.round()
    assert stand.objects() == before
    assert stand.ready("Sequence", "s")[0] == "True"


@pytest.mark.parametrize(("group", "kind"), [("flows.knative.dev", "Sequence"), ("flows.knative.dev", "Parallel")])
async def test_children_whose_flow_is_gone_go_too(group: str, kind: str) -> None:
    stand = Stand()
    meta = f"ownerReferences: [{OWNER.format(group=group, kind=kind)}]"
    await stand.round(kafka_channel("k", meta=meta) + subscription("t", of="k", meta=meta))
    assert stand.objects() == []


@pytest.mark.parametrize(
    ("group", "kind"), [("x.io", "Sequence"), ("flows.knative.dev", "Other"), ("messaging.knative.dev", "Channel")]
)
async def test_a_subscription_that_anything_else_owns_is_never_touched(group: str, kind: str) -> None:
    stand = Stand()
    await stand.round(subscription("t", meta=f"ownerReferences: [{OWNER.format(group=group, kind=kind)}]"))
    assert stand.objects() == ["Subscription default/t"]


@pytest.mark.parametrize("wanted", [True, False])
async def test_an_owner_that_does_not_control_an_object_has_no_say_in_it(*, wanted: bool) -> None:
    stand = Stand()
    await stand.round(sequence(A))
    one = stand.object("Subscription", "s-kn-sequence-0")
    (owner,) = one.metadata.owner_references
    metadata = one.metadata.model_copy(update={"owner_references": [owner.model_copy(update={"controller": None})]})
    if not wanted:
        metadata = metadata.model_copy(update={"name": "other", "uid": ""})
    await stand.store.apply(one.model_copy(update={"metadata": metadata}))
    await stand.round()
    assert stand.object("Subscription", metadata.name).metadata.owner_references == metadata.owner_references
    assert stand.ready("Sequence", "s")[:2] == (("False", "ChildTaken") if wanted else ("True", ""))


async def test_a_channel_of_somebody_else_is_never_touched_and_the_sequence_is_made_once_it_is_gone() -> None:
    stand = Stand()
    await stand.round(kafka_channel("s-kn-sequence-0", spec="{numPartitions: 2}") + sequence(A))
    assert not [one for one in stand.store.written if one.startswith("KafkaChannel")]
    assert names(stand.store.list(), "Subscription") == []
    assert stand.ready("Sequence", "s")[:2] == ("False", "ChildTaken")
    await stand.store.delete(key("KafkaChannel", "s-kn-sequence-0"))
    await stand.round()
    assert stand.ready("Sequence", "s")[0] == "True"
    assert names(stand.store.list(), "Subscription") == ["s-kn-sequence-0"]


async def test_b44_a_step_that_was_missing_makes_the_sequence_ready_once_it_is_there() -> None:
    services: dict[str, str] = {}
    stand = Stand(Options(services=services))
    await stand.round(
        sequence(A, ref("Service", "late"), {**B, "delivery": {"deadLetterSink": ref("Service", "dead")}})
    )
    state, _, message = stand.ready("Sequence", "s")
    assert state == "False"
    assert message.startswith("Subscription default/s-kn-sequence-1: ")
    assert "Service default/late does not exist" in message
    services["late"] = "http://late"
    await stand.round()
    assert "Service default/dead does not exist" in stand.ready("Sequence", "s")[2]
    services["dead"] = "http://dead"
    await stand.round()
    assert stand.ready("Sequence", "s")[0] == "True"
    assert stand.step(2).dead_letter == "http://dead"


async def test_b44_what_refers_to_a_flow_is_ready_once_the_flow_is_there() -> None:
    stand = Stand()
    await stand.round(channel() + subscription(to=str(ref("Sequence", "s"))))
    assert "Sequence default/s does not exist" in stand.ready("Subscription", "s1")[2]
    await stand.round(sequence(A))
    assert stand.ready("Subscription", "s1")[0] == "True"
    assert stand.egress("s1").subscriber == f"{URL}/s-kn-sequence-0"


async def test_a_step_that_was_paused_stays_so_when_the_sequence_changes() -> None:
    stand = Stand()
    await stand.round(sequence(A, B))
    one = stand.object("Subscription", "s-kn-sequence-1")
    metadata = one.metadata.annotated(**{PAUSED_ANNOTATION: "true"})
    await stand.store.apply(one.model_copy(update={"metadata": metadata}))
    await stand.round()
    assert stand.step(1).pace == "paused"
    await stand.round(sequence(A, C))
    assert (stand.step(1).pace, stand.step(1).subscriber) == ("paused", "http://c:9001")
    assert stand.step(0).pace == "running"


async def test_a_flow_in_one_namespace_and_its_namesake_in_another_do_not_meet() -> None:
    stand = Stand(Options(services={"ns1/w": "http://w1", "ns2/w": "http://w2"}))
    step = ref("Service", "w")
    await stand.round(sequence(step, namespace="ns1") + sequence(step, namespace="ns2"))
    found = {one.namespace: one.subscriber for one in stand.feed.plan.egresses.values()}
    assert found == {"ns1": "http://w1", "ns2": "http://w2"}
    await stand.store.delete(flow_key("Sequence", "s", "ns1"))
    await stand.round()
    assert {one.namespace for one in stand.feed.plan.egresses.values()} == {"ns2"}
