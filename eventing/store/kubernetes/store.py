"""Resources in a cluster: read from a copy that watches keep, written to the API server.

What somebody has written through this store it shows at once; what others write, when the watch tells. What a copy makes of
what it hears is said in `mirror`, who tells it in `following`, and what is copied in `copies`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from eventing.errors import AlreadyExists, Conflict, Gone, NotFound
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Resource
from eventing.kinds.registry import AT_HOME, KINDS, InvalidResource
from eventing.store.draft import with_metadata
from eventing.store.kubernetes.client import Client, Document, Jitter
from eventing.store.kubernetes.copies import Copies
from eventing.store.kubernetes.documents import read, written
from eventing.store.kubernetes.paths import path_of
from eventing.store.kubernetes.tasks import beside
from eventing.store.objects import allowed, named

_KINDS = {(kind.GROUP, kind.KIND): kind for kind in (*KINDS, *AT_HOME)}
_TRIES = 64
"""Of an update that names no version: each one that is refused means that somebody else's came through."""
_PATIENCE_S = 5.0


class KubernetesStore(Copies):
    """A `Store` in an API server; made with `opened`. What it does not copy can be written, and is not shown."""

    async def create(self, resource: Resource, *, dry_run: bool = False) -> Resource:
        """See `Store`; the server gives the uid."""
        key, meta = key_of(resource), resource.metadata
        named(resource, "x" * 5)
        where = f"{resource.KIND} {meta.namespace}/{meta.name or meta.generate_name}"
        body = written(resource, self._version(key), uid="", resourceVersion="")
        answer = await self._client.post(self._path(key._replace(name="")), body, where=where, **_query(dry_run))
        return self._answered(key, answer, dry_run)

    async def update(self, resource: Resource, *, dry_run: bool = False) -> Resource:
        """See `Store`."""
        key, given = key_of(resource), resource.metadata.resource_version
        if given:
            old = self.get(key)
            if old is not None and old.metadata.resource_version == given:
                allowed(old, resource)
            return await self._replace(resource, given, dry_run)
        for left in reversed(range(_TRIES)):
            old = await self._asked(key)
            allowed(old, resource)
            try:
                return await self._replace(resource, old.metadata.resource_version, dry_run)
            except Conflict as error:
                if error.field == "metadata.uid" or not left:
                    raise
        raise AssertionError  # pragma: no cover - the last try has returned or raised

    async def apply(self, resource: Resource) -> Resource:
        """See `Store`."""
        key = key_of(resource)
        plain = with_metadata(resource, uid="", resource_version="")
        for left in reversed(range(_TRIES)):
            try:
                old = await self._asked(key)
            except NotFound:
                old = None
            try:
                if old is None:
                    return await self.create(plain)
                finalizers = resource.metadata.finalizers or old.metadata.finalizers
                new = with_metadata(plain, finalizers=finalizers)
                allowed(old, new)
                return await self._replace(new, old.metadata.resource_version)
            except (AlreadyExists, Conflict):
                if not left:
                    raise
            except NotFound:
                # It went meanwhile, or there is no such namespace.
                if old is None:
                    raise
        raise AssertionError  # pragma: no cover - the last try has returned or raised

    async def set_status(
        self, key: Key, status: Mapping[str, Any], *, version: str = "", dry_run: bool = False
    ) -> Resource | None:
        """See `Store`; None too for an object that can't be read, whose status is written nevertheless."""
        path, query, where = self._path(key, "status"), _query(dry_run), str(key)
        try:
            if status:
                operations: list[dict[str, Any]] = [{"op": "add", "path": "/status", "value": status}]
                if version:
                    operations.append({"op": "add", "path": "/metadata/resourceVersion", "value": version})
                answer = await self._client.patch(path, operations, "json", where=where, **query)
            else:
                # A status that is empty is not the same to a server as one that is not there.
                change = {"status": None, "metadata": {"resourceVersion": version} if version else {}}
                answer = await self._client.patch(path, change, "merge", where=where, **query)
        except NotFound:
            return None
        return self._perhaps(key, answer, dry_run)

    async def delete(
        self, key: Key, *, uid: str = "", version: str = "", orphan: bool = False, dry_run: bool = False
    ) -> Resource | None:
        """See `Store`; what the object owns goes a little later."""
        expected = {name: value for name, value in (("uid", uid), ("resourceVersion", version)) if value}
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": expected}
        options["propagationPolicy"] = "Orphan" if orphan else "Background"
        # With a body, a server does not look at the query.
        options |= {"dryRun": ["All"]} if dry_run else {}
        before = self.revision
        try:
            old = self.get(key) or await self._there(key)
            answer = await self._client.delete(self._path(key), options, where=str(key))
        except NotFound:
            return None
        if dry_run:
            return old
        if answer.get("kind") != "Status":
            return self._perhaps(key, answer)
        gone = str((answer.get("details") or {}).get("uid") or (old.metadata.uid if old else ""))
        return await self._seen_off(key, gone, before) or old

    async def _asked(self, key: Key) -> Resource:
        """The object as the server has it."""
        return _read(key, await self._client.get(self._path(key), where=str(key)))

    async def _there(self, key: Key) -> Resource | None:
        """The object as the server has it; None for one that can't be read."""
        try:
            return await self._asked(key)
        except InvalidResource:
            return None

    async def _replace(self, resource: Resource, version: str, dry_run: bool = False) -> Resource:
        key = key_of(resource)
        body = written(resource, self._version(key), resourceVersion=version)
        before = self.revision
        answer = await self._client.put(self._path(key), body, where=str(key), **_query(dry_run))
        made = _read(key, answer)
        meta = made.metadata
        if meta.deletion_timestamp and not meta.finalizers and not dry_run:
            return await self._seen_off(key, meta.uid, before) or made
        return self._answered(key, answer, dry_run)

    async def _seen_off(self, key: Key, uid: str, before: int) -> Resource | None:
        """Wait until the watch has told that this object is gone; what it was then, None where nobody says.

        `before` is the revision before it was asked to go.
        """
        found = self._collection(key)
        if found is None:
            return None
        mirror = found.mirror
        mirror.bury(uid)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while mirror.knows(key, uid):
                    await self._news.wait()
        except TimeoutError:
            self._take(mirror.lost(key), mirror)
        try:
            changes = self._history.after(before)
        except Gone:
            return None
        ends = (one.resource for one in reversed(changes) if one.type == "DELETED")
        return next((one for one in ends if one.metadata.uid == uid), None)

    def _answered(self, key: Key, answer: Document, dry_run: bool = False) -> Resource:
        """The object with which the server has answered; it counts from here on."""
        made = _read(key, answer)
        if not dry_run:
            self._heard(key_of(made), answer, made)
        return made

    def _perhaps(self, key: Key, answer: Document, dry_run: bool = False) -> Resource | None:
        """The same, but None for an object that can't be read."""
        if key not in self._unreadable:
            return self._answered(key, answer, dry_run)
        if not dry_run:
            self._heard(key, answer)
        return None

    def _heard(self, key: Key, answer: Document, made: Resource | None = None) -> None:
        found = self._collection(key)
        if found is not None:
            found.answered(answer, made)

    def _version(self, key: Key) -> str:
        """The version of the API in which this server has such objects."""
        found = self._collection(key)
        return _KINDS[key[:2]].VERSIONS[0] if found is None else found.version

    def _path(self, key: Key, part: str = "") -> str:
        kind = _KINDS[key[:2]]
        return path_of(kind.full_version(self._version(key)), kind.PLURAL, key.namespace, key.name, part)


def _read(key: Key, answer: Document) -> Resource:
    return read(_KINDS[key[:2]], answer)


def _query(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}


@asynccontextmanager
async def opened(
    client: Client,
    kinds: Iterable[type[Resource]],
    *,
    system_namespace: str,
    jitter: Jitter,
    also: Iterable[Key] = (),
) -> AsyncIterator[KubernetesStore]:
    """A store that has listed everything of these kinds in all namespaces, and follows it for as long as the block runs.

    Of ConfigMaps it holds those of the system namespace, those that Brokers name, and `also`. A kind that the server does
    not know is told of in the log and tried again. Raises `Unavailable` or `Denied` where something can't be listed at first.
    """
    async with beside() as tasks:
        store = KubernetesStore(client, jitter)
        await store.copy(kinds, system_namespace, also, tasks)
        yield store
