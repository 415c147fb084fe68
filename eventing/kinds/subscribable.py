"""What channels of every kind share: the list of subscribers, and the annotation that says so (behaviour §10.1)."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from eventing.kinds.delivery import DeliverySpec
from eventing.kinds.facts import Rule
from eventing.kinds.field_error import FieldError, refuse
from eventing.kinds.meta import ObjectMeta
from eventing.kinds.model import Filled, Model

SUBSCRIBABLE = {"messaging.knative.dev/subscribable": "v1"}
CHANNEL_CATEGORIES = ("all", "knative", "messaging", "channel")
CHANNEL_LABELS = {"messaging.knative.dev/subscribable": "true", "duck.knative.dev/addressable": "true"}


class SubscriberSpec(Model):
    """One subscriber as a controller writes it into a channel."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "(has(self.subscriberUri) && self.subscriberUri != '') || (has(self.replyUri) && self.replyUri != '')",
            "the subscriber has no address; write subscriberUri or replyUri",
        ),
    )

    uid: Filled = Field(description="The uid of the Subscription.")
    name: str | None = None
    generation: int | None = None
    subscriber_uri: str | None = None
    subscriber_ca_certs: str | None = Field(None, alias="subscriberCACerts")
    subscriber_audience: str | None = None
    reply_uri: str | None = None
    reply_ca_certs: str | None = Field(None, alias="replyCACerts")
    reply_audience: str | None = None
    delivery: DeliverySpec | None = None
    auth: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _is_reached(self) -> Self:
        if not self.subscriber_uri and not self.reply_uri:
            raise refuse(FieldError((), "the subscriber has no address", "write subscriberUri or replyUri"))
        return self


class ChannelableSpec(Model):
    """The part of the spec that every channel has."""

    delivery: DeliverySpec | None = Field(None, description="Delivery options of Subscriptions that name none.")
    subscribers: list[SubscriberSpec] = Field(default=[], description="Written by a controller, never by a user.")


def subscribable(metadata: ObjectMeta) -> ObjectMeta:
    """The metadata with the annotation that tells others how this channel takes its subscribers."""
    return metadata.annotated(**SUBSCRIBABLE)
