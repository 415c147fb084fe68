"""The controller's hand on Kafka: topics that a plan needs, groups that must have a start, groups that are over.

A topic that vanished is made again, and one that was made again by anybody has another id; its groups then start over at
its beginning, since nothing in it has been delivered. Groups whose dispatchers stay away for days would lose their offsets
to Kafka's retention, so they are kept. What nobody wants any more (`remains`) is taken away, dead letters excepted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from typing import TypeVar

import structlog

from controller.remains import Remains
from eventing.errors import EventingError, Invalid, NotFound
from eventing.kafka import Admin
from eventing.plan.model import Egress, Plan, Remnant, TopicSpec
from eventing.plan.options import Problem

_log = structlog.get_logger("controller")
AT_ONCE = 16
KEEP_S = 3_600.0
T = TypeVar("T")
Unrouted = Callable[[Mapping[str, str]], Awaitable[Collection[str]]]
"""From paths by uid to the uids of those that no ingress knows any more."""


async def _all_unrouted(paths: Mapping[str, str]) -> Collection[str]:
    return paths.keys()


class KafkaSide:
    """Brings Kafka to what a plan wants and says how that went. What is settled once is not asked again.

    `clock` counts seconds from any start. With `delete_topics` a topic goes with the channel or Broker for which it was made.
    """

    def __init__(
        self, admin: Admin, clock: Callable[[], float] = time.monotonic, *, delete_topics: bool = False
    ) -> None:
        self._admin = admin
        self._clock = clock
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._topic_ids: dict[str, str] = {}
        self._settled: dict[tuple[str, str], str] = {}
        """The id of the topic for which a group on a topic has its start."""
        self._kept: dict[str, float] = {}
        """When a group's offsets were last seen to, by the clock."""
        self._delete_topics = delete_topics
        self._remains = Remains()
        self._over: dict[str, bool] = {}
        """Groups to delete, and whether that was done once already."""

    @property
    def topic_ids(self) -> Mapping[str, str]:
        """By name, Kafka's id of each topic as it was when last looked at; empty where unknown."""
        return self._topic_ids

    async def topics(self, plan: Plan) -> Mapping[str, Problem | None]:
        """Look for all topics and create those that are missing. By name: None where the topic is there."""
        self._topic_ids = {name: id_ for name, id_ in self._topic_ids.items() if name in plan.topics}
        found = await self._all(self._topic, plan.topics)
        self._remains.note_topics(plan, [name for name, problem in found.items() if problem is None])
        return found

    def recall(self, told: Plan) -> None:
        """Know what the plan that was told last has made; to be called once, before any group begins."""
        self._remains.recall(told)

    def behind(self, uids: Collection[str]) -> set[str]:
        """The uids of the egresses that were made behind ingresses with these uids."""
        return self._remains.behind(uids)

    def remembering(self, plan: Plan) -> Plan:
        """The plan with all that was made and is not in use in it."""
        remains = self._remains
        return replace(plan, idle_groups=remains.idle_groups(plan), idle_topics=remains.idle_topics(plan))

    async def groups(self, plan: Plan, topics: Mapping[str, Problem | None]) -> Mapping[str, Problem | None]:
        """Commit start offsets for each egress whose topic is there. By uid: None where the group has them all."""
        ready = [e for e in plan.egresses.values() if topics.get(e.topic, True) is None]
        self._over |= {group: False for group in self._remains.successors(ready) if group not in self._over}
        found = await self._all(self._group, {egress.uid: egress for egress in ready})
        for egress in ready:
            if found[egress.uid] is None:
                self._remains.note_group(egress)
        return found

    async def bury(self, plan: Plan, alive: Collection[str], unrouted: Unrouted = _all_unrouted) -> bool:
        """Take away what nobody wants any more, and keep the other groups; `alive` are the uids of all that exists.

        A group with members waits for a later round, and so does a topic with such a group or a route. True where
        something waits. To be called once the data plane was told this plan.
        """
        # What was over once is deleted, even where something of the same name has come since: that begins anew.
        over = self._over.keys() | self._remains.over_groups(plan, alive)
        self._over = {group: self._over.get(group, False) for group in sorted(over)}
        await self._bury_groups()
        await self._bury_topics(plan, alive, unrouted)
        await self._keep_some()
        return bool(self._over) or bool(self._remains.over_topics(plan, alive))

    async def _bury_groups(self) -> None:
        for group, again in list(self._over.items()):
            try:
                await self._admin.delete_group(group)
            except EventingError as error:
                _log.debug("consumer group not deleted yet", group=group, error=str(error))
                continue
            gone = self._remains.groups.get(group)
            self._forget(group)
            if not again:
                # A dispatcher that was about to join brings the group back, so the next round looks once more.
                self._over[group] = True
                _log.info("consumer group deleted", group=group, topic=gone.topic if gone else None)

    async def _bury_topics(self, plan: Plan, alive: Collection[str], unrouted: Unrouted) -> None:
        over = self._remains.over_topics(plan, alive)
        if not self._delete_topics:
            for name in over:
                del self._remains.topics[name]
            return
        groups = {name for name, again in self._over.items() if not again}
        busy = {self._remains.groups[group].topic for group in groups if group in self._remains.groups}
        idle = {name: one for name, one in over.items() if name not in busy}
        gone = await unrouted({one.uid: one.path for one in idle.values()}) if idle else ()
        for name in [name for name, one in idle.items() if one.uid in gone]:
            try:
                await self._admin.delete_topic(name)
            except EventingError as error:
                _log.debug("topic not deleted yet", topic=name, error=str(error))
                continue
            del self._remains.topics[name]
            _log.info("topic deleted", topic=name)

    def _forget(self, group: str) -> None:
        self._settled = {key: id_ for key, id_ in self._settled.items() if key[0] != group}
        self._remains.groups.pop(group, None)
        self._over.pop(group, None)

    async def _keep_some(self) -> None:
        """Keep the offsets of some groups that were not seen to for an hour."""
        now = self._clock()
        self._kept = {group: self._kept.get(group, now) for group in self._remains.groups}
        due = [group for group, at in self._kept.items() if now - at >= KEEP_S][:AT_ONCE]
        for group in due:
            self._kept[group] = now
        found = await self._all(self._keep, {group: (group, self._remains.groups[group]) for group in due})
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

    async def _keep(self, group: tuple[str, Remnant]) -> None:
        await self._admin.keep_group(group[0], group[1].topic)

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
