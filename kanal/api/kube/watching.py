"""A watch: the objects that are there or the changes since a version, then every change as it comes, one JSON document a line.

An object that begins to fit a selector is ADDED for the watcher, one that no longer fits is DELETED. The watch ends after
the time that the client set, or one of ours, and with the server; clients then begin a new one where this one ended.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

import orjson

from eventing.errors import EventingError, Invalid
from kanal.api.kube.following import Followed
from kanal.api.kube.records import Seen
from kanal.api.kube.refusal import refusal
from kanal.api.kube.served import Served
from kanal.api.kube.target import Asked

LONGEST_S = 1_800.0
"""How long a watch lasts where the client says nothing."""
BOOKMARK_S = 60.0
"""How often a client that wants bookmarks gets one while nothing changes."""
INITIAL_END = "k8s.io/initial-events-end"
Document = dict[str, Any]
Shape = Callable[[Document, str, bool], Document]
"""The form of an object in an event, from (the object, the version of the store, whether it is the first event)."""


class Watch:
    """One client's watch."""

    def __init__(self, served: Served, followed: Followed, asked: Asked, shape: Shape, ending: asyncio.Event) -> None:
        self._served = served
        self._followed = followed
        self._asked = asked
        self._shape = shape
        self._ending = ending
        self._first = True

    async def lines(self) -> AsyncIterator[bytes]:
        """The events, until the time is over; an error is an event of its own, and the last one."""
        try:
            since = self._since()
            if since is None:
                since = self._followed.revision
                for one in self._followed.chosen():
                    yield self._event("ADDED", self._followed.document(one), since)
                if self._asked.initial_events:
                    yield self._bookmark(since, {INITIAL_END: "true"})
            async with contextlib.aclosing(self._changes(since)) as changes:
                async for line in changes:
                    yield line
        except EventingError as error:
            yield _line("ERROR", refusal(error))

    def _since(self) -> int | None:
        """The revision after which changes are told; None where what is there comes first."""
        text = self._asked.resource_version
        if self._asked.initial_events or (text in ("", "0") and self._asked.initial_events is None):
            return None
        if text in ("", "0"):
            return self._followed.revision
        if not (text.isascii() and text.isdigit()):
            raise Invalid(f"{text!r} is no version", field="resourceVersion", fix="send the one that a list came with")
        return int(text)

    async def _changes(self, since: int) -> AsyncGenerator[bytes]:
        loop = asyncio.get_running_loop()
        end = loop.time() + min(self._asked.timeout_s or LONGEST_S, LONGEST_S)
        changes = self._followed.changes(since)
        pending = asyncio.ensure_future(_following(changes))
        ending = asyncio.ensure_future(self._ending.wait())
        try:
            while not ending.done() and (left_s := end - loop.time()) > 0:
                both = {pending, ending}
                await asyncio.wait(both, timeout=min(left_s, BOOKMARK_S), return_when=asyncio.FIRST_COMPLETED)
                if not pending.done():
                    if self._asked.bookmarks:
                        yield self._bookmark(since)
                    continue
                change = pending.result()
                since = change.revision
                pending = asyncio.ensure_future(_following(changes))
                line = self._told(change)
                if line is not None:
                    yield line
        finally:
            pending.cancel()
            ending.cancel()
            await asyncio.gather(pending, ending, return_exceptions=True)
            await changes.aclose()

    def _told(self, change: Seen) -> bytes | None:
        if change.after is not None:
            return self._event("MODIFIED" if change.before else "ADDED", change.after, change.revision)
        return None if change.before is None else self._event("DELETED", change.before, change.revision)

    def _event(self, type_: str, document: Document, revision: int) -> bytes:
        shaped = self._shape(document, str(revision), self._first)
        self._first = False
        return _line(type_, shaped)

    def _bookmark(self, since: int, annotations: Document | None = None) -> bytes:
        served = self._served
        metadata: Document = {"resourceVersion": str(since), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = annotations
        return _line("BOOKMARK", {"kind": served.kind, "apiVersion": served.group_version, "metadata": metadata})


async def _following(changes: AsyncIterator[Seen]) -> Seen:
    """The next change, awaited beside a time-out: cancelling a generator for a time-out would end it."""
    return await anext(changes)


def _line(type_: str, document: Document) -> bytes:
    return orjson.dumps({"type": type_, "object": document}) + b"\n"
