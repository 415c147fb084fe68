"""What of Kafka's groups and topics is left over, whatever happened while no controller was there; and when it goes."""

from __future__ import annotations

from dataclasses import replace

from control_stand import ControllerStand, FakeFeed, channel, compiled, key, subscription

from controller.kafka import KafkaSide
from controller.surroundings import Home
from eventing.errors import Unavailable
from eventing.plan.model import Plan, Remnant

TOPIC = "knative-messaging-kafka.default.c1"


async def told(text: str = "") -> Plan:
    """A plan as a controller has told it."""
    return (await compiled(text or channel() + subscription())).plan


class Stand(ControllerStand):
    """A controller that starts where another one has told this plan."""

    def __init__(self, before: Plan | None, *, delete_topics: bool = True, whole: bool = True) -> None:
        super().__init__()
        self.is_whole = whole
        self.begin(FakeFeed(before), delete_topics=delete_topics)

    def begin(self, feed: FakeFeed, *, delete_topics: bool = True) -> None:
        self.feed = feed
        side = KafkaSide(self.admin, delete_topics=delete_topics)
        self.controller = self.controlling(side, whole=lambda: self.is_whole)

    def restart(self) -> None:
        """Another controller takes over, with what this one has told."""
        self.begin(FakeFeed(self.feed.plan))

    async def made(self, plan: Plan) -> None:
        """Kafka as that controller has left it."""
        for spec in plan.topics.values():
            await self.admin.create_topic(spec)
        self.admin.groups |= {(one.group, one.topic) for one in plan.egresses.values()}
        self.admin.calls.clear()


async def test_what_was_deleted_while_no_controller_was_there_goes_with_the_first_rounds() -> None:
    plan = await told()
    stand = Stand(plan)
    await stand.made(plan)
    await stand.round()
    assert (stand.admin.groups, stand.admin.topics) == (set(), {})
    await stand.round()
    await stand.round()
    assert stand.feed.plan == Plan()


async def test_topics_stay_where_the_setting_says_so_and_are_forgotten() -> None:
    plan = await told()
    stand = Stand(plan, delete_topics=False)
    await stand.made(plan)
    await stand.round()
    await stand.round()
    assert (stand.admin.groups, list(stand.admin.topics)) == (set(), [TOPIC])
    stand.restart()
    await stand.round()
    assert list(stand.admin.topics) == [TOPIC]


async def test_nothing_is_taken_away_before_the_data_plane_was_told() -> None:
    plan = await told()
    stand = Stand(plan)
    await stand.made(plan)
    stand.feed.failing = Unavailable("the topic can't be written")
    await stand.round()
    assert stand.admin.calls == []
    stand.feed.failing = None
    await stand.round()
    assert stand.admin.groups == set()


async def test_a_topic_waits_until_no_ingress_routes_to_it() -> None:
    plan = await told(channel())
    stand = Stand(plan)
    await stand.made(plan)
    (uid,) = plan.ingresses
    stand.prober.routing.add(uid)
    await stand.round()
    assert list(stand.admin.topics) == [TOPIC]
    stand.prober.routing.clear()
    await stand.round()
    assert stand.admin.topics == {}


async def test_a_topic_waits_for_the_groups_that_read_it_and_a_restart_forgets_neither() -> None:
    plan = await told()
    (out,) = plan.egresses.values()
    stand = Stand(plan)
    await stand.made(plan)
    stand.admin.failing[out.group] = Unavailable("the group still has members")
    await stand.round()
    assert stand.feed.plan == Plan(
        idle_groups={out.group: Remnant(out.uid, topic=TOPIC)},
        idle_topics={TOPIC: Remnant(*plan.ingresses, path="/default/c1")},
    )
    stand.restart()
    await stand.round()
    assert list(stand.admin.topics) == [TOPIC]
    stand.admin.failing.clear()
    stand.restart()
    await stand.round()
    assert (stand.admin.groups, stand.admin.topics) == (set(), {})


