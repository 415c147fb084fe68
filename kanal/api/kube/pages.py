"""Lists in parts: what is left of one is kept as it was, so that all its parts are of one moment."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

from eventing.errors import Gone

_KEPT = 32
"""Lists that clients may be in the middle of; the oldest is forgotten for a new one."""


class Page(NamedTuple):
    """A part of a list: where it goes on, which is nowhere after the last one, and how much is left behind it."""

    items: Sequence[Any]
    revision: int
    token: str = ""
    left: int = 0


class Pages:
    """The rests of lists."""

    def __init__(self) -> None:
        self._rests: OrderedDict[str, Page] = OrderedDict()
        self._count = 0

    def begin(self, items: Sequence[Any], revision: int, limit: int) -> Page:
        """The first part of these items; all of them where `limit` is 0."""
        if not limit or len(items) <= limit:
            return Page(items, revision)
        self._count += 1
        token = f"{revision}.{self._count}"
        return Page(items[:limit], revision, self._keep(token, items[limit:], revision), len(items) - limit)

    def go_on(self, token: str, limit: int) -> Page:
        """The part at a token, which stays good for a while. Raises `Gone` for one that is not known any more."""
        rest = self._rests.get(token)
        if rest is None:
            raise Gone("what is left of this list is not kept any more", field="continue", fix="list anew")
        return self.begin(rest.items, rest.revision, limit)

    def _keep(self, token: str, items: Sequence[Any], revision: int) -> str:
        self._rests[token] = Page(items, revision)
        while len(self._rests) > _KEPT:
            self._rests.popitem(last=False)
        return token
