"""The controller's hand on Kafka: topics that a plan needs, groups that must have a start, groups that are over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping

import structlog

from eventing.errors import EventingError, Invalid
from eventing.kafka import Admin
from eventing.plan.model import Egress, Plan, TopicSpec
from eventing.plan.options import Problem

_log = structlog.get_logger("controller")
AT_ONCE = 16


class KafkaSide:
    """Brings Kafka to what a plan wants and says how that went. What is settled once is not asked again."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._settled: set[tuple[str, str]] = set()
        self._groups: dict[str, Egress] = {}
        self._over: set[str] = set()

    async def topics(self, plan: Plan) -> Mapping[str, Problem | None]:
        """Create the topics that are missing. By name: None where the topic is there."""
        return await self._all((spec.name, self._topic(spec)) for spec in plan.topics.values())

    async def groups(self, plan: Plan, topics: Mapping[str, Problem | None]) -> Mapping[str, Problem | None]:
        """Commit start offsets for each egress whose topic is there. By uid: None where the group has them all."""
        ready = [e for e in plan.egresses.values() if topics.get(e.topic, True) is None]
        found = dict(await self._all((egress.uid, self._group(egress)) for egress in ready))
        for egress in ready:
            if found[egress.uid] is None:
                self._groups[egress.group] = egress
        return found

    async def bury(self, plan: Plan) -> None:
        """Delete the groups of egresses that a plan no longer has; one that still has members waits for a later round."""
        wanted = {egress.group for egress in plan.egresses.values()}
        self._over |= self._groups.keys() - wanted
        self._over -= wanted
        for group in sorted(self._over):
            try:
                await self._admin.delete_group(group)
            except EventingError as error:
                _log.debug("consumer group not deleted yet", group=group, error=str(error))
                continue
            self._over.discard(group)
            gone = self._groups.pop(group, None)
            self._settled = {key for key in self._settled if key[0] != group}
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

    async def _all(self, work: Iterable[tuple[str, Awaitable[None]]]) -> Mapping[str, Problem | None]:
        pairs = list(work)
        results = await asyncio.gather(*(self._one(awaitable) for _, awaitable in pairs))
        return {name: problem for (name, _), problem in zip(pairs, results, strict=True)}

    async def _one(self, work: Awaitable[None]) -> Problem | None:
        async with self._limit:
            try:
                await work
            except EventingError as error:
                reason = error.reason if isinstance(error, Invalid) else "Kafka" + error.reason
                return Problem(reason, str(error))
        return None
