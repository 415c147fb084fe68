"""The controller's hand on Kafka: topics that a plan needs, groups that must have a start, groups that are over.

A topic that vanished is made again, and one that was made again by anybody has another id; its groups then start over at
its beginning, since nothing in it has been delivered. Groups whose dispatchers stay away for days would lose their offsets
to Kafka's retention, so they are kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TypeVar

import structlog

from eventing.errors import EventingError, Invalid, NotFound
from eventing.kafka import Admin
from eventing.plan.model import Egress, Plan, TopicSpec
from eventing.plan.options import Problem

_log = structlog.get_logger("controller")
AT_ONCE = 16
KEEP_S = 3_600.0
T = TypeVar("T")


class KafkaSide:
    """Brings Kafka to what a plan wants and says how that went. What is settled once is not asked again.

    `clock` counts seconds from any start.
    """

    def __init__(self, admin: Admin, clock: Callable[[], float] = time.monotonic) -> None:
        self._admin = admin
        self._clock = clock
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._topic_ids: dict[str, str] = {}
        self._settled: dict[tuple[str, str], str] = {}
        """The id of the topic for which a group on a topic has its start."""
        self._kept: dict[str, float] = {}
        """When a group's offsets were last seen to, by the clock."""
        self._groups: dict[str, Egress] = {}
        self._over: dict[str, bool] = {}
        """Groups to delete, and whether that was done once already."""

    @property
    def topic_ids(self) -> Mapping[str, str]:
        """By name, Kafka's id of each topic as it was when last looked at; empty where unknown."""
        return self._topic_ids

    async def topics(self, plan: Plan) -> Mapping[str, Problem | None]:
        """Look for all topics and create those that are missing. By name: None where the topic is there."""
        self._topic_ids = {name: id_ for name, id_ in self._topic_ids.items() if name in plan.topics}
        return await self._all(self._topic, plan.topics)

    async def groups(self, plan: Plan, topics: Mapping[str, Problem | None]) -> Mapping[str, Problem | None]:
        """Commit start offsets for each egress whose topic is there. By uid: None where the group has them all."""
        ready = [e for e in plan.egresses.values() if topics.get(e.topic, True) is None]
        found = await self._all(self._group, {egress.uid: egress for egress in ready})
        for egress in ready:
            if found[egress.uid] is None:
                self._groups[egress.group] = egress
        return found

    async def bury(self, plan: Plan, alive: Collection[str]) -> None:
        """Delete the groups of egresses that are over, and keep the others; one with members waits for a later round.

        An egress whose uid is `alive` may be out of the plan for a while (a reference is missing); its group holds what
        it has yet to deliver, and stays.
        """
        wanted = {egress.group for egress in plan.egresses.values()}
        wanted |= {g for g, e in self._groups.items() if e.uid in alive and e.uid not in plan.egresses}
        # What was over once is deleted, even where something of the same name has come since: that begins anew.
        over = self._over.keys() | (self._groups.keys() - wanted)
        self._over = {group: self._over.get(group, False) for group in sorted(over)}
        for group, again in list(self._over.items()):
            try:
                await self._admin.delete_group(group)
            except EventingError as error:
                _log.debug("consumer group not deleted yet", group=group, error=str(error))
                continue
            gone = self._groups.get(group)
            self._forget(group)
            if not again:
                # A dispatcher that was about to join brings the group back, so the next round looks once more.
                self._over[group] = True
                _log.info("consumer group deleted", group=group, topic=gone.topic if gone else None)
        await self._keep_some()

    def _forget(self, group: str) -> None:
        self._settled = {key: id_ for key, id_ in self._settled.items() if key[0] != group}
        self._groups.pop(group, None)
        self._over.pop(group, None)

    async def _keep_some(self) -> None:
        """Keep the offsets of some groups that were not seen to for an hour."""
        now = self._clock()
        self._kept = {group: self._kept.get(group, now) for group in self._groups}
        due = [group for group, at in self._kept.items() if now - at >= KEEP_S][:AT_ONCE]
        for group in due:
            self._kept[group] = now
        found = await self._all(self._keep, {group: self._groups[group] for group in due})
        for group, problem in found.items():
            if problem is not None:
                _log.debug("consumer group not kept yet", group=group, error=problem.message)

    async def _topic(self, spec: TopicSpec) -> None:
        found = await self._admin.topic(spec.name)
        if found is None and spec.external:
            raise NotFound(
                "there is no such topic", where=spec.name, fix="create it, or correct the annotation that names it"
            )
        if found is None:
            await self._admin.create_topic(spec)
            _log.info("topic created", topic=spec.name, partitions=spec.partitions)
            found = await self._admin.topic(spec.name)
        if found is not None:
            self._topic_ids[spec.name] = found.id

    async def _group(self, egress: Egress) -> None:
        if egress.group in self._over:
            # Whoever had this group before is gone, and what it left undelivered is not for its successor.
            await self._admin.delete_group(egress.group)
            self._forget(egress.group)
        key = (egress.group, egress.topic)
        before, now = self._settled.get(key), self._topic_ids.get(egress.topic, "")
        if before != now:
            await self._admin.settle_group(*key, anew=bool(before and now))
            self._settled[key] = now

    async def _keep(self, egress: Egress) -> None:
        await self._admin.keep_group(egress.group, egress.topic)

    async def _all(self, do: Callable[[T], Awaitable[None]], things: Mapping[str, T]) -> Mapping[str, Problem | None]:
        results = await asyncio.gather(*(self._one(do, thing) for thing in things.values()))
        return dict(zip(things, results, strict=True))

    async def _one(self, do: Callable[[T], Awaitable[None]], thing: T) -> Problem | None:
        async with self._limit:
            try:
                await do(thing)
            except EventingError as error:
                reason = error.reason if isinstance(error, Invalid) else "Kafka" + error.reason
                return Problem(reason, str(error))
        return None
