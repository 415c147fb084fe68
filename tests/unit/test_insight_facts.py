"""Tracing an event and measuring lag, on a Kafka in memory with reports written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from memory_kafka import MemoryKafka

from controller.insight.backlog import Backlog, Open
from controller.insight.finding import Accepted, Fate, Finding, Missing, Progress, TooMany, Wanted
from controller.insight.lag import Behind, Gauger, behind
from controller.insight.trace import Tracer
from eventing import letters
from eventing.kafka import appended
from eventing.marks import marked
from eventing.outcomes import Report, Row, encode
from eventing.plan.model import Egress, Ingress, Plan, TopicSpec
from eventing.record import Mark, Position, Span

EGRESS = Egress("uid", "Subscription", "ns", "s1", "t", "g", "http://s/", "graves")
OTHER = Egress("uid2", "Subscription", "ns", "s2", "t", "g2", "http://s/", "graves2", pace="paused")
CHANNEL = Ingress("c", "Channel", "ns", "c1", "t", "/ns/c1")
WANTS_A = Egress(
    "uid3", "Trigger", "ns", "s1", "b", "g3", "http://s/", "graves3", filters=({"exact": {"type": "t.a"}},)
)
WANTS_B = Egress(
    "uid4", "Trigger", "ns", "t2", "b", "g4", "http://s/", "graves4", filters=({"exact": {"type": "t.b"}},)
)
BROKER = Ingress("b", "Broker", "ns", "b1", "b", "/ns/b1")
MESH = Plan({"b": BROKER}, {one.uid: one for one in (WANTS_A, WANTS_B)})
ELSEWHERE = Ingress("d", "Channel", "other", "c2", "t2", "/other/c2")
PLAN = Plan({one.uid: one for one in (CHANNEL, ELSEWHERE)}, {one.uid: one for one in (EGRESS, OTHER)})


def ce(id_: str, source: str = "/s", **more: str) -> list[tuple[str, bytes]]:
    event = {"specversion": "1.0", "type": "t.a", "source": source, "id": id_, **more}
    return [(f"ce_{name}", value.encode()) for name, value in event.items()]


@dataclass
class Stand:
    """A Kafka in memory whose clock is the controller's."""

    kafka: MemoryKafka = field(default_factory=MemoryKafka)
    keep: str = "all"

    async def topics(self, *names: str, partitions: int = 1) -> None:
        for name in names:
            await self.kafka.admin().create_topic(TopicSpec(name, partitions))

    async def put(self, topic: str, headers: Sequence[tuple[str, bytes]], value: bytes = b"{}") -> Position:
        return await appended(self.kafka.appender(), topic, None, value, headers)

    async def fates(self, id_: str, plan: Plan) -> dict[str, Fate]:
        """What is said of the event, by who got it."""
        found = await self.trace(Wanted(id_), plan=plan)
        return {f"{one.kind} {one.name}": one for one in found if isinstance(one, Fate)}

    async def report(self, *rows: Row, uid: str = "uid", topic: str = "t", standing: Any = (0, 0, 0)) -> None:
        in_flight, waiting, finished = standing
        report = Report(uid, "d1", self.kafka.now_ms, in_flight, waiting, rows, finished, topic)
        await appended(self.kafka.appender(), "o", uid.encode(), encode(report), [])

    async def mark(self, mark: Mark, group: str = "g", topic: str = "t") -> None:
        await self.kafka.admin().set_marks(group, topic, {0: mark})

    def now(self) -> float:
        return self.kafka.now_ms / 1000

    async def trace(self, wanted: Wanted, namespace: str = "", plan: Plan = PLAN) -> list[Finding]:
        tracer = Tracer(self.kafka.admin(), self.kafka.scanner(), "o", self.keep, self.now, lambda: 0.0)
        return [one async for one in tracer.trace(wanted, plan, namespace) if not isinstance(one, Progress)]

    def gauger(self) -> Gauger:
        return Gauger(self.kafka.admin(), self.kafka.scanner(), "o", 1.0, self.now)


