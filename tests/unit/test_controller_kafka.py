"""The controller's hand on Kafka: what it asks for, how refusals come back, and when a group is really over."""

from __future__ import annotations

import dataclasses

from control_stand import FakeAdmin, channel, compiled, subscription

from controller.kafka import KafkaSide
from eventing.errors import Denied, Invalid, Unavailable
from eventing.plan.model import Plan
from eventing.plan.options import Problem

TOPIC = "knative-messaging-kafka.default.c1"


async def planned(text: str = "") -> Plan:
    return (await compiled(text or channel() + subscription())).plan


async def settled(side: KafkaSide, plan: Plan) -> None:
    assert await side.groups(plan, await side.topics(plan)) == dict.fromkeys(plan.egresses)


def without(plan: Plan, *names: str) -> Plan:
    left = {uid: out for uid, out in plan.egresses.items() if out.name not in names}
    return dataclasses.replace(plan, egresses=left)


async def test_what_is_missing_is_made_and_what_is_there_is_left_alone() -> None:
    admin, plan = FakeAdmin(), await planned(channel("c1") + channel("c2"))
    await admin.create_topic(plan.topics[TOPIC])
    admin.calls.clear()
    assert await KafkaSide(admin).topics(plan) == dict.fromkeys(plan.topics)
    assert admin.calls == [("create_topic", "knative-messaging-kafka.default.c2")]
    assert admin.topics == plan.topics


async def test_one_topic_that_is_refused_holds_up_no_other() -> None:
    admin, plan = FakeAdmin(), await planned(channel("c1") + channel("c2"))
    admin.failing[TOPIC] = Invalid("replication factor 3 > 1 broker", where=f"topic {TOPIC}", fix="write 1")
    found = await KafkaSide(admin).topics(plan)
    assert found == {
        TOPIC: Problem("Invalid", f"topic {TOPIC}: replication factor 3 > 1 broker; write 1"),
        "knative-messaging-kafka.default.c2": None,
    }


async def test_the_reason_tells_kafkas_absence_from_the_users_mistake() -> None:
    side, plan = KafkaSide(admin := FakeAdmin()), await planned()
    reasons = {}
    for error in (Unavailable("no answer"), Denied("no ACL"), Invalid("no")):
        admin.failing[TOPIC] = error
        problem = (await side.topics(plan))[TOPIC]
        assert problem is not None
        reasons[type(error)] = problem.reason
    assert reasons == {Unavailable: "KafkaUnavailable", Denied: "KafkaDenied", Invalid: "Invalid"}


async def test_a_group_gets_its_start_only_where_the_topic_is_there() -> None:
    side, plan = KafkaSide(admin := FakeAdmin()), await planned()
    assert await side.groups(plan, {}) == {}
    assert await side.groups(plan, {TOPIC: Problem("Invalid", "no")}) == {}
    assert admin.calls == []
    (out,) = plan.egresses.values()
    assert await side.groups(plan, {TOPIC: None}) == {out.uid: None}
    assert admin.groups == {(out.group, TOPIC)}


async def test_a_group_that_failed_is_asked_again_and_one_that_is_settled_is_not() -> None:
    side, plan = KafkaSide(admin := FakeAdmin()), await planned()
    (out,) = plan.egresses.values()
    admin.failing[out.group] = Unavailable("the coordinator is loading")
    problem = (await side.groups(plan, await side.topics(plan)))[out.uid]
    assert problem == Problem("KafkaUnavailable", "the coordinator is loading")
    admin.failing.clear()
    admin.calls.clear()
    for _ in range(3):
        await settled(side, plan)
    assert admin.calls == [("settle_group", out.group)]


async def test_the_group_of_a_subscription_that_is_gone_goes_and_no_other() -> None:
    side = KafkaSide(admin := FakeAdmin())
    plan = await planned(channel() + subscription("s1") + subscription("s2"))
    await settled(side, plan)
    left = without(plan, "s1")
    await side.bury(left, left.egresses)
    assert {group for group, _ in admin.groups} == {out.group for out in left.egresses.values()}


async def test_a_group_that_a_late_dispatcher_brought_back_goes_again_and_then_nobody_asks() -> None:
    side, plan = KafkaSide(admin := FakeAdmin()), await planned()
    await settled(side, plan)
    there = set(admin.groups)
    await side.bury(without(plan, "s1"), ())
    admin.groups |= there
    await side.bury(without(plan, "s1"), ())
    assert not admin.groups
    admin.calls.clear()
    await side.bury(without(plan, "s1"), ())
    assert admin.calls == []


async def test_a_group_with_members_waits_for_a_later_round() -> None:
    side, plan = KafkaSide(admin := FakeAdmin()), await planned()
    (out,) = plan.egresses.values()
    await settled(side, plan)
    admin.failing[out.group] = Unavailable("the group has members")
    await side.bury(without(plan, "s1"), ())
    assert admin.groups
    admin.failing.clear()
    await side.bury(without(plan, "s1"), ())
    assert not admin.groups


async def test_a_subscription_that_waits_for_a_reference_keeps_its_group() -> None:
    """Its offsets say what it has yet to deliver: with them gone, it would go on at the newest event."""
    side, plan = KafkaSide(admin := FakeAdmin()), await planned()
    (out,) = plan.egresses.values()
    await settled(side, plan)
    await side.bury(without(plan, "s1"), {out.uid})
    assert admin.groups == {(out.group, TOPIC)}
    await side.bury(without(plan, "s1"), ())
    assert not admin.groups


async def test_a_subscription_that_comes_back_in_time_keeps_its_group() -> None:
    side, plan = KafkaSide(admin := FakeAdmin()), await planned()
    (out,) = plan.egresses.values()
    await settled(side, plan)
    admin.failing[out.group] = Unavailable("the group has members")
    await side.bury(without(plan, "s1"), ())
    admin.failing.clear()
    await side.bury(plan, plan.egresses)
    await side.bury(plan, plan.egresses)
    assert admin.groups == {(out.group, TOPIC)}


async def test_a_subscription_that_comes_back_after_its_group_went_gets_a_new_start() -> None:
    side, plan = KafkaSide(admin := FakeAdmin()), await planned()
    await settled(side, plan)
    await side.bury(without(plan, "s1"), ())
    admin.calls.clear()
    await settled(side, plan)
    (out,) = plan.egresses.values()
    assert admin.calls == [("settle_group", out.group)]
    assert admin.groups == {(out.group, TOPIC)}
