"""The controller's one loop: look at everything, do what is missing, tell the data plane, write what is so.

It is level-triggered: each round starts from the whole snapshot and what Kafka and the ingresses say now, so a lost
signal or a failed step costs a round and nothing else. What decides is `eventing.plan.compile`; this file only acts. What
fails for one object alone is tried again for that object, and holds up no other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime

import structlog

from controller.backoff import Backoff
from controller.children import Children
from controller.kafka import KafkaSide
from controller.probe import Prober
from controller.statuses import Statuses
from controller.surroundings import Home, Surroundings
from controller.waiting import waited
from eventing.errors import EventingError
from eventing.feed import Feed
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Resource
from eventing.plan.compile import Compiled, compile_plan
from eventing.plan.diff import runnable
from eventing.plan.model import Plan
from eventing.plan.options import AWAY, NOT_PUBLISHED, Foreign, Observed, Options, Problem, Snapshot
from eventing.plan.status import Status, false, status_of
from eventing.store import Store

_log = structlog.get_logger("controller")
Now = Callable[[], datetime]
Overlay = Callable[[Plan, Plan], Plan]
"""From all that the resources want, and what of it may run, to what the data plane is told."""
Told = Callable[[Plan], None]
"""Hears of each plan that the data plane has been told."""
SOON_S = 0.5
LONGEST_BREATH_S = 1.0
PENDING_S = 2.0


def _as_it_is(_: Plan, running: Plan) -> Plan:
    return running


def _unheard(_: Plan) -> None:
    pass


def _whole() -> bool:
    return True


class Controller:
    """Keeps Kafka, the data plane and every status at what the resources say.

    `plan` is what the data plane does now, as far as resources ask for it. While the store is not `whole` (a file could not
    be read), what is missing in it may only be unknown, and nothing is taken away for that.
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
        surroundings: Surroundings | None = None,
        whole: Callable[[], bool] = _whole,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._feed = feed
        self._kafka = kafka
        self._prober = prober
        self._options = options
        self._resync_s = resync_s
        self._overlay = overlay
        self._told = told
        self._around = surroundings or Home()
        self._whole = whole
        self._patience: tuple[Backoff[Key], Backoff[Key]] = (Backoff(clock), Backoff(clock))
        self._children = Children(store, self._patience[0], keeps_subscribers=self._around.writes_subscribers)
        self._statuses = Statuses(store, now, self._patience[1])
        self._elsewhere: Mapping[Key, Foreign] = {}
        self._observed = Observed()
        self._changed = asyncio.Event()
        self._running = self._last = Plan()
        self._seen = self._recalled = self._pending = False
        self._left_alone: Mapping[Key, str] = {}
        self.plan = Plan()
        self.rounds = 0

    async def run(self) -> None:
        """Reconcile after each change and every `resync_s`, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            while True:
                self._changed.clear()
                began = time.thread_time()
                pause = await self._round()
                worked = time.thread_time() - began
                await waited(self._changed, pause)
                # Changes seldom come alone: who applies many is not held up by a round over all of them for each.
                await asyncio.sleep(min(worked, LONGEST_BREATH_S))

    def ring(self) -> None:
        """Ask for a round at once."""
        self._changed.set()

    async def reconcile(self) -> None:
        """One round."""
        seen = self._observed
        resources, compiled = await self._look()
        if await self._children.keep(compiled.children):
            resources, compiled = await self._look()
        if await self._around.write(compiled):
            resources, compiled = await self._look()
        unmade = {key_of(r) for r in compiled.children} - {key_of(r) for r in resources}
        plan = _without(compiled.plan, {c.metadata.uid for c in compiled.children if key_of(c) in unmade})
        topics = await self._kafka.topics(plan)
        self._seen = self._seen or not topics or any(p is None or p.reason != AWAY for p in topics.values())
        unknown = await self._recall()
        groups = {} if unknown else await self._kafka.groups(plan, topics)
        ids = self._kafka.topic_ids
        self._observed = Observed(topics, groups, self._observed.routes, ids)
        self._running = runnable(plan, self._observed, self._running)
        told = self._overlay(plan, self._running)
        self.plan = replace(told, egresses={uid: told.egresses[uid] for uid in self._running.egresses})
        hidden = self._hidden(compiled)
        problem = unknown or await self._publish(self._kafka.remembering(_going_on(told, self._last, hidden)))
        routes = dict.fromkeys(plan.ingresses, problem) if problem else await self._routes(plan)
        addresses = await self._around.keep(resources, compiled)
        routes |= {uid: one for uid, one in addresses.items() if routes.get(uid) is None and uid in plan.ingresses}
        self._observed = Observed(topics, groups, routes, ids)
        self._tell_left_alone(compiled.left_alone)
        statuses = (compiled if self._observed == seen else self._compile(resources)).statuses
        await self._statuses.write(resources, {**statuses, **self._of_failed(resources, compiled.children)})
        self._pending = bool(problem)
        if not problem and self._whole():
            self._pending = await self._kafka.bury(plan, compiled.alive | hidden, self._prober.unrouted)
        if self._options.serves == "everything":
            await self._children.drop(compiled.children, hidden)

    async def _look(self) -> tuple[tuple[Resource, ...], Compiled]:
        """The resources, and what they want."""
        resources = self._store.list()
        self._elsewhere = await self._around.elsewhere(resources)
        return resources, self._compile(resources)

    def _hidden(self, compiled: Compiled) -> frozenset[str]:
        """The uids of what can't be read, and of the egresses behind it: who subscribes to such a channel stands in it."""
        hidden = self._around.hidden()
        behind = self._kafka.behind(hidden) if hidden else set()
        return hidden | (behind if self._options.serves == "kafka" else behind & compiled.alive)

    async def _recall(self) -> Problem | None:
        """Learn what was told last, by whoever it was: before that nothing is told, and no group begins."""
        if self._recalled:
            return None
        if not self._seen:
            return Problem(AWAY, "Kafka has not answered yet")
        try:
            told = await self._feed.told()
        except EventingError as error:
            return self._unpublished(error)
        self._running = self._last = told or Plan()
        self._kafka.recall(self._last)
        self._recalled = True
        return None

    async def _publish(self, told: Plan) -> Problem | None:
        """Tell the data plane."""
        try:
            await self._feed.publish(told)
        except EventingError as error:
            return self._unpublished(error)
        self._last = told
        self._told(told)
        return None

    def _unpublished(self, error: EventingError) -> Problem:
        _log.warning("the plan could not be handed to the data plane", error=str(error))
        return Problem(NOT_PUBLISHED, str(error))

    async def _routes(self, plan: Plan) -> dict[str, Problem | None]:
        """Ask the ingresses whether they know the routes whose topics are there."""
        topics = self._observed.topics
        return {**await self._prober.probe([i for i in plan.ingresses.values() if topics.get(i.topic, True) is None])}

    def _compile(self, resources: tuple[Resource, ...]) -> Compiled:
        return compile_plan(Snapshot(resources, self._options, self._observed, self._elsewhere))

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
        waits = [wait for one in self._patience if (wait := one.wait_s()) is not None]
        if any(problem is not None for problem in seen):
            waits.append(SOON_S)
        if self._pending:
            waits.append(PENDING_S)
        return max(min([*waits, self._resync_s]), min(SOON_S, self._resync_s))

    async def _listen(self) -> None:
        async for _ in self._store.snapshots():
            self.ring()

    def _of_failed(self, resources: tuple[Resource, ...], children: tuple[Resource, ...]) -> Mapping[Key, Status]:
        """The statuses of those whose children can't be written; who may only have been faster than we is not told yet."""
        by_uid = {r.metadata.uid: r for r in resources}
        found: dict[Key, Status] = {}
        for child in children:
            error = self._children.failed.get(key_of(child))
            if error is None or key_of(child) not in self._children.stubborn:
                continue
            for owner in [by_uid[one.uid] for one in child.metadata.owner_references if one.uid in by_uid]:
                problem = Problem("ChildNotMade", f"{key_of(child)} can't be written: {error}")
                found[key_of(owner)] = status_of(owner, {owner.DEPENDENTS[0]: false(problem)})
        return found

    def _tell_left_alone(self, left_alone: Mapping[Key, str]) -> None:
        """Say once of each object that it gets no status, because nothing in it will ever say so."""
        for key, reason in left_alone.items():
            if self._left_alone.get(key) != reason:
                _log.warning("left alone", object=str(key), reason=reason)
        self._left_alone = left_alone


def _without(plan: Plan, uids: Collection[str]) -> Plan:
    """The plan without what these objects want, which are not there yet: a server will give them other uids."""
    topics = {plan.ingresses[uid].topic for uid in uids if uid in plan.ingresses}
    return replace(
        plan,
        topics={name: one for name, one in plan.topics.items() if name not in topics},
        ingresses={uid: one for uid, one in plan.ingresses.items() if uid not in uids},
        egresses={uid: one for uid, one in plan.egresses.items() if uid not in uids},
    )


def _going_on(told: Plan, last: Plan, hidden: Collection[str]) -> Plan:
    """The plan with what was told last for objects that are there and can't be read: their events go on."""
    ingresses = {uid: one for uid, one in last.ingresses.items() if uid in hidden} | dict(told.ingresses)
    egresses = {uid: one for uid, one in last.egresses.items() if uid in hidden} | dict(told.egresses)
    topics = {one.topic: last.topics[one.topic] for one in ingresses.values() if one.topic in last.topics}
    return replace(told, ingresses=ingresses, egresses=egresses, topics=topics | dict(told.topics))
