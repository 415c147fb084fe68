"""What a person may do beside applying resources: see dead letters and send them again, replay, pause and resume.

Every verb of the command line and every button of a console ends in one method here. A method answers with plain
documents and raises errors that name the subscription or trigger and the fix; it knows no HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from controller import naming
from controller.jobs import Job, Jobs
from controller.letters import Letters
from controller.naming import Named
from controller.replay import Point, between, offset_of, point, repeated, rewound
from eventing.errors import Invalid, NotFound, Unavailable
from eventing.kafka import Admin
from eventing.kinds.delivery import PAUSED_ANNOTATION, is_paused
from eventing.kinds.meta import Resource
from eventing.letters import Fold, Letter, Marker, Wanted
from eventing.marks import unfinished
from eventing.plan.model import Egress, Plan
from eventing.plan.options import Options
from eventing.plan.status import ready_of
from eventing.record import Mark, Span, count
from eventing.store import Store

MOST_SPANS = 2_000
"""Runs of offsets that one job may name: it travels in the plan, and a record of that has to stay small."""
HELD_S = 60.0
LOOK_S = 0.2
_log = structlog.get_logger("controller")


@dataclass(frozen=True, slots=True)
class Rewind:
    """What a replay in the own group would do: marks to commit, events to deliver, events that come twice."""

    marks: Mapping[int, Mark]
    events: int
    repeated: int


class Operations:
    """The operations on the subscriptions and triggers of one store; `plan` tells what runs now."""

    def __init__(
        self,
        store: Store,
        plan: Callable[[], Plan],
        jobs: Jobs,
        letters: Letters,
        admin: Admin,
        options: Options,
        now: Callable[[], datetime],
    ) -> None:
        self.jobs = jobs
        self._store = store
        self._plan = plan
        self._letters = letters
        self._admin = admin
        self._options = options
        self._now = now

    async def find(self, namespace: str, name: str) -> Named:
        """The subscription or trigger of this name. Raises `Invalid` where both have it and `NotFound` where none does.

        One that was deleted is found by the dead letters that it left.
        """
        known = self._known()
        found = naming.the_one([one for one in known if (one.namespace, one.name) == (namespace, name)])
        if found is None:
            either = [Named(kind, namespace, name) for kind in naming.KINDS]
            found = naming.the_one([one for one in either if await self._admin.topic(self._grave(one)) is not None])
        if found is None:
            raise naming.missing(known, namespace, name)
        return found

    async def counts(self, namespace: str | None) -> list[dict[str, Any]]:
        """For each subscription and trigger, how many dead letters are open and how many were handled."""
        rows = []
        for one in self._known():
            if namespace in (None, one.namespace):
                fold = await self._letters.fold(self._grave(one))
                place = {"namespace": one.namespace, "kind": one.kind.KIND, "name": one.name}
                rows.append({**place, "open": fold.chosen, "handled": fold.handled})
        return rows

    async def fold(self, of: Named, wanted: Wanted, *, handled_too: bool = False) -> Fold:
        """Which dead letters are wanted; a subscription or trigger that was deleted still has its letters."""
        topic = self._grave(of)
        if await self._admin.topic(topic) is None:
            self._resource(of)
        return await self._letters.fold(topic, wanted, handled_too=handled_too)

    def read(self, of: Named, fold: Fold, newest: int | None = None) -> AsyncIterator[list[Letter]]:
        """The chosen letters in batches, oldest first."""
        return self._letters.read(self._grave(of), fold, newest)

    async def letter(self, of: Named, offset: int) -> tuple[Letter, Marker | None]:
        """One letter and what became of it."""
        topic = self._grave(of)
        if await self._admin.topic(topic) is None:
            self._resource(of)
        return await self._letters.one(topic, offset)

    async def redeliver(self, of: Named, wanted: Wanted, before: int | None) -> tuple[Job, int]:
        """Begin to deliver the wanted letters again; the job, and how many letters are left for a further one."""
        egress = self._running(of)
        fold = await self._chosen(of, wanted, before)
        spans = fold.spans()
        state = await self._admin.topic(egress.dead_letter_topic)
        topic_id = "" if state is None else state.id
        job = await self.jobs.start(
            "redeliver", egress, egress.dead_letter_topic, topic_id, {0: spans[:MOST_SPANS]}
        )  # fmt: skip
        return job, count(spans[MOST_SPANS:])

    async def discard(self, of: Named, wanted: Wanted, before: int | None) -> int:
        """Mark the wanted letters as discarded: nobody is to get them. They stay in the topic."""
        fold = await self._chosen(of, wanted, before)
        discarded = await self._letters.discard(self._grave(of), fold)
        _log.info("dead letters discarded", **of.field, letters=discarded)
        return discarded

    async def replay_beside(self, of: Named, begin: Sequence[str], end: Sequence[str]) -> Job:
        """Begin to deliver old events again as a job with a group of its own."""
        egress = self._running(of)
        spans = await self._spans(egress, begin, end)
        return await self.jobs.start(
            "replay", egress, egress.topic, egress.topic_id, {p: [span] for p, span in spans.items()}
        )  # fmt: skip

    async def replay_within(
        self, of: Named, begin: Sequence[str], end: Sequence[str], *, accept_repeated: bool
    ) -> Rewind:
        """Set the own group back, so that it delivers old events again and then goes on as before.

        The dispatchers leave the group meanwhile, and what they commit as they leave counts. One commit can be missed, in
        one partition, where it comes between the last look before they are gone and the commit that shows it.
        """
        egress = self._running(of)
        spans = await self._spans(egress, begin, end)
        with self.jobs.holding(egress):
            try:
                async with asyncio.timeout(HELD_S):
                    rewind = await self._rewind(egress, spans, accept_repeated=accept_repeated)
            except TimeoutError as error:
                message = (
                    f"its dispatchers did not leave the group {egress.group} within {HELD_S:.0f} s; nothing changed"
                )
                fix = "look whether one of them hangs, and try again"
                raise Unavailable(message, where=of.title, fix=fix) from error
        _log.info("replay begins", **of.field, events=rewind.events, repeated=rewind.repeated)
        return rewind

    async def pace(self, of: Named, *, paused: bool) -> bool:
        """Pause or resume; False where it was so already."""
        one = self._resource(of)
        if is_paused(one.metadata) == paused:
            return False
        annotations = {key: text for key, text in one.metadata.annotations.items() if key != PAUSED_ANNOTATION}
        if paused:
            annotations[PAUSED_ANNOTATION] = "true"
        metadata = one.metadata.model_copy(update={"annotations": annotations})
        await self._store.update(one.model_copy(update={"metadata": metadata}))
        return True

    async def _chosen(self, of: Named, wanted: Wanted, before: int | None) -> Fold:
        """The wanted letters that are open; `Invalid` where there are none, or where one that was named is not open."""
        self._resource(of)
        fold = await self._letters.fold(self._grave(of), wanted, before=before)
        missing = sorted(offset for offset in wanted.offsets or () if not fold.has(offset))
        if missing:
            told = ", ".join(map(str, missing[:10])) + (" ..." if len(missing) > 10 else "")
            fix = f"see kanal deadletters list {of.reference} -n {of.namespace}"
            raise Invalid(f"no open dead letter that fits is at {told}", where=of.title, fix=fix)
        if not fold.chosen:
            raise NotFound("no open dead letter fits", where=of.title)
        return fold

    async def _rewind(self, egress: Egress, spans: Mapping[int, Span], *, accept_repeated: bool) -> Rewind:
        """Set the marks back that were read after the group's last member had left it."""
        while True:
            there = await self._admin.spans(egress.topic)
            before = await self._admin.marks(egress.group, egress.topic)
            _rewind_of(egress, spans, before, accept_repeated=accept_repeated)
            # Kafka refuses any commit of ours while there are members, so one that changes nothing tells when they are
            # gone. It must not undo a member's last commit: it is made for one partition, in which the least is going on.
            idle = sorted(before, key=lambda p: unfinished(before[p], there[p].end if p in there else 0))[:1]
            if await self._set(egress, {p: before[p] for p in idle}):
                last = await self._admin.marks(egress.group, egress.topic)
                rewind = _rewind_of(egress, spans, last, accept_repeated=accept_repeated)
                if await self._set(egress, rewind.marks):
                    return rewind
            await asyncio.sleep(LOOK_S)

    async def _set(self, egress: Egress, marks: Mapping[int, Mark]) -> bool:
        """Commit; False while that can't be done."""
        try:
            await self._admin.set_marks(egress.group, egress.topic, marks)
        except Unavailable as error:
            _log.debug("the group can't be set back yet", group=egress.group, error=str(error))
            return False
        return True

    async def _spans(self, egress: Egress, begin: Sequence[str], end: Sequence[str]) -> Mapping[int, Span]:
        """What lies between the two points, by partition; `Invalid` where that is nothing."""
        there = await self._admin.spans(egress.topic)
        firsts = await self._offsets(egress, point(begin, self._now(), "--from"), there)
        ends = await self._offsets(egress, point(end, self._now(), "--to"), there)
        spans = {p: between(firsts[p], ends[p], there[p]) for p in there}
        found = {p: span for p, span in spans.items() if span.end > span.first}
        if not found:
            lie = ", ".join(f"{p}:{span.first} to {p}:{span.end}" for p, span in sorted(there.items()))
            fix = f"there are those from {lie}"
            raise NotFound("no event lies between --from and --to", where=egress.title, fix=fix)
        return found

    async def _offsets(self, egress: Egress, at: Point, there: Mapping[int, Span]) -> Mapping[int, int | None]:
        since = {} if at.since_ms is None else await self._admin.spans(egress.topic, at.since_ms)
        return {p: offset_of(at, p, there[p], since) for p in there}

    def _running(self, of: Named) -> Egress:
        """The egress of a subscription or trigger. Raises where it does not exist or does not deliver."""
        one = self._resource(of)
        found = self._plan().egresses.get(one.metadata.uid)
        if found is None:
            why = ready_of(one.status).message or "not looked at yet"
            raise Unavailable(f"is not ready: {why}", where=of.title, fix=f"see kanal get {of.kind.SINGULAR}")
        return found

    def _resource(self, of: Named) -> Resource:
        """The resource. Raises `NotFound`."""
        found = next(
            (one for one in self._store.list() if isinstance(one, of.kind) and naming.name_of(one) == of), None
        )
        if found is None:
            raise naming.missing(self._known(), of.namespace, of.name, of.kind)
        return found

    def _known(self) -> list[Named]:
        return naming.names_of(self._store.list())

    def _grave(self, of: Named) -> str:
        return of.dead_letter_topic(self._options)


def _rewind_of(
    egress: Egress, spans: Mapping[int, Span], before: Mapping[int, Mark], *, accept_repeated: bool
) -> Rewind:
    """What is to be committed; `Invalid` where further events would come again and that is not accepted."""
    marks = {p: before.get(p, Mark(0)) for p in spans}
    again = sum(repeated(marks[p], span, egress.topic_id) for p, span in spans.items())
    if again and not accept_repeated:
        message = f"Kafka has no room to remember all that is delivered already: {again} more events would come again"
        fix = "accept that with --yes, or replay --as-new-group"
        raise Invalid(message, where=egress.title, fix=fix)
    after = {p: rewound(marks[p], span, egress.topic_id) for p, span in spans.items()}
    return Rewind(after, count(spans.values()), again)
