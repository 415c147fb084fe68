"""The controller's one loop: look at everything, do what is missing, tell the data plane, write what is so.

It is level-triggered: each round starts from the whole snapshot and what Kafka and the ingresses say now, so a lost
signal or a failed step costs a round and nothing else. What decides is `eventing.plan.compile`; this file only acts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from controller.kafka import KafkaSide
from controller.probe import Prober
from eventing.errors import EventingError
from eventing.feed import Feed
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Resource
from eventing.plan.compile import Compiled, compile_plan
from eventing.plan.diff import runnable
from eventing.plan.options import Observed, Options, Problem, Snapshot
from eventing.plan.status import carry_times
from eventing.store import Store

_log = structlog.get_logger("controller")
Now = Callable[[], datetime]


class Controller:
    """Keeps Kafka, the data plane and every status at what the resources say."""

    def __init__(
        self, store: Store, feed: Feed, kafka: KafkaSide, prober: Prober, options: Options, now: Now, resync_s: float
    ) -> None:
        self._store = store
        self._feed = feed
        self._kafka = kafka
        self._prober = prober
        self._options = options
        self._now = now
        self._resync_s = resync_s
        self._observed = Observed()
        self.rounds = 0

    async def run(self) -> None:
        """Reconcile after each change and every `resync_s`, until cancelled."""
        changed = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(changed))
            while True:
                changed.clear()
                await self.reconcile()
                self.rounds += 1
                try:
                    await asyncio.wait_for(changed.wait(), self._pause())
                except TimeoutError:
                    continue

    async def reconcile(self) -> None:
        """One round."""
        compiled = self._compile()
        if await self._keep_children(compiled.children):
            compiled = self._compile()
        plan = compiled.plan
        topics = await self._kafka.topics(plan)
        groups = await self._kafka.groups(plan, topics)
        self._observed = Observed(topics, groups, self._observed.routes)
        try:
            await self._feed.publish(runnable(plan, self._observed))
        except EventingError as error:
            _log.warning("the plan could not be handed to the data plane", error=str(error))
            routes: Mapping[str, Problem | None] = {
                uid: Problem("PlanNotPublished", str(error)) for uid in plan.ingresses
            }
        else:
            ready = [i for i in plan.ingresses.values() if topics.get(i.topic, True) is None]
            routes = await self._prober.probe(ready)
        self._observed = Observed(topics, groups, routes)
        await self._write_statuses(self._compile().statuses)
        await self._kafka.bury(plan)

    def _compile(self) -> Compiled:
        return compile_plan(Snapshot(self._store.list(), self._options, self._observed))

    def _pause(self) -> float:
        """Look again soon while something is not well, at leisure otherwise."""
        seen = [*self._observed.topics.values(), *self._observed.groups.values(), *self._observed.routes.values()]
        return self._resync_s if all(problem is None for problem in seen) else min(0.5, self._resync_s)

    async def _listen(self, changed: asyncio.Event) -> None:
        async for _ in self._store.snapshots():
            changed.set()

    async def _keep_children(self, wanted: tuple[Resource, ...]) -> bool:
        """Make the store hold just these children; True where something changed."""
        before = {key_of(r): r for r in self._store.list() if r.metadata.owner_references}
        changed = False
        for child in wanted:
            old = before.pop(key_of(child), None)
            if old is None or old.spec.document() != child.spec.document():
                await self._store.apply(child)
                changed = True
        for key in before:
            await self._store.delete(key)
            changed = True
        return changed

    async def _write_statuses(self, statuses: Mapping[Key, Mapping[str, object]]) -> None:
        current = {key_of(r): r.status for r in self._store.list()}
        for key, status in statuses.items():
            old = current.get(key)
            new = carry_times(old or {}, status, self._now())
            if old is not None and new != old:
                await self._store.set_status(key, new)
