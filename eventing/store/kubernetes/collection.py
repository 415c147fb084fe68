"""One collection of a cluster that a store copies: what its following hears goes through its mirror, and counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eventing.errors import EventingError
from eventing.kinds.key import Key
from eventing.kinds.meta import Resource
from eventing.store import Change
from eventing.store.kubernetes.client import Client, Jitter
from eventing.store.kubernetes.following import Following
from eventing.store.kubernetes.mirror import Mirror
from eventing.store.kubernetes.paths import path_of

Take = Callable[[Sequence[Change], Mirror], None]
"""Makes changes count."""


class Collection:
    """Every object of a kind; in one namespace, or of one name there, where that is given."""

    def __init__(
        self,
        client: Client,
        mirror: Mirror,
        take: Take,
        jitter: Jitter,
        *,
        namespace: str = "",
        name: str = "",
    ) -> None:
        kind: type[Resource] = mirror.kind
        paths = [path_of(kind.full_version(version), kind.PLURAL, namespace) for version in kind.VERSIONS]
        self.mirror = mirror
        self.following = Following(client, paths, self, jitter, named=name)
        self._take = take
        self._only = Key(kind.GROUP, kind.KIND, namespace, name) if name else None
        self._versions = dict(zip(paths, kind.VERSIONS, strict=True))

    @property
    def version(self) -> str:
        """The version of the API that the server has."""
        return self._versions[self.following.path]

    def listed(self, documents: Sequence[Mapping[str, Any]], version: int) -> None:
        """See `Listener`."""
        self._take(self.mirror.listed(documents, version), self.mirror)

    def told(self, type_: str, document: Mapping[str, Any]) -> None:
        """See `Listener`."""
        self._take(self.mirror.told(type_, document), self.mirror)

    def failed(self, error: EventingError) -> None:
        """See `Listener`. What was heard before stands."""
        if self._only is not None:
            self.mirror.refused(self._only, error)
            self._take((), self.mirror)

    def answered(self, document: Mapping[str, Any], made: Resource | None = None) -> None:
        """The server has answered with an object of this collection."""
        self._take(self.mirror.answered(document, made), self.mirror)
