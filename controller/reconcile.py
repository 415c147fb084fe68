"""The controller's one loop: look at everything, do what is missing, tell the data plane, write what is so.

It is level-triggered: each round starts from the whole snapshot and what Kafka and the ingresses say now, so a lost
signal or a failed step costs a round and nothing else. What decides is `eventing.plan.compile`; this file only acts.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from controller.kafka import KafkaSide
from controller.probe import Prober
from controller.waiting import waited
from eventing.errors import Conflict, EventingError
from eventing.feed import Feed
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Resource
from eventing.plan.compile import Compiled, compile_plan
from eventing.plan.diff import runnable
from eventing.plan.expand import is_child
from eventing.plan.model import Plan
from eventing.plan.options import AWAY, Observed, Options, Problem, Snapshot
from eventing.plan.status import Status, carry_times
from eventing.store import Store

_log = structlog.get_logger("controller")
Now = Callable[[], datetime]
Overlay = Callable[[Plan, Plan], Plan]
"""From all that the resources want, and what of it may run, to what the data plane is told."""
Told = Callable[[Plan], None]
"""Hears of each plan that the data plane has been told."""
SOON_S = 0.5


def _as_it_is(_: Plan, running: Plan) -> Plan:
    return running


def _unheard(_: Plan) -> None:
    pass


class Controller:
    """Keeps Kafka, the data plane and every status at what the resources say.

    `plan` is what the data plane does now, as far as resources ask for it.
    """

    def __init__(
        self,
        store: Store,
        feed: Feed,
        kafka: KafkaSide,
        prober: Prober,
        options: Options,
        now: Now,
        resync_s: float,
        overlay: Overlay = _as_it_is,
        told: Told = _unheard,
    ) -> None:
        self._store = store
        self._feed = feed
        self._kafka = kafka
        self._prober = prober
        self._options = options
        self._now = now
        self._resync_s = resync_s
        self._overlay = overlay
        self._told = told
        self._observed = Observed()
        self._changed = asyncio.Event()
        self._running = Plan()
        self._seen = False
        self._left_alone: Mapping[Key, str] = {}
        self.plan = Plan()
        self.rounds = 0

    async def run(self) -> None:
        """Reconcile after each change and every `resync_s`, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            while True:
                self._changed.clear()
                await waited(self._changed, await self._round())

    def ring(self) -> None:
        """Ask for a round at once."""
        self._changed.set()

    async def reconcile(self) -> None:
        """One round."""
        resources = self._store.list()
        compiled = self._compile(resources)
        if await self._keep_children(compiled.children):
            resources = self._store.list()
            compiled = self._compile(resources)
        plan = compiled.plan
        topics = await self._kafka.topics(plan)
        groups = await self._kafka.groups(plan, topics)
        ids = self._kafka.topic_ids
        self._observed = Observed(topics, groups, self._observed.routes, ids)
        self._running = runnable(plan, self._observed, self._running)
        told = self._overlay(plan, self._running)
        self.plan = replace(told, egresses={uid: told.egresses[uid] for uid in self._running.egresses})
        routes = await self._publish(plan, told)
        self._observed = Observed(topics, groups, routes, ids)
        self._tell_left_alone(compiled.left_alone)
        await self._write_statuses(resources, self._compile(resources).statuses)
        await self._kafka.bury(plan, {r.metadata.uid for r in resources})
        await self._drop_children(compiled.children)

    async def _publish(self, plan: Plan, told: Plan) -> Mapping[str, Problem | None]:
        """Tell the data plane, and ask the ingresses whether they know. Nothing is told before Kafka has been seen."""
        topics = self._observed.topics
        self._seen = self._seen or not topics or any(p is None or p.reason != AWAY for p in topics.values())
        if not self._seen:
            return dict.fromkeys(plan.ingresses, Problem(AWAY, "Kafka has not answered yet"))
        try:
            await self._feed.publish(told)
        except EventingError as error:
            _log.warning("the plan could not be handed to the data plane", error=str(error))
            return dict.fromkeys(plan.ingresses, Problem("PlanNotPublished", str(error)))
        self._told(told)
        return await self._prober.probe([i for i in plan.ingresses.values() if topics.get(i.topic, True) is None])

    def _compile(self, resources: tuple[Resource, ...]) -> Compiled:
        return compile_plan(Snapshot(resources, self._options, self._observed))

    async def _round(self) -> float:
        """One round that may fail; the seconds until the next one."""
        try:
            await self.reconcile()
        except EventingError as error:
            _log.warning("a round failed", error=str(error))
            return min(SOON_S, self._resync_s)
        self.rounds += 1
        return self._pause()

    def _pause(self) -> float:
        """Look again soon while something is not well, at leisure otherwise."""
        seen = [*self._observed.topics.values(), *self._observed.groups.values(), *self._observed.routes.values()]
        return self._resync_s if all(problem is None for problem in seen) else min(SOON_S, self._resync_s)

    async def _listen(self) -> None:
        async for _ in self._store.snapshots():
            self.ring()

    async def _keep_children(self, wanted: tuple[Resource, ...]) -> bool:
        """Make the store hold these children; True where something changed.

        Raises `Conflict` where somebody else has made or changed one since they were compiled: the next round decides anew.
        """
        before = {key_of(r): r for r in self._store.list()}
        writing: list[Coroutine[Any, Any, Resource]] = []
        for child in wanted:
            old = before.get(key_of(child))
            if old is None:
                writing.append(self._store.create(child))
            elif old.spec.document() != child.spec.document():
                writing.append(self._store.update(_upon(old, child)))
        await asyncio.gather(*writing)
        return bool(writing)

    async def _drop_children(self, wanted: tuple[Resource, ...]) -> None:
        """Delete the children that nobody wants any more, which asks for another round.

        This comes last, because the data plane has to know first that nothing leads to them: the reply of a step whose
        successor is gone would find no address.
        """
        kept = {key_of(child) for child in wanted}
        for key in [key_of(r) for r in self._store.list() if is_child(r) and key_of(r) not in kept]:
            await self._store.delete(key)

    def _tell_left_alone(self, left_alone: Mapping[Key, str]) -> None:
        """Say once of each object that it gets no status, because nothing in it will ever say so."""
        for key, reason in left_alone.items():
            if self._left_alone.get(key) != reason:
                _log.warning("left alone", object=str(key), reason=reason)
        self._left_alone = left_alone

    async def _write_statuses(self, resources: tuple[Resource, ...], statuses: Mapping[Key, Status]) -> None:
        """Write what changed. What was applied since the round began has its own round, and no status before it."""
        current = {key_of(r): r for r in self._store.list()}
        writing: list[Coroutine[Any, Any, None]] = []
        for seen in resources:
            key = key_of(seen)
            there = current.get(key)
            if there is None or there.spec != seen.spec or key not in statuses:
                continue
            new = carry_times(there.status, statuses[key], self._now())
            if new != there.status:
                writing.append(self._write_status(key, new, there.metadata.resource_version))
        await asyncio.gather(*writing)

    async def _write_status(self, key: Key, status: Status, version: str) -> None:
        with contextlib.suppress(Conflict):
            await self._store.set_status(key, status, version=version)


def _upon(old: Resource, child: Resource) -> Resource:
    """The child as an update of just this object, of which what others keep in its metadata stays."""
    kept = {name: getattr(old.metadata, name) for name in ("resource_version", "finalizers", "managed_fields")}
    return child.model_copy(update={"metadata": child.metadata.model_copy(update=kept)})
