"""Parallel: every event to all branches, each with a filter of its own (behaviour §10.7)."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import Field

from eventing.kinds.channel import ChannelTemplate
from eventing.kinds.delivery import DeliverySpec
from eventing.kinds.destination import Destination, Reply
from eventing.kinds.flow import AtLeastOne, Flow, FlowSpec
from eventing.kinds.model import Model
from eventing.kinds.status import ParallelStatus, Status


class Branch(Model):
    """One way through a Parallel."""

    EXAMPLE: ClassVar[str] = "write subscriber below it, indented"

    filter: Destination | None = Field(
        None, description="Who says which events the subscriber gets: those that it answers with; all without it."
    )
    subscriber: Destination = Field(description="Where the events of this branch go, by ref or uri.")
    reply: Reply = Field(
        None, description="Where the subscriber's answers go; the reply of the Parallel where it is left out."
    )
    delivery: DeliverySpec | None = Field(None, description="Delivery options of the subscriber, not of the filter.")

    def in_namespace(self, namespace: str) -> Self:
        """The branch with the namespaces of its references filled in."""
        filled = {
            "filter": self.filter and self.filter.in_namespace(namespace),
            "subscriber": self.subscriber.in_namespace(namespace),
            "reply": self.reply and self.reply.in_namespace(namespace),
            "delivery": self.delivery and self.delivery.in_namespace(namespace),
        }
        return self.model_copy(update=filled)


class ParallelSpec(FlowSpec):
    """The branches, and what is before and behind them."""

    branches: AtLeastOne[Branch] = Field(description="The ways that each event takes, all of them.")
    channel_template: ChannelTemplate | None = Field(
        None, description="What carries the events to the branches; Kafka by default."
    )
    reply: Reply = Field(
        None, description="Where the answers of branches without a reply go; they are dropped where it is left out."
    )

    def parts_in_namespace(self, namespace: str) -> dict[str, list[Any]]:
        return {"branches": [branch.in_namespace(namespace) for branch in self.branches]}


class Parallel(Flow):
    """Branches side by side: each event goes into all of them, and a branch's filter says who goes on."""

    KIND: ClassVar[str] = "Parallel"
    PLURAL: ClassVar[str] = "parallels"
    SINGULAR: ClassVar[str] = "parallel"
    STATUS: ClassVar[type[Status]] = ParallelStatus
    FIX: ClassVar[str] = "delete the Parallel and apply it anew; events that are still on their way in it are lost then"

    api_version: str = "flows.knative.dev/v1"
    kind: str = "Parallel"
    spec: ParallelSpec = Field(description="The branches.")
