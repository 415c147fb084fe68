"""What resources refer to and this installation does not hold itself: a store on a cluster has to look it up there.

The planner asks for a Service, a Knative Service or any other object only under its key, in `Snapshot.elsewhere`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import orjson

from eventing.kinds.broker import Broker
from eventing.kinds.configmap import ConfigMap
from eventing.kinds.delivery import DeliverySpec
from eventing.kinds.dependency import DEPENDENCY_ANNOTATION, dependency_of
from eventing.kinds.destination import Destination, KReference
from eventing.kinds.eventtype import EventType
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.key import Key
from eventing.kinds.meta import Resource
from eventing.kinds.parallel import Parallel
from eventing.kinds.registry import KINDS
from eventing.kinds.sequence import Sequence
from eventing.kinds.subscribable import ChannelableSpec
from eventing.kinds.subscription import Subscription
from eventing.kinds.trigger import Trigger
from eventing.plan.options import Serves

KAFKA_KINDS: tuple[type[Resource], ...] = (KafkaChannel, Broker, Trigger, ConfigMap)
"""What is served, and held in a snapshot, where Knative's own core serves the rest."""


class Reference(NamedTuple):
    """An object by apiVersion, kind, namespace and name.

    Nothing behind the slash of `api_version` (`serving.knative.dev/`) stands for whichever version the server prefers.
    """

    api_version: str
    kind: str
    namespace: str
    name: str

    @property
    def key(self) -> Key:
        """The key under which the planner asks for it."""
        return Key(self.api_version.rpartition("/")[0], self.kind, self.namespace, self.name)


def wanted(resources: Iterable[Resource], serves: Serves = "everything") -> frozenset[Reference]:
    """Everything that these resources refer to and that is of none of the kinds that are served here."""
    kinds = served_kinds(serves)
    own = {(kind.GROUP, kind.KIND) for kind in kinds}
    found = (one for resource in resources if isinstance(resource, kinds) for one in _of(resource))
    return frozenset(one for one in found if one.key[:2] not in own)


def config_maps(resources: Iterable[Resource]) -> frozenset[Key]:
    """The ConfigMaps that Brokers name."""
    named = ((one, one.spec.config) for one in resources if isinstance(one, Broker))
    return frozenset(
        Key(ConfigMap.GROUP, ConfigMap.KIND, ref.namespace or one.metadata.namespace, ref.name)
        for one, ref in named
        if ref is not None and (ref.kind_group, ref.kind) == (ConfigMap.GROUP, ConfigMap.KIND)
    )


def served_kinds(serves: Serves) -> tuple[type[Resource], ...]:
    """The kinds that a snapshot of this installation holds."""
    return KINDS if serves == "everything" else KAFKA_KINDS


def _of(resource: Resource) -> Iterator[Reference]:
    namespace = resource.metadata.namespace
    for ref in _references(resource):
        version = ref.api_version or f"{ref.group}/"
        yield Reference(version, ref.kind, ref.namespace or namespace, ref.name)
    needed = dependency_of(resource.metadata) if isinstance(resource, Trigger) else None
    if needed is not None:
        version = orjson.loads(resource.metadata.annotations[DEPENDENCY_ANNOTATION])["apiVersion"]
        yield Reference(version, needed.kind, needed.namespace, needed.name)


def _references(resource: Resource) -> Iterator[KReference]:
    if isinstance(resource, EventType):
        if resource.refers_to is not None:
            yield resource.refers_to
        return
    for destination in _destinations(resource):
        if destination is not None and destination.ref is not None:
            yield destination.ref


def _destinations(resource: Resource) -> Iterator[Destination | None]:
    spec = resource.spec
    if isinstance(spec, ChannelableSpec):
        yield _sink(spec.delivery)
        for entry in spec.subscribers:
            yield _sink(entry.delivery)
    elif isinstance(resource, Broker):
        yield _sink(resource.spec.delivery)
    elif isinstance(resource, Trigger):
        yield from (resource.spec.subscriber, _sink(resource.spec.delivery))
    elif isinstance(resource, Subscription):
        yield from (resource.spec.subscriber, resource.spec.reply, _sink(resource.spec.delivery))
    elif isinstance(resource, Sequence):
        yield resource.spec.reply
        for step in resource.spec.steps:
            yield from (step, _sink(step.delivery))
    elif isinstance(resource, Parallel):
        yield resource.spec.reply
        for branch in resource.spec.branches:
            yield from (branch.filter, branch.subscriber, branch.reply, _sink(branch.delivery))


def _sink(delivery: DeliverySpec | None) -> Destination | None:
    return None if delivery is None else delivery.dead_letter_sink