async def test_kafka_that_is_away_holds_up_no_deletion_and_is_tidied_when_it_is_back() -> None:
    stand = Stand(None)
    await stand.round(channel() + subscription())
    stand.admin.failing[TOPIC] = Unavailable("no answer")
    (group,) = {group for group, _ in stand.admin.groups}
    stand.admin.failing[group] = Unavailable("no answer")
    for kind, name in (("Subscription", "s1"), ("Channel", "c1")):
        await stand.store.delete(key(kind, name))
    await stand.round()
    assert stand.objects() == []
    stand.admin.failing.clear()
    stand.restart()
    await stand.round()
    assert (stand.admin.groups, stand.admin.topics) == (set(), {})


async def test_what_a_missing_file_or_reference_only_hides_is_never_taken_away() -> None:
    plan = await told()
    stand = Stand(plan, whole=False)
    await stand.made(plan)
    await stand.round()
    assert (len(stand.admin.groups), list(stand.admin.topics)) == (1, [TOPIC])
    assert len(stand.feed.plan.idle_groups) == 1
    stand.is_whole = True
    await stand.round(channel() + subscription())
    assert (len(stand.admin.groups), list(stand.admin.topics)) == (1, [TOPIC])
    assert "delete_group" not in {what for what, _ in stand.admin.calls}


async def test_what_can_not_be_read_goes_on_as_it_was_told_last() -> None:
    """An object in a cluster that our models refuse is not gone."""

    class Around(Home):
        def hidden(self) -> frozenset[str]:
            return frozenset([*plan.ingresses, *plan.egresses])

    plan = await told()
    stand = Stand(plan)
    await stand.made(plan)
    side = KafkaSide(stand.admin, delete_topics=True)
    stand.controller = stand.controlling(side, surroundings=Around())
    for _ in range(3):
        await stand.round()
        assert stand.feed.plan == plan
    assert (len(stand.admin.groups), list(stand.admin.topics)) == (1, [TOPIC])
    stand.restart()
    await stand.round()
    assert (stand.admin.groups, stand.admin.topics) == (set(), {})


async def test_what_has_the_name_of_something_that_is_gone_begins_anew() -> None:
    """In a cluster it has another uid. What the one before left undelivered is not for its successor (B21)."""
    plan = await told()
    (out,) = plan.egresses.values()
    before = replace(plan, egresses={"gone": replace(out, uid="gone")})
    stand = Stand(before)
    await stand.made(plan)
    await stand.round(channel() + subscription())
    assert [call for call in stand.admin.calls if call[1] == out.group] == [
        ("delete_group", out.group),
        ("settle_group", out.group),
    ]
    assert list(stand.admin.topics) == [TOPIC]


async def test_a_topic_of_somebody_else_and_the_dead_letters_stay() -> None:
    plan = await told()
    theirs = replace(plan, topics={name: replace(one, external=True) for name, one in plan.topics.items()})
    stand = Stand(theirs)
    await stand.made(plan)
    (out,) = plan.egresses.values()
    await stand.admin.create_topic(replace(plan.topics[TOPIC], name=out.dead_letter_topic))
    await stand.round()
    await stand.round()
    assert set(stand.admin.topics) == {TOPIC, out.dead_letter_topic}


async def test_the_first_controller_of_all_knows_of_nothing_left_over() -> None:
    stand = Stand(None)
    await stand.round(channel() + subscription())
    assert stand.ready("Subscription", "s1")[0] == "True"
    assert (stand.feed.plan.idle_groups, stand.feed.plan.idle_topics) == ({}, {})


async def test_no_group_begins_before_it_is_known_what_was_told() -> None:
    stand = Stand(None)
    stand.feed.untold = Unavailable("the topic can't be read", where="topic kanal.plan")
    await stand.round(channel() + subscription())
    assert stand.admin.groups == set()
    assert stand.ready("Channel", "c1") == ("False", "PlanNotPublished", "topic kanal.plan: the topic can't be read")
    stand.feed.untold = None
    await stand.round()
    assert stand.ready("Subscription", "s1")[0] == "True"
