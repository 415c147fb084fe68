"""What every part of the planner looks at beside the resource in hand, and which resources have a part at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eventing.kinds.broker import KAFKA_CLASS, Broker
from eventing.kinds.condition import Fact
from eventing.kinds.configmap import ConfigMap
from eventing.kinds.key import Key
from eventing.kinds.meta import Resource
from eventing.kinds.trigger import Trigger
from eventing.plan.brokerconfig import broker_class
from eventing.plan.installation import Installed
from eventing.plan.linking import Groups, recorded_group
from eventing.plan.options import Foreign, Observed, Options
from eventing.plan.resolve import Resolver
from eventing.plan.status import Status, status_of

BEING_DELETED = "BeingDeleted"
"""The reason of every condition of a resource that is being deleted."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The installation, what was seen of it, where references lead, who has which group, and what stands elsewhere."""

    options: Options
    observed: Observed
    installed: Installed
    maps: Mapping[Key, ConfigMap]
    resolver: Resolver
    groups: Groups
    elsewhere: Mapping[Key, Foreign]


def is_going(resource: Resource) -> bool:
    """Whether it is being deleted, and only somebody's finalizer keeps it.

    As in Knative it has no part any more from this moment on. A ConfigMap says what it says until it is gone.
    """
    return resource.metadata.deletion_timestamp is not None and not isinstance(resource, ConfigMap)


def going(resource: Resource) -> Status:
    """The status of one that is being deleted; the names that it has chosen outlast the rest."""
    keepers = resource.metadata.finalizers
    held = f"; it is kept by the finalizer{'s'[: len(keepers) != 1]} {', '.join(keepers)}" if keepers else ""
    fact = Fact("False", BEING_DELETED, f"it is being deleted, and takes and delivers nothing any more{held}")
    kept = dict(resource.status.get("annotations", {}))
    return status_of(resource, dict.fromkeys(resource.DEPENDENTS, fact), annotations=kept)


def left_alone(resources: Mapping[Key, Resource], options: Options) -> dict[Key, str]:
    """The Brokers of classes that Kanal does not serve here, and their Triggers: somebody else may serve them.

    Beside Knative's core, a Trigger whose Broker is not there is nobody's, unless it was served here before.
    """
    found: dict[Key, str] = {}
    beside = options.serves == "kafka"
    for key, broker in resources.items():
        if isinstance(broker, Broker):
            name = broker_class(broker, options)
            if name != KAFKA_CLASS and (beside or not options.any_broker_class):
                found[key] = f"Kanal does not serve Brokers of the class {name} here"
    for key, trigger in resources.items():
        if isinstance(trigger, Trigger):
            named = trigger.broker_key
            if named in found:
                found[key] = f"{named}: {found[named]}"
            elif beside and named not in resources and recorded_group(trigger) is None:
                found[key] = f"{named} does not exist, and its class will say who serves it"
    return found
