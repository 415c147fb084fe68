"""The controller's rounds: what they make, what they write, and that no failure outlives its cause."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from control_stand import (
    PATIENCE_S,
    ControllerStand,
    channel,
    dead_letters,
    kafka_channel,
    key,
    service,
    status_of,
    stored,
    subscription,
)

from eventing.errors import Invalid, Unavailable
from eventing.kinds.key import Key
from eventing.kinds.meta import Resource
from eventing.plan.model import Ingress, Plan
from eventing.plan.options import Problem

TOPIC = "knative-messaging-kafka.default.c1"
OWNER = "{{apiVersion: {group}, kind: {kind}, name: {name}, uid: gone, controller: true}}"


async def test_one_round_makes_all_that_was_asked_for() -> None:
    stand = ControllerStand()
    await stand.round(channel() + subscription())
    assert stand.objects() == ["Channel default/c1", "KafkaChannel default/c1", "Subscription default/s1"]
    assert [stand.ready(kind, name)[0] for kind, name in (("Channel", "c1"), ("Subscription", "s1"))] == ["True"] * 2
    (out,), (route,) = stand.feed.plan.egresses.values(), stand.feed.plan.ingresses.values()
    assert stand.admin.groups == {(out.group, TOPIC)}
    assert stand.prober.asked == [route.uid]


async def test_a_round_in_which_nothing_changed_writes_nothing() -> None:
    stand = ControllerStand()
    await stand.round(channel() + subscription())
    stand.now += timedelta(days=1)
    for _ in range(2):
        await stand.round()
        assert stand.store.written == []


async def test_only_the_statuses_that_changed_are_written() -> None:
    stand = ControllerStand()
    await stand.round(channel() + subscription("s1") + subscription("s2"))
    await stand.round(subscription("s2", to="{uri: 'http://other'}"))
    assert sorted(stand.store.written) == ["status of KafkaChannel c1", "status of Subscription s2"]


async def test_a_topic_that_can_not_be_made_is_told_and_mended_once_it_can() -> None:
    stand = ControllerStand()
    stand.admin.failing[TOPIC] = Invalid("replication factor 3 > 1 broker")
    await stand.round(channel() + subscription())
    for kind, name in (("KafkaChannel", "c1"), ("Channel", "c1"), ("Subscription", "s1")):
        assert stand.ready(kind, name)[0] == "False"
        assert "replication factor 3 > 1 broker" in stand.ready(kind, name)[2]
    assert (stand.feed.plan.ingresses, stand.feed.plan.egresses, stand.prober.asked) == ({}, {}, [])
    stand.admin.failing.clear()
    await stand.round()
    assert stand.ready("Subscription", "s1")[0] == "True"


async def test_an_egress_is_told_to_the_data_plane_only_after_its_start_offsets() -> None:
    stand = ControllerStand()
    await stand.round(channel())
    stand.admin.failing = dict.fromkeys(await _groups_to_be(subscription()), Unavailable("loading"))
    await stand.round(subscription())
    assert len(stand.feed.plan.ingresses) == 1
    assert stand.feed.plan.egresses == {}
    assert stand.ready("Subscription", "s1") == ("False", "KafkaUnavailable", "loading")


async def _groups_to_be(text: str) -> list[str]:
    other = ControllerStand()
    await other.round(channel() + text)
    return [group for group, _ in other.admin.groups]


async def test_a_plan_that_could_not_be_handed_on_is_why_a_channel_is_not_ready() -> None:
    stand = ControllerStand()
    stand.feed.failing = Unavailable("the topic can't be read", where="topic kanal.plan")
    await stand.round(channel())
    told = ("False", "PlanNotPublished", "topic kanal.plan: the topic can't be read")
    assert stand.ready("Channel", "c1") == told
    assert stand.prober.asked == []
    stand.feed.failing = None
    await stand.round()
    assert stand.ready("Channel", "c1")[0] == "True"


async def test_a_route_that_an_ingress_does_not_know_is_why_a_channel_is_not_ready() -> None:
    stand = ControllerStand()
    await stand.round(channel())
    (uid,) = stand.prober.asked
    stand.prober.answers[uid] = Problem("ProbeFailed", "404")
    await stand.round()
    assert stand.ready("Channel", "c1") == ("False", "ProbeFailed", "404")


async def test_a_channel_that_goes_takes_its_child_and_comes_back_with_it() -> None:
    stand = ControllerStand()
    await stand.round(channel())
    await stand.store.delete(key("Channel", "c1"))
    await stand.round()
    assert stand.objects() == []
    assert stand.feed.plan.ingresses == {}
    await stand.round(channel())
    assert stand.ready("Channel", "c1")[0] == "True"


async def test_a_child_that_somebody_changed_or_deleted_is_set_right() -> None:
    stand = ControllerStand()
    await stand.round(channel())
    (child,) = [one for one in stand.store.list() if one.KIND == "KafkaChannel"]
    changed = child.model_copy(update={"spec": child.spec.model_copy(update={"retention_duration": "P7D"})})
    await stand.store.apply(changed)
    await stand.round()
    assert [one.spec for one in stand.store.list() if one.KIND == "KafkaChannel"] == [child.spec]
    await stand.store.delete(key("KafkaChannel", "c1"))
    await stand.round()
    assert "KafkaChannel default/c1" in stand.objects()


async def test_a_child_whose_channel_is_gone_goes_too() -> None:
    stand = ControllerStand()
    owner = OWNER.format(group="messaging.knative.dev/v1", kind="Channel", name="c1")
    await stand.round(kafka_channel(meta=f"ownerReferences: [{owner}]"))
    assert stand.objects() == []


@pytest.mark.parametrize(
    "meta", ["labels: {}", f"ownerReferences: [{OWNER.format(group='x.io/v1', kind='T', name='t')}]"]
)
async def test_a_kafka_channel_that_belongs_to_somebody_else_is_never_touched(meta: str) -> None:
    stand = ControllerStand()
    await stand.round(kafka_channel(meta=meta, spec="{numPartitions: 2}") + channel())
    assert stand.objects() == ["Channel default/c1", "KafkaChannel default/c1"]
    assert not [one for one in stand.store.written if one.startswith("KafkaChannel")]
    assert stand.ready("Channel", "c1")[:2] == ("False", "BackingChannelTaken")
    assert stand.ready("KafkaChannel", "c1")[0] == "True"


async def test_the_group_of_a_subscription_that_is_gone_goes_and_with_members_a_round_later() -> None:
    stand = ControllerStand()
    await stand.round(channel() + subscription())
    ((group, _),) = stand.admin.groups
    await stand.store.delete(key("Subscription", "s1"))
    stand.admin.failing[group] = Unavailable("the group has members")
    await stand.round()
    assert stand.admin.groups
    stand.admin.failing.clear()
    await stand.round()
    assert stand.admin.groups == set()


async def test_b44_a_subscription_whose_dead_letter_service_goes_missing_keeps_its_place() -> None:
    """What waits in its group is delivered once the reference leads somewhere again."""
    stand = ControllerStand()
    await stand.round(channel() + subscription())
    ((group, topic),) = stand.admin.groups
    await stand.round(subscription(more=dead_letters(service("gone"))))
    assert "Service default/gone does not exist" in stand.ready("Subscription", "s1")[2]
    assert stand.feed.plan.egresses == {}
    assert ("delete_group", group) not in stand.admin.calls
    await stand.round(subscription())
    assert stand.ready("Subscription", "s1")[0] == "True"
    assert stand.admin.groups == {(group, topic)}


@pytest.mark.parametrize(("anew", "before", "after"), [(False, 1, 2), (True, None, 1)])
async def test_what_is_applied_during_a_round_is_not_ready_before_its_own_round(
    anew: bool, before: int | None, after: int
) -> None:
    stand = ControllerStand()
    await stand.round(channel() + subscription())
    probe = stand.prober.probe

    async def meanwhile(ingresses: list[Ingress]) -> Any:
        if anew:
            await stand.store.delete(key("Subscription", "s1"))
        await stored(subscription(to="{uri: 'http://other'}"), stand.store)
        return await probe(ingresses)

    stand.prober.probe = meanwhile  # type: ignore[method-assign,assignment]
    await stand.round()
    assert status_of(stand.store, "Subscription", "s1").get("observedGeneration") == before
    stand.prober.probe = probe  # type: ignore[method-assign]
    await stand.round()
    assert status_of(stand.store, "Subscription", "s1")["observedGeneration"] == after
    assert [out.subscriber for out in stand.feed.plan.egresses.values()] == ["http://other"]


async def running(stand: ControllerStand, until: Callable[[], bool]) -> None:
    """Let the controller run until this holds."""
    task = asyncio.ensure_future(stand.controller.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not until() and not task.done():
                await asyncio.sleep(0)
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_it_wakes_for_each_change_long_before_the_resync() -> None:
    stand = ControllerStand()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stored(channel(), stand.store))
        await running(stand, lambda: len(stand.feed.plan.ingresses) == 1)


async def test_what_is_laid_over_the_plan_is_published_at_once_and_changes_no_status_and_no_group() -> None:
    stand = ControllerStand()
    await stand.round(channel() + subscription())
    ready = stand.ready("Subscription", "s1")

    def job(_: Plan, running: Plan) -> Plan:
        held = {uid: replace(one, pace="held") for uid, one in running.egresses.items()}
        extra = {one.uid + ".job": replace(one, uid=one.uid + ".job", group="g") for one in running.egresses.values()}
        return replace(running, egresses={**held, **extra})

    async def lay_over() -> None:
        while not stand.controller.rounds:
            await asyncio.sleep(0)
        stand.controller._overlay = job
        stand.controller.ring()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lay_over())
        await running(stand, lambda: len(stand.feed.plan.egresses) == 2)
    assert [one.pace for one in stand.controller.plan.egresses.values()] == ["held"]
    assert stand.ready("Subscription", "s1") == ready
    assert "delete_group" not in [what for what, _ in stand.admin.calls]


@pytest.mark.parametrize("turns", range(8))
async def test_it_ends_when_it_is_told_to_even_in_the_moment_of_a_change(turns: int) -> None:
    stand = ControllerStand()
    task = asyncio.ensure_future(stand.controller.run())
    while stand.controller.rounds < 2:
        await asyncio.sleep(0)
    await stored(channel(), stand.store)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    _, left = await asyncio.wait([task], timeout=PATIENCE_S)
    assert not left


async def test_a_status_that_can_not_be_written_is_written_once_it_can() -> None:
    stand = ControllerStand()
    await stored(channel(), stand.store)
    refusals = [Unavailable("the API server does not answer")]
    set_status = stand.store.set_status

    async def once(*arguments: Any, version: str) -> None:
        if refusals:
            raise refusals.pop()
        await set_status(*arguments, version=version)

    stand.store.set_status = once  # type: ignore[method-assign]
    await running(stand, lambda: not refusals and all(one.status for one in stand.store.list()))
    assert stand.ready("Channel", "c1")[0] == "True"


async def test_an_object_that_was_made_anew_meanwhile_is_not_ready_because_the_one_before_was() -> None:
    """As in a cluster, where the new one has another uid: its group has no start yet."""
    stand = ControllerStand()
    await stored(channel() + subscription(), stand.store)
    of = key("Subscription", "s1")
    settle = stand.admin.settle_group

    async def late(*arguments: Any, **more: Any) -> None:
        await settle(*arguments, **more)
        old = stand.store.get(of)
        assert old is not None
        await stand.store.delete(of)
        anew = old.metadata.model_copy(update={"uid": "another", "resource_version": ""})
        await stand.store.create(old.model_copy(update={"metadata": anew, "status": {}}))

    stand.admin.settle_group = late  # type: ignore[method-assign]
    await stand.controller.reconcile()
    there = stand.store.get(of)
    assert there is not None
    assert (there.metadata.uid, there.status) == ("another", {})


async def test_an_object_that_changes_while_its_status_is_on_its_way_gets_that_of_the_next_round() -> None:
    stand = ControllerStand()
    await stored(channel() + subscription(), stand.store)
    set_status = stand.store.set_status
    raced: list[str] = []

    async def late(of: Key, *arguments: Any, version: str) -> None:
        if not raced:
            raced.append(of.name)
            there = stand.store.get(of)
            assert there is not None
            await stand.store.update(there.model_copy(update={"metadata": there.metadata.annotated(mine="yes")}))
        await set_status(of, *arguments, version=version)

    stand.store.set_status = late  # type: ignore[method-assign,assignment]
    await stand.controller.reconcile()
    without = [one.metadata.name for one in stand.store.list() if not one.status]
    assert without == raced
    await stand.controller.reconcile()
    assert all(one.status for one in stand.store.list())


async def test_a_child_that_somebody_makes_meanwhile_is_not_overwritten_and_the_next_round_decides() -> None:
    stand = ControllerStand()
    await stored(channel(), stand.store)
    create = stand.store.create
    raced: list[str] = []

    async def late(child: Resource) -> Resource:
        if not raced:
            raced.append(child.metadata.name)
            await stored(kafka_channel(spec="{numPartitions: 7}"), stand.store)
        return await create(child)

    stand.store.create = late  # type: ignore[method-assign,assignment]
    await stand.controller.reconcile()
    assert stand.admin.topics == {}
    await stand.controller.reconcile()
    (theirs,) = [one for one in stand.store.list() if one.KIND == "KafkaChannel"]
    assert theirs.spec_document() == {"numPartitions": 7, "replicationFactor": 1}
    assert stand.ready("Channel", "c1")[0] != "True"
