"""Channel: an address for events, made of whatever channel its template names (behaviour §10.1)."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import Field, ValidationError, model_validator

from eventing.kinds.columns import ADDRESSABLE_COLUMNS, Column
from eventing.kinds.facts import Rule
from eventing.kinds.field_error import FieldError, refuse
from eventing.kinds.kafkachannel import KafkaChannelSpec
from eventing.kinds.meta import Defaults, Features, Resource
from eventing.kinds.model import Filled, Model
from eventing.kinds.status import ChannelStatus, Status
from eventing.kinds.subscribable import CHANNEL_CATEGORIES, CHANNEL_LABELS, ChannelableSpec, subscribable
from eventing.kinds.translate import field_errors

BACKING_CHANNEL_READY = "BackingChannelReady"
ADDRESSABLE = "Addressable"
DEAD_LETTER_SINK_RESOLVED = "DeadLetterSinkResolved"
EVENT_POLICIES_READY = "EventPoliciesReady"

_NO_LIST = "a Channel does not list its subscribers"
_NO_LIST_FIX = "take it out and apply a Subscription for each subscriber"


class ChannelTemplate(Model):
    """The channel that carries the events of a Channel, Sequence, Parallel or Broker."""

    EXAMPLE: ClassVar[str] = "write apiVersion: messaging.knative.dev/v1beta1 and kind: KafkaChannel below it"

    api_version: Filled = Field(description="Group and version, for instance messaging.knative.dev/v1beta1.")
    kind: Filled = Field(description="The kind, for instance KafkaChannel.")
    spec: dict[str, Any] = Field(default={}, description="The spec of the channel that is made.")

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind == "KafkaChannel":
            try:
                KafkaChannelSpec.model_validate(self.spec, by_alias=True, by_name=False)
            except ValidationError as error:
                found = field_errors(KafkaChannelSpec, error)
                raise refuse(*(one.under("spec") for one in found)) from error
        return self

    @classmethod
    def default(cls, defaults: Defaults) -> Self:
        """The template of a resource that brings none."""
        return cls(
            api_version=defaults.channel_api_version, kind=defaults.channel_kind, spec=dict(defaults.channel_spec)
        )


class ChannelSpec(ChannelableSpec):
    """What carries the events, and how they are delivered."""

    IMPLIED: ClassVar[tuple[str, ...]] = ("channelTemplate",)
    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.subscribers) || size(self.subscribers) == 0", f"{_NO_LIST}; {_NO_LIST_FIX}", field="subscribers"
        ),
    )

    channel_template: ChannelTemplate | None = Field(None, description="What carries the events; Kafka by default.")


class Channel(Resource):
    """A channel of whatever kind is the default."""

    GROUP: ClassVar[str] = "messaging.knative.dev"
    KIND: ClassVar[str] = "Channel"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)
    PLURAL: ClassVar[str] = "channels"
    SINGULAR: ClassVar[str] = "channel"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("ch",)
    CATEGORIES: ClassVar[tuple[str, ...]] = CHANNEL_CATEGORIES
    CRD_LABELS: ClassVar[dict[str, str]] = CHANNEL_LABELS
    STATUS: ClassVar[type[Status]] = ChannelStatus
    FIXED: ClassVar[tuple[str, ...]] = ("channelTemplate", "delivery")
    FIX: ClassVar[str] = "delete the Channel and apply it anew to change it"
    PRINTER_COLUMNS: ClassVar[tuple[Column, ...]] = ADDRESSABLE_COLUMNS
    DEPENDENTS: ClassVar[tuple[str, ...]] = (
        BACKING_CHANNEL_READY,
        ADDRESSABLE,
        DEAD_LETTER_SINK_RESOLVED,
        EVENT_POLICIES_READY,
    )

    api_version: str = "messaging.knative.dev/v1"
    kind: str = "Channel"
    spec: ChannelSpec = Field(default=ChannelSpec(), description="What carries the events, and their delivery.")

    def defaulted(self, defaults: Defaults) -> Self:
        spec = self.spec
        filled = {
            "channel_template": spec.channel_template or ChannelTemplate.default(defaults.of(self.metadata.namespace)),
            "delivery": spec.delivery and spec.delivery.in_namespace(self.metadata.namespace),
        }
        return self.model_copy(update={"metadata": subscribable(self.metadata), "spec": spec.model_copy(update=filled)})

    def faults(self, features: Features) -> list[FieldError]:  # noqa: ARG002 - no feature touches a Channel
        if self.spec.subscribers:
            return [FieldError(("spec", "subscribers"), _NO_LIST, _NO_LIST_FIX)]
        return []
