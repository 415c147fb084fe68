"""What Sequence and Parallel share: their conditions, the template of their channels, and a reply that may be left empty."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import AfterValidator

from eventing.errors import Invalid
from eventing.kinds.channel import ChannelTemplate
from eventing.kinds.columns import ADDRESSABLE_COLUMNS, Column
from eventing.kinds.destination import Reply
from eventing.kinds.facts import Keywords
from eventing.kinds.field_error import checked
from eventing.kinds.meta import Defaults, Resource
from eventing.kinds.model import Model

CHANNELS_READY = "ChannelsReady"
SUBSCRIPTIONS_READY = "SubscriptionsReady"
ADDRESSABLE = "Addressable"
EVENT_POLICIES_READY = "EventPoliciesReady"

T = TypeVar("T")


@checked
def _some(found: list[T]) -> list[T]:
    if not found:
        raise Invalid("the list is empty, so events would lead nowhere", fix='begin one item with "- " below it')
    return found


AtLeastOne = Annotated[list[T], AfterValidator(_some), Keywords({"minItems": 1})]


class FlowSpec(Model):
    """The part of the spec that every flow has; each kind says for itself what the fields do."""

    IMPLIED: ClassVar[tuple[str, ...]] = ("channelTemplate",)

    channel_template: ChannelTemplate | None
    reply: Reply

    def parts_in_namespace(self, namespace: str) -> dict[str, list[Any]]:
        """The steps or branches by the name of their field, with the namespaces of their references filled in."""
        raise NotImplementedError


class Flow(Resource):
    """A resource that is made of channels and Subscriptions, and takes events at the first of its channels."""

    GROUP: ClassVar[str] = "flows.knative.dev"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)
    CATEGORIES: ClassVar[tuple[str, ...]] = ("all", "knative", "flows")
    CRD_LABELS: ClassVar[dict[str, str]] = {"duck.knative.dev/addressable": "true"}
    PRINTER_COLUMNS: ClassVar[tuple[Column, ...]] = ADDRESSABLE_COLUMNS
    FIXED: ClassVar[tuple[str, ...]] = ("channelTemplate",)
    DEPENDENTS: ClassVar[tuple[str, ...]] = (CHANNELS_READY, SUBSCRIPTIONS_READY, ADDRESSABLE, EVENT_POLICIES_READY)

    spec: FlowSpec

    def defaulted(self, defaults: Defaults) -> Self:
        namespace, spec = self.metadata.namespace, self.spec
        filled = {
            **spec.parts_in_namespace(namespace),
            "channel_template": spec.channel_template or ChannelTemplate.default(defaults.of(namespace)),
            "reply": spec.reply and spec.reply.in_namespace(namespace),
        }
        return self.model_copy(update={"spec": spec.model_copy(update=filled)})
