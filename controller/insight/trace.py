"""Where one event went: found in the topics of channels and brokers by its id, judged at each subscription and trigger.

Topics are read from the asked time to their end, and of each record only the headers are looked at; what is held is the
records that were found, so memory does not grow with what is read. Filters are asked as a record is found, for the same
reason. Findings come as they are made, so that a person sees that something happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from controller.insight.finding import (
    Accepted,
    Fate,
    Finding,
    Missing,
    Progress,
    TooMany,
    Wanted,
    accepted,
    header,
    ingresses_of,
    letter_of,
    matcher,
)
from controller.insight.reading import reading
from controller.insight.reports import SLACK_MS, Place, Rows, stretch
from controller.insight.screen import Screen
from controller.insight.verdict import Facts, KeptLetter, verdict
from eventing.kafka import Admin, Scanner
from eventing.letters import marker_in
from eventing.plan.model import Egress, Plan
from eventing.record import Mark, Position, Record, Span, count

MOST_FOUND = 100
AT_ONCE = 8
PROGRESS_S = 0.5


@dataclass(slots=True)
class _Search:
    """What one search has read and found so far."""

    wanted: Wanted
    found: list[Accepted] = field(default_factory=list)
    refusals: dict[tuple[Place, str], str | None] = field(default_factory=dict)
    """What the filters of each egress say of each place, as in `Facts.refusal`."""
    scanned: int = 0
    total: int = 0
    more: bool = False


class Tracer:
    """Traces events through a plan; `keep` is the setting `outcomes.keep`, `now` Unix seconds."""

    def __init__(
        self,
        admin: Admin,
        scanner: Scanner,
        outcome_topic: str,
        keep: str,
        now: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._admin = admin
        self._scanner = scanner
        self._outcome_topic = outcome_topic
        self._keep = keep
        self._now = now
        self._monotonic = monotonic

    async def trace(self, wanted: Wanted, plan: Plan, namespace: str = "") -> AsyncIterator[Finding]:
        """Findings as they are made: progress all the while, each place where the event is, then its fates.

        With a namespace only its channels and brokers are searched. Raises where Kafka does not answer.
        """
        ingresses = ingresses_of(plan, namespace)
        egresses = [e for e in plan.egresses.values() if e.topic in ingresses and e.only is None and not e.redelivers]
        search = _Search(wanted)
        spans = await self._spans(ingresses, wanted.since_ms)
        search.total = sum(count(where.values()) for where in spans.values())
        for topic, where in spans.items():
            screens = {e.uid: Screen(e.filters) for e in egresses if e.topic == topic}
            async for finding in self._search(topic, where, ingresses[topic], screens, search):
                yield finding
        if not search.found:
            yield Missing(wanted.id, wanted.source, sorted(spans), wanted.since_ms)
            return
        if search.more:
            yield TooMany(len(search.found))
        async for finding in self._fates(search, egresses):
            yield finding

    async def _spans(self, topics: Mapping[str, object], since_ms: int | None) -> dict[str, Mapping[int, Span]]:
        found = {}
        for topic in sorted(topics):
            if await self._admin.topic(topic) is not None:
                found[topic] = await self._admin.spans(topic, since_ms)
        return found

    async def _search(
        self,
        topic: str,
        spans: Mapping[int, Span],
        ingresses: Sequence[str],
        screens: Mapping[str, Screen],
        search: _Search,
    ) -> AsyncIterator[Finding]:
        matches = matcher(search.wanted)
        told = self._monotonic()
        async with reading(self._scanner, topic, spans) as batches:
            async for batch in batches:
                for record in batch:
                    if not matches(record):
                        continue
                    if len(search.found) >= MOST_FOUND:
                        search.more = True
                        continue
                    place = Place(topic, record.partition, record.offset)
                    search.refusals |= {(place, uid): screen.refusal(record) for uid, screen in screens.items()}
                    search.found.append(accepted(record, ingresses))
                    yield search.found[-1]
                search.scanned += len(batch)
                if self._monotonic() - told >= PROGRESS_S:
                    told = self._monotonic()
                    yield Progress(topic, search.scanned, search.total)
        yield Progress(topic, search.scanned, search.total)

    async def _fates(self, search: _Search, egresses: Sequence[Egress]) -> AsyncIterator[Finding]:
        found = search.found
        by_topic = {one.topic: [e for e in egresses if e.topic == one.topic] for one in found}
        concerned = {e.uid: e for of_one in by_topic.values() for e in of_one}
        since_ms = min(one.at_ms for one in found)
        rows = Rows([Place(one.topic, one.partition, one.offset) for one in found], concerned)
        part = await stretch(self._admin, self._outcome_topic, max(since_ms - SLACK_MS, 0))
        scanned, told = 0, self._monotonic()
        async with reading(self._scanner, self._outcome_topic, part.spans) as batches:
            async for batch in batches:
                for record in batch:
                    rows.add(record)
                    # A report holds thousands of rows; the controller has other work beside them.
                    await asyncio.sleep(0)
                scanned += len(batch)
                if self._monotonic() - told >= PROGRESS_S:
                    told = self._monotonic()
                    yield Progress(self._outcome_topic, scanned, count(part.spans.values()))
        topic_ids = {topic: state.id if (state := await self._admin.topic(topic)) else "" for topic in by_topic}
        limit = asyncio.Semaphore(AT_ONCE)
        seen = await asyncio.gather(*(self._seen(egress, found, limit) for egress in concerned.values()))
        for egress, (marks, letters) in zip(concerned.values(), seen, strict=True):
            for one in found:
                if one.topic != egress.topic:
                    continue
                place = Place(one.topic, one.partition, one.offset)
                facts = Facts(
                    Position(one.partition, one.offset),
                    marks.get(one.partition),
                    topic_ids[egress.topic],
                    rows.of(place, egress.uid),
                    complete=part.complete,
                    keep=self._keep,
                    pace=egress.pace,
                    letter=letter_of(one, letters),
                    now_ms=int(self._now() * 1000),
                    refusal=search.refusals[place, egress.uid],
                )
                yield _fate(egress, one, facts)
                for fate in _replays(egress, one, facts, rows):
                    yield fate

    async def _seen(
        self, egress: Egress, found: Sequence[Accepted], limit: asyncio.Semaphore
    ) -> tuple[Mapping[int, Mark], list[tuple[Record, KeptLetter]]]:
        """The marks of an egress, and the dead letters that it has of these events."""
        async with limit:
            return await self._admin.marks(egress.group, egress.topic), await self._letters(egress, found)

    async def _letters(self, egress: Egress, found: Sequence[Accepted]) -> list[tuple[Record, KeptLetter]]:
        """The dead letters of these events at this egress, oldest first."""
        since_ms = min(one.at_ms for one in found)
        topic = egress.dead_letter_topic
        if not topic or await self._admin.topic(topic) is None:
            return []
        wanted = {(one.id, one.source) for one in found if one.topic == egress.topic}
        letters: dict[int, tuple[Record, KeptLetter]] = {}
        async with reading(
            self._scanner, topic, await self._admin.spans(topic, max(since_ms - SLACK_MS, 0))
        ) as batches:
            async for batch in batches:
                for record in batch:
                    marker = marker_in(record.headers)
                    if marker is not None and marker.offset in letters:
                        of, kept = letters[marker.offset]
                        told = KeptLetter(kept.offset, kept.at_ms, kept.reason, marker.outcome, marker.time)
                        letters[marker.offset] = of, told
                    elif (header(record, "ce_id"), header(record, "ce_source")) in wanted:
                        reason = header(record, "ce_kanalreason")
                        letters[record.offset] = record, KeptLetter(record.offset, record.timestamp_ms, reason)
        return list(letters.values())


def _fate(egress: Egress, one: Accepted, facts: Facts) -> Fate:
    letter = None if facts.letter is None else facts.letter.offset
    place = one.topic, one.partition, one.offset
    kept_in = "" if letter is None else egress.dead_letter_topic
    return Fate(egress.kind, egress.namespace, egress.name, *place, verdict(facts), "", kept_in, letter)


def _replays(egress: Egress, one: Accepted, facts: Facts, rows: Rows) -> list[Fate]:
    """What the reports say of replays of this event for groups of their own, whose marks are gone with them."""
    place = Place(one.topic, one.partition, one.offset)
    fates = []
    for uid in rows.jobs_of(place, egress.uid):
        told = rows.of(place, uid)
        ended = any(row.next_ms == 0 for row in told)
        mark = Mark(one.offset + 1) if ended else None
        seen = Facts(facts.position, mark, "", told, True, facts.keep, "running", None, facts.now_ms)
        job = uid.removeprefix(f"{egress.uid}.")
        fates.append(Fate(egress.kind, egress.namespace, egress.name, *place, verdict(seen), job))
    return fates
