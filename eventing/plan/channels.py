"""What a channel becomes: an address, a topic and the conditions of both its kinds (behaviour §10.1)."""

from __future__ import annotations

from typing import Any

from eventing.errors import Invalid
from eventing.kinds import channel as generic
from eventing.kinds import kafkachannel as kafka
from eventing.kinds.channel import Channel
from eventing.kinds.condition import TRUE, Fact
from eventing.kinds.durations import seconds
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.key import Key, key_of
from eventing.plan import linking, names, topics
from eventing.plan.addresses import hosts, path
from eventing.plan.claims import EVERYONE, Claim, recorded_topic, refused, served, told
from eventing.plan.model import Ingress, TopicSpec
from eventing.plan.options import Options, Problem
from eventing.plan.resolve import Resolver
from eventing.plan.scene import Scene
from eventing.plan.status import Status, false, ready_of, seen, status_of


def backing_key(key: Key) -> Key:
    """The KafkaChannel behind a Channel: same namespace, same name."""
    return Key(KafkaChannel.GROUP, KafkaChannel.KIND, key.namespace, key.name)


def wanted(channel: KafkaChannel, options: Options) -> tuple[Ingress, TopicSpec]:
    """The route and the topic of a KafkaChannel. Raises `Invalid` where its topic can't have a name."""
    key, spec = key_of(channel), channel.spec
    topic = TopicSpec(
        recorded_topic(channel) or names.channel_topic(options, key.namespace, key.name),
        spec.num_partitions or options.defaults.partitions,
        topics.replicas(_replicas(channel, options), options),
        {} if spec.retention_duration is None else {"retention.ms": str(int(seconds(spec.retention_duration) * 1000))},
    )
    uid = channel.metadata.uid
    return Ingress(uid, key.kind, key.namespace, key.name, topic.name, path(key), hosts(options, key)), topic


def kafka_channel(channel: KafkaChannel, claim: Claim, scene: Scene) -> Status:
    """The status of a KafkaChannel that has got what its claim says."""
    options, observed = scene.options, scene.observed
    if isinstance(claim, Problem):
        return refused(channel, kafka.CONFIG_PARSED, claim)
    dead_letter, parsed = None, scene.installed.channels_parsed
    try:
        dead_letter = linking.dead_letter(channel, None, scene.resolver)
    except Invalid as error:
        # Not Ready, but it goes on taking events: what is sent meanwhile is delivered once the sink is there.
        parsed = false(Problem(error.reason, str(error)))
    facts = {
        kafka.CONFIG_PARSED: parsed,
        kafka.CONFIG_MAP_UPDATED: told(claim, observed),
        kafka.TOPIC_READY: topics.topic_ready(claim.topic, _replicas(channel, options), options, observed),
        kafka.PROBE_SUCCEEDED: seen(channel.metadata.uid, observed.routes, "the ingresses have not been asked yet"),
        kafka.SUBSCRIBERS: TRUE,
        kafka.ADDRESSABLE: TRUE,
        kafka.EVENT_POLICIES_READY: EVERYONE,
    }
    return served(channel, facts, claim, options, dead_letter)


def _replicas(channel: KafkaChannel, options: Options) -> int:
    return channel.spec.replication_factor or options.defaults.replication_factor


def channel(resource: Channel, backing: Status | None, refusal: Problem | None, resolver: Resolver) -> Status:
    """The status of a Channel: mostly that of the KafkaChannel behind it."""
    facts = {generic.EVENT_POLICIES_READY: EVERYONE}
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
        more["deadLetterSinkUri"] = linking.dead_letter(resource, None, resolver)
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
