"""Keeps the objects that exist because others do: makes, changes and drops them, each for itself."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

import structlog

from controller.backoff import Backoff
from eventing.errors import EventingError
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Resource
from eventing.plan.expand import is_child
from eventing.store import Store

AT_ONCE = 16
_log = structlog.get_logger("controller")


class Children:
    """The children in one store.

    `failed` holds, by key, those that are wanted and could not be written, and why; `stubborn` are those that failed again.
    """

    def __init__(self, store: Store, backoff: Backoff[Key], *, keeps_subscribers: bool) -> None:
        self._store = store
        self._backoff = backoff
        self._keeps_subscribers = keeps_subscribers
        self._limit = asyncio.Semaphore(AT_ONCE)
        self.failed: dict[Key, EventingError] = {}
        self.stubborn: set[Key] = set()

    async def keep(self, wanted: Iterable[Resource]) -> bool:
        """Make the store hold these; True where something changed. One that can't be written holds up no other."""
        children = {key_of(child): child for child in wanted}
        self.failed = {key: error for key, error in self.failed.items() if key in children}
        self.stubborn &= children.keys()
        self._backoff.only(children)
        before = {key_of(r): r for r in self._store.list()}
        asked = [self._keep(child, before.get(key)) for key, child in children.items()]
        return any(await asyncio.gather(*asked))

    async def drop(self, wanted: Iterable[Resource], hidden: Collection[str]) -> None:
        """Delete the children that nobody wants any more; those whose owner is `hidden` (its uid) stay."""
        kept = {key_of(child) for child in wanted}
        for one in self._store.list():
            if is_child(one) and key_of(one) not in kept and _owners(one).isdisjoint(hidden):
                try:
                    await self._store.delete(key_of(one), uid=one.metadata.uid)
                except EventingError as error:
                    _log.info("can't be deleted yet", object=one.title, error=str(error))

    async def _keep(self, child: Resource, old: Resource | None) -> bool:
        key = key_of(child)
        if old is not None and self._keeps_subscribers:
            child = _with_subscribers(child, old)
        if old is not None and old.spec.document() == child.spec.document():
            self._well(key)
            return False
        if not self._backoff.due(key):
            return False
        try:
            async with self._limit:
                await (self._store.create(child) if old is None else self._store.update(_upon(old, child)))
        except EventingError as error:
            self.failed[key] = error
            if self._backoff.failed(key):
                _log.info("can't be written yet", object=str(key), error=str(error))
            else:
                self.stubborn.add(key)
            return False
        self._well(key)
        return True

    def _well(self, key: Key) -> None:
        self.failed.pop(key, None)
        self.stubborn.discard(key)
        self._backoff.done(key)


def _owners(resource: Resource) -> set[str]:
    return {owner.uid for owner in resource.metadata.owner_references}


def _upon(old: Resource, child: Resource) -> Resource:
    """The child as an update of just this object, of which what others keep in its metadata stays."""
    kept = {name: getattr(old.metadata, name) for name in ("resource_version", "finalizers", "managed_fields")}
    return child.model_copy(update={"metadata": child.metadata.model_copy(update=kept)})


def _with_subscribers(child: Resource, old: Resource) -> Resource:
    if not isinstance(child, KafkaChannel) or not isinstance(old, KafkaChannel):
        return child
    return child.model_copy(update={"spec": child.spec.model_copy(update={"subscribers": old.spec.subscribers})})
