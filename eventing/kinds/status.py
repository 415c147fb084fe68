"""What stands in the status of each kind, for schemas and documentation.

Nothing reads a status through these models: the planner writes it as a document, and it may hold more than what is here.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from eventing.kinds.condition import Condition
from eventing.kinds.model import Model


class Status(Model):
    """What every kind has."""

    observed_generation: int | None = Field(None, description="The generation of the spec that this status speaks of.")
    conditions: list[Condition] = Field(default=[], description="What holds and what does not; Ready sums it up.")
    annotations: dict[str, str] = Field(
        default={}, description="Names that were chosen once and stay, such as the topic."
    )


class Address(Model):
    """Where events are POSTed to."""

    name: str | None = Field(None, description="The name of this one among several.")
    url: str | None = Field(None, description="The URL.")
    ca_certs: str | None = Field(None, alias="CACerts", description="PEM certificates that vouch for it.")
    audience: str | None = Field(None, description="Its OIDC audience.")


class AddressableStatus(Status):
    """Of a kind that takes events."""

    address: Address | None = Field(None, description="Where events are POSTed to.")
    addresses: list[Address] = Field(default=[], description="The same, where there is more than one way to it.")
    dead_letter_sink_uri: str | None = Field(None, description="The URL of the dead letter sink.")


class Child(Model):
    """An object that stands behind another."""

    api_version: str | None = Field(None, description="Group and version.")
    kind: str | None = Field(None, description="The kind.")
    name: str | None = Field(None, description="The name.")
    namespace: str | None = Field(None, description="The namespace.")


class SubscriberStatus(Model):
    """How far one subscriber is served."""

    uid: str | None = Field(None, description="The uid of the Subscription.")
    observed_generation: int | None = Field(None, description="The generation of the Subscription that is served.")
    ready: str | None = Field(None, description="True, False or Unknown.")
    message: str | None = Field(None, description="Why it is not True.")
    auth: dict[str, Any] | None = Field(None, description="The identity with which events are sent.")


class ChannelableStatus(AddressableStatus):
    """Of a channel."""

    subscribers: list[SubscriberStatus] = Field(default=[], description="How far each subscriber is served.")


class ChannelStatus(ChannelableStatus):
    """Of a Channel."""

    channel: Child | None = Field(None, description="The channel that carries its events.")


class PhysicalSubscription(Model):
    """URLs in place of references."""

    subscriber_uri: str | None = Field(None, description="The URL of the subscriber.")
    reply_uri: str | None = Field(None, description="The URL where answers go.")
    dead_letter_sink_uri: str | None = Field(None, description="The URL of the dead letter sink.")


class SubscriptionStatus(Status):
    """Of a Subscription."""

    physical_subscription: PhysicalSubscription | None = Field(None, description="URLs in place of the references.")


class TriggerStatus(Status):
    """Of a Trigger."""

    subscriber_uri: str | None = Field(None, description="The URL of the subscriber.")
    dead_letter_sink_uri: str | None = Field(None, description="The URL of the dead letter sink.")


class ChildChannelStatus(Model):
    """A channel of a flow."""

    channel: Child | None = Field(None, description="The channel.")
    ready: Condition | None = Field(None, description="Its condition Ready.")


class ChildSubscriptionStatus(Model):
    """A Subscription of a flow."""

    subscription: Child | None = Field(None, description="The Subscription.")
    ready: Condition | None = Field(None, description="Its condition Ready.")


class SequenceStatus(AddressableStatus):
    """Of a Sequence."""

    channel_statuses: list[ChildChannelStatus] = Field(default=[], description="The channel before each step.")
    subscription_statuses: list[ChildSubscriptionStatus] = Field(
        default=[], description="The Subscription to each step."
    )


class BranchStatus(Model):
    """What was made for one branch."""

    filter_subscription_status: ChildSubscriptionStatus | None = Field(None, description="The way into the filter.")
    filter_channel_status: ChildChannelStatus | None = Field(None, description="The channel behind the filter.")
    subscriber_subscription_status: ChildSubscriptionStatus | None = Field(
        None, description="The way to the subscriber."
    )


class ParallelStatus(AddressableStatus):
    """Of a Parallel."""

    ingress_channel_status: ChildChannelStatus | None = Field(None, description="The channel before the branches.")
    branch_statuses: list[BranchStatus] = Field(default=[], description="What was made for each branch.")
