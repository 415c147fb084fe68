"""From resources to a plan and their statuses, in one pure step.

First every Channel gets its backing KafkaChannel (the children); then each KafkaChannel becomes an ingress and a topic, and
each Subscription whose references resolve an egress. What Kafka and the ingresses have been seen to do only colours the
statuses: the plan never depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eventing.kinds.channel import Channel
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Resource
from eventing.kinds.subscription import Subscription
from eventing.plan import channels, subscriptions
from eventing.plan.expand import backing_channels
from eventing.plan.model import Egress, Ingress, Plan, TopicSpec
from eventing.plan.options import Snapshot
from eventing.plan.resolve import Resolver
from eventing.plan.status import Status


@dataclass(frozen=True, slots=True)
class Compiled:
    """The plan, the status of each object by key, and the objects that must exist because others do."""

    plan: Plan
    statuses: Mapping[Key, Status]
    children: tuple[Resource, ...]


def compile_plan(snapshot: Snapshot) -> Compiled:
    """Compile; the same snapshot always gives the same result, whatever the order of its resources."""
    options, observed = snapshot.options, snapshot.observed
    resources = {key_of(r): r for r in sorted(snapshot.resources, key=key_of)}
    children, refusals = backing_channels(resources, options)
    resources |= {key_of(child): child for child in children}
    kafka_channels = {key: r for key, r in resources.items() if isinstance(r, KafkaChannel)}
    generic_channels = {key: r for key, r in resources.items() if isinstance(r, Channel)}
    addressable = [*kafka_channels, *generic_channels]
    resolver = Resolver({key: channels.address(options, key) for key in addressable}, options)

    routes: dict[str, Ingress] = {}
    topics: dict[str, TopicSpec] = {}
    egresses: dict[str, Egress] = {}
    groups: dict[str, Egress] = {}
    statuses: dict[Key, Status] = {}
    # Who has a topic or a group already keeps it, so a newcomer that claims the same never takes it away.
    for key, one in sorted(kafka_channels.items(), key=lambda item: (not channels.recorded_topic(item[1]), item[0])):
        route, topic, statuses[key] = channels.kafka_channel(one, routes, resolver, options, observed)
        if route is not None and topic is not None:
            routes[topic.name] = route
            topics[topic.name] = topic
    for key, generic in generic_channels.items():
        backing = statuses.get(channels.backing_key(key))
        statuses[key] = channels.channel(generic, backing, refusals.get(key), resolver)
    ours = {key: r for key, r in resources.items() if isinstance(r, Subscription)}
    for key, sub in sorted(ours.items(), key=lambda item: (not subscriptions.recorded_group(item[1]), item[0])):
        linked = subscriptions.link(sub, groups, kafka_channels, statuses, resolver, options, observed)
        statuses[key] = linked.status
        if linked.egress is not None and linked.backing is not None:
            egresses[linked.egress.uid] = groups[linked.egress.group] = linked.egress
            behind = statuses[linked.backing]
            subscribers = [*behind.get("subscribers", ()), linked.entry]
            statuses[linked.backing] = {**behind, "subscribers": subscribers}
    plan = Plan({route.uid: route for route in routes.values()}, egresses, topics)
    return Compiled(plan, statuses, children)
