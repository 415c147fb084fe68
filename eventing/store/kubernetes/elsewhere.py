"""What resources refer to and somebody else keeps: Services, Knative Services, sources, any Addressable (behaviour §11).

A kind is followed as a whole, in all namespaces, from when somebody refers to one of it until nobody does: one watch each,
however many are referred to, and none for what nobody needs.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from eventing.kinds.key import Key
from eventing.plan.options import Foreign
from eventing.plan.references import Reference
from eventing.store.kubernetes.client import Client, Jitter
from eventing.store.kubernetes.sighting import Sighting
from eventing.store.kubernetes.tasks import beside


class Elsewhere:
    """Follows every kind to which somebody refers, while it is entered: `async with Elsewhere(...) as elsewhere`."""

    def __init__(self, client: Client, domain: str, *, jitter: Jitter, patience_s: float = 5.0) -> None:
        """`domain` is that of the cluster's Services, `cluster.local` mostly."""
        self._client = client
        self._domain = domain
        self._jitter = jitter
        self._patience_s = patience_s
        self._stack = AsyncExitStack()
        self._sightings: dict[tuple[str, str], tuple[Sighting, asyncio.Task[None]]] = {}
        self._wanted: dict[Key, list[Sighting]] = {}
        self._found: dict[Key, Foreign] | None = None
        self._bell = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._tasks = await self._stack.enter_async_context(beside())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    async def want(self, references: Iterable[Reference]) -> None:
        """Follow just these from here on; returns when each has been looked up once, or after `patience_s` in any case.

        So a first snapshot never takes for missing what has only not been asked for yet.
        """
        wanted: dict[Key, list[Sighting]] = defaultdict(list)
        sightings: dict[tuple[str, str], tuple[Sighting, asyncio.Task[None]]] = {}
        for one in sorted(set(references)):
            kind = one.api_version, one.kind
            sightings[kind] = sightings.get(kind) or self._sightings.get(kind) or self._begun(*kind)
            wanted[one.key].append(sightings[kind][0])
        for kind in self._sightings.keys() - sightings.keys():
            self._sightings[kind][1].cancel()
        self._sightings, self._wanted, self._found = sightings, wanted, None
        looking = [asyncio.ensure_future(one.settled.wait()) for one, _ in sightings.values()]
        if looking:
            try:
                await asyncio.wait(looking, timeout=self._patience_s)
            finally:
                for task in looking:
                    task.cancel()

    @property
    def found(self) -> Mapping[Key, Foreign]:
        """What is there of what is wanted. One whose kind can't be looked up has a `problem`; what is not there is not here."""
        if self._found is None:
            told = ((key, [one.tells(key) for one in sightings]) for key, sightings in self._wanted.items())
            known = ((key, [one for one in answers if one is not None]) for key, answers in told)
            # The same object may be asked for in two versions, of which the server has one.
            self._found = {key: min(answers, key=lambda one: bool(one.problem)) for key, answers in known if answers}
        return self._found

    @property
    def changed(self) -> asyncio.Event:
        """Set at the next change of `found`; take the event first, then read."""
        return self._bell

    def _begun(self, api_version: str, kind: str) -> tuple[Sighting, asyncio.Task[None]]:
        sighting = Sighting(self._client, api_version, kind, self._domain, self._heard, self._jitter)
        return sighting, self._tasks.create_task(sighting.run())

    def _heard(self, keys: Iterable[Key] | None) -> None:
        """Something was heard of these objects, or of all of a kind."""
        if keys is None or any(key in self._wanted for key in keys):
            self._found = None
            bell, self._bell = self._bell, asyncio.Event()
            bell.set()
