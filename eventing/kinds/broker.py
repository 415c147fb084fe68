"""Broker: an address for events of all sorts, from which each Trigger takes those that it wants (behaviour §10.3)."""

from __future__ import annotations

import re
from typing import ClassVar, Self

from pydantic import Field

from eventing.kinds.annotations import one_of
from eventing.kinds.columns import ADDRESSABLE_COLUMNS, Column
from eventing.kinds.delivery import DeliverySpec
from eventing.kinds.destination import KReference
from eventing.kinds.field_error import FieldError
from eventing.kinds.immutability import unchangeable
from eventing.kinds.meta import Defaults, Features, ObjectMeta, Resource
from eventing.kinds.model import Model
from eventing.kinds.status import AddressableStatus, Status
from eventing.kinds.wording import shown
from eventing.ttl import MOST

CONFIG_PARSED = "ConfigParsed"
CONFIG_MAP_UPDATED = "ConfigMapUpdated"
TOPIC_READY = "TopicReady"
DATA_PLANE_AVAILABLE = "DataPlaneAvailable"
PROBE_SUCCEEDED = "ProbeSucceeded"
ADDRESSABLE = "Addressable"
EVENT_POLICIES_READY = "EventPoliciesReady"

CLASS_ANNOTATION = "eventing.knative.dev/broker.class"
KAFKA_CLASS = "Kafka"
EXTERNAL_TOPIC_ANNOTATION = "kafka.eventing.knative.dev/external.topic"
TTL_ANNOTATION = "kanal.dev/ttl"
VALIDATE_ANNOTATION = "kanal.dev/validate"

_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_INTERNAL = ("__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata")
_DELIVERY = DeliverySpec(retry=10, backoff_policy="exponential", backoff_delay="PT0.2S")
"""What Knative's installation fills in (`config-br-defaults`)."""


class BrokerSpec(Model):
    """How the topic should be, and how patiently its events are delivered."""

    config: KReference | None = Field(
        None, description="The ConfigMap that says how the topic should be; the installation's defaults where left out."
    )
    delivery: DeliverySpec | None = Field(None, description="Delivery options of Triggers that name none.")


