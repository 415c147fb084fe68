"""What a Subscription becomes: an egress, and the conditions that say whether it delivers (behaviour §7, §10.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eventing.errors import Invalid, NotFound
from eventing.kinds import subscription as kind
from eventing.kinds.channel import Channel
from eventing.kinds.condition import TRUE, Fact
from eventing.kinds.delivery import is_paused
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.key import Key, key_of
from eventing.kinds.subscription import Subscription
from eventing.plan import linking, names
from eventing.plan.channels import backing_key
from eventing.plan.claims import TOPIC_ANNOTATION
from eventing.plan.linking import GROUP_ANNOTATION, recorded_group
from eventing.plan.model import Egress
from eventing.plan.options import Problem
from eventing.plan.resolve import Resolver
from eventing.plan.scene import BEING_DELETED, Scene
from eventing.plan.status import Status, false, ready_of, seen, status_of, url_of


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


def link(
    subscription: Subscription,
    channels: Mapping[Key, KafkaChannel],
    statuses: Mapping[Key, Status],
    scene: Scene,
) -> Linked:
    """Link one Subscription to its channel and its targets.

    `channels` and `statuses` are those of all channels.
    """
    options, observed = scene.options, scene.observed
    key, uid = key_of(subscription), subscription.metadata.uid
    ref = subscription.spec.channel
    named = Key(ref.kind_group, ref.kind, subscription.channel_namespace, ref.name)
    facts = {kind.CHANNEL_READY: _channel_ready(named, statuses), kind.OIDC_IDENTITY_CREATED: linking.NO_OIDC}
    if is_paused(subscription.metadata):
        facts[kind.PAUSED] = linking.PAUSED
    try:
        backing = _backing(named, statuses)
        channel = channels[backing]
        targets = _targets(subscription, channel, scene.resolver)
        group = recorded_group(subscription) or names.subscription_group(
            options, key.namespace, named.name, uid, key.name
        )
        scene.groups.take(key, group)
        grave = names.dead_letter_topic(options, key.namespace, key.name)
    except Invalid as error:
        problem = linking.problem_of(error)
        facts[kind.REFERENCES_RESOLVED] = false(problem)
        facts[kind.ADDED_TO_CHANNEL] = Fact("Unknown", problem.reason, "waits for the references")
        status = status_of(subscription, facts, annotations=linking.kept_group(subscription))
        return Linked(None, None, {}, status)
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
        linking.policy(subscription, channel, options),
        linking.order(subscription.metadata, "ordered"),
        linking.pace(subscription.metadata),
        sink_returns=targets.dead_letter in {url_of(statuses[named]), url_of(statuses[backing])},
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


def _backing(named: Key, statuses: Mapping[Key, Status]) -> Key:
    """The KafkaChannel behind the channel that a Subscription names."""
    if named.group != Channel.GROUP:
        fix = "name a Channel; the events of a Broker go to Triggers"
        raise Invalid(f"{named} is no channel", field="spec.channel", fix=fix)
    backing = backing_key(named)
    if named not in statuses or backing not in statuses:
        raise NotFound(f"{named} does not exist", field="spec.channel", fix=linking.likely(named, statuses))
    going = [one for one in (named, backing) if ready_of(statuses[one]).reason == BEING_DELETED]
    if going or "address" not in statuses[backing]:
        why = ready_of(statuses[going[0] if going else backing]).message
        raise Invalid(f"{named} can't be served: {why}", field="spec.channel")
    return backing


def _targets(subscription: Subscription, channel: KafkaChannel, resolver: Resolver) -> _Targets:
    spec, namespace = subscription.spec, subscription.metadata.namespace
    return _Targets(
        resolver.url(spec.subscriber, namespace, "spec.subscriber"),
        None if spec.reply is None else resolver.url(spec.reply, namespace, "spec.reply"),
        linking.dead_letter(subscription, channel, resolver),
    )


def _channel_ready(channel: Key, statuses: Mapping[Key, Status]) -> Fact:
    if channel not in statuses:
        return false(Problem("ChannelMissing", f"{channel} does not exist"))
    return linking.parent_ready(channel, statuses[channel])
