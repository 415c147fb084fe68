"""What a controller finds around its resources, and keeps there: much in a cluster, nothing at home.

The rounds are the same in both places; this is the one seam at which they differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from eventing.kinds.key import Key
from eventing.kinds.meta import Resource
from eventing.plan.compile import Compiled
from eventing.plan.options import Foreign, Problem


class Surroundings(Protocol):
    """What is around one store."""

    writes_subscribers: bool
    """Whether `spec.subscribers` of each KafkaChannel is kept at what the Subscriptions say."""

    async def elsewhere(self, resources: tuple[Resource, ...]) -> Mapping[Key, Foreign]:
        """What these resources refer to and no store of ours holds."""

    def hidden(self) -> frozenset[str]:
        """The uids of objects that are there and can't be read: what was made for them stays."""

    async def write(self, compiled: Compiled) -> bool:
        """Write into resources what others read there; True where something changed."""

    async def keep(self, resources: tuple[Resource, ...], compiled: Compiled) -> Mapping[str, Problem]:
        """Keep whatever else there has to be; why a route can't be reached under its address, by uid of the ingress."""


class Home:
    """Nothing around."""

    writes_subscribers = False

    async def elsewhere(self, _resources: tuple[Resource, ...]) -> Mapping[Key, Foreign]:
        """See `Surroundings`."""
        return {}

    def hidden(self) -> frozenset[str]:
        """See `Surroundings`."""
        return frozenset()

    async def write(self, _compiled: Compiled) -> bool:
        """See `Surroundings`."""
        return False

    async def keep(self, _resources: tuple[Resource, ...], _compiled: Compiled) -> Mapping[str, Problem]:
        """See `Surroundings`."""
        return {}
