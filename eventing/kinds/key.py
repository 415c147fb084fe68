"""Which object: the name that every store, plan and message uses."""

from __future__ import annotations

from typing import NamedTuple

from eventing.kinds.meta import Resource


class Key(NamedTuple):
    """Group without version, kind, namespace and name; prints as `Channel default/orders`."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def key_of(resource: Resource) -> Key:
    """The key of a resource, the same in every version of its kind."""
    return Key(resource.GROUP, resource.KIND, resource.metadata.namespace, resource.metadata.name)
