"""One kind of somebody else's, as far as it can be seen: its name in the API is looked up, then all of its objects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from eventing.errors import EventingError, NotFound, Unavailable
from eventing.kinds.key import Key
from eventing.plan.options import Foreign
from eventing.store.kubernetes.client import Client, Jitter
from eventing.store.kubernetes.following import Following
from eventing.store.kubernetes.foreign import foreign_of, problem_of
from eventing.store.kubernetes.paths import path_of, place_of, root_of
from eventing.store.kubernetes.pauses import Pauses

Heard = Callable[[Iterable[Key] | None], None]
"""Is told whose news there are; None for all of a kind."""


class Sighting:
    """A kind in a version of its group (`GROUP/` for the one that the server prefers)."""

    def __init__(self, client: Client, api_version: str, kind: str, domain: str, heard: Heard, jitter: Jitter) -> None:
        self.settled = asyncio.Event()
        """Set once it is known what there is, or that it can't be known."""
        self._client = client
        self._api_version = api_version
        self._group = api_version.rpartition("/")[0]
        self._kind = kind
        self._domain = domain
        self._heard = heard
        self._jitter = jitter
        self._resource = f"{kind} in {api_version.rstrip('/') or 'the core group'}"
        self._problem = "the API server has not answered yet"
        self._listed = False
        self._found: dict[Key, Foreign] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        pauses = Pauses(self._jitter)
        while True:
            try:
                path = await self._path()
            except EventingError as error:
                self.failed(error)
                await asyncio.sleep(pauses.next())
                continue
            self._resource = place_of(path).resource
            await Following(self._client, [path], self, self._jitter).run()

    def tells(self, key: Key) -> Foreign | None:
        """What is known of an object; None where it is known that there is none."""
        found = self._found.get(key)
        if not self._problem:
            return found
        return Foreign(found.url, found.status, self._problem) if found else Foreign(problem=self._problem)

    def listed(self, documents: Sequence[Mapping[str, Any]], _version: int) -> None:
        """See `Listener`."""
        before, had = self._found, self._problem
        self._found = {self._key(one): self._foreign(one) for one in documents}
        self._listed, self._problem = True, ""
        self.settled.set()
        keys = before.keys() | self._found.keys()
        news = [key for key in keys if before.get(key) != self._found.get(key)]
        self._heard(None if had else news)

    def told(self, type_: str, document: Mapping[str, Any]) -> None:
        """See `Listener`."""
        if type_ == "BOOKMARK":
            return
        key = self._key(document)
        before = self._found.get(key)
        if type_ == "DELETED":
            self._found.pop(key, None)
        else:
            self._found[key] = self._foreign(document)
        if self._found.get(key) != before:
            self._heard([key])

    def failed(self, error: EventingError) -> None:
        """See `Listener`. A server that is away for a while leaves what was known as it was."""
        if self._listed and isinstance(error, Unavailable):
            return
        problem = problem_of(error, self._resource)
        if problem != self._problem:
            self._problem = problem
            self._heard(None)
        self.settled.set()

    async def _path(self) -> str:
        """Where the objects of this kind are. Raises `NotFound` where the server has no such kind."""
        api_version = self._api_version if self._group else "v1"
        if api_version.endswith("/"):
            group = await self._client.get(f"/apis/{self._group}")
            api_version = str((group.get("preferredVersion") or {}).get("groupVersion"))
        answer = await self._client.get(root_of(api_version))
        for one in answer.get("resources") or ():
            # What has a slash is a part of an object.
            if one.get("kind") == self._kind and "/" not in str(one.get("name")):
                return path_of(api_version, str(one["name"]))
        raise NotFound("there is no such kind", where=self._resource, fix="install what defines it")

    def _key(self, document: Mapping[str, Any]) -> Key:
        meta = document.get("metadata") or {}
        return Key(self._group, self._kind, str(meta.get("namespace") or ""), str(meta.get("name") or ""))

    def _foreign(self, document: Mapping[str, Any]) -> Foreign:
        return foreign_of(self._group, self._kind, document, self._domain)
