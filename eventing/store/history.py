"""The newest changes of a store, as many as a watch that was away for a while may ask for."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from itertools import islice
from operator import itemgetter
from typing import Generic, Protocol, TypeVar

from eventing.errors import Gone

KEPT = 1_024


class Dated(Protocol):
    """What has a revision."""

    @property
    def revision(self) -> int:
        """That of the whole of which it is a change."""


T = TypeVar("T", bound=Dated)


class History(Generic[T]):
    """Changes as they were heard of, after a revision of which nothing older is known.

    A home that hears of several kinds apart may hear of an older revision after a newer one. So each change is kept with the
    newest revision before it: who has seen all up to a revision misses none that was heard of later, whatever its own.
    """

    def __init__(self, revision: int = 0, kept: int = KEPT) -> None:
        self._changes: deque[tuple[int, T]] = deque(maxlen=kept)
        self._newest = revision
        self._count = 0

    def add(self, changes: Iterable[T]) -> None:
        """Keep these changes; the oldest are forgotten for them."""
        for change in changes:
            self._changes.append((self._newest, change))
            self._count += 1
            self.reach(change.revision)

    def reach(self, revision: int) -> None:
        """Nothing was missed up to here."""
        self._newest = max(self._newest, revision)

    def place(self, revision: int) -> int:
        """Where the changes after this revision begin.

        Raises `Gone` where one of them is forgotten, and for a revision that has not been: it is of another store.
        """
        oldest = self._changes[0][0] if self._changes else self._newest
        if not oldest <= revision <= self._newest:
            raise _gone(f"after revision {revision}", oldest)
        return self._count - len(self._changes) + bisect_left(self._changes, revision, key=itemgetter(0))

    def since(self, place: int) -> tuple[T, ...]:
        """The changes from this place on. Raises `Gone` where one of them is forgotten."""
        first = self._count - len(self._changes)
        if place < first:
            raise _gone("after the last one that was read", self._changes[0][0])
        return tuple(change for _, change in islice(self._changes, place - first, None))

    def after(self, revision: int) -> tuple[T, ...]:
        """The changes after this revision; raises as `place` does."""
        return self.since(self.place(revision))


def _gone(which: str, oldest: int) -> Gone:
    message = f"the changes {which} are not known, only those after {oldest}"
    return Gone(message, field="resourceVersion", fix="list anew and go on from there")
