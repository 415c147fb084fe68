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
from eventing.plan.addresses import path
from eventing.plan.brokerconfig import broker_class, topic_settings
from eventing.plan.claims import EVERYONE, Claim, recorded_topic, refused, served, told
from eventing.plan.installation import Installed
from eventing.plan.model import Ingress, TopicSpec
from eventing.plan.options import Options, Problem
from eventing.plan.scene import Scene
from eventing.plan.status import Status, false, seen
from eventing.plan.topicsettings import TopicSettings, kept_keys

Maps = Mapping[Key, ConfigMap]


def wanted(broker: Broker, maps: Maps, options: Options, installed: Installed) -> tuple[Ingress, TopicSpec]:
    """The route and the topic of a Broker.

    Raises `Invalid` where its topic can't have a name, or where nothing says how a topic that is yet to be made should be.
    """
    key, topic = key_of(broker), _topic(broker, maps, options, installed)
    return Ingress(broker.metadata.uid, key.kind, key.namespace, key.name, topic.name, path(key), ttl=broker.ttl), topic


def broker(broker: Broker, claim: Claim, scene: Scene) -> Status:
    """The status of a Broker that has got what its claim says."""
    options, observed = scene.options, scene.observed
    if isinstance(claim, Problem):
        return refused(broker, kind.CONFIG_PARSED, claim)
    settings, dead_letter = None, None
    try:
        settings = topic_settings(broker, scene.maps, options, scene.installed.broker_topics)
        parsed = settings.parsed
        dead_letter = linking.dead_letter(broker, None, scene.resolver)
    except Invalid as error:
        # Not Ready, but it goes on taking events: what is sent meanwhile is delivered once all is there.
        parsed = false(Problem(error.reason, str(error)))
    facts = {
        kind.CONFIG_PARSED: parsed,
        kind.CONFIG_MAP_UPDATED: told(claim, observed),
        kind.TOPIC_READY: _topic_ready(broker, claim.topic, settings, scene),
        kind.DATA_PLANE_AVAILABLE: _available(broker, options),
        kind.PROBE_SUCCEEDED: seen(broker.metadata.uid, observed.routes, "the ingresses have not been asked yet"),
        kind.ADDRESSABLE: TRUE,
        kind.EVENT_POLICIES_READY: EVERYONE,
    }
    recorded = kept_keys(broker.status) if settings is None else settings.recorded
    return served(broker, facts, claim, options, dead_letter, recorded)


def _topic(broker: Broker, maps: Maps, options: Options, installed: Installed) -> TopicSpec:
    if broker.external_topic in options.own_topics:
        field, fix = f"metadata.annotations[{kind.EXTERNAL_TOPIC_ANNOTATION}]", "name a topic for events"
        raise Invalid(f"the topic {broker.external_topic} is for Kanal's own records", field=field, fix=fix)
    if broker.external_topic is not None:
        return TopicSpec(broker.external_topic, external=True)
    recorded = recorded_topic(broker)
    try:
        settings = topic_settings(broker, maps, options, installed.broker_topics)
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


def _topic_ready(broker: Broker, topic: str, settings: TopicSettings | None, scene: Scene) -> Fact:
    options, observed = scene.options, scene.observed
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
