"""From resources to a plan and their statuses, in one pure step.

First every Channel gets its backing KafkaChannel and every flow its channels and Subscriptions (the children); then each
KafkaChannel and each Broker becomes an ingress and a topic, and each Subscription and Trigger whose references resolve an
egress. What Kafka and the ingresses have been seen to do only colours the statuses: the plan never depends on it.

Beside Knative's core only KafkaChannels and Brokers of the class Kafka have a part, and the subscribers of a KafkaChannel
stand in its spec.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from eventing.kinds.broker import Broker
from eventing.kinds.channel import Channel
from eventing.kinds.configmap import ConfigMap
from eventing.kinds.flow import Flow
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Resource
from eventing.kinds.service import Service
from eventing.kinds.subscription import Subscription
from eventing.kinds.trigger import Trigger
from eventing.plan import brokers, channels, eventtypes, subscribers, subscriptions, triggers
from eventing.plan.addresses import address
from eventing.plan.claims import Claim, Claims, recorded_topic
from eventing.plan.expand import expand, is_child
from eventing.plan.flow_status import flow_status
from eventing.plan.flows import first_channel
from eventing.plan.installation import installed
from eventing.plan.linking import Groups
from eventing.plan.model import Egress, Ingress, Plan, TopicSpec
from eventing.plan.options import Foreign, Problem, Snapshot
from eventing.plan.references import served_kinds
from eventing.plan.resolve import Resolver
from eventing.plan.scene import Scene, going, is_going, left_alone
from eventing.plan.status import Status, url_of

T = TypeVar("T", bound=Resource)

_OPEN = (Broker, Channel, KafkaChannel, Flow)
"""The kinds of which an installation decides something."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """The plan, the status of each object by key, and the objects that must exist because others do.

    An object of a kind without conditions has no status, nor has one that is `left_alone`, for the reason given.
    `subscribers` is what is to stand in `spec.subscribers` of each KafkaChannel; empty where somebody else writes that.
    `alive` are the uids whose consumer group stays, even while they have no egress. `problems` tells of the installation's
    own ConfigMaps of which nothing counts, by object.
    """

    plan: Plan
    statuses: Mapping[Key, Status]
    children: tuple[Resource, ...]
    left_alone: Mapping[Key, str] = field(default_factory=dict)
    subscribers: Mapping[Key, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    alive: frozenset[str] = frozenset()
    problems: Mapping[Key, Problem] = field(default_factory=dict)


def compile_plan(snapshot: Snapshot) -> Compiled:
    """Compile; the same snapshot always gives the same result, whatever the order of its resources."""
    draft = _Draft(snapshot)
    draft.receive()
    draft.subscribe()
    draft.trigger()
    return draft.compiled()


class _Draft:
    """What has been decided so far. `live` are the resources that have a part, `statuses` those of all that were looked at."""

    def __init__(self, snapshot: Snapshot) -> None:
        kinds = served_kinds(snapshot.options.serves)
        found = {key_of(r): r for r in sorted(snapshot.resources, key=key_of) if isinstance(r, kinds)}
        place = snapshot.options.system_namespace
        # What a Broker in a cluster names may lie anywhere; only the installation's own namespace decides for all.
        maps = [one for one in found.values() if not snapshot.options.in_cluster or one.metadata.namespace == place]
        self.installed = installed(maps, snapshot.options.defaults, place)
        self.options = replace(snapshot.options, defaults=self.installed.defaults)
        self.found = found
        # An API server without a webhook holds what a person wrote.
        filled = {
            key: one.defaulted(self.options.defaults) if isinstance(one, _OPEN) else one for key, one in found.items()
        }
        self.expansion = expand(filled, self.options)
        self.resources = filled | {key_of(child): child for child in self.expansion.children}
        self.alone = left_alone(self.resources, self.options)
        ours = {key: one for key, one in self.resources.items() if key not in self.alone}
        self.live = {key: one for key, one in ours.items() if not is_going(one)}
        self.statuses: dict[Key, Status] = {key: going(one) for key, one in ours.items() if is_going(one)}
        self.maps = self._all(ConfigMap)
        self.claims = Claims()
        self.claimed = self._claim()
        self.scene = self._scene(snapshot)
        self.egresses: dict[str, Egress] = {}
        self.entries: dict[Key, list[Mapping[str, Any]]] = {}

    def receive(self) -> None:
        """What takes events: KafkaChannels, Brokers, Channels."""
        for key, kafka in self._all(KafkaChannel).items():
            self.statuses[key] = channels.kafka_channel(kafka, self.claimed[key], self.scene)
        for key, hub in self._all(Broker).items():
            self.statuses[key] = brokers.broker(hub, self.claimed[key], self.scene)
        for key, generic in self._all(Channel).items():
            behind = channels.backing_key(key)
            status, refusal = self.statuses.get(behind), self.expansion.refusals.get((key, behind))
            self.statuses[key] = channels.channel(generic, status, refusal, self.scene.resolver)

    def subscribe(self) -> None:
        """The ways out of channels, then the flows that are made of both."""
        if self.options.serves == "kafka":
            self._read_subscribers()
        else:
            self._link_subscriptions()
        for key, flow in self._all(Flow).items():
            self.statuses[key] = flow_status(flow, self.statuses, self.expansion)

    def trigger(self) -> None:
        """The ways out of Brokers."""
        hubs, takers = self._all(Broker), self._all(Trigger)
        known = {key: one.status for key, one in self.resources.items()} | self.statuses
        for key, trigger in takers.items():
            egress, self.statuses[key] = triggers.link(trigger, hubs, takers, known, self.scene)
            if egress is not None:
                self.egresses[egress.uid] = egress

    def compiled(self) -> Compiled:
        """All of it. What the registry asks of ingresses comes last, because it changes which way replies go."""
        ingresses, registry = eventtypes.registered(self.claims.routes, self.live, self.scene.resolver)
        plan = Plan(ingresses, _checked(self.egresses, ingresses), self.claims.topics)
        statuses, written = self.statuses | registry, {key: tuple(found) for key, found in self.entries.items()}
        problems = self.installed.problems
        return Compiled(plan, statuses, self._children(), self.alone, written, self._alive(), problems)

    def _children(self) -> tuple[Resource, ...]:
        """Beside Knative's core these are what is there: it made them, and who owns them is not looked at."""
        if self.options.serves == "kafka":
            return tuple(one for one in self.found.values() if is_child(one))
        return self.expansion.children

    def _alive(self) -> frozenset[str]:
        found = [one.metadata.uid for one in self.resources.values() if not is_going(one)]
        if self.options.serves == "kafka":
            found += [entry.uid for one in self._all(KafkaChannel).values() for entry in one.spec.subscribers]
        return frozenset(found)

    def _link_subscriptions(self) -> None:
        kafka_channels = self._all(KafkaChannel)
        self.entries = {key: [] for key in kafka_channels}
        for key, one in self._all(Subscription).items():
            linked = subscriptions.link(one, kafka_channels, self.statuses, self.scene)
            self.statuses[key] = linked.status
            if linked.egress is not None and linked.backing is not None:
                self.egresses[linked.egress.uid] = linked.egress
                self._report(linked.backing, linked.entry)
                entry = subscribers.written(one, kafka_channels[linked.backing], linked.egress)
                self.entries[linked.backing].append(entry)

    def _read_subscribers(self) -> None:
        for key, one in self._all(KafkaChannel).items():
            for egress, said in subscribers.read(key, one, self.statuses[key], self.scene, self.egresses):
                if egress is not None:
                    self.egresses[egress.uid] = egress
                self._report(key, said)

    def _report(self, channel: Key, said: Mapping[str, Any]) -> None:
        """Put what there is to say of a subscriber into the status of its channel."""
        status = self.statuses[channel]
        self.statuses[channel] = {**status, "subscribers": [*status.get("subscribers", ()), said]}

    def _claim(self) -> dict[Key, Claim]:
        claimants = self._all(KafkaChannel) | self._all(Broker)
        ranked = sorted(claimants.items(), key=_rank)
        return {key: self.claims.claim(partial(self._wanted, one)) for key, one in ranked}

    def _wanted(self, one: KafkaChannel | Broker) -> tuple[Ingress, TopicSpec]:
        address(self.options, key_of(one))  # Raises where there is none, and who has none gets nothing.
        if isinstance(one, Broker):
            return brokers.wanted(one, self.maps, self.options, self.installed)
        return channels.wanted(one, self.options)

    def _scene(self, snapshot: Snapshot) -> Scene:
        addresses = dict.fromkeys(self.statuses, "")
        for key, claim in self.claimed.items():
            addresses[key] = address(self.options, key) if isinstance(claim, Ingress) else ""
        entrances = {key: channels.backing_key(key) for key in self._all(Channel)}
        entrances |= {key: first_channel(flow) for key, flow in self._all(Flow).items()}
        for key, entrance in entrances.items():
            addresses[key] = addresses.get(entrance, "") if self.expansion.owners.get(entrance) == key else ""
        elsewhere = self._elsewhere(snapshot)
        ends: list[Subscription | Trigger] = [*self._all(Subscription).values(), *self._all(Trigger).values()]
        return Scene(
            self.options,
            snapshot.observed,
            self.installed,
            self.maps,
            Resolver(addresses, self.options, elsewhere),
            Groups(ends),
            elsewhere,
        )

    def _elsewhere(self, snapshot: Snapshot) -> dict[Key, Foreign]:
        """What was looked up, Brokers that somebody else serves, and the Services that a home keeps by itself."""
        found: dict[Key, Foreign] = {}
        for key in self.alone:
            one = self.resources[key]
            if isinstance(one, Broker):
                found[key] = Foreign(url_of(one.status), one.status)
        for service in snapshot.resources:
            if isinstance(service, Service):
                found[key_of(service)] = Foreign(service.given_url, {"address": {"url": service.external_url}})
        return found | dict(snapshot.elsewhere)

    def _all(self, kind: type[T]) -> dict[Key, T]:
        return {key: one for key, one in self.live.items() if isinstance(one, kind)}


def _checked(egresses: Mapping[str, Egress], ingresses: Mapping[str, Ingress]) -> dict[str, Egress]:
    """The egresses, where replies to a broker that looks at what is sent to it go through its ingress."""
    strict = {ingress.topic for ingress in ingresses.values() if ingress.schemas}
    return {uid: replace(e, reply_topic=None) if e.reply_topic in strict else e for uid, e in egresses.items()}


def _rank(claimant: tuple[Key, KafkaChannel | Broker]) -> tuple[bool, bool, Key]:
    """Who comes first where two want the same.

    Who has a topic already keeps it, so a newcomer never takes it away; and a topic that one makes is not another's to call
    somebody else's.
    """
    key, one = claimant
    return not recorded_topic(one), isinstance(one, Broker) and one.external_topic is not None, key