async def test_an_event_is_found_by_its_id_with_its_fate_at_each_subscription() -> None:
    stand = Stand()
    await stand.topics("t", "o")
    await stand.put("t", ce("e0"))
    await stand.put("t", ce("e1"))
    await stand.report(Row(0, 0, "dead_lettered", 500, 1, 0, 5), Row(0, 1, "delivered", 202, 2, 3.5, 7))
    await stand.report(Row(0, 1, "delivered", 200, 9, 9.9, 9), topic="graves")
    await stand.mark(Mark(2))
    found, *fates = await stand.trace(Wanted("e1"))
    assert found == Accepted("e1", "/s", "t.a", "t", 0, 1, 1_000_002, ["Channel ns/c1"])
    told = {f"{fate.kind} {fate.namespace}/{fate.name}": fate.verdict for fate in fates if isinstance(fate, Fate)}
    first, second = told["Subscription ns/s1"], told["Subscription ns/s2"]
    assert (first.state, first.status, first.attempts, first.took_ms, first.at_ms) == ("delivered", 202, 2, 3.5, 7)
    assert (second.state, second.note) == ("queued", "the delivery is paused")


async def test_the_same_id_in_several_places_is_told_for_each_and_the_source_tells_them_apart() -> None:
    stand = Stand()
    await stand.topics("t", "t2")
    for topic, source in (("t", "/a"), ("t", "/b"), ("t2", "/a")):
        await stand.put(topic, ce("e1", source))
    everywhere = [one for one in await stand.trace(Wanted("e1")) if isinstance(one, Accepted)]
    assert [(one.topic, one.source) for one in everywhere] == [("t", "/a"), ("t", "/b"), ("t2", "/a")]
    of_b = [one for one in await stand.trace(Wanted("e1", "/b")) if isinstance(one, Accepted)]
    assert [one.offset for one in of_b] == [1]
    inside = [one for one in await stand.trace(Wanted("e1"), "other") if isinstance(one, Accepted)]
    assert [one.topic for one in inside] == ["t2"]


async def test_a_structured_record_is_found_too_and_garbage_is_passed_over() -> None:
    stand = Stand()
    await stand.topics("t")
    structured = [("content-type", b"application/cloudevents+json")]
    await stand.put("t", structured, b'{"specversion":"1.0","id":"e1","source":"/s","type":"t.s"}')
    await stand.put("t", structured, b'{"id": "e1"')
    await stand.put("t", structured, b'{"specversion":"1.0","id":"e2","source":"e1","type":"t.s"}')
    await stand.put("t", [("ce_id", b"e1")])
    found = [(one.offset, one.type) for one in await stand.trace(Wanted("e1")) if isinstance(one, Accepted)]
    assert found == [(0, "t.s"), (3, "")]


async def test_what_is_not_found_tells_what_was_searched() -> None:
    stand = Stand()
    await stand.topics("t")
    await stand.put("t", ce("e1"))
    since_ms = stand.kafka.now_ms + 1
    assert await stand.trace(Wanted("e1", "", since_ms)) == [Missing("e1", "", ["t"], since_ms)]
    assert await stand.trace(Wanted("e9", "/s")) == [Missing("e9", "/s", ["t"], None)]


async def test_more_than_a_hundred_of_one_id_are_cut_and_that_is_said() -> None:
    stand = Stand()
    await stand.topics("t")
    for _ in range(101):
        await stand.put("t", ce("e1"))
    found = await stand.trace(Wanted("e1"))
    assert sum(isinstance(one, Accepted) for one in found) == 100
    assert TooMany(100) in found


async def test_a_kept_event_is_found_in_the_dead_letters_with_what_became_of_it() -> None:
    stand = Stand()
    await stand.topics("t", "graves")
    for id_ in ("e0", "e1"):
        await stand.put("t", ce(id_))
    await stand.put("graves", ce("e0", kanalreason="no"))
    await stand.put("graves", ce("e1", kanalreason="answered 500", knativekafkapartition="0", knativekafkaoffset="1"))
    await stand.mark(Mark(2))
    fate = next(one for one in await stand.trace(Wanted("e1")) if isinstance(one, Fate))
    assert (fate.verdict.state, fate.verdict.reason, fate.verdict.note) == ("kept", "answered 500", "")
    assert (fate.dead_letters, fate.letter) == ("graves", 1)
    await stand.put("graves", letters.marker(1, "delivered", "2026-01-01T00:00:00Z"))
    fate = next(one for one in await stand.trace(Wanted("e1")) if isinstance(one, Fate))
    assert fate.verdict.note == "redelivered since: delivered at 2026-01-01T00:00:00Z"


async def test_a_replay_for_a_group_of_its_own_is_told_beside_the_live_delivery() -> None:
    stand = Stand()
    await stand.topics("t", "o")
    await stand.put("t", ce("e1"))
    await stand.report(Row(0, 0, "delivered", 202, 1, 1, 5))
    await stand.report(Row(0, 0, "delivered", 200, 2, 1, 9), uid="uid.replay-77")
    await stand.mark(Mark(1))
    fates = [one for one in await stand.trace(Wanted("e1")) if isinstance(one, Fate) and one.name == "s1"]
    assert [(one.job, one.verdict.status, one.verdict.note) for one in fates] == [("", 202, ""), ("replay-77", 200, "")]


