"""What a list shows and a watch follows: the chosen objects of a store, or the chosen documents beside it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from eventing.kinds.meta import Resource
from eventing.store import Change, Store
from kanal.api.kube.choosing import Choice
from kanal.api.kube.records import Records, Seen

Document = dict[str, Any]


class Followed(Protocol):
    """The chosen ones, and their changes."""

    @property
    def revision(self) -> int:
        """Of the newest change."""

    def chosen(self) -> Sequence[Any]:
        """Those that are there, in a form that `document` reads."""

    def document(self, one: Any) -> Document:
        """One of them as the client sees it."""

    def changes(self, since: int) -> AsyncGenerator[Seen]:
        """Every change after this revision that is one for this client. Raises `Gone` where one is no longer kept."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Objects of a store."""

    store: Store
    choice: Choice

    @property
    def revision(self) -> int:
        """See `Followed`."""
        return self.store.revision

    def chosen(self) -> Sequence[Resource]:
        """See `Followed`."""
        return [one for one in self.store.list() if self.choice.fits(one)]

    def document(self, one: Resource) -> Document:
        """See `Followed`."""
        return self.choice.shown(one)

    async def changes(self, since: int) -> AsyncGenerator[Seen]:
        """See `Followed`."""
        async for change in self.store.changes(since):
            yield self._seen(change)

    def _seen(self, change: Change) -> Seen:
        after = None if change.type == "DELETED" else self.choice.document(change.resource)
        before = self.choice.document(change.before)
        if before is not None and after is None:
            before = self.choice.document(change.resource) or before
            before["metadata"]["resourceVersion"] = str(change.revision)
        return Seen(change.revision, before, after)


@dataclass(frozen=True, slots=True)
class Recorded:
    """Documents beside the store; `follow`, where there is one, keeps them up to date while somebody watches."""

    records: Records
    fits: Callable[[Document], bool]
    follow: Callable[[], AsyncIterator[None]] | None = None

    @property
    def revision(self) -> int:
        """See `Followed`."""
        return self.records.revision

    def chosen(self) -> Sequence[Document]:
        """See `Followed`."""
        return [one for one in self.records.all() if self.fits(one)]

    def document(self, one: Document) -> Document:
        """See `Followed`."""
        return one

    async def changes(self, since: int) -> AsyncGenerator[Seen]:
        """See `Followed`."""
        pump = asyncio.ensure_future(self._pump())
        try:
            async for one in self.records.changes(since):
                before, after = (part if part is not None and self.fits(part) else None for part in one[1:])
                yield Seen(one.revision, before, after)
        finally:
            pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pump

    async def _pump(self) -> None:
        if self.follow is not None:
            async for _ in self.follow():
                pass
