"""A job: an extra egress in the plan until its group has finished a span of old records."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest
from control_stand import PATIENCE_S
from memory_kafka import MemoryKafka

from controller import jobs as module
from controller.jobs import Job, Jobs
from eventing.errors import Invalid, NotFound, Unavailable
from eventing.marks import marked, unfinished_in
from eventing.plan.model import Egress, Plan
from eventing.record import Mark, Span

BASE = Egress("u1", "Subscription", "default", "s1", "t", "g", "http://sink", "graves", topic_id="id1")
PLAN = Plan(egresses={"u1": BASE})


class Stand:
    """Jobs on a Kafka in memory; `rings` counts the rounds that were asked for."""

    def __init__(self) -> None:
        self.kafka = MemoryKafka()
        self.kafka.create_topic("t", 2)
        for _ in range(20):
            self.kafka.topics["t"].append("t", None, b"", [], 0)
        self.rings = 0
        ids = itertools.count(1)
        self.jobs = Jobs(self.kafka.admin(), self._ring, lambda: f"j{next(ids)}")

    def _ring(self) -> None:
        self.rings += 1

    async def start(self, egress: Egress = BASE) -> Job:
        return await self.jobs.start("replay", egress, "t", "id1", {0: [Span(2, 5), Span(7, 8)], 1: []})

    def finish(self, job: Job, mark: Mark) -> None:
        self.kafka.group(job.group).marks[0] = mark


@pytest.fixture
async def stand(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stand]:
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    one = Stand()
    async with one.jobs, asyncio.timeout(PATIENCE_S):
        yield one


async def test_a_job_begins_with_start_marks_and_a_round(stand: Stand) -> None:
    job = await stand.start()
    assert (job.total, job.done, job.group) == (4, 0, "g.replay-j1")
    assert stand.kafka.committed(job.group) == {0: marked(2, (), "id1"), 1: marked(10, (), "id1")}
    assert stand.rings == 1


async def test_its_egress_is_its_subscriptions_with_a_group_and_offsets_of_its_own(stand: Stand) -> None:
    await stand.start()
    changed = Plan(egresses={"u1": replace(BASE, subscriber="http://other")})
    told = stand.jobs.laid_over(changed, changed)
    assert told.egresses["u1"] == changed.egresses["u1"]
    job = replace(
        changed.egresses["u1"],
        uid="u1.replay-j1",
        group="g.replay-j1",
        only={0: (Span(2, 5), Span(7, 8))},
    )
    assert told.egresses[job.uid] == job


async def test_it_waits_while_kafka_is_not_prepared_and_is_paused_with_its_subscription(stand: Stand) -> None:
    await stand.start()
    assert stand.jobs.laid_over(PLAN, Plan()).egresses == {}
    paused = Plan(egresses={"u1": replace(BASE, pace="paused")})
    assert stand.jobs.laid_over(paused, paused).egresses["u1.replay-j1"].pace == "paused"


async def test_it_is_over_when_its_spans_are_finished_and_leaves_neither_egress_nor_group(stand: Stand) -> None:
    job = await stand.start()
    stand.finish(job, marked(4, [Span(7, 8)], "id1"))
    steps = [one.done async for one in _until_done(stand, job)]
    assert steps[-2:] == [3, 4]
    assert (job.state, job.document()["done"]) == ("done", 4)
    assert stand.jobs.laid_over(PLAN, PLAN) == PLAN
    stand.jobs.published(PLAN)
    while job.group in stand.kafka.groups:
        await asyncio.sleep(0)
    assert stand.rings == 2


async def test_its_group_stays_until_a_plan_without_it_is_out_and_nobody_is_a_member(stand: Stand) -> None:
    job = await stand.start()
    old = stand.jobs.laid_over(PLAN, PLAN)
    stand.jobs.published(PLAN)
    await stand.jobs.cancel(job.id)
    stand.jobs.published(old)
    for _ in range(100):
        await asyncio.sleep(0)
    assert not job.out.is_set()
    assert job.group in stand.kafka.groups
    stand.jobs.published(PLAN)
    while job.group in stand.kafka.groups:
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("again", "expected"), [(False, "was deleted, and"), (True, "was deleted and made again, and")]
)
async def test_a_job_whose_topic_goes_fails_and_says_so(stand: Stand, again: bool, expected: str) -> None:
    job = await stand.start()
    stand.kafka.delete_topic("t")
    if again:
        stand.kafka.create_topic("t", 2)
    await job.over.wait()
    assert job.state == "failed"
    assert f"the topic t {expected} what was to be delivered with it" in job.problem


async def _until_done(stand: Stand, job: Job) -> AsyncIterator[Job]:
    async for one in stand.jobs.progress(job.id):
        yield one
        if one.done == 3:
            stand.finish(job, Mark(8))


async def test_a_cancelled_job_says_how_far_it_came(stand: Stand) -> None:
    job = await stand.start()
    stand.finish(job, marked(3, (), "id1"))
    assert await stand.jobs.cancel(job.id) is job
    assert (job.state, job.done) == ("cancelled", 1)
    assert (await stand.jobs.cancel(job.id)).state == "cancelled"


async def test_a_job_whose_subscription_goes_fails_and_says_so(stand: Stand) -> None:
    job = await stand.start()
    assert stand.jobs.laid_over(Plan(), Plan()).egresses == {}
    assert job.state == "failed"
    assert "it was deleted" in job.problem


async def test_what_kafka_deletes_meanwhile_is_not_waited_for(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await stand.start()

    async def spans(*_: object) -> dict[int, Span]:
        return {0: Span(9, 10), 1: Span(0, 10)}

    monkeypatch.setattr(stand.jobs._admin, "spans", spans)
    await job.over.wait()
    assert job.state == "done"


async def test_a_second_job_on_the_same_records_and_one_of_a_paused_subscription_are_refused(stand: Stand) -> None:
    await stand.start()
    with pytest.raises(Invalid, match="a replay of it is running: 0 of 4 done; wait for job j1"):
        await stand.start()
    with pytest.raises(Invalid, match="is paused; resume it first: kanal resume subscription/s1 -n default"):
        await stand.start(replace(BASE, uid="u2", pace="paused"))


async def test_of_two_requests_at_once_one_starts_a_job(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    spans = stand.jobs._admin.spans

    async def slow(topic: str) -> Mapping[int, Span]:
        await asyncio.sleep(0)
        return await spans(topic)

    monkeypatch.setattr(stand.jobs._admin, "spans", slow)
    both = await asyncio.gather(stand.start(), stand.start(), return_exceptions=True)
    assert [type(one) for one in both] == [Job, Invalid]
    assert len(stand.jobs.list()) == 1


async def test_a_start_that_fails_is_no_obstacle_to_the_next_one(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("Kafka does not answer", where="kafka")

    with monkeypatch.context() as broken:
        broken.setattr(stand.jobs._admin, "set_marks", away)
        with pytest.raises(Unavailable):
            await stand.start()
    assert stand.jobs.list() == []
    assert (await stand.start()).state == "running"


async def test_an_unknown_job_is_not_found(stand: Stand) -> None:
    with pytest.raises(NotFound):
        stand.jobs.find("j9")
    with pytest.raises(NotFound):
        await stand.jobs.cancel("j9")


async def test_an_egress_is_held_while_its_offsets_are_set_and_only_by_one_at_a_time(stand: Stand) -> None:
    with stand.jobs.holding(BASE):
        assert stand.jobs.laid_over(PLAN, PLAN).egresses["u1"].pace == "held"
        with pytest.raises(Invalid, match="Subscription default/s1: its offsets"), stand.jobs.holding(BASE):
            pass
        assert stand.jobs.laid_over(PLAN, PLAN).egresses["u1"].pace == "held"
    assert stand.jobs.laid_over(PLAN, PLAN) == PLAN
    assert stand.rings == 2


async def test_the_last_jobs_are_remembered_and_older_ones_forgotten(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)
    for _ in range(5):
        await stand.jobs.cancel((await stand.start()).id)
        stand.jobs.published(PLAN)
    assert [job.id for job in stand.jobs.list()] == ["j4", "j5"]


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        (Mark(0), 8),
        (Mark(12), 6),
        (Mark(99), 0),
        (marked(0, [Span(5, 12), Span(13, 22)]), 3),
        (marked(12, [Span(13, 40)]), 1),
        (marked(0, [Span(0, 0), Span(11, 12), Span(20, 21), Span(23, 24)]), 5),
    ],
)
def test_only_what_lies_in_the_spans_counts_as_unfinished(mark: Mark, expected: int) -> None:
    assert unfinished_in(mark, [Span(10, 14), Span(20, 24)]) == expected