async def test_an_event_in_a_broker_is_told_for_each_trigger_and_the_filters_say_who_did_not_want_it() -> None:
    stand = Stand()
    await stand.topics("b", "o")
    await stand.put("b", ce("e1"))
    await stand.report(Row(0, 0, "replied", 200, 1, 3, 5), uid="uid3", topic="b")
    for group in ("g3", "g4"):
        await stand.mark(Mark(1), group, "b")
    found, *_ = await stand.trace(Wanted("e1"), plan=MESH)
    assert isinstance(found, Accepted)
    assert found.ingresses == ["Broker ns/b1"]
    fates = await stand.fates("e1", MESH)
    assert fates["Trigger s1"].verdict.state == "replied"
    refused = fates["Trigger t2"].verdict
    assert (refused.state, refused.note) == ("filtered out", "")
    assert refused.reason == 'exact: type must be "t.b"; type is "t.a"'


async def test_filters_see_a_structured_record_as_the_dispatcher_does() -> None:
    stand = Stand()
    await stand.topics("b")
    structured = [("content-type", b"application/cloudevents+json")]
    await stand.put("b", structured, b'{"specversion":"1.0","id":"e1","source":"/s","type":"t.b"}')
    for group in ("g3", "g4"):
        await stand.mark(Mark(1), group, "b")
    fates = await stand.fates("e1", MESH)
    assert (fates["Trigger s1"].verdict.state, fates["Trigger t2"].verdict.state) == ("filtered out", "finished")


async def test_what_a_trigger_got_before_its_filters_changed_is_told_as_it_was() -> None:
    stand = Stand()
    await stand.topics("b", "o", "graves4")
    await stand.put("b", ce("e0"))
    await stand.put("b", ce("e1"))
    await stand.report(Row(0, 0, "delivered", 202, 1, 3, 5), uid="uid4", topic="b")
    await stand.put("graves4", ce("e1", kanalreason="no"))
    await stand.mark(Mark(2), "g4", "b")
    assert (await stand.fates("e0", MESH))["Trigger t2"].verdict.state == "delivered"
    kept = (await stand.fates("e1", MESH))["Trigger t2"]
    assert (kept.verdict.state, kept.dead_letters, kept.letter) == ("kept", "graves4", 0)


async def test_a_replay_and_a_redelivery_of_a_trigger_are_no_triggers_of_their_own() -> None:
    stand = Stand()
    await stand.topics("b")
    await stand.put("b", ce("e1"))
    replay = replace(WANTS_A, uid="uid3.replay-1", group="g3.replay-1", only={0: (Span(0, 1),)})
    redelivery = replace(WANTS_A, uid="uid3.redeliver-2", topic="graves3", only={0: (Span(0, 1),)}, filters=())
    plan = Plan(MESH.ingresses, {one.uid: one for one in (WANTS_A, replay, redelivery)})
    fates = [one for one in await stand.trace(Wanted("e1"), plan=plan) if isinstance(one, Fate)]
    assert [(one.kind, one.name, one.job) for one in fates] == [("Trigger", "s1", "")]


async def test_progress_is_told_while_a_long_topic_is_read() -> None:
    stand = Stand()
    await stand.topics("t")
    for number in range(1_200):
        await stand.put("t", ce(f"e{number}"))
    ticks = iter(range(1_000))
    tracer = Tracer(stand.kafka.admin(), stand.kafka.scanner(), "o", "all", stand.now, lambda: float(next(ticks)))
    told = [one async for one in tracer.trace(Wanted("none"), PLAN) if isinstance(one, Progress)]
    assert [(one.scanned, one.total) for one in told] == [(500, 1_200), (1_000, 1_200), (1_200, 1_200), (1_200, 1_200)]


@pytest.mark.parametrize(
    ("mark", "there", "expected"),
    [
        (Mark(4), Span(0, 10), Behind(6, 4)),
        (Mark(10), Span(0, 10), Behind(0, 10)),
        (None, Span(3, 10), Behind(7, 3)),
        (Mark(4), Span(6, 10), Behind(4, 6)),
        (marked(4, [Span(5, 8)], "id1"), Span(0, 10), Behind(3, 4)),
        (marked(4, [Span(5, 8)], "id1"), Span(6, 10), Behind(2, 8)),
        (marked(4, [Span(5, 8)], "id1"), Span(9, 10), Behind(1, 9)),
        (marked(4, [Span(5, 8)], "old"), Span(0, 3), Behind(3, 0)),
        (Mark(12), Span(0, 10), Behind(0, 12)),
    ],
)
def test_what_a_mark_leaves_unfinished(mark: Mark | None, there: Span, expected: Behind) -> None:
    assert behind(mark, there, "id1") == expected


