"""What Knative serves in this cluster and Kanal would not, or not with what is in it already. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from eventing.kinds.broker import EXTERNAL_TOPIC_ANNOTATION, Broker
from eventing.kinds.channel import Channel
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.key import Key, key_of
from kanal.migrate import knative
from kanal.migrate.estate import Estate, Refused, key_of_document
from kanal.migrate.finding import Finding, problem

Serves = Literal["everything", "kafka"]
_UNTENDED = f"nothing reconciles it once {knative.CONTROLLER} is stopped; {{}} goes on as it was told last"
_UNTOUCHED = (
    "leave {} running and change nothing in it, or {} a Broker that has the annotation " + EXTERNAL_TOPIC_ANNOTATION
)
_KNATIVES_KAFKA: Mapping[tuple[str, str], tuple[str, str]] = {
    ("sources.knative.dev", "KafkaSource"): (
        _UNTENDED.format(knative.SOURCE_DISPATCHER),
        _UNTOUCHED.format(knative.SOURCE_DISPATCHER, "read the topic, if its records are CloudEvents, with"),
    ),
    ("eventing.knative.dev", "KafkaSink"): (
        _UNTENDED.format(knative.SINK_RECEIVER),
        _UNTOUCHED.format(knative.SINK_RECEIVER, "send to"),
    ),
}
_CORES = frozenset(
    [
        ("sources.knative.dev", kind)
        for kind in ("PingSource", "ApiServerSource", "ContainerSource", "SinkBinding", "IntegrationSource")
    ]
    + [("sinks.knative.dev", kind) for kind in ("JobSink", "IntegrationSink")]
    + [("eventing.knative.dev", kind) for kind in ("EventTransform", "RequestReply")]
)
_POLICY = ("eventing.knative.dev", "EventPolicy")
_BESIDE = "keep Knative's core and let Kanal serve Kafka alone: --set kubernetes.serves=kafka"


def findings(estate: Estate, serves: Serves) -> Iterator[Finding]:
    """All of it, object by object."""
    for refused in estate.refused:
        yield _refused(refused)
    for key in estate.unnumbered:
        message = "it has no metadata.uid, so it comes from nobody's API server, and names made of uids can't be told"
        yield problem(key, message, "take it from the cluster: kubectl get ... -o yaml")
    for document in estate.others:
        yield from _foreign(key_of_document(document), serves)
    for broker in estate.of(Broker):
        yield from _broker(broker, serves)
    if serves == "everything":
        backed = {(one.metadata.namespace, one.metadata.name) for one in estate.of(KafkaChannel)}
        for channel in estate.of(Channel):
            if (channel.metadata.namespace, channel.metadata.name) not in backed:
                yield _no_kafka(channel)


def _foreign(key: Key, serves: Serves) -> Iterator[Finding]:
    if key[:2] in _KNATIVES_KAFKA:
        yield problem(key, *_KNATIVES_KAFKA[key[:2]])
    elif key[:2] == _POLICY:
        message = "Kanal takes events from everybody, whatever an EventPolicy says"
        yield problem(key, message, "admit senders with a NetworkPolicy")
    elif key[:2] in _CORES and serves == "everything":
        yield problem(key, f"Kanal does not run a {key.kind}", _BESIDE)


def _refused(refused: Refused) -> Finding:
    message = "Kanal does not take it as it is: " + "; ".join(f"{one.field}: {one.message}" for one in refused.errors)
    return problem(refused.key, message, "; ".join(one.fix for one in refused.errors if one.fix))


def _broker(broker: Broker, serves: Serves) -> Iterator[Finding]:
    key, class_ = key_of(broker), broker.broker_class
    if class_ == knative.NAMESPACED_CLASS and serves == "kafka":
        message = f"Kanal leaves the class {class_} alone where it serves Kafka beside Knative's core"
        yield problem(key, message, "let it serve everything, or make a Broker of the class Kafka in its place")
    elif class_ and class_ not in knative.KAFKA_CLASSES and serves == "everything":
        yield problem(
            key,
            f"the class {class_} keeps its events elsewhere: Kanal serves it with a topic of its own and does not have those",
            _drained(key) if class_ == "MTChannelBasedBroker" else "let it deliver what it has before the switch",
        )


def _drained(key: Key) -> str:
    return (
        "before the switch scale mt-broker-ingress to 0 (senders get errors and send again later), and wait until the "
        f"Subscriptions of the channel {key.name}-kne-trigger in {key.namespace} have delivered everything"
    )


def _no_kafka(channel: Channel) -> Finding:
    template = channel.spec.channel_template
    kind = template.kind if template is not None else "that is its installation's default"
    return problem(
        key_of(channel),
        f"what stands behind it is of the kind {kind}: Kanal gives it a topic and does not have the events in there",
        "let it deliver what it has before the switch, or " + _BESIDE,
    )
