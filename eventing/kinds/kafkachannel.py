"""KafkaChannel: a channel that says how its Kafka topic should be (behaviour §10.1)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field

from eventing.errors import Invalid
from eventing.kinds.columns import AGE, READY, REASON, URL, Column
from eventing.kinds.durations import Duration, seconds, unlike
from eventing.kinds.facts import Rule
from eventing.kinds.field_error import FieldError, checked
from eventing.kinds.immutability import UNCHANGEABLE, unchangeable
from eventing.kinds.meta import Defaults, Resource
from eventing.kinds.status import ChannelableStatus, Status
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
_DEFAULT_RETENTION = "PT168H"
_KEPT, _WANTED = (
    f"(has({spec}.retentionDuration) ? {spec}.retentionDuration : '{_DEFAULT_RETENTION}')"
    for spec in ("oldSelf", "self")
)


@checked
def _keeps(text: str) -> str:
    if seconds(text) <= 0:
        raise Invalid(f"{shown(text)} keeps no event at all", fix="write for instance PT168H")
    return text


class KafkaChannelSpec(ChannelableSpec):
    """How the topic should be; what is None is decided by the installation, see `defaulted`."""

    IMPLIED: ClassVar[tuple[str, ...]] = ("numPartitions", "replicationFactor")
    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(f"!({unlike(_KEPT, _WANTED)})", f"{UNCHANGEABLE}; {_FIX}", field="retentionDuration"),
    )

    num_partitions: int | None = Field(None, ge=1, le=2**31 - 1, description="Partitions of the topic.")
    replication_factor: int | None = Field(None, ge=1, le=2**15 - 1, description="Replicas of each partition.")
    retention_duration: Annotated[Duration, AfterValidator(_keeps)] = Field(
        _DEFAULT_RETENTION, description="How long Kafka keeps an event, an ISO-8601 duration."
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
    STATUS: ClassVar[type[Status]] = ChannelableStatus
    FIXED: ClassVar[tuple[str, ...]] = ("numPartitions", "replicationFactor")
    FIX: ClassVar[str] = _FIX
    PRINTER_COLUMNS: ClassVar[tuple[Column, ...]] = (READY, REASON, URL, AGE)
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
        spec, namespace = self.spec, self.metadata.namespace
        here = defaults.of(namespace)
        filled = {
            "num_partitions": spec.num_partitions or here.partitions,
            "replication_factor": spec.replication_factor or here.replication_factor,
            "delivery": spec.delivery and spec.delivery.in_namespace(namespace),
        }
        return self.model_copy(update={"metadata": subscribable(self.metadata), "spec": spec.model_copy(update=filled)})

    @classmethod
    def check_update(cls, old: Self, new: Self) -> list[FieldError]:
        found = super().check_update(old, new)
        kept, wanted = old.spec.retention_duration, new.spec.retention_duration
        if seconds(kept) != seconds(wanted):
            # Compared as times, because PT168H and P7D are the same promise.
            found += unchangeable(("spec", "retentionDuration"), kept, wanted, _FIX)
        return found