class Broker(Resource):
    """A mesh's hub: whoever sends to it need not know who listens."""

    GROUP: ClassVar[str] = "eventing.knative.dev"
    KIND: ClassVar[str] = "Broker"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)
    PLURAL: ClassVar[str] = "brokers"
    SINGULAR: ClassVar[str] = "broker"
    CATEGORIES: ClassVar[tuple[str, ...]] = ("all", "knative", "eventing")
    CRD_LABELS: ClassVar[dict[str, str]] = {"duck.knative.dev/addressable": "true"}
    STATUS: ClassVar[type[Status]] = AddressableStatus
    FIXED: ClassVar[tuple[str, ...]] = ("config",)
    FIX: ClassVar[str] = "apply a second Broker under another name, or delete this one and apply it anew"
    PRINTER_COLUMNS: ClassVar[tuple[Column, ...]] = ADDRESSABLE_COLUMNS
    DEPENDENTS: ClassVar[tuple[str, ...]] = (
        CONFIG_PARSED,
        CONFIG_MAP_UPDATED,
        TOPIC_READY,
        DATA_PLANE_AVAILABLE,
        PROBE_SUCCEEDED,
        ADDRESSABLE,
        EVENT_POLICIES_READY,
    )

    api_version: str = "eventing.knative.dev/v1"
    kind: str = "Broker"
    spec: BrokerSpec = Field(default=BrokerSpec(), description="How the topic should be, and its delivery.")

    @property
    def broker_class(self) -> str:
        """Who is to serve it; empty where nothing has been filled in yet."""
        return self.metadata.annotations.get(CLASS_ANNOTATION, "")

    @property
    def ttl(self) -> int | None:
        """How often an event may pass through here, None without limit; a wrong word was refused at apply."""
        word = self.metadata.annotations.get(TTL_ANNOTATION, "false").lower()
        return {"true": MOST, "false": None}[word] if word in ("true", "false") else int(word)

    @property
    def external_topic(self) -> str | None:
        """The topic of somebody else's that takes the events; None where the broker has its own."""
        return self.metadata.annotations.get(EXTERNAL_TOPIC_ANNOTATION)

    @property
    def validates(self) -> bool:
        """Whether events are refused that don't fit the JSON schema of their EventType."""
        return self.metadata.annotations.get(VALIDATE_ANNOTATION, "").lower() == "true"

    def defaulted(self, defaults: Defaults) -> Self:
        spec, namespace = self.spec, self.metadata.namespace
        here = defaults.of(namespace)
        metadata = self.metadata.annotated(**{CLASS_ANNOTATION: here.broker_class})
        usual = here.broker(metadata.annotations[CLASS_ANNOTATION])
        config, delivery = spec.config, spec.delivery
        if config is None and usual.config is not None:
            config = KReference.model_validate(usual.config)
        if delivery is None:
            delivery = _DELIVERY if usual.delivery is None else DeliverySpec.model_validate(usual.delivery)
        filled = {"config": config and config.in_namespace(namespace), "delivery": delivery.in_namespace(namespace)}
        return self.model_copy(update={"metadata": metadata, "spec": spec.model_copy(update=filled)})

    def faults(self, features: Features) -> list[FieldError]:  # noqa: ARG002 - no feature touches a Broker
        return [
            *_class_faults(self.metadata),
            *_topic_faults(self.metadata),
            *_ttl_faults(self.metadata),
            *one_of(self.metadata, VALIDATE_ANNOTATION, ("true", "false"), "is neither true nor false"),
        ]

    @classmethod
    def check_update(cls, old: Self, new: Self) -> list[FieldError]:
        # Another topic would leave behind what this one still holds for Triggers.
        kept = (CLASS_ANNOTATION, EXTERNAL_TOPIC_ANNOTATION)
        was, wanted = ({name: one.metadata.annotations.get(name) for name in kept} for one in (old, new))
        return [
            *(
                fault
                for n in kept
                for fault in unchangeable(("metadata", "annotations", n), was[n], wanted[n], cls.FIX)
            ),
            *super().check_update(old, new),
        ]


def _class_faults(metadata: ObjectMeta) -> list[FieldError]:
    if metadata.annotations.get(CLASS_ANNOTATION, KAFKA_CLASS).strip():
        return []
    path = ("metadata", "annotations", CLASS_ANNOTATION)
    return [FieldError(path, "the class is empty", f"write {KAFKA_CLASS}, or take the annotation out")]


def _topic_faults(metadata: ObjectMeta) -> list[FieldError]:
    topic = metadata.annotations.get(EXTERNAL_TOPIC_ANNOTATION)
    if topic is None:
        return []
    path, fix = ("metadata", "annotations", EXTERNAL_TOPIC_ANNOTATION), "write the name of a topic that exists"
    if not _TOPIC.fullmatch(topic) or topic in (".", ".."):
        return [FieldError(path, f"{shown(topic)} is no name for a Kafka topic", fix)]
    if topic in _INTERNAL:
        return [FieldError(path, f"{shown(topic)} is Kafka's own", fix)]
    return []


def _ttl_faults(metadata: ObjectMeta) -> list[FieldError]:
    word = metadata.annotations.get(TTL_ANNOTATION)
    if word is None or word.lower() in ("true", "false"):
        return []
    if re.fullmatch(r"\d{1,3}", word, re.ASCII) and 1 <= int(word) <= MOST:
        return []
    path = ("metadata", "annotations", TTL_ANNOTATION)
    return [FieldError(path, f"{shown(word)} is no limit", f'write "true" for {MOST}, or a number from 1 to {MOST}')]
