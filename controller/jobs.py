"""Deliveries of a span of old records beside the live one: redelivered dead letters, and replays for a new group.

A job is one more egress in the plan, made in each round from that of its subscription or trigger, whose changes it follows;
its group is its own, and `only` names the offsets to deliver. It is over when the group's marks leave none of them
unfinished; then the egress goes, and once a plan without it has been published the group is deleted: a dispatcher that
started with the older plan would find no marks and deliver all of it again. What is paused pauses its jobs.

Jobs live in this process. When it ends they end too, and nothing is lost by that: a letter without a marker is still open,
and a group that is left behind expires as Kafka's `offsets.retention.minutes` has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self

import structlog

from controller.waiting import waited
from eventing.errors import EventingError, Invalid, NotFound, Unavailable
from eventing.kafka import Admin
from eventing.marks import marked, unfinished_in
from eventing.plan.model import Egress, Pace, Plan
from eventing.record import Mark, Span, count

LOOK_S = 0.5
BURIAL_S = 60.0
REMEMBERED = 100
_log = structlog.get_logger("controller")

Spans = Mapping[int, Sequence[Span]]
RUNNING, DONE, FAILED, CANCELLED = "running", "done", "failed", "cancelled"


@dataclass(slots=True, eq=False)
class Job:
    """One job: `kind` is `redeliver` or `replay`, `of` the uid of its egress, `done` and `total` count offsets."""

    id: str
    kind: str
    of: str
    title: str
    topic: str
    topic_id: str
    group: str
    spans: Spans
    total: int
    done: int = 0
    state: str = RUNNING
    problem: str = ""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    out: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it is over and the data plane was told a plan without it."""

    @property
    def uid(self) -> str:
        """The uid of its egress."""
        return f"{self.of}.{self.kind}-{self.id}"

    def document(self) -> dict[str, Any]:
        """What a person is told."""
        names = ("id", "kind", "title", "group", "state", "done", "total", "problem")
        return {name: getattr(self, name) for name in names}

    def end(self, state: str, problem: str = "") -> None:
        """End it; the first end counts."""
        if self.state == RUNNING:
            self.state, self.problem = state, problem
            self.over.set()


