"""Sequence: steps one after the other, each with the answer of the one before (behaviour §10.6)."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import Field

from eventing.kinds.channel import ChannelTemplate
from eventing.kinds.delivery import DeliverySpec
from eventing.kinds.destination import Destination, Reply
from eventing.kinds.flow import AtLeastOne, Flow, FlowSpec
from eventing.kinds.status import SequenceStatus, Status


class Step(Destination):
    """Who handles the event, and how it is delivered there."""

    delivery: DeliverySpec | None = Field(None, description="Delivery options of this step alone.")

    def in_namespace(self, namespace: str) -> Self:
        filled = {"delivery": self.delivery and self.delivery.in_namespace(namespace)}
        return super().in_namespace(namespace).model_copy(update=filled)


class SequenceSpec(FlowSpec):
    """The steps, and what is between and behind them."""

    steps: AtLeastOne[Step] = Field(description="Who handles the events, in this order; each by ref or uri.")
    channel_template: ChannelTemplate | None = Field(
        None, description="What carries the events to each step; Kafka by default."
    )
    reply: Reply = Field(
        None, description="Where the answers of the last step go; they are dropped where it is left out."
    )

    def parts_in_namespace(self, namespace: str) -> dict[str, list[Any]]:
        return {"steps": [step.in_namespace(namespace) for step in self.steps]}


class Sequence(Flow):
    """Steps one after the other: what one answers goes to the next, and no answer ends the way of an event."""

    KIND: ClassVar[str] = "Sequence"
    PLURAL: ClassVar[str] = "sequences"
    SINGULAR: ClassVar[str] = "sequence"
    STATUS: ClassVar[type[Status]] = SequenceStatus
    FIX: ClassVar[str] = "delete the Sequence and apply it anew; events that are still on their way in it are lost then"

    api_version: str = "flows.knative.dev/v1"
    kind: str = "Sequence"
    spec: SequenceSpec = Field(description="The steps.")
