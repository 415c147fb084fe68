"""Documents that no store holds, because they follow from what it holds: each with a version, and its changes for a watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from eventing.store.history import History

Document = dict[str, Any]
Name = tuple[str, str]
"""Namespace and name; the namespace is empty where the kind has none."""


class Seen(NamedTuple):
    """One change as a watcher may see it: `before` is None for what was not there; of what is gone it is how it was at last."""

    revision: int
    before: Document | None
    after: Document | None


class Records:
    """Documents by namespace and name; `revision` grows with every change."""

    def __init__(self, revision: int) -> None:
        self._found: dict[Name, Document] = {}
        self._history: History[Seen] = History(revision)
        self._news = asyncio.Event()
        self.revision = revision

    def all(self) -> list[Document]:
        """Every one, the one that changed last at the end."""
        return list(self._found.values())

    def get(self, namespace: str, name: str) -> Document | None:
        """One of them."""
        return self._found.get((namespace, name))

    def put(self, document: Document) -> Document:
        """Add a document, or put it in place of the one of its name; it comes back with its version."""
        name = _name_of(document)
        before = self._found.pop(name, None)
        self._found[name] = _versioned(document, self.revision + 1)
        self._tell(before, self._found[name])
        return self._found[name]

    def drop(self, namespace: str, name: str) -> None:
        """Take one away, where it is there."""
        gone = self._found.pop((namespace, name), None)
        if gone is not None:
            self._tell(_versioned(gone, self.revision + 1), None)

    async def changes(self, since: int) -> AsyncIterator[Seen]:
        """Every change after this revision, then each new one. Raises `Gone` where one of them is no longer kept."""
        while True:
            bell = self._news
            for change in self._history.after(since):
                since = change.revision
                yield change
            await bell.wait()

    def _tell(self, before: Document | None, after: Document | None) -> None:
        self.revision += 1
        self._history.add([Seen(self.revision, before, after)])
        bell, self._news = self._news, asyncio.Event()
        bell.set()


def _name_of(document: Document) -> Name:
    metadata = document["metadata"]
    return str(metadata.get("namespace") or ""), str(metadata["name"])


def _versioned(document: Document, revision: int) -> Document:
    return {**document, "metadata": {**document["metadata"], "resourceVersion": str(revision)}}
