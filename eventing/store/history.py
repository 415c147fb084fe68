"""The newest changes of a store, as many as a watch that was away for a while may ask for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice

from eventing.errors import Gone
from eventing.store import Change

KEPT = 1_024


class History:
    """Changes of consecutive revisions, after a revision of which nothing older is known."""

    def __init__(self, revision: int = 0, kept: int = KEPT) -> None:
        self._changes: deque[Change] = deque(maxlen=kept)
        self._newest = revision

    def add(self, changes: Iterable[Change]) -> None:
        """Keep these changes; the oldest are forgotten for them."""
        for change in changes:
            self._changes.append(change)
            self._newest = change.revision

    def after(self, revision: int) -> tuple[Change, ...]:
        """The changes after this revision.

        Raises `Gone` where one of them is forgotten, and for a revision that has not been: it is of another store.
        """
        oldest = self._newest - len(self._changes)
        if not oldest <= revision <= self._newest:
            message = f"the changes after revision {revision} are not known, only those after {oldest}"
            raise Gone(message, field="resourceVersion", fix="list anew and go on from there")
        return tuple(islice(self._changes, revision - oldest, None))
