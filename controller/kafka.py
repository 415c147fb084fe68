"""The controller's hand on Kafka: topics that a plan needs, groups that must have a start, groups that are over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TypeVar

import structlog

from eventing.errors import EventingError, Invalid
from eventing.kafka import Admin
from eventing.plan.model import Egress, Plan, TopicSpec
from eventing.plan.options import Problem

_log = structlog.get_logger("controller")
AT_ONCE = 16
T = TypeVar("T")


class KafkaSide:
    """Brings Kafka to what a plan wants and says how that went. What is settled once is not asked again."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._settled: set[tuple[str, str]] = set()
        self._groups: dict[str, Egress] = {}
        self._over: dict[str, bool] = {}
        """Groups to delete, and whether that was done once already."""

    async def topics(self, plan: Plan) -> Mapping[str, Problem | None]:
        """Create the topics that are missing. By name: None where the topic is there."""
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
        """Delete the groups of egresses that are over; one that still has members waits for a later round.

        An egress whose uid is `alive` may be out of the plan for a while (a reference is missing); its group holds what
        it has yet to deliver, and stays.
        """
        wanted = {egress.group for egress in plan.egresses.values()}
        wanted |= {g for g, e in self._groups.items() if e.uid in alive and e.uid not in plan.egresses}
        over = (self._over.keys() | self._groups.keys()) - wanted
        self._over = {group: self._over.get(group, False) for group in sorted(over)}
        for group, again in list(self._over.items()):
            try:
                await self._admin.delete_group(group)
            except EventingError as error:
                _log.debug("consumer group not deleted yet", group=group, error=str(error))
                continue
            self._settled = {key for key in self._settled if key[0] != group}
            gone = self._groups.pop(group, None)
            if again:
                del self._over[group]
            else:
                # A dispatcher that was about to join brings the group back, so the next round looks once more.
                self._over[group] = True
                _log.info("consumer group deleted", group=group, topic=gone.topic if gone else None)

    async def _topic(self, spec: TopicSpec) -> None:
        if await self._admin.partitions(spec.name) is None:
            await self._admin.create_topic(spec)
            _log.info("topic created", topic=spec.name, partitions=spec.partitions)

    async def _group(self, egress: Egress) -> None:
        key = (egress.group, egress.topic)
        if key not in self._settled:
            await self._admin.settle_group(*key)
            self._settled.add(key)

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
