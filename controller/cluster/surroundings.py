"""A cluster as the controller's rounds see it: what its resources refer to, and what it keeps there beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from controller.backoff import Backoff
from controller.cluster.services import Services
from controller.cluster.subscribers import Subscribers
from eventing.errors import EventingError
from eventing.kinds.broker import Broker
from eventing.kinds.channel import Channel
from eventing.kinds.condition import READY, Condition
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.key import Key
from eventing.kinds.meta import Resource
from eventing.kinds.subscription import Subscription
from eventing.kinds.trigger import Trigger
from eventing.plan.compile import Compiled
from eventing.plan.options import Foreign, Problem, Serves
from eventing.plan.references import wanted
from eventing.store.kubernetes.elsewhere import Elsewhere
from eventing.store.kubernetes.mirror import Unreadable
from eventing.store.kubernetes.store import KubernetesStore
from eventing.timestamp import rfc3339

_MADE_IN_KAFKA = (Broker, Channel, KafkaChannel, Subscription, Trigger)
_log = structlog.get_logger("controller")


class Cluster:
    """`Surroundings` in a cluster."""

    def __init__(
        self,
        store: KubernetesStore,
        elsewhere: Elsewhere,
        services: Services,
        serves: Serves,
        now: Callable[[], datetime],
        clock: Callable[[], float],
    ) -> None:
        self.writes_subscribers = serves == "everything"
        self._store = store
        self._elsewhere = elsewhere
        self._services = services
        self._serves: Serves = serves
        self._now = now
        self._patience: Backoff[Key] = Backoff(clock)
        self._subscribers = Subscribers(store, self._patience)
        self._telling: Backoff[Key] = Backoff(clock)
        self._told: dict[Key, tuple[str, int, str]] = {}

    async def elsewhere(self, resources: tuple[Resource, ...]) -> Mapping[Key, Foreign]:
        """See `Surroundings`."""
        await self._elsewhere.want(wanted(resources, self._serves))
        return self._elsewhere.found

    def hidden(self) -> frozenset[str]:
        """See `Surroundings`; the owners of what is there are too, where their kind is not listed yet."""
        unreadable = frozenset(one.uid for one in self._store.unreadable.values() if one.uid)
        kinds = {kind.KIND for kind in self._store.unlisted}
        if not kinds:
            return unreadable
        owners = (owner for one in self._store.list() for owner in one.metadata.owner_references)
        return unreadable | {owner.uid for owner in owners if owner.kind in kinds}

    def whole(self) -> bool:
        """Whether everything is known that may have a consumer group or a topic."""
        return self._store.unlisted.isdisjoint(_MADE_IN_KAFKA)

    async def write(self, compiled: Compiled) -> bool:
        """See `Surroundings`."""
        return self.writes_subscribers and await self._subscribers.keep(compiled.subscribers)

    async def keep(self, resources: tuple[Resource, ...], compiled: Compiled) -> Mapping[str, Problem]:
        """See `Surroundings`."""
        there = [r for r in resources if isinstance(r, KafkaChannel) and r.metadata.uid in compiled.plan.ingresses]
        problems = await self._services.keep(there)
        await self._tell_unreadable()
        return problems

    async def follow(self, ring: Callable[[], None]) -> None:
        """Ask for a round whenever something elsewhere changes, for ever."""
        while True:
            await self._elsewhere.changed.wait()
            ring()

    async def _tell_unreadable(self) -> None:
        """Say in the status of each object that can't be read why, once."""
        unreadable = {key: one for key, one in self._store.unreadable.items() if key.group and one.uid}
        self._told = {key: told for key, told in self._told.items() if key in unreadable}
        self._telling.only(unreadable)
        news = {
            key: one for key, one in unreadable.items() if self._told.get(key) != _news(one) and self._telling.due(key)
        }
        await asyncio.gather(*(self._tell(key, one) for key, one in news.items()))

    async def _tell(self, key: Key, one: Unreadable) -> None:
        since = rfc3339(self._now(), "seconds")
        ready = Condition(
            type=READY, status="False", reason="NotUnderstood", message=str(one.error), last_transition_time=since
        )
        status = {"observedGeneration": one.generation, "conditions": [ready.document()]}
        try:
            await self._store.set_status(key, status, version=one.version)
        except EventingError as error:
            if self._telling.failed(key):
                _log.info("an object that can't be read can't be told so", object=str(key), error=str(error))
            return
        self._telling.done(key)
        self._told[key] = _news(one)


def _news(one: Unreadable) -> tuple[str, int, str]:
    return one.uid, one.generation, str(one.error)
