"""How patiently events are delivered, and where those go that could not be (behaviour §4, §7)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field

from eventing.errors import Invalid
from eventing.kinds.annotations import one_of
from eventing.kinds.destination import Destination
from eventing.kinds.durations import Duration, seconds
from eventing.kinds.field_error import FieldError, checked
from eventing.kinds.meta import ObjectMeta
from eventing.kinds.model import Model
from eventing.kinds.wording import shown
from eventing.verdict import Backoff, RetryPolicy

ORDER_ANNOTATION = "kafka.eventing.knative.dev/delivery.order"
PAUSED_ANNOTATION = "kanal.dev/paused"
_ORDERS = ("ordered", "unordered")
_SWITCH = ("true", "false")
_DEFAULTS = RetryPolicy()


@checked
def _positive(text: str) -> str:
    if seconds(text) <= 0:
        raise Invalid(f"{shown(text)} leaves no time at all", fix="write for instance PT30S, or leave the field out")
    return text


@checked
def _not_negative(text: str) -> str:
    if seconds(text) < 0:
        raise Invalid(f"{shown(text)} is negative", fix="write PT0S to ignore Retry-After, or a time above it")
    return text


class DeliverySpec(Model):
    """The delivery options of a Channel, Subscription, Broker, Trigger or step."""

    EXAMPLE: ClassVar[str] = "write for instance retry: 3 below it, indented"

    dead_letter_sink: Destination | None = Field(None, description="Where an event goes that could not be delivered.")
    retry: int | None = Field(None, ge=0, le=2**31 - 1, description="Attempts after the first one; 0 where left out.")
    timeout: Annotated[Duration, AfterValidator(_positive)] | None = Field(
        None, description="Time-out of one attempt, an ISO-8601 duration."
    )
    backoff_policy: Backoff | None = Field(None, description="How the wait grows: linear or exponential.")
    backoff_delay: Duration | None = Field(None, description="The wait to begin with, an ISO-8601 duration.")
    retry_after_max: Annotated[Duration, AfterValidator(_not_negative)] | None = Field(
        None, description="The longest Retry-After that is obeyed, an ISO-8601 duration; PT0S obeys none."
    )
    format: Literal["json", "binary"] | None = Field(
        None, description="Taken and without effect, as with Knative on Kafka: delivery is binary."
    )

    def in_namespace(self, namespace: str) -> Self:
        """The options with the namespace of the dead-letter sink's reference filled in."""
        if self.dead_letter_sink is None:
            return self
        return self.model_copy(update={"dead_letter_sink": self.dead_letter_sink.in_namespace(namespace)})

    def to_policy(self, default_timeout_s: float, longest_wait_s: float) -> RetryPolicy:
        """The same for the data plane, in seconds. A negative delay counts as its absolute value, as in Knative."""
        delay, timeout, retry_after = self.backoff_delay, self.timeout, self.retry_after_max
        return RetryPolicy(
            retry=self.retry or 0,
            backoff=self.backoff_policy or _DEFAULTS.backoff,
            delay_s=_DEFAULTS.delay_s if delay is None else abs(seconds(delay)),
            timeout_s=default_timeout_s if timeout is None else seconds(timeout),
            retry_after_max_s=None if retry_after is None else seconds(retry_after),
            longest_wait_s=longest_wait_s,
        )


def annotation_faults(metadata: ObjectMeta) -> list[FieldError]:
    """What is wrong with the annotations that say how events are delivered."""
    return [
        *one_of(metadata, ORDER_ANNOTATION, _ORDERS, "is no order of delivery"),
        *one_of(metadata, PAUSED_ANNOTATION, _SWITCH, "is neither true nor false"),
    ]


def is_paused(metadata: ObjectMeta) -> bool:
    """Whether the delivery is to rest; a wrong word was refused at apply."""
    return metadata.annotations.get(PAUSED_ANNOTATION, "").lower() == "true"
