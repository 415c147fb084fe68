"""Objects as Knative's API server tells them where its Kafka data plane serves them: uids, finalizers, owners and statuses."""

from __future__ import annotations

import uuid
from typing import Any

Document = dict[str, Any]
READY = [{"type": "Ready", "status": "True"}]


def uid_of(*words: str) -> str:
    """The same uid for the same words."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(words)))


def _object(version: str, kind: str, namespace: str, name: str, spec: Any = None, **more: Any) -> Document:
    meta = {
        "name": name,
        "namespace": namespace,
        "uid": uid_of(kind, namespace, name),
        "resourceVersion": "1",
        "generation": 1,
        "creationTimestamp": "2026-01-02T03:04:05Z",
        **more.pop("metadata", {}),
    }
    whole = {"apiVersion": version, "kind": kind, "metadata": meta, **more}
    return whole if spec is None else {**whole, "spec": spec}


def broker(
    namespace: str, name: str = "orders", topic: str | None = "", class_: str = "Kafka", **spec: Any
) -> Document:
    """A Broker; `topic` is the recorded one, None where none is recorded yet."""
    recorded = {} if topic is None else {"default.topic": topic or f"knative-broker-{namespace}-{name}"}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "name": "kafka-broker-config", "namespace": "knative-eventing"}
    return _object(
        "eventing.knative.dev/v1",
        "Broker",
        namespace,
        name,
        {"config": config, **spec},
        metadata={
            "annotations": {"eventing.knative.dev/broker.class": class_},
            "finalizers": ["brokers.eventing.knative.dev"],
        },
        status={
            "observedGeneration": 1,
            "conditions": READY,
            "annotations": {"bootstrap.servers": "my-kafka:9092", **recorded},
            "address": {
                "name": "http",
                "url": f"http://kafka-broker-ingress.knative-eventing.svc.cluster.local/{namespace}/{name}",
            },
        },
    )


def trigger(
    namespace: str, name: str = "pay", group: str | None = "", subscriber: str = "http://pay.shop", **spec: Any
) -> Document:
    """A Trigger of the Broker `orders`; `group` is the recorded one, None where none is recorded."""
    recorded = {} if group is None else {"group.id": group or f"knative-trigger-{namespace}-{name}"}
    return _object(
        "eventing.knative.dev/v1",
        "Trigger",
        namespace,
        name,
        {"broker": "orders", "filter": {}, "subscriber": {"uri": subscriber}, **spec},
        metadata={"labels": {"eventing.knative.dev/broker": "orders"}},
        status={"observedGeneration": 1, "conditions": READY, "annotations": recorded, "subscriberUri": subscriber},
    )


def channel(namespace: str, name: str = "bills", partitions: int = 3) -> list[Document]:
    """A Channel and the KafkaChannel behind it."""
    template = {
        "apiVersion": "messaging.knative.dev/v1beta1",
        "kind": "KafkaChannel",
        "spec": {"numPartitions": partitions, "replicationFactor": 1},
    }
    generic = _object(
        "messaging.knative.dev/v1",
        "Channel",
        namespace,
        name,
        {"channelTemplate": template},
        status={"conditions": READY},
    )
    owner = {
        "apiVersion": "messaging.knative.dev/v1",
        "kind": "Channel",
        "name": name,
        "uid": generic["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return [generic, kafka_channel(namespace, name, partitions, metadata={"ownerReferences": [owner]})]


def kafka_channel(
    namespace: str,
    name: str = "bills",
    partitions: int = 3,
    topic: str = "",
    metadata: Document | None = None,
    **spec: Any,
) -> Document:
    """A KafkaChannel with its recorded topic."""
    return _object(
        "messaging.knative.dev/v1beta1",
        "KafkaChannel",
        namespace,
        name,
        {"numPartitions": partitions, "replicationFactor": 1, "retentionDuration": "PT168H", **spec},
        metadata={"finalizers": ["kafkachannels.messaging.knative.dev"], **(metadata or {})},
        status={
            "observedGeneration": 1,
            "conditions": READY,
            "annotations": {"default.topic": topic or f"knative-messaging-kafka.{namespace}.{name}"},
        },
    )


def subscription(
    namespace: str, name: str = "print", channel: str = "bills", subscriber: str = "http://print.shop", **spec: Any
) -> Document:
    """A Subscription of a Channel."""
    ref = {"apiVersion": "messaging.knative.dev/v1", "kind": "Channel", "name": channel}
    return _object(
        "messaging.knative.dev/v1",
        "Subscription",
        namespace,
        name,
        {"channel": ref, "subscriber": {"uri": subscriber}, **spec},
        metadata={"finalizers": ["subscriptions.messaging.knative.dev"]},
        status={"observedGeneration": 1, "conditions": READY, "physicalSubscription": {"subscriberUri": subscriber}},
    )


def consumer_group(namespace: str, owner: Document, group: str) -> Document:
    """The ConsumerGroup of Knative's own that stands behind a Trigger."""
    meta = owner["metadata"]
    reference = {
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": meta["name"], "uid": meta["uid"], "controller": True,
    }  # fmt: skip
    spec = {"topics": ["any"], "configs": {"configs": {"group.id": group, "bootstrap.servers": "my-kafka:9092"}}}
    return _object(
        "internal.kafka.eventing.knative.dev/v1alpha1",
        "ConsumerGroup",
        namespace,
        group,
        {"template": {"spec": spec}},
        metadata={
            "ownerReferences": [reference],
            "finalizers": ["consumergroups.internal.kafka.eventing.knative.dev"],
        },
    )


def config_map(name: str, namespace: str = "knative-eventing", **data: str) -> Document:
    """A ConfigMap of Knative's installation."""
    return _object("v1", "ConfigMap", namespace, name, data=data)


def installation(**features: str) -> list[Document]:
    """The ConfigMaps that Knative ships with; `features` change `config-kafka-features`, `__` for a dot."""
    flags = {key.replace("__", "."): text for key, text in features.items()}
    return [
        config_map("config-kafka-features", **flags),
        config_map(
            "kafka-broker-config",
            **{
                "bootstrap.servers": "my-kafka:9092",
                "default.topic.partitions": "3",
                "default.topic.replication.factor": "1",
            },
        ),
        config_map("kafka-channel-config", **{"bootstrap.servers": "my-kafka:9092"}),
    ]


def shop(namespace: str = "shop") -> list[Document]:
    """A Broker with a Trigger, and a Channel with a Subscription, all of them well."""
    return [broker(namespace), trigger(namespace), *channel(namespace), subscription(namespace)]
