"""Which of several controllers works: the one that holds a Lease (`coordination.k8s.io/v1`), as client-go has it.

The holder writes the time every two seconds. Whoever sees for a whole lease that nothing was written takes it over; clocks
of two machines are never compared. Who can't write for two thirds of a lease has lost it, and must end before another one
begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from controller.waiting import waited
from eventing.errors import AlreadyExists, Conflict, Denied, EventingError, NotFound, Unavailable
from eventing.store.kubernetes.client import Client
from eventing.store.kubernetes.paths import path_of
from eventing.timestamp import rfc3339

_VERSION = "coordination.k8s.io/v1"
_log = structlog.get_logger("controller")
Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Seconds: how long a lease lasts unrenewed, how long its holder tries to renew it, and how often anybody looks."""

    lasts_s: float = 15.0
    deadline_s: float = 10.0
    retry_s: float = 2.0


class Lease:
    """A candidate for one lease; `me` is a name that no other process has. `clock` counts seconds from any start."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str,
        me: str,
        now: Callable[[], datetime],
        clock: Callable[[], float],
        terms: Terms | None = None,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._me = me
        self._now = now
        self._clock = clock
        self._terms = terms or Terms()
        self._seen: tuple[Any, float] = (None, 0.0)
        """What the lease said when it last changed, and when that was noticed."""
        self._written = 0.0
        """When the last write that came through was begun: others may count from any moment after that."""
        self.held = False
        self.holder = ""

    @asynccontextmanager
    async def leading(self, stop: asyncio.Event) -> AsyncIterator[bool]:
        """Wait for the lease and hold it while inside; yields False where `stop` came before.

        Losing it ends the block with `Unavailable`. On the way out it is given back, so that another one begins at once.
        """
        if not await self._acquired(stop):
            yield False
            return
        _log.info("leads", lease=self._title, identity=self._me)
        try:
            async with asyncio.TaskGroup() as tasks:
                renewing = tasks.create_task(self._renew())
                try:
                    yield True
                finally:
                    renewing.cancel()
        except BaseExceptionGroup as group:
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from group.exceptions[0].__cause__
            raise
        finally:
            if self.held:
                await self._release()

    @property
    def _title(self) -> str:
        return f"{self._namespace}/{self._name}"

    async def _acquired(self, stop: asyncio.Event) -> bool:
        """Look until the lease is ours; False where `stop` came first."""
        told = ""
        while not stop.is_set():
            try:
                if await self._taken():
                    return True
                if self.holder != told:
                    told = self.holder
                    _log.info("stands by", lease=self._title, leader=self.holder)
            except Denied:
                raise
            except EventingError as error:
                _log.warning("the lease can't be had yet", lease=self._title, error=str(error))
            await waited(stop, self._terms.retry_s)
        return False

    async def _renew(self) -> None:
        """Renew for ever; raises where that could not be done for too long or somebody else has the lease."""
        while True:
            await asyncio.sleep(self._terms.retry_s)
            await self._renewed()

    async def _renewed(self) -> None:
        """Try once to renew it. Raises where it is lost."""
        try:
            # What is left of the deadline, not one for each try: whoever stands by does not begin to count anew either.
            async with asyncio.timeout(self._written + self._terms.deadline_s - self._clock()):
                if not await self._taken():
                    self._lose(f"{self.holder or 'nobody'} has it")
        except (EventingError, TimeoutError) as error:
            if not self.held:
                raise
            if self._clock() - self._written >= self._terms.deadline_s:
                why = str(error) or "the API server does not answer"
                self._lose(f"it could not be renewed for {self._terms.deadline_s:.0f} s: {why}")

    def _lose(self, why: str) -> None:
        self.held = False
        raise Unavailable(f"this controller does not lead any more: {why}", where=f"lease {self._title}")

    async def _taken(self) -> bool:
        """Take or renew the lease where that may be; whether it is ours.

        One that was another's since we had it is lost, even if nobody has it any more: what we know is older than that.
        """
        try:
            there = await self._client.get(self._path)
        except NotFound:
            began = self._clock()
            try:
                await self._client.post(path_of(_VERSION, "leases", self._namespace), self._document({}))
            except AlreadyExists:
                return False
            self._ours(began)
            return True
        spec = there.get("spec") or {}
        self.holder = spec.get("holderIdentity") or ""
        if spec != self._seen[0]:
            self._seen = (spec, self._clock())
        if self.held and self.holder != self._me:
            return False
        lasts = spec.get("leaseDurationSeconds") or self._terms.lasts_s
        if self.holder not in ("", self._me) and self._clock() - self._seen[1] < lasts:
            return False
        began = self._clock()
        try:
            await self._client.put(self._path, self._document(there))
        except Conflict:
            return False
        self._ours(began)
        return True

    def _ours(self, began: float) -> None:
        self.held, self.holder, self._written = True, self._me, began

    async def _release(self) -> None:
        """Give the lease back; where that fails it ends by itself."""
        self.held = False
        try:
            async with asyncio.timeout(self._terms.retry_s):
                there = await self._client.get(self._path)
                if there["spec"].get("holderIdentity") == self._me:
                    spec = {**there["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
                    await self._client.put(self._path, {**there, "spec": spec})
        except (EventingError, TimeoutError) as error:
            _log.warning("the lease was not given back", lease=self._title, error=str(error))

    @property
    def _path(self) -> str:
        return path_of(_VERSION, "leases", self._namespace, self._name)

    def _document(self, there: Document) -> Document:
        before = there.get("spec") or {}
        time = rfc3339(self._now(), "microseconds")
        mine = before.get("holderIdentity") == self._me
        spec = {
            "holderIdentity": self._me,
            "leaseDurationSeconds": max(round(self._terms.lasts_s), 1),
            "acquireTime": before.get("acquireTime") if mine else time,
            "renewTime": time,
            "leaseTransitions": before.get("leaseTransitions", 0) + (0 if mine or not there else 1),
        }
        metadata = there.get("metadata") or {"name": self._name, "namespace": self._namespace}
        return {"apiVersion": _VERSION, "kind": "Lease", "metadata": metadata, "spec": spec}
