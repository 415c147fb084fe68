"""KafkaChannel: a channel that says how its Kafka topic should be (behaviour §10.1)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field

from eventing.errors import Invalid
from eventing.kinds.durations import Duration, seconds
from eventing.kinds.field_error import FieldError, checked
from eventing.kinds.immutability import unchangeable
from eventing.kinds.meta import Defaults, Resource
from eventing.kinds.subscribable import CHANNEL_CATEGORIES, CHANNEL_LABELS, ChannelableSpec, subscribable
from eventing.kinds.wording import shown

SUBSCRIBERS = "Subscribers"
TOPIC_READY = "TopicReady"
CONFIG_MAP_UPDATED = "ConfigMapUpdated"
CONFIG_PARSED = "ConfigParsed"
PROBE_SUCCEEDED = "ProbeSucceeded"
ADDRESSABLE = "Addressable"
EVENT_POLICIES_READY = "EventPoliciesReady"

_FIX = "delete the KafkaChannel and apply it anew, which loses the events in its topic"


@checked
def _keeps(text: str) -> str:
    if seconds(text) <= 0:
        raise Invalid(f"{shown(text)} keeps no event at all", fix="write for instance PT168H")
    return text


class KafkaChannelSpec(ChannelableSpec):
    """How the topic should be; what is None is decided by the installation, see `defaulted`."""

    num_partitions: int | None = Field(None, ge=1, le=2**31 - 1, description="Partitions of the topic.")
    replication_factor: int | None = Field(None, ge=1, le=2**15 - 1, description="Replicas of each partition.")
    retention_duration: Annotated[Duration, AfterValidator(_keeps)] = Field(
        "PT168H", description="How long Kafka keeps an event, an ISO-8601 duration."
    )


class KafkaChannel(Resource):
    """A channel on Kafka."""

    GROUP: ClassVar[str] = "messaging.knative.dev"
    KIND: ClassVar[str] = "KafkaChannel"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1beta1", "v1")
    PLURAL: ClassVar[str] = "kafkachannels"
    SINGULAR: ClassVar[str] = "kafkachannel"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("kc", "kch")
    CATEGORIES: ClassVar[tuple[str, ...]] = CHANNEL_CATEGORIES
    CRD_LABELS: ClassVar[dict[str, str]] = CHANNEL_LABELS
    DEPENDENTS: ClassVar[tuple[str, ...]] = (
        CONFIG_PARSED,
        CONFIG_MAP_UPDATED,
        TOPIC_READY,
        PROBE_SUCCEEDED,
        SUBSCRIBERS,
    )

    api_version: str = "messaging.knative.dev/v1beta1"
    kind: str = "KafkaChannel"
    spec: KafkaChannelSpec = Field(default=KafkaChannelSpec(), description="How the topic should be.")

    def defaulted(self, defaults: Defaults) -> Self:
        spec = self.spec
        filled = {
            "num_partitions": spec.num_partitions or defaults.partitions,
            "replication_factor": spec.replication_factor or defaults.replication_factor,
            "delivery": spec.delivery and spec.delivery.in_namespace(self.metadata.namespace),
        }
        return self.model_copy(update={"metadata": subscribable(self.metadata), "spec": spec.model_copy(update=filled)})

    @classmethod
    def check_update(cls, old: Self, new: Self) -> list[FieldError]:
        before, after = old.spec, new.spec
        found = unchangeable(("spec", "numPartitions"), before.num_partitions, after.num_partitions, _FIX)
        found += unchangeable(("spec", "replicationFactor"), before.replication_factor, after.replication_factor, _FIX)
        kept, wanted = before.retention_duration, after.retention_duration
        if seconds(kept) != seconds(wanted):
            # Compared as times, because PT168H and P7D are the same promise.
            found += unchangeable(("spec", "retentionDuration"), kept, wanted, _FIX)
        return found
