"""Subscription: events of one channel go to one subscriber, and its replies on (behaviour §10.2)."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import Field

from eventing.kinds.columns import AGE, READY, REASON, Column
from eventing.kinds.delivery import DeliverySpec, annotation_faults
from eventing.kinds.destination import Destination, KReference, Reply
from eventing.kinds.facts import Rule
from eventing.kinds.field_error import FieldError
from eventing.kinds.meta import Defaults, Features, Resource
from eventing.kinds.model import Model
from eventing.kinds.status import Status, SubscriptionStatus
from eventing.kinds.wording import shown

REFERENCES_RESOLVED = "ReferencesResolved"
ADDED_TO_CHANNEL = "AddedToChannel"
CHANNEL_READY = "ChannelReady"
OIDC_IDENTITY_CREATED = "OIDCIdentityCreated"
PAUSED = "Paused"
"""Of severity Info, and there only while the delivery rests: a paused Subscription is Ready."""

_NO_MATTER = "a channel is read from, its addresses don't matter"
_TAKE_OUT = "take it out"


class SubscriptionSpec(Model):
    """From where, to where, and how patiently."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule("!has(self.channel.address)", f"{_NO_MATTER}; {_TAKE_OUT}", field="channel.address"),
    )

    channel: KReference = Field(description="The channel that the events come from, by apiVersion, kind and name.")
    subscriber: Destination = Field(description="Where the events go, by ref or uri.")
    reply: Reply = Field(None, description="Where the subscriber's answers go; they are dropped where it is left out.")
    delivery: DeliverySpec | None = Field(None, description="Delivery options; the channel's where left out.")


class Subscription(Resource):
    """The way from a channel to a subscriber."""

    GROUP: ClassVar[str] = "messaging.knative.dev"
    KIND: ClassVar[str] = "Subscription"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)
    PLURAL: ClassVar[str] = "subscriptions"
    SINGULAR: ClassVar[str] = "subscription"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("sub", "subs")
    CATEGORIES: ClassVar[tuple[str, ...]] = ("all", "knative", "messaging")
    STATUS: ClassVar[type[Status]] = SubscriptionStatus
    FIXED: ClassVar[tuple[str, ...]] = ("channel",)
    FIX: ClassVar[str] = "apply a second Subscription under another name, or delete this one and apply it anew"
    PRINTER_COLUMNS: ClassVar[tuple[Column, ...]] = (AGE, READY, REASON)
    DEPENDENTS: ClassVar[tuple[str, ...]] = (
        REFERENCES_RESOLVED,
        ADDED_TO_CHANNEL,
        CHANNEL_READY,
        OIDC_IDENTITY_CREATED,
    )

    api_version: str = "messaging.knative.dev/v1"
    kind: str = "Subscription"
    spec: SubscriptionSpec = Field(description="The channel and the subscriber.")

    @property
    def channel_namespace(self) -> str:
        return self.spec.channel.namespace or self.metadata.namespace

    def defaulted(self, defaults: Defaults) -> Self:  # noqa: ARG002 - nothing here is configurable
        namespace, spec = self.metadata.namespace, self.spec
        filled = {
            "subscriber": spec.subscriber.in_namespace(namespace),
            "reply": spec.reply and spec.reply.in_namespace(namespace),
            "delivery": spec.delivery and spec.delivery.in_namespace(namespace),
        }
        return self.model_copy(update={"spec": spec.model_copy(update=filled)})

    def faults(self, features: Features) -> list[FieldError]:
        found = annotation_faults(self.metadata)
        channel, own = self.spec.channel, self.metadata.namespace
        if self.channel_namespace != own and not features.cross_namespace_event_links:
            message = f"the channel is in namespace {shown(channel.namespace)}, the Subscription in {shown(own)}"
            fix = "move the Subscription there, or allow it with the setting control.cross_namespace_links"
            found.append(FieldError(("spec", "channel", "namespace"), message, fix))
        if channel.address is not None:
            path = ("spec", "channel", "address")
            found.append(FieldError(path, _NO_MATTER, _TAKE_OUT))
        return found

    def meaning(self) -> dict[str, Any]:
        """The spec with the namespace of the channel written out."""
        return self.spec.document() | {"channel": self.spec.channel.in_namespace(self.metadata.namespace).document()}
