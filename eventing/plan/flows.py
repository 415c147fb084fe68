"""What a Sequence and a Parallel are made of: channels and Subscriptions, under Knative's names (behaviour §10.6, §10.7).

Everything between two channels is an ordinary Subscription, so retries, dead letters, pausing and replay work for a step
as for any subscriber.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eventing.kinds.channel import ChannelTemplate
from eventing.kinds.delivery import DeliverySpec
from eventing.kinds.destination import Destination
from eventing.kinds.flow import Flow
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.key import Key, key_of
from eventing.kinds.parallel import Parallel
from eventing.kinds.sequence import Sequence
from eventing.kinds.subscription import Subscription

LONGEST_CHILD_NAME = 63
_DIGEST = 32


@dataclass(frozen=True, slots=True)
class Want:
    """A child that a resource needs, by key and spec; `uses` are the resource's own channels that it reads or writes."""

    key: Key
    spec: Mapping[str, Any]
    uses: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class BranchKeys:
    """The children of one branch of a Parallel."""

    channel: Key
    filter: Key
    subscriber: Key


def child_name(parent: str, suffix: str) -> str:
    """The name of a child, as Knative shortens it: with the MD5 of the parent's name where 63 characters don't suffice.

    `suffix` has at most 31 characters.
    """
    if len(parent) + len(suffix) <= LONGEST_CHILD_NAME:
        return parent + suffix
    digest = hashlib.md5(parent.encode(), usedforsecurity=False).hexdigest()
    return parent[: LONGEST_CHILD_NAME - _DIGEST - len(suffix)] + digest + suffix


def step_keys(sequence: Sequence) -> list[tuple[Key, Key]]:
    """Channel and Subscription of each step."""
    numbers = range(len(sequence.spec.steps))
    return [(_channel(sequence, f"-kn-sequence-{i}"), _subscription(sequence, f"-kn-sequence-{i}")) for i in numbers]


def ingress_key(parallel: Parallel) -> Key:
    """The channel before all branches."""
    return _channel(parallel, "-kn-parallel")


def branch_keys(parallel: Parallel) -> list[BranchKeys]:
    """The children of each branch."""
    return [
        BranchKeys(
            _channel(parallel, f"-kn-parallel-{i}"),
            _subscription(parallel, f"-kn-parallel-filter-{i}"),
            _subscription(parallel, f"-kn-parallel-{i}"),
        )
        for i in range(len(parallel.spec.branches))
    ]


def first_channel(flow: Flow) -> Key:
    """The channel whose address is that of the flow."""
    return ingress_key(flow) if isinstance(flow, Parallel) else _channel(flow, "-kn-sequence-0")


def children(flow: Flow) -> list[Want]:
    """All children of a flow, channels before Subscriptions."""
    if isinstance(flow, Sequence):
        return _of_sequence(flow)
    return _of_parallel(flow) if isinstance(flow, Parallel) else []


def channel_spec(template: ChannelTemplate | None) -> dict[str, Any]:
    """The spec of the KafkaChannel that serves this template; one of another kind says nothing about Kafka."""
    return dict(template.spec) if template is not None and template.kind == KafkaChannel.KIND else {}


def reference(key: Key) -> dict[str, str]:
    """A reference to a child, as a document."""
    versions = {kind.KIND: kind.VERSIONS[0] for kind in (KafkaChannel, Subscription)}
    place = {"name": key.name, "namespace": key.namespace}
    return {"apiVersion": f"{key.group}/{versions[key.kind]}", "kind": key.kind} | place


def _of_sequence(sequence: Sequence) -> list[Want]:
    spec, keys = sequence.spec, step_keys(sequence)
    template = channel_spec(spec.channel_template)
    found = [Want(channel, template) for channel, _ in keys]
    for i, (step, (channel, subscription)) in enumerate(zip(spec.steps, keys, strict=True)):
        following = keys[i + 1][0] if i + 1 < len(keys) else None
        reply = spec.reply if following is None else following
        found.append(_want(subscription, channel, step, reply, step.delivery))
    return found


def _of_parallel(parallel: Parallel) -> list[Want]:
    spec, keys, ingress = parallel.spec, branch_keys(parallel), ingress_key(parallel)
    template = channel_spec(spec.channel_template)
    found = [Want(channel, template) for channel in (ingress, *(one.channel for one in keys))]
    for branch, one in zip(spec.branches, keys, strict=True):
        if branch.filter is None:
            found.append(_want(one.filter, ingress, one.channel, None, None))
        else:
            found.append(_want(one.filter, ingress, branch.filter, one.channel, None))
        found.append(_want(one.subscriber, one.channel, branch.subscriber, branch.reply or spec.reply, branch.delivery))
    return found


def _want(
    key: Key,
    channel: Key,
    subscriber: Destination | Key,
    reply: Destination | Key | None,
    delivery: DeliverySpec | None,
) -> Want:
    """A Subscription; a key stands for a channel of the same flow."""
    spec: dict[str, Any] = {
        "channel": {name: text for name, text in reference(channel).items() if name != "namespace"},
        "subscriber": _destination(subscriber),
    }
    if reply is not None:
        spec["reply"] = _destination(reply)
    if delivery is not None:
        spec["delivery"] = delivery.document()
    return Want(key, spec, tuple(one for one in (channel, subscriber, reply) if isinstance(one, Key)))


def _destination(target: Destination | Key) -> dict[str, Any]:
    if isinstance(target, Key):
        return {"ref": reference(target)}
    # A step is a Destination with a delivery in it, which is the Subscription's.
    return {name: value for name, value in target.document().items() if name != "delivery"}


def _channel(flow: Flow, suffix: str) -> Key:
    return _child(flow, KafkaChannel.GROUP, KafkaChannel.KIND, suffix)


def _subscription(flow: Flow, suffix: str) -> Key:
    return _child(flow, Subscription.GROUP, Subscription.KIND, suffix)


def _child(flow: Flow, group: str, kind: str, suffix: str) -> Key:
    of = key_of(flow)
    return Key(group, kind, of.namespace, child_name(of.name, suffix))
