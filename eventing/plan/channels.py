"""What a channel becomes: an address, a topic and the conditions of both its kinds (behaviour §10.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventing.errors import Invalid
from eventing.kinds import channel as generic
from eventing.kinds import kafkachannel as kafka
from eventing.kinds.channel import Channel
from eventing.kinds.condition import TRUE, Fact
from eventing.kinds.durations import seconds
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.key import Key, key_of
from eventing.plan import names
from eventing.plan.model import Ingress, TopicSpec
from eventing.plan.options import Observed, Options, Problem
from eventing.plan.resolve import Resolver
from eventing.plan.status import Status, false, ready_of, seen, status_of

TOPIC_ANNOTATION = "default.topic"
_EVERYONE = Fact("True", "NoEventPolicy", "no EventPolicy applies; everyone may send")


def address(options: Options, key: Key) -> str:
    """The URL to which events for this channel are POSTed."""
    return f"{options.base_url.rstrip('/')}/{key.namespace}/{key.name}"


def recorded_topic(channel: KafkaChannel) -> str | None:
    """The topic that this channel has already, whatever the template says now."""
    annotations: Mapping[str, str] = channel.status.get("annotations", {})
    return annotations.get(TOPIC_ANNOTATION)


def backing_key(key: Key) -> Key:
    """The KafkaChannel behind a Channel: same namespace, same name."""
    return Key(KafkaChannel.GROUP, KafkaChannel.KIND, key.namespace, key.name)


def kafka_channel(
    channel: KafkaChannel, taken: Mapping[str, Ingress], resolver: Resolver, options: Options, observed: Observed
) -> tuple[Ingress | None, TopicSpec | None, Status]:
    """The route, the topic and the status of one KafkaChannel; `taken` are the routes so far, by topic."""
    key, uid = key_of(channel), channel.metadata.uid
    recorded = recorded_topic(channel)
    try:
        topic = _topic(channel, recorded, options)
        owner = taken.get(topic.name)
        if owner is not None:
            raise Invalid(f"the topic {topic.name} belongs to {owner.kind} {owner.namespace}/{owner.name} already")
    except Invalid as error:
        facts = {kafka.CONFIG_PARSED: false(Problem(error.reason, str(error)))}
        # The topic holds events already, so its name has to outlast the problem.
        kept = {TOPIC_ANNOTATION: recorded} if recorded else {}
        return None, None, status_of(channel, facts, annotations=kept)
    route = Ingress(
        uid,
        key.kind,
        key.namespace,
        key.name,
        topic.name,
        f"/{key.namespace}/{key.name}",
        (names.channel_host(key.namespace, key.name),),
    )
    dead_letter, parsed = None, TRUE
    try:
        dead_letter = _dead_letter(channel, resolver)
    except Invalid as error:
        # Not Ready, but it goes on taking events: what is sent meanwhile is delivered once the sink is there.
        parsed = false(Problem(error.reason, str(error)))
    facts = {
        kafka.CONFIG_PARSED: parsed,
        kafka.CONFIG_MAP_UPDATED: TRUE,
        kafka.TOPIC_READY: seen(topic.name, observed.topics, f"the topic {topic.name} has not been looked at yet"),
        kafka.PROBE_SUCCEEDED: seen(uid, observed.routes, "the ingresses have not been asked yet"),
        kafka.SUBSCRIBERS: TRUE,
        kafka.ADDRESSABLE: TRUE,
        kafka.EVENT_POLICIES_READY: _EVERYONE,
    }
    url = {"name": "http", "url": address(options, key)}
    annotations = {TOPIC_ANNOTATION: topic.name}
    status = status_of(
        channel, facts, address=url, addresses=[url], annotations=annotations, deadLetterSinkUri=dead_letter
    )
    return route, topic, status


def channel(resource: Channel, backing: Status | None, refusal: Problem | None, resolver: Resolver) -> Status:
    """The status of a Channel: mostly that of the KafkaChannel behind it."""
    facts = {generic.EVENT_POLICIES_READY: _EVERYONE}
    more: dict[str, Any] = {}
    behind = backing_key(key_of(resource))
    if refusal is not None or backing is None:
        problem = refusal or Problem("BackingChannelMissing", f"{behind} does not exist")
        facts[generic.BACKING_CHANNEL_READY] = false(problem)
        facts[generic.ADDRESSABLE] = false(problem)
    else:
        facts[generic.BACKING_CHANNEL_READY] = _behind(resource, backing)
        facts[generic.ADDRESSABLE] = TRUE if "address" in backing else ready_of(backing)
        more = {name: backing[name] for name in ("address", "addresses") if name in backing}
        more["channel"] = {"apiVersion": f"{behind.group}/{KafkaChannel.VERSIONS[0]}"} | {
            name: getattr(behind, name) for name in ("kind", "name", "namespace")
        }
    try:
        more["deadLetterSinkUri"] = _dead_letter(resource, resolver)
        facts[generic.DEAD_LETTER_SINK_RESOLVED] = (
            TRUE if more["deadLetterSinkUri"] else Fact("True", "DeadLetterSinkNotConfigured")
        )
    except Invalid as error:
        facts[generic.DEAD_LETTER_SINK_RESOLVED] = false(Problem(error.reason, str(error)))
    return status_of(resource, facts, **more)


def _behind(resource: Channel, backing: Status) -> Fact:
    ready = ready_of(backing)
    template = resource.spec.channel_template
    if ready.status == "True" and template is not None and template.kind != KafkaChannel.KIND:
        return Fact("True", "ServedByKafka", f"Kanal serves this {template.kind} with a KafkaChannel")
    return ready


def _topic(channel: KafkaChannel, recorded: str | None, options: Options) -> TopicSpec:
    spec, key = channel.spec, key_of(channel)
    return TopicSpec(
        recorded or names.channel_topic(options, key.namespace, key.name),
        spec.num_partitions or 1,
        spec.replication_factor or 1,
        {} if spec.retention_duration is None else {"retention.ms": str(int(seconds(spec.retention_duration) * 1000))},
    )


def _dead_letter(resource: Channel | KafkaChannel, resolver: Resolver) -> str | None:
    delivery = resource.spec.delivery
    if delivery is None or delivery.dead_letter_sink is None:
        return None
    return resolver.url(delivery.dead_letter_sink, resource.metadata.namespace, "spec.delivery.deadLetterSink")