async def test_lag_counts_by_marks_and_tells_rate_and_standing_by_reports() -> None:
    stand = Stand()
    await stand.topics("t", "o", "graves")
    for number in range(10):
        await stand.put("t", ce(f"e{number}"))
    await stand.mark(marked(3, [Span(5, 8)]))
    await stand.put("graves", ce("e1"))
    await stand.put("graves", ce("e2"))
    await stand.put("graves", letters.marker(0, "delivered", ""))
    await stand.report(standing=(9, 9, 100))
    await stand.report(standing=(4, 2, 50))
    first, second = await stand.gauger().lag([OTHER, EGRESS])
    assert (first.name, first.lag, first.oldest_ms, first.pace) == ("s1", 4, 1_000_004, "running")
    assert (first.rate, first.in_flight, first.waiting) == (10.0, 4, 2)
    assert (first.dead_letters, first.dead_letters_exact, first.problem) == (1, True, "")
    assert (second.name, second.lag, second.pace, second.rate) == ("s2", 10, "paused", None)
    stand.kafka.now_ms += 15_001
    [later] = await stand.gauger().lag([EGRESS])
    assert (later.rate, later.in_flight, later.lag) == (None, None, 4)


async def test_triggers_stand_beside_subscriptions_of_the_same_name() -> None:
    stand = Stand()
    await stand.topics("t", "b", "o")
    for number in range(4):
        await stand.put("t", ce(f"e{number}"))
        await stand.put("b", ce(f"e{number}"))
    await stand.mark(Mark(1))
    await stand.mark(Mark(4), "g4", "b")
    await stand.report(standing=(3, 0, 15), uid="uid3", topic="b")
    found = await stand.gauger().lag([replace(WANTS_B, name="r2"), WANTS_A, EGRESS])
    assert [(one.kind, one.name, one.lag, one.rate) for one in found] == [
        ("Subscription", "s1", 3, None),
        ("Trigger", "r2", 0, None),
        ("Trigger", "s1", 4, 1.0),
    ]


async def test_a_topic_that_is_gone_is_said_and_costs_the_others_nothing() -> None:
    stand = Stand()
    await stand.topics("t")
    gone = Egress("u3", "Subscription", "ns", "s3", "gone", "g3", "http://s/", "graves3")
    found = await stand.gauger().lag([EGRESS, gone])
    assert [one.problem for one in found] == ["", "consumer group g3: the topic gone does not exist in Kafka"]


async def test_open_letters_are_counted_once_and_then_only_what_is_new() -> None:
    stand = Stand()
    backlog = Backlog(stand.kafka.admin(), stand.kafka.scanner())
    assert await backlog.open("graves") == Open(0)
    await stand.topics("graves")
    for number in range(20):
        await stand.put("graves", ce(f"e{number}"))
    assert await backlog.open("graves") == Open(20)
    for _ in range(2):
        await stand.put("graves", letters.marker(17, "delivered", ""))
    await stand.put("graves", letters.marker(3, "delivered", ""))
    await stand.put("graves", ce("again"))
    await stand.put("graves", [("no", b"event")])
    await stand.put("graves", letters.marker(24, "delivered", ""))
    await stand.put("graves", letters.marker(99, "delivered", ""))
    assert await backlog.open("graves") == Open(19)
    everything = letters.Fold(Span(0, 99), letters.Wanted())
    for record in stand.kafka.records("graves"):
        everything.add(record)
    assert everything.chosen == 19
    assert await backlog.open("graves") == Open(19)
    stand.kafka.delete_topic("graves")
    await stand.topics("graves")
    await stand.put("graves", ce("e1"))
    assert await backlog.open("graves") == Open(1)


async def test_a_count_that_takes_too_long_is_the_most_that_it_can_be_and_goes_on_next_time() -> None:
    stand = Stand()
    await stand.topics("graves")
    for number in range(1_200):
        await stand.put("graves", ce(f"e{number}"))
    await stand.put("graves", letters.marker(0, "delivered", ""))
    backlog = Backlog(stand.kafka.admin(), stand.kafka.scanner(), look_s=0.0)
    assert await backlog.open("graves") == Open(1_201, exact=False)
    backlog._look_s = 5.0
    assert await backlog.open("graves") == Open(1_199)
