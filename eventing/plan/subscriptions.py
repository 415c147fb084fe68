"""What a Subscription becomes: an egress, and the conditions that say whether it delivers (behaviour §7, §10.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from eventing.errors import Invalid, NotFound
from eventing.kinds import subscription as kind
from eventing.kinds.condition import TRUE, Fact
from eventing.kinds.delivery import ORDER_ANNOTATION, PAUSED_ANNOTATION, DeliverySpec, is_paused
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.key import Key, key_of
from eventing.kinds.subscription import Subscription
from eventing.plan import names
from eventing.plan.channels import TOPIC_ANNOTATION, backing_key
from eventing.plan.model import Egress, Order
from eventing.plan.options import Observed, Options, Problem
from eventing.plan.resolve import Resolver
from eventing.plan.status import Status, false, ready_of, seen, status_of
from eventing.verdict import RetryPolicy

GROUP_ANNOTATION = "group.id"
_PAUSED = Fact("True", "Paused", f"nothing is delivered while the annotation {PAUSED_ANNOTATION} is true")
_NO_OIDC = Fact("True", "AuthenticationOIDCDisabled", "authentication-oidc is disabled")


@dataclass(frozen=True, slots=True)
class Linked:
    """One Subscription: its egress and the channel behind it (None while a reference is missing).

    `entry` is what the channel's status says of it, `status` its own.
    """

    egress: Egress | None
    backing: Key | None
    entry: Mapping[str, Any]
    status: Status


@dataclass(frozen=True, slots=True)
class _Targets:
    subscriber: str
    reply: str | None
    dead_letter: str | None


def recorded_group(subscription: Subscription) -> str | None:
    """The consumer group that this Subscription has already, whatever the template says now."""
    annotations: Mapping[str, str] = subscription.status.get("annotations", {})
    return annotations.get(GROUP_ANNOTATION)


def link(
    subscription: Subscription,
    taken: Mapping[str, Egress],
    channels: Mapping[Key, KafkaChannel],
    statuses: Mapping[Key, Status],
    resolver: Resolver,
    options: Options,
    observed: Observed,
) -> Linked:
    """Link one Subscription to its channel and its targets.

    `taken` are the egresses so far, by group; `channels` and `statuses` are those of all channels.
    """
    key, uid = key_of(subscription), subscription.metadata.uid
    ref = subscription.spec.channel
    named = Key(ref.kind_group, ref.kind, subscription.channel_namespace, ref.name)
    facts = {kind.CHANNEL_READY: _channel_ready(named, statuses), kind.OIDC_IDENTITY_CREATED: _NO_OIDC}
    if is_paused(subscription.metadata):
        facts[kind.PAUSED] = _PAUSED
    recorded = recorded_group(subscription)
    try:
        backing = _backing(named, channels, statuses)
        channel = channels[backing]
        targets = _targets(subscription, channel, resolver)
        group = recorded or names.subscription_group(options, key.namespace, named.name, uid, key.name)
        if group in taken:
            owner = taken[group]
            raise Invalid(f"the group {group} belongs to {owner.kind} {owner.namespace}/{owner.name} already")
        grave = names.dead_letter_topic(options, key.namespace, key.name)
    except Invalid as error:
        problem = Problem("ReferenceMissing" if isinstance(error, NotFound) else error.reason, str(error))
        facts[kind.REFERENCES_RESOLVED] = false(problem)
        facts[kind.ADDED_TO_CHANNEL] = Fact("Unknown", problem.reason, "waits for the references")
        # The group's offsets are where delivery goes on, so its name has to outlast the problem.
        kept = {GROUP_ANNOTATION: recorded} if recorded else {}
        return Linked(None, None, {}, status_of(subscription, facts, annotations=kept))
    egress = Egress(
        uid,
        key.kind,
        key.namespace,
        key.name,
        statuses[backing]["annotations"][TOPIC_ANNOTATION],
        group,
        targets.subscriber,
        grave,
        targets.reply,
        targets.dead_letter,
        _policy(subscription.spec.delivery or channel.spec.delivery, options),
        _order(subscription),
        "paused" if is_paused(subscription.metadata) else "running",
        sink_returns=targets.dead_letter in {_url(statuses[named]), _url(statuses[backing])},
    )
    added = seen(uid, observed.groups, f"the start offsets of the group {group} are not committed yet")
    facts |= {kind.REFERENCES_RESOLVED: TRUE, kind.ADDED_TO_CHANNEL: added}
    physical = {
        "subscriberUri": targets.subscriber,
        "replyUri": targets.reply,
        "deadLetterSinkUri": targets.dead_letter,
    }
    status = status_of(
        subscription,
        facts,
        physicalSubscription={name: uri for name, uri in physical.items() if uri},
        annotations={GROUP_ANNOTATION: group},
    )
    entry = {"uid": uid, "observedGeneration": subscription.metadata.generation, "ready": added.status}
    return Linked(egress, backing, entry | ({"message": added.message} if added.message else {}), status)


def _backing(named: Key, channels: Mapping[Key, KafkaChannel], statuses: Mapping[Key, Status]) -> Key:
    """The KafkaChannel behind the channel that a Subscription names."""
    backing = backing_key(named)
    if named not in statuses or backing not in channels:
        known = [key.name for key in statuses if key._replace(name=named.name) == named]
        near = get_close_matches(named.name, known, 1)
        fix = f"did you mean {near[0]}?" if near else f"apply a {named.kind} of this name, or correct the reference"
        raise NotFound(f"{named} does not exist", field="spec.channel", fix=fix)
    if "address" not in statuses[backing]:
        raise Invalid(f"{named} can't be served: {ready_of(statuses[backing]).message}", field="spec.channel")
    return backing


def _targets(subscription: Subscription, channel: KafkaChannel, resolver: Resolver) -> _Targets:
    """Where things go. The channel's dead letter sink counts where the Subscription names none, whatever else it says."""
    spec, namespace = subscription.spec, subscription.metadata.namespace
    own, parent = spec.delivery, channel.spec.delivery
    dead_letter = None
    if own is not None and own.dead_letter_sink is not None:
        dead_letter = resolver.url(own.dead_letter_sink, namespace, "spec.delivery.deadLetterSink")
    elif parent is not None and parent.dead_letter_sink is not None:
        place = f"{key_of(channel)}: spec.delivery.deadLetterSink"
        dead_letter = resolver.url(parent.dead_letter_sink, channel.metadata.namespace, place)
    return _Targets(
        resolver.url(spec.subscriber, namespace, "spec.subscriber"),
        None if spec.reply is None else resolver.url(spec.reply, namespace, "spec.reply"),
        dead_letter,
    )


def _url(status: Status) -> str:
    """The address in the status of a channel that can be served."""
    return str(status.get("address", {}).get("url", ""))


def _policy(delivery: DeliverySpec | None, options: Options) -> RetryPolicy:
    return (delivery or DeliverySpec()).to_policy(options.timeout_s, options.longest_wait_s)


def _order(subscription: Subscription) -> Order:
    """Ordered unless the annotation says otherwise (architecture, "Decisions"); a wrong word was refused at apply."""
    word = subscription.metadata.annotations.get(ORDER_ANNOTATION, "").lower()
    return "unordered" if word == "unordered" else "ordered"


def _channel_ready(channel: Key, statuses: Mapping[Key, Status]) -> Fact:
    if channel not in statuses:
        return false(Problem("ChannelMissing", f"{channel} does not exist"))
    ready = ready_of(statuses[channel])
    return ready if ready.status == "True" else Fact(ready.status, ready.reason, f"{channel}: {ready.message}")
