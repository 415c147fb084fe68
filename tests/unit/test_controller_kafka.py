"""The controller's hand on Kafka: what it asks for, how refusals come back, when a group is over, begins anew or is kept."""

from __future__ import annotations

import dataclasses

from control_stand import FakeAdmin, channel, compiled, subscription

from controller.kafka import AT_ONCE, KEEP_S, KafkaSide
from eventing.errors import Denied, Invalid, Unavailable
from eventing.plan.model import Plan
from eventing.plan.options import Problem

TOPIC = "knative-messaging-kafka.default.c1"


async def planned(text: str = "") -> Plan:
    return (await compiled(text or channel() + subscription())).plan


async def settled(side: KafkaSide, plan: Plan) -> None:
    assert await side.groups(plan, await side.topics(plan)) == dict.fromkeys(plan.egresses)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now


def made_again(admin: FakeAdmin, topic: str = TOPIC) -> None:
    """What somebody else did to a topic: it is there, and it is another one."""
    admin.ids[topic] = "another"


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


async def test_b21_a_subscription_made_again_waits_until_its_old_group_is_gone_and_then_begins_anew() -> None:
    """What was left undelivered to the one before is not for its successor."""
    side, plan = KafkaSide(admin := FakeAdmin()), await planned()
    (out,) = plan.egresses.values()
    await settled(side, plan)
    admin.failing[out.group] = Unavailable("the group has members")
    await side.bury(without(plan, "s1"), ())
    found = await side.groups(plan, await side.topics(plan))
    assert found[out.uid] is not None
    admin.failing.clear()
    admin.calls.clear()
    await settled(side, plan)
    assert admin.calls == [("delete_group", out.group), ("settle_group", out.group)]
    await side.bury(plan, plan.egresses)
    assert admin.groups == {(out.group, TOPIC)}


async def test_a_subscription_that_comes_back_after_its_group_went_gets_a_new_start() -> None:
    side, plan = KafkaSide(admin := FakeAdmin()), await planned()
    await settled(side, plan)
    await side.bury(without(plan, "s1"), ())
    admin.calls.clear()
    await settled(side, plan)
    (out,) = plan.egresses.values()
    assert admin.calls == [("delete_group", out.group), ("settle_group", out.group)], "nothing of before is its own"
    assert admin.groups == {(out.group, TOPIC)}


async def test_a_topic_that_vanished_is_made_again_and_its_groups_begin_anew() -> None:
    side, plan = KafkaSide(admin := FakeAdmin()), await planned()
    (out,) = plan.egresses.values()
    await settled(side, plan)
    before = dict(side.topic_ids)
    del admin.topics[TOPIC]
    admin.calls.clear()
    await settled(side, plan)
    assert admin.calls == [("create_topic", TOPIC), ("settle_group anew", out.group)]
    assert before[TOPIC] != side.topic_ids[TOPIC] == admin.ids[TOPIC]


async def test_a_topic_that_somebody_else_made_again_is_noticed() -> None:
    side, plan = KafkaSide(admin := FakeAdmin()), await planned()
    (out,) = plan.egresses.values()
    await settled(side, plan)
    made_again(admin)
    admin.calls.clear()
    for _ in range(2):
        await settled(side, plan)
    assert admin.calls == [("settle_group anew", out.group)]
    assert side.topic_ids[TOPIC] == "another"


async def test_a_group_that_could_not_begin_anew_tries_again() -> None:
    side, plan = KafkaSide(admin := FakeAdmin()), await planned()
    (out,) = plan.egresses.values()
    await settled(side, plan)
    made_again(admin)
    admin.failing[out.group] = Unavailable("the coordinator is loading")
    assert (await side.groups(plan, await side.topics(plan)))[out.uid] is not None
    admin.failing.clear()
    admin.calls.clear()
    await settled(side, plan)
    assert admin.calls == [("settle_group anew", out.group)]


async def test_the_ids_are_those_of_the_plans_topics() -> None:
    side, plan = KafkaSide(admin := FakeAdmin()), await planned(channel("c1") + channel("c2"))
    await side.topics(plan)
    assert side.topic_ids == admin.ids
    await side.topics(await planned(channel("c1")))
    assert side.topic_ids == {TOPIC: admin.ids[TOPIC]}


async def test_groups_are_kept_once_an_hour_and_a_failure_waits_for_the_next() -> None:
    clock, admin = Clock(), FakeAdmin()
    side, plan = KafkaSide(admin, clock), await planned()
    (out,) = plan.egresses.values()
    await settled(side, plan)
    asked = []
    for step in (0.0, KEEP_S - 1, 1.0, 1.0, KEEP_S):
        clock.now += step
        admin.failing[out.group] = Unavailable("the coordinator is loading")
        admin.calls.clear()
        await side.bury(plan, plan.egresses)
        asked.append(admin.calls == [("keep_group", out.group)])
    assert asked == [False, False, True, False, True]


async def test_many_groups_are_kept_a_few_a_round() -> None:
    clock, admin = Clock(), FakeAdmin()
    side = KafkaSide(admin, clock)
    plan = await planned(channel() + "".join(subscription(f"s{n}") for n in range(AT_ONCE + 3)))
    await settled(side, plan)
    await side.bury(plan, plan.egresses)
    clock.now += KEEP_S
    counts = []
    for _ in range(3):
        admin.calls.clear()
        await side.bury(plan, plan.egresses)
        counts.append(len(admin.calls))
    assert counts == [AT_ONCE, 3, 0]
