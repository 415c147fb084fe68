"""What Knative's data plane has in Kafka, object by object: the topic of a channel or Broker, the group of what reads it. Pure.

A name that was recorded counts; where none was, Knative's rules give it (behaviour §2). A Trigger from before its groups had a
template has its uid as group, which only a ConsumerGroup or Kafka itself can tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from eventing.kinds.broker import Broker
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Resource
from eventing.kinds.subscription import Subscription
from eventing.kinds.trigger import Trigger
from eventing.plan.channels import backing_key
from eventing.plan.claims import recorded_topic
from eventing.plan.linking import recorded_group
from kanal.migrate import knative
from kanal.migrate.estate import Document, Estate, key_of_document, mapping
from kanal.migrate.template import BROKER_TOPIC, CHANNEL_TOPIC, TRIGGER_GROUP, Template

Templates = Mapping[str, Template]


@dataclass(frozen=True, slots=True)
class Held:
    """The topic of `owner`, or with `group` what reads that topic. A name is empty where nobody can tell it.

    `source` says who knows the name: `status`, `annotation`, `ConsumerGroup`, `template`, `uid`. `instead` is the group that it
    may be in truth.
    """

    owner: Key
    uid: str
    topic: str
    source: str
    group: str = ""
    instead: str = ""

    @property
    def name(self) -> str:
        """What is to be found in Kafka under this name."""
        return self.group or self.topic


def topics(estate: Estate, templates: Templates) -> list[Held]:
    """The topics of all KafkaChannels and of the Brokers of Knative's Kafka classes."""
    found = [_topic(one, templates[CHANNEL_TOPIC]) for one in estate.of(KafkaChannel)]
    found += [_topic(one, templates[BROKER_TOPIC]) for one in estate.of(Broker) if is_kafka(one)]
    return sorted(found, key=lambda one: one.owner)


def groups(estate: Estate, templates: Templates) -> list[Held]:
    """The groups of the Subscriptions of KafkaChannels and of the Triggers of those Brokers."""
    of_topic = {one.owner: one.topic for one in topics(estate, templates)}
    made = {_owner_uid(one): one for one in estate.foreign(knative.CONSUMER_GROUP)}
    found: dict[str, Held] = {}
    for trigger in estate.of(Trigger):
        if trigger.broker_key in of_topic:
            held = _of_trigger(trigger, of_topic[trigger.broker_key], made.get(trigger.metadata.uid), templates)
            found[held.uid] = held
    for subscription in estate.of(Subscription):
        ref = subscription.spec.channel
        channel = backing_key(Key(ref.kind_group, ref.kind, subscription.channel_namespace, ref.name))
        if channel in of_topic:
            uid = subscription.metadata.uid
            usual = Held(key_of(subscription), uid, of_topic[channel], "rule", _rule(channel, uid))
            recorded = recorded_group(subscription)
            found[uid] = replace(usual, group=recorded, source="status") if recorded else usual
    for one in estate.of(KafkaChannel):
        for entry in one.spec.subscribers:
            key = key_of(one)
            owner = Key(Subscription.GROUP, Subscription.KIND, key.namespace, entry.name) if entry.name else key
            found.setdefault(entry.uid, Held(owner, entry.uid, of_topic[key], "rule", _rule(key, entry.uid)))
    return sorted(found.values(), key=lambda one: (one.owner, one.uid))


def is_kafka(broker: Broker) -> bool:
    """Whether Knative's Kafka data plane serves it."""
    return (broker.broker_class or knative.KAFKA_CLASSES[0]) in knative.KAFKA_CLASSES


def _rule(channel: Key, uid: str) -> str:
    return f"kafka.{channel.namespace}.{channel.name}.{uid}"


def _topic(one: Resource, template: Template) -> Held:
    key, uid = key_of(one), one.metadata.uid
    if isinstance(one, Broker) and one.external_topic is not None:
        return Held(key, uid, one.external_topic, "annotation")
    recorded = recorded_topic(one)
    if recorded:
        return Held(key, uid, recorded, "status")
    return Held(key, uid, template.fill(key.namespace, key.name, uid) or "", "template")


def _of_trigger(trigger: Trigger, topic: str, made: Document | None, templates: Templates) -> Held:
    key, uid = key_of(trigger), trigger.metadata.uid
    recorded = recorded_group(trigger)
    if recorded:
        return Held(key, uid, topic, "status", recorded)
    configured = _group_id(made) if made is not None else ""
    if configured:
        return Held(key, uid, topic, "ConsumerGroup", configured)
    usual = templates[TRIGGER_GROUP].fill(key.namespace, key.name, uid) or ""
    return Held(key, uid, topic, "template", usual, instead=uid)


def _group_id(made: Document) -> str:
    spec = mapping(mapping(mapping(made.get("spec")).get("template")).get("spec"))
    configs = mapping(mapping(spec.get("configs")).get("configs"))
    return str(configs.get("group.id") or key_of_document(made).name)


def _owner_uid(made: Document) -> str:
    owners = mapping(made.get("metadata")).get("ownerReferences") or ()
    return next((str(one.get("uid")) for one in owners if isinstance(one, Mapping) and one.get("controller")), "")
