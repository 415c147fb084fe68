"""What a Broker becomes: an address, a topic as its ConfigMap wants it, and its conditions (behaviour §10.3)."""

from __future__ import annotations

from collections.abc import Mapping

from eventing.errors import Invalid
from eventing.kinds import broker as kind
from eventing.kinds.broker import KAFKA_CLASS, Broker
from eventing.kinds.condition import TRUE, Fact
from eventing.kinds.configmap import ConfigMap
from eventing.kinds.key import Key, key_of
from eventing.plan import linking, names, topics
from eventing.plan.brokerconfig import TopicSettings, broker_class, topic_settings
from eventing.plan.claims import EVERYONE, Claim, path, recorded_topic, refused, served
from eventing.plan.model import Ingress, TopicSpec
from eventing.plan.options import Observed, Options, Problem
from eventing.plan.resolve import Resolver
from eventing.plan.status import Status, false, seen

Maps = Mapping[Key, ConfigMap]


def is_served(broker: Broker, options: Options) -> bool:
    """Whether Kanal serves this Broker's class. One that it doesn't is left alone: somebody else may serve it."""
    return options.any_broker_class or broker_class(broker, options) == KAFKA_CLASS


def wanted(broker: Broker, maps: Maps, options: Options) -> tuple[Ingress, TopicSpec]:
    """The route and the topic of a Broker.

    Raises `Invalid` where its topic can't have a name, or where nothing says how a topic that is yet to be made should be.
    """
    key, topic = key_of(broker), _topic(broker, maps, options)
    return Ingress(broker.metadata.uid, key.kind, key.namespace, key.name, topic.name, path(key), ttl=broker.ttl), topic


def broker(
    broker: Broker, claim: Claim, maps: Maps, resolver: Resolver, options: Options, observed: Observed
) -> Status:
    """The status of a Broker that has got what its claim says."""
    if isinstance(claim, Problem):
        return refused(broker, kind.CONFIG_PARSED, claim)
    settings, dead_letter = None, None
    try:
        settings = topic_settings(broker, maps, options)
        parsed = settings.parsed
        dead_letter = linking.dead_letter(broker, None, resolver)
    except Invalid as error:
        # Not Ready, but it goes on taking events: what is sent meanwhile is delivered once all is there.
        parsed = false(Problem(error.reason, str(error)))
    facts = {
        kind.CONFIG_PARSED: parsed,
        kind.CONFIG_MAP_UPDATED: TRUE,
        kind.TOPIC_READY: _topic_ready(broker, claim.topic, settings, options, observed),
        kind.DATA_PLANE_AVAILABLE: _available(broker, options),
        kind.PROBE_SUCCEEDED: seen(broker.metadata.uid, observed.routes, "the ingresses have not been asked yet"),
        kind.ADDRESSABLE: TRUE,
        kind.EVENT_POLICIES_READY: EVERYONE,
    }
    return served(broker, facts, claim, options, dead_letter)


def _topic(broker: Broker, maps: Maps, options: Options) -> TopicSpec:
    if broker.external_topic in options.own_topics:
        field, fix = f"metadata.annotations[{kind.EXTERNAL_TOPIC_ANNOTATION}]", "name a topic for events"
        raise Invalid(f"the topic {broker.external_topic} is for Kanal's own records", field=field, fix=fix)
    if broker.external_topic is not None:
        return TopicSpec(broker.external_topic, external=True)
    recorded = recorded_topic(broker)
    try:
        settings = topic_settings(broker, maps, options)
    except Invalid:
        if recorded is None:
            raise
        # The topic is there and goes on; one that is gone is not made again before it is known how.
        return TopicSpec(recorded, external=True)
    return TopicSpec(
        recorded or names.broker_topic(options, broker.metadata.namespace, broker.metadata.name),
        settings.partitions,
        topics.replicas(settings.replication_factor, options),
        settings.config,
    )


def _topic_ready(
    broker: Broker, topic: str, settings: TopicSettings | None, options: Options, observed: Observed
) -> Fact:
    if settings is None or broker.external_topic is not None:
        return topics.topic_ready(topic, 1, options, observed)
    fact = topics.topic_ready(topic, settings.replication_factor, options, observed)
    if fact.reason != Invalid.reason:
        return fact
    return Fact(fact.status, fact.reason, f"{fact.message}; how the topic should be stands in {settings.source}")


def _available(broker: Broker, options: Options) -> Fact:
    other = broker_class(broker, options)
    if other == KAFKA_CLASS:
        return TRUE
    unread = "" if broker.spec.config is None else "; spec.config is not looked at"
    return Fact("True", "ServedByKafka", f"Kanal serves the class {other} with Kafka{unread}")