class Jobs:
    """The jobs of this controller, by id; `ring` asks for a round of it."""

    def __init__(self, admin: Admin, ring: Callable[[], None], new_id: Callable[[], str]) -> None:
        self._admin = admin
        self._ring = ring
        self._new_id = new_id
        self._jobs: dict[str, Job] = {}
        self._held: set[str] = set()
        self._starting: set[tuple[str, str]] = set()
        self._tasks = asyncio.TaskGroup()
        self._work: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._work:
            task.cancel()
        try:
            await self._tasks.__aexit__(kind, error, trace)
        except BaseExceptionGroup as group:
            # An error of the block leaves it as it is.
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from group.exceptions[0].__cause__
            raise

    def list(self) -> list[Job]:
        """All that are running, and the last ones that are over, oldest first."""
        return list(self._jobs.values())

    def find(self, id_: str) -> Job:
        """The job. Raises `NotFound`."""
        if id_ not in self._jobs:
            raise NotFound("does not exist, or ended long ago", where=f"job {id_}", fix="start it again")
        return self._jobs[id_]

    async def start(self, kind: str, egress: Egress, topic: str, topic_id: str, spans: Spans) -> Job:
        """Begin to deliver these spans of a topic as this egress does; raises where Kafka can't be prepared for it."""
        title = egress.title
        if egress.pace == "paused":
            fix = f"resume it first: kanal resume {egress.kind.lower()}/{egress.name} -n {egress.namespace}"
            raise Invalid("is paused", where=title, fix=fix)
        with self._reserved(egress.uid, topic, title):
            id_ = self._new_id()
            only = {partition: tuple(of_one) for partition, of_one in spans.items() if of_one}
            group = f"{egress.group}.{kind}-{id_}"
            job = Job(id_, kind, egress.uid, title, topic, topic_id, group, only, sum(map(count, only.values())))
            ends = await self._admin.spans(topic)
            firsts = {p: only[p][0].first if p in only else ends[p].end for p in ends}
            await self._admin.set_marks(group, topic, {p: marked(first, (), topic_id) for p, first in firsts.items()})
            self._jobs[id_] = job
        self._forget()
        task = self._tasks.create_task(self._see_through(job))
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        self._ring()
        return job

    async def cancel(self, id_: str) -> Job:
        """End the job where it stands; what was delivered stays delivered."""
        job = self.find(id_)
        await self._look(job)
        job.end(CANCELLED)
        return job

    async def progress(self, id_: str) -> AsyncIterator[Job]:
        """The job now, and again whenever it has been looked at, until it is over."""
        job = self.find(id_)
        while job.state == RUNNING:
            yield job
            await waited(job.over, LOOK_S)
        yield job

    @contextmanager
    def holding(self, egress: Egress) -> Iterator[None]:
        """Keep the dispatchers out of the group of this egress while inside."""
        uid = egress.uid
        if uid in self._held:
            raise Invalid("its offsets are being set already", where=egress.title, fix="wait until that is over")
        self._held.add(uid)
        self._ring()
        try:
            yield
        finally:
            self._held.discard(uid)
            self._ring()

    def laid_over(self, wanted: Plan, running: Plan) -> Plan:
        """What runs, with the egresses of jobs added, and those held whose offsets are being set.

        `wanted` has also the egresses that Kafka is not prepared for yet.
        """
        live = {uid: replace(e, pace="held") if uid in self._held else e for uid, e in running.egresses.items()}
        extra = {}
        for job in self._jobs.values():
            if job.state != RUNNING:
                continue
            if job.of not in wanted.egresses:
                job.end(FAILED, "it was deleted, or its references can't be resolved")
            elif job.of in running.egresses:
                one = _egress(job, running.egresses[job.of])
                extra[one.uid] = one
        return replace(running, egresses={**live, **extra})

    def published(self, plan: Plan) -> None:
        """Take note that the data plane has been told this plan."""
        for job in self._jobs.values():
            if job.state != RUNNING and job.uid not in plan.egresses:
                job.out.set()

    @contextmanager
    def _reserved(self, uid: str, topic: str, title: str) -> Iterator[None]:
        """Keep any other job off these records while this one is begun. Raises `Invalid` where there is one."""
        for job in self._jobs.values():
            if (job.of, job.topic, job.state) == (uid, topic, RUNNING):
                message = f"a {job.kind} of it is running: {job.done} of {job.total} done"
                raise Invalid(message, where=title, fix=f"wait for job {job.id}, or cancel it")
        if (uid, topic) in self._starting:
            raise Invalid("another job of it is just beginning", where=title, fix="wait for that one, or cancel it")
        self._starting.add((uid, topic))
        try:
            yield
        finally:
            self._starting.discard((uid, topic))

    async def _see_through(self, job: Job) -> None:
        """Follow a job to its end, then take its traces away."""
        while job.state == RUNNING:
            await waited(job.over, LOOK_S)
            await self._look(job)
        self._ring()
        _log.info("job over", job=job.id, kind=job.kind, of=job.title, state=job.state, done=job.done, total=job.total)
        await job.out.wait()
        for _ in range(round(BURIAL_S / LOOK_S)):
            if await self._buried(job.group):
                return
            await asyncio.sleep(LOOK_S)
        _log.warning("the group of a job could not be deleted and will expire", group=job.group)

    async def _look(self, job: Job) -> None:
        """Count what is finished; what Kafka has deleted meanwhile can't be delivered any more and counts too."""
        try:
            topic = await self._admin.topic(job.topic)
            if topic is None or (job.topic_id and topic.id and topic.id != job.topic_id):
                happened = "was deleted" if topic is None else "was deleted and made again"
                job.end(FAILED, f"the topic {job.topic} {happened}, and what was to be delivered with it")
                return
            marks = await self._admin.marks(job.group, job.topic)
            there = await self._admin.spans(job.topic)
        except Unavailable as error:
            _log.debug("a job could not be looked at", job=job.id, error=str(error))
            return
        except EventingError as error:
            job.end(FAILED, str(error))
            return
        left = 0
        for partition, spans in job.spans.items():
            begins = there[partition].first if partition in there else spans[-1].end
            alive = [Span(max(span.first, begins), span.end) for span in spans]
            left += unfinished_in(marks.get(partition, Mark(0)), alive)
        job.done = job.total - left
        if left == 0:
            job.end(DONE)

    async def _buried(self, group: str) -> bool:
        try:
            await self._admin.delete_group(group)
        except Unavailable:
            return False
        except EventingError as error:
            _log.warning("the group of a job could not be deleted and will expire", group=group, error=str(error))
        return True

    def _forget(self) -> None:
        over = [id_ for id_, job in self._jobs.items() if job.out.is_set()]
        for id_ in over[: max(len(self._jobs) - REMEMBERED, 0)]:
            del self._jobs[id_]


def _egress(job: Job, base: Egress) -> Egress:
    pace: Pace = "paused" if base.pace == "paused" else "running"
    one = replace(
        base, uid=job.uid, group=job.group, topic=job.topic, topic_id=job.topic_id, only=job.spans, pace=pace
    )  # fmt: skip
    # A dead letter has passed the filters once, and since then it says more than it did.
    return replace(one, filters=()) if one.redelivers else one
