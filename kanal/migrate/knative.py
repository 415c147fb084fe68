"""How Knative's Kafka data plane names what it installs, records and leaves on objects (behaviour §2, §14, §22, §23). Pure."""

from __future__ import annotations

from collections.abc import Mapping

NAMESPACE = "knative-eventing"

FEATURES = "config-kafka-features"
BROKER_CONFIG = "kafka-broker-config"
CHANNEL_CONFIG = "kafka-channel-config"
BROKER_DATA_PLANE = "config-kafka-broker-data-plane"
CHANNEL_DATA_PLANE = "config-kafka-channel-data-plane"
CORE_FEATURES = "config-features"
DEFAULTS = ("config-br-defaults", "default-ch-webhook")
"""What Knative's core fills into Brokers and Channels that leave it open."""
CONFIG_MAPS = (
    FEATURES,
    BROKER_CONFIG,
    CHANNEL_CONFIG,
    BROKER_DATA_PLANE,
    CHANNEL_DATA_PLANE,
    CORE_FEATURES,
    *DEFAULTS,
)

NAMESPACED_CLASS = "KafkaNamespaced"
KAFKA_CLASSES = ("Kafka", NAMESPACED_CLASS)

INTERNAL = "internal.kafka.eventing.knative.dev"
CONSUMER_GROUP = (INTERNAL, "ConsumerGroup")
CONSUMER = (INTERNAL, "Consumer")

CONTROLLER = "kafka-controller"
DISPATCHERS = ("kafka-broker-dispatcher", "kafka-channel-dispatcher")
RECEIVERS = ("kafka-broker-receiver", "kafka-channel-receiver")
SOURCE_DISPATCHER = "kafka-source-dispatcher"
SINK_RECEIVER = "kafka-sink-receiver"
OPERATOR = "knative-operator"
CORE_CONTROLLERS = ("eventing-controller", "mt-broker-controller", "imc-controller")

KAFKA_WEBHOOKS: Mapping[str, tuple[str, ...]] = {
    "mutatingwebhookconfiguration": (
        "defaulting.webhook.kafka.eventing.knative.dev",
        "pods.defaulting.webhook.kafka.eventing.knative.dev",
    ),
    "validatingwebhookconfiguration": ("validation.webhook.kafka.eventing.knative.dev",),
}
CORE_WEBHOOKS: Mapping[str, tuple[str, ...]] = {
    "mutatingwebhookconfiguration": ("webhook.eventing.knative.dev", "sinkbindings.webhook.sources.knative.dev"),
    "validatingwebhookconfiguration": (
        "validation.webhook.eventing.knative.dev",
        "config.webhook.eventing.knative.dev",
    ),
}

FINALIZERS: Mapping[tuple[str, str], str] = {
    ("eventing.knative.dev", "Broker"): "brokers.eventing.knative.dev",
    ("eventing.knative.dev", "Trigger"): "triggers.eventing.knative.dev",
    ("messaging.knative.dev", "KafkaChannel"): "kafkachannels.messaging.knative.dev",
    ("messaging.knative.dev", "Subscription"): "subscriptions.messaging.knative.dev",
    CONSUMER_GROUP: f"consumergroups.{INTERNAL}",
    CONSUMER: f"consumers.{INTERNAL}",
}
"""What Knative's controllers put on an object of a kind; once they are gone nobody takes it off."""
SECRET_FINALIZER = "kafka.eventing/"  # noqa: S105 - the beginning of a finalizer, followed by a uid
"""What its Kafka controller puts on the Secrets that it reads."""
