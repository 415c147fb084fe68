"""Following one collection for ever: list it, watch it from there, and begin again where a watch ends.

A watch that ends goes on from where it was; one that the server can't continue (410) is begun anew with a list. The server
ends each after a minute, and one that stays silent for longer is given up, so none goes quietly dead. What fails is tried
again with longer and longer pauses, and said once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any, Protocol

import structlog

from eventing.errors import Denied, EventingError, Gone, NotFound
from eventing.store.kubernetes.client import Client, Document, Jitter
from eventing.store.kubernetes.documents import version_of
from eventing.store.kubernetes.pauses import Pauses

_log = structlog.get_logger("kubernetes")
_CHUNK = 500
"""Objects in one answer: what a server can make at once, and we can read without holding up others for long."""


class Listener(Protocol):
    """Hears what there is and what happens."""

    def listed(self, documents: Sequence[Mapping[str, Any]], version: int) -> None:
        """Everything that there is at this version."""

    def told(self, type_: str, document: Mapping[str, Any]) -> None:
        """One event of a watch, `BOOKMARK` among them."""

    def failed(self, error: EventingError) -> None:
        """It can't be followed for now; what was heard before stands."""


class Following:
    """One collection, under the first of these paths that the server knows: the same in several versions of its API."""

    def __init__(
        self, client: Client, paths: Sequence[str], listener: Listener, jitter: Jitter, *, named: str = ""
    ) -> None:
        """`named` narrows it to the one object of this name, which a role can allow alone."""
        self._client = client
        self._paths = tuple(paths)
        self._listener = listener
        self._pauses = Pauses(jitter)
        self._query = {"fieldSelector": f"metadata.name={named}"} if named else {}
        self._at = 0
        self._since = ""
        self._said = ""
        self.begun = False
        """Whether it was listed once: before that nobody knows what there is."""

    @property
    def path(self) -> str:
        """The path that is followed."""
        return self._paths[self._at]

    async def begin(self) -> None:
        """List for the first time. Raises what the request raises, but not `NotFound`: that may come to be."""
        try:
            await self._list()
        except NotFound as error:
            self._fail(error)

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            began = asyncio.get_running_loop().time()
            try:
                if not self._since:
                    await self._list()
                heard = await self._watch()
                self._say_well()
            except Gone:
                self._since = ""
                heard = False
            except EventingError as error:
                if isinstance(error, NotFound | Denied):
                    self._since = ""
                self._fail(error)
                await asyncio.sleep(self._pauses.next())
                continue
            # A server that ends each watch at once is not asked without a pause either.
            if not heard and asyncio.get_running_loop().time() - began < 1:
                await asyncio.sleep(self._pauses.next())
            else:
                self._pauses.reset()

    async def _list(self) -> None:
        documents, version = await self._everything_somewhere()
        self._listener.listed(documents, version_of({"resourceVersion": version}))
        self._since = version
        self.begun = True

    async def _everything_somewhere(self) -> tuple[list[Document], str]:
        """All objects, under the first path that the server knows. Raises `NotFound` where it knows none."""
        for _ in self._paths[1:]:
            try:
                return await self._everything()
            except NotFound:
                self._at = (self._at + 1) % len(self._paths)
        return await self._everything()

    async def _everything(self) -> tuple[list[Document], str]:
        """All objects, in as many answers as it takes, and the version of the whole."""
        found: list[Document] = []
        more = ""
        while True:
            query = {"limit": str(_CHUNK)} | self._query | ({"continue": more} if more else {})
            answer = await self._client.get(self.path, **query)
            found += answer.get("items") or []
            meta = answer.get("metadata") or {}
            more = str(meta.get("continue") or "")
            if not more:
                return found, str(meta.get("resourceVersion") or "")

    async def _watch(self) -> bool:
        """Follow from the last version on until the server ends it; whether anything was heard."""
        heard = False
        events = self._client.watch(self.path, resourceVersion=self._since, **self._query)
        async with aclosing(events):
            async for event in events:
                document = event.get("object") or {}
                self._listener.told(str(event.get("type")), document)
                self._since = str((document.get("metadata") or {}).get("resourceVersion") or self._since)
                heard = True
                # Not a list, but a watch that tells something shows that all is well: who may only list is told so at each watch.
                self._say_well()
                self._pauses.reset()
        return heard

    def _say_well(self) -> None:
        if self._said:
            _log.info("followed again", path=self.path)
        self._said = ""

    def _fail(self, error: EventingError) -> None:
        if str(error) != self._said:
            self._said = str(error)
            _log.warning("can't be followed and is tried again", path=self.path, error=str(error))
        self._listener.failed(error)
