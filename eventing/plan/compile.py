"""From resources to a plan and their statuses, in one pure step.

First every Channel gets its backing KafkaChannel and every flow its channels and Subscriptions (the children); then each
KafkaChannel and each Broker becomes an ingress and a topic, and each Subscription and Trigger whose references resolve an
egress. What Kafka and the ingresses have been seen to do only colours the statuses: the plan never depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from eventing.kinds.broker import Broker
from eventing.kinds.channel import Channel
from eventing.kinds.configmap import ConfigMap
from eventing.kinds.flow import Flow
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Resource
from eventing.kinds.subscription import Subscription
from eventing.kinds.trigger import Trigger
from eventing.plan import brokers, channels, eventtypes, subscriptions, triggers
from eventing.plan.claims import Claim, Claims, address, recorded_topic
from eventing.plan.expand import expand
from eventing.plan.flow_status import flow_status
from eventing.plan.flows import first_channel
from eventing.plan.linking import Groups, url_of
from eventing.plan.model import Egress, Ingress, Plan, TopicSpec
from eventing.plan.options import Options, Snapshot
from eventing.plan.resolve import Resolver
from eventing.plan.status import Status

T = TypeVar("T", bound=Resource)


@dataclass(frozen=True, slots=True)
class Compiled:
    """The plan, the status of each object by key, and the objects that must exist because others do.

    An object of a kind without conditions has no status, nor has one that is `left_alone`, for the reason given.
    """

    plan: Plan
    statuses: Mapping[Key, Status]
    children: tuple[Resource, ...]
    left_alone: Mapping[Key, str] = field(default_factory=dict)


def compile_plan(snapshot: Snapshot) -> Compiled:
    """Compile; the same snapshot always gives the same result, whatever the order of its resources."""
    options, observed = snapshot.options, snapshot.observed
    resources = {key_of(r): r for r in sorted(snapshot.resources, key=key_of)}
    expansion = expand(resources, options)
    resources |= {key_of(child): child for child in expansion.children}
    left_alone = _left_alone(resources, options)
    ours = {key: r for key, r in resources.items() if key not in left_alone}
    kafka_channels, hubs, maps = _of(ours, KafkaChannel), _of(ours, Broker), _of(ours, ConfigMap)
    generic_channels, flows = _of(ours, Channel), _of(ours, Flow)

    claims = Claims()
    claimed: dict[Key, Claim] = {}
    for key, one in sorted((kafka_channels | hubs).items(), key=_rank):
        claimed[key] = claims.claim(partial(_wanted, one, maps, options))
    addresses = {key: address(options, key) if isinstance(claim, Ingress) else "" for key, claim in claimed.items()}
    entrances = {key: channels.backing_key(key) for key in generic_channels}
    entrances |= {key: first_channel(flow) for key, flow in flows.items()}
    for key, entrance in entrances.items():
        addresses[key] = addresses.get(entrance, "") if expansion.owners.get(entrance) == key else ""
    resolver = Resolver(_elsewhere(resources, left_alone) | addresses, options)

    statuses: dict[Key, Status] = {}
    for key, kafka in kafka_channels.items():
        statuses[key] = channels.kafka_channel(kafka, claimed[key], resolver, options, observed)
    for key, hub in hubs.items():
        statuses[key] = brokers.broker(hub, claimed[key], maps, resolver, options, observed)
    for key, generic in generic_channels.items():
        behind = channels.backing_key(key)
        statuses[key] = channels.channel(generic, statuses.get(behind), expansion.refusals.get((key, behind)), resolver)

    subs, takers = _of(ours, Subscription), _of(ours, Trigger)
    groups = Groups([*subs.values(), *takers.values()])
    egresses: dict[str, Egress] = {}
    for key, sub in subs.items():
        linked = subscriptions.link(sub, groups, kafka_channels, statuses, resolver, options, observed)
        statuses[key] = linked.status
        if linked.egress is not None and linked.backing is not None:
            egresses[linked.egress.uid] = linked.egress
            backing = statuses[linked.backing]
            subscribers = [*backing.get("subscribers", ()), linked.entry]
            statuses[linked.backing] = {**backing, "subscribers": subscribers}
    statuses |= {key: flow_status(flow, statuses, expansion) for key, flow in flows.items()}
    known = {key: one.status for key, one in resources.items()} | statuses
    for key, trigger in takers.items():
        egress, statuses[key] = triggers.link(trigger, groups, hubs, takers, known, resolver, options, observed)
        if egress is not None:
            egresses[egress.uid] = egress
    ingresses, registry = eventtypes.registered(claims.routes, resources, resolver)
    statuses |= registry
    plan = Plan(ingresses, _checked(egresses, ingresses), claims.topics)
    return Compiled(plan, statuses, expansion.children, left_alone)


def _of(resources: Mapping[Key, Resource], kind: type[T]) -> dict[Key, T]:
    return {key: one for key, one in resources.items() if isinstance(one, kind)}


def _checked(egresses: Mapping[str, Egress], ingresses: Mapping[str, Ingress]) -> dict[str, Egress]:
    """The egresses, where replies to a broker that looks at what is sent to it go through its ingress."""
    strict = {ingress.topic for ingress in ingresses.values() if ingress.schemas}
    return {uid: replace(e, reply_topic=None) if e.reply_topic in strict else e for uid, e in egresses.items()}


def _wanted(one: KafkaChannel | Broker, maps: Mapping[Key, ConfigMap], options: Options) -> tuple[Ingress, TopicSpec]:
    return brokers.wanted(one, maps, options) if isinstance(one, Broker) else channels.wanted(one, options)


def _rank(claimant: tuple[Key, KafkaChannel | Broker]) -> tuple[bool, bool, Key]:
    """Who comes first where two want the same.

    Who has a topic already keeps it, so a newcomer never takes it away; and a topic that one makes is not another's to call
    somebody else's.
    """
    key, one = claimant
    return not recorded_topic(one), isinstance(one, Broker) and one.external_topic is not None, key


def _elsewhere(resources: Mapping[Key, Resource], left_alone: Mapping[Key, str]) -> dict[Key, str]:
    """The addresses of Brokers that somebody else serves, as their statuses have them."""
    return {key: url_of(one.status) for key, one in _of(resources, Broker).items() if key in left_alone}


def _left_alone(resources: Mapping[Key, Resource], options: Options) -> dict[Key, str]:
    """The Brokers of classes that Kanal does not serve here, and their Triggers: somebody else may serve them."""
    found: dict[Key, str] = {}
    for key, one in _of(resources, Broker).items():
        if not brokers.is_served(one, options):
            found[key] = f"Kanal does not serve Brokers of the class {one.broker_class} here"
    for key, trigger in _of(resources, Trigger).items():
        if trigger.broker_key in found:
            found[key] = f"{trigger.broker_key}: {found[trigger.broker_key]}"
    return found
