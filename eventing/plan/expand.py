"""The objects that exist because others do: a KafkaChannel behind each Channel, channels and Subscriptions of flows.

An object of the right name that nobody of these owns is somebody else's: it is never touched, and whoever would need the
name is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from eventing.errors import Invalid
from eventing.kinds.channel import Channel
from eventing.kinds.flow import Flow
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import OwnerReference, Resource, stable_uid
from eventing.kinds.parallel import Parallel
from eventing.kinds.registry import check_update, parse
from eventing.kinds.sequence import Sequence
from eventing.kinds.subscription import Subscription
from eventing.plan.channels import backing_key
from eventing.plan.flows import Want, channel_spec, children
from eventing.plan.options import Options, Problem
from eventing.plan.scene import is_going

_CHILDREN: Mapping[tuple[str, str], tuple[type[Resource], ...]] = {
    (Channel.GROUP, Channel.KIND): (KafkaChannel,),
    (Sequence.GROUP, Sequence.KIND): (KafkaChannel, Subscription),
    (Parallel.GROUP, Parallel.KIND): (KafkaChannel, Subscription),
}


@dataclass(frozen=True, slots=True)
class Expansion:
    """The children that there must be, whose each one is, and why an owner has not what it needs, by owner and child."""

    children: tuple[Resource, ...]
    owners: Mapping[Key, Key]
    refusals: Mapping[tuple[Key, Key], Problem]


def expand(resources: Mapping[Key, Resource], options: Options) -> Expansion:
    """The children of all resources. One that is there keeps its uid, status, labels and annotations."""
    found: dict[Key, Resource] = {}
    owners: dict[Key, Key] = {}
    refusals: dict[tuple[Key, Key], Problem] = {}
    for key, owner in resources.items():
        for want in () if is_going(owner) else _wants(owner):
            old = resources.get(want.key)
            problem = _taken(owner, want, old, owners) or _waits(key, want, owners)
            # One that can't become what it should be stays as it is.
            child = None if problem else old
            problem = problem or _goes(want, old)
            if problem is None:
                try:
                    child = _made(owner, want, old, options)
                except Invalid as error:
                    problem = Problem("ChildInvalid", str(error))
            if child is not None:
                found[want.key], owners[want.key] = child, key
            if problem is not None:
                refusals[key, want.key] = problem
    return Expansion(tuple(found.values()), owners, refusals)


def is_child(resource: Resource) -> bool:
    """Whether this is an object that exists because of another one; one with any other owner is not ours to touch."""
    return any(
        owner.controller and isinstance(resource, _CHILDREN.get((owner.api_version.rpartition("/")[0], owner.kind), ()))
        for owner in resource.metadata.owner_references
    )


def _wants(owner: Resource) -> list[Want]:
    if isinstance(owner, Flow):
        return children(owner)
    if not isinstance(owner, Channel):
        return []
    spec = channel_spec(owner.spec.channel_template)
    if owner.spec.delivery is not None:
        spec["delivery"] = owner.spec.delivery.document()
    return [Want(backing_key(key_of(owner)), spec)]


def _taken(owner: Resource, want: Want, old: Resource | None, owners: Mapping[Key, Key]) -> Problem | None:
    """Why this name is not the owner's to use."""
    reason = "BackingChannelTaken" if isinstance(owner, Channel) else "ChildTaken"
    if want.key in owners:
        return Problem(reason, f"{want.key} is made for {owners[want.key]} already")
    if old is None or any(one.controller and one.uid == owner.metadata.uid for one in old.metadata.owner_references):
        return None
    return Problem(reason, f"{want.key} was there before and is not owned by this {owner.KIND}")


def _waits(owner: Key, want: Want, owners: Mapping[Key, Key]) -> Problem | None:
    """A Subscription never reads or writes a channel of somebody else that has the name of the flow's own."""
    missing = next((channel for channel in want.uses if owners.get(channel) != owner), None)
    return None if missing is None else Problem("ChannelMissing", f"{want.key} waits for {missing}")


def _goes(want: Want, old: Resource | None) -> Problem | None:
    if old is None or not is_going(old):
        return None
    return Problem("ChildBeingDeleted", f"{want.key} is being deleted, and is made anew once it is gone")


def _made(owner: Resource, want: Want, old: Resource | None, options: Options) -> Resource:
    """The child. Raises `Invalid` where its spec is none, or changes what may not change."""
    key, kind = want.key, KafkaChannel if want.key.kind == KafkaChannel.KIND else Subscription
    defaults = options.defaults.of(key.namespace)
    if isinstance(old, KafkaChannel):
        # What the template leaves open was decided when the topic was made.
        partitions = old.spec.num_partitions or defaults.partitions
        replicas = old.spec.replication_factor or defaults.replication_factor
        defaults = replace(defaults, partitions=partitions, replication_factor=replicas)
    child = parse(
        {
            "apiVersion": f"{key.group}/{kind.VERSIONS[0]}",
            "kind": key.kind,
            "metadata": {"name": key.name, "namespace": key.namespace},
            "spec": want.spec,
        }
    ).defaulted(defaults)
    if isinstance(child, KafkaChannel) and isinstance(old, KafkaChannel):
        # On a cluster the controller keeps the list of subscribers there.
        spec = child.spec.model_copy(update={"subscribers": old.spec.subscribers})
        child = child.model_copy(update={"spec": spec})
    controller = OwnerReference(
        api_version=owner.api_version,
        kind=owner.kind,
        name=owner.metadata.name,
        uid=owner.metadata.uid or "?",
        controller=True,
        block_owner_deletion=True,
    )
    kept = {"uid": stable_uid(*key), "generation": 1, "creation_timestamp": None}
    if old is not None:
        if old.spec != child.spec and (faults := check_update(old, child)):
            raise Invalid(faults[0].message, where=str(key), field=faults[0].field, fix=faults[0].fix)
        kept = {name: getattr(old.metadata, name) for name in (*kept, "labels")}
        kept["annotations"] = {**child.metadata.annotations, **old.metadata.annotations}
    metadata = child.metadata.model_copy(update={**kept, "owner_references": [controller]})
    return child.model_copy(update={"metadata": metadata, "status": {} if old is None else old.status})
