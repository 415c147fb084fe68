"""The reading half of a store in a cluster: a copy of every kind that is served, and of the ConfigMaps that count.

Those are the ones of the system namespace and, each by its name, those that Brokers name: a role need not allow more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

import structlog

from eventing.errors import EventingError
from eventing.kinds.configmap import ConfigMap
from eventing.kinds.key import Key
from eventing.kinds.meta import Resource
from eventing.plan.references import config_maps
from eventing.store import Change
from eventing.store.history import History
from eventing.store.kubernetes.client import Client, Jitter
from eventing.store.kubernetes.collection import Collection
from eventing.store.kubernetes.mirror import Mirror, Unreadable
from eventing.store.objects import Objects
from eventing.store.readers import Readers

_log = structlog.get_logger("kubernetes")


class Copies(Readers):
    """What is in a cluster, as far as it counts here."""

    def __init__(self, client: Client, jitter: Jitter) -> None:
        super().__init__(Objects())
        self._client = client
        self._jitter = jitter
        self._unreadable: dict[Key, Unreadable] = {}
        self._collections: dict[Key, Collection] = {}
        self._kinds: dict[type[Resource], Collection] = {}
        self._named: dict[Key, asyncio.Task[None]] = {}

    @property
    def unreadable(self) -> Mapping[Key, Unreadable]:
        """What is there and can't be read, and why; whoever waits for snapshots is woken when this changes."""
        return self._unreadable

    @property
    def unlisted(self) -> frozenset[type[Resource]]:
        """The kinds of which nobody knows yet what there is, because the server does not know them, or not in our versions."""
        return frozenset(kind for kind, one in self._kinds.items() if not one.following.begun)

    async def copy(
        self, kinds: Iterable[type[Resource]], system_namespace: str, also: Iterable[Key], tasks: asyncio.TaskGroup
    ) -> None:
        """List everything of these kinds, and follow it from there. Raises what a request raises that fails at first."""
        self._kinds = {kind: self._add(kind, system_namespace if kind is ConfigMap else "") for kind in kinds}
        whole = list(self._kinds.values())
        await asyncio.gather(*(one.following.begin() for one in whole))
        self._begin(max((one.mirror.position for one in whole), default=0))
        always = frozenset(also)
        await self._copy_named(config_maps(self.list()) | always, tasks)
        for one in whole:
            tasks.create_task(one.following.run())
        tasks.create_task(self._follow_named(always, tasks))

    async def _follow_named(self, always: AbstractSet[Key], tasks: asyncio.TaskGroup) -> None:
        async for found in self.snapshots():
            await self._copy_named(config_maps(found) | always, tasks)

    async def _copy_named(self, keys: AbstractSet[Key], tasks: asyncio.TaskGroup) -> None:
        """Copy just these ConfigMaps besides those of the system namespace. One that may not be read is told of."""
        for key in self._named.keys() - keys:
            self._named.pop(key).cancel()
            mirror = self._collections.pop(key).mirror
            self._take(mirror.emptied(), mirror)
        new = sorted(key for key in keys if self._collection(key) is None)
        added = [self._add(ConfigMap, key.namespace, key.name) for key in new]
        await asyncio.gather(*map(_tried, added))
        for key, one in zip(new, added, strict=True):
            self._named[key] = tasks.create_task(one.following.run())

    def _add(self, kind: type[Resource], namespace: str, name: str = "") -> Collection:
        mirror = Mirror(kind, self._objects, self._unreadable)
        made = Collection(self._client, mirror, self._take, self._jitter, namespace=namespace, name=name)
        self._collections[Key(kind.GROUP, kind.KIND, namespace, name)] = made
        return made

    def _begin(self, revision: int) -> None:
        """What is there at this revision is how it begins: nobody is told of it as a change."""
        self._objects.revision = max(self._objects.revision, revision)
        self._history = History(self._objects.revision)

    def _take(self, changes: Sequence[Change], mirror: Mirror) -> None:
        """Make these changes count, and tell of what can't be read."""
        self._count(changes)
        news, mirror.news = mirror.news, []
        for key in news:
            found = self._unreadable.get(key)
            if found is None:
                _log.info("it can be read again, or is gone", object=str(key))
            else:
                _log.warning("an object can't be read and is left out", object=str(key), error=str(found.error))
        if news:
            self._wake()
            self._tell()

    def _collection(self, key: Key) -> Collection | None:
        """The copy in which such an object is, if it is in one."""
        places = (("", ""), (key.namespace, ""), (key.namespace, key.name))
        found = (self._collections.get(Key(key.group, key.kind, *place)) for place in places)
        return next((one for one in found if one is not None), None)


async def _tried(one: Collection) -> None:
    try:
        await one.following.begin()
    except EventingError as error:
        one.failed(error)
