"""Trigger: the events of a broker that pass a filter go to one subscriber, and its replies back (behaviour §10.4)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from eventing.filters.check import attribute_faults
from eventing.filters.check import faults as filter_faults
from eventing.filters.schema import filter_schema
from eventing.kinds.annotations import one_of
from eventing.kinds.broker import Broker
from eventing.kinds.columns import AGE, READY, REASON, Column
from eventing.kinds.delivery import DeliverySpec, annotation_faults
from eventing.kinds.dependency import dependency_faults
from eventing.kinds.destination import Destination
from eventing.kinds.facts import Keywords, Rule
from eventing.kinds.field_error import FieldError
from eventing.kinds.identifiers import fits_label
from eventing.kinds.immutability import UNCHANGEABLE, unchangeable
from eventing.kinds.key import Key
from eventing.kinds.meta import Defaults, Features, Resource
from eventing.kinds.model import Filled, Model
from eventing.kinds.status import Status, TriggerStatus
from eventing.kinds.wording import shown

BROKER_READY = "BrokerReady"
SUBSCRIPTION_READY = "SubscriptionReady"
DEPENDENCY_READY = "DependencyReady"
SUBSCRIBER_RESOLVED = "SubscriberResolved"
DEAD_LETTER_SINK_RESOLVED = "DeadLetterSinkResolved"
OIDC_IDENTITY_CREATED = "OIDCIdentityCreated"
PAUSED = "Paused"
"""Of severity Info, and there only while the delivery rests: a paused Trigger is Ready."""

BROKER_LABEL = "eventing.knative.dev/broker"
INJECTION_ANNOTATION = "eventing.knative.dev/injection"

_FIX = "apply a second Trigger under another name, or delete this one and apply it anew"
_NO_BROKER, _ADD_BROKER = "the Trigger names no broker", "add broker: NAME"
_TWO_BROKERS, _KEEP_ONE = "broker names one already", "keep one of the two"
_NAMED = "(has(self.brokerRef) ? self.brokerRef.name : has(self.broker) ? self.broker : '')"
"""In CEL, the name of the broker."""


class TriggerFilter(Model):
    """Knative's older filter."""

    attributes: dict[str, str] = Field(
        default={}, description='Attributes and the texts that they must have, all of them; "" stands for any text.'
    )


class BrokerReference(Model):
    """A broker by name, perhaps in another namespace."""

    IMPLIED: ClassVar[tuple[str, ...]] = ("namespace",)

    EXAMPLE: ClassVar[str] = "write name: and namespace: below it, indented"

    name: Filled = Field(description="The name of the broker.")
    namespace: str | None = Field(None, description="Its namespace; the Trigger's own where left out.")
    kind: Literal["Broker"] = Field("Broker", description="Always Broker.")
    api_version: Literal["eventing.knative.dev/v1"] = Field("eventing.knative.dev/v1", description="Its version.")


class TriggerSpec(Model):
    """From where, which, to where, and how patiently."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.brokerRef) || (has(self.broker) && self.broker != '')", f"{_NO_BROKER}; {_ADD_BROKER}"),
        Rule(
            "!has(self.brokerRef) || !has(self.broker) || self.broker == ''",
            f"{_TWO_BROKERS}; {_KEEP_ONE}",
            "brokerRef",
        ),
        Rule(f"{_NAMED} == {_NAMED.replace('self', 'oldSelf')}", f"the broker {UNCHANGEABLE}; {_FIX}"),
        Rule(
            "!has(self.brokerRef) || !has(oldSelf.brokerRef) || !has(self.brokerRef.__namespace__) || "
            "!has(oldSelf.brokerRef.__namespace__) || "
            "self.brokerRef.__namespace__ == oldSelf.brokerRef.__namespace__",
            f"the broker {UNCHANGEABLE}; {_FIX}",
            "brokerRef.namespace",
        ),
    )

    broker: str = Field("", description="The broker whose events are wanted, by name.")
    broker_ref: BrokerReference | None = Field(
        None, description="The same for a broker of another namespace; one of the two is required."
    )
    filter: TriggerFilter | None = Field(None, description="Which events are wanted, the older way; all where empty.")
    filters: list[Annotated[dict[str, Any], Keywords(filter_schema())]] = Field(
        default=[],
        description="Which events are wanted: each item one of exact, prefix, suffix, all, any, not, cesql; an event has "
        "to pass every item. Wins over filter.",
    )
    subscriber: Destination = Field(description="Where the events go, by ref or uri.")
    delivery: DeliverySpec | None = Field(None, description="Delivery options; the broker's where left out.")


class Trigger(Resource):
    """The way from a broker to a subscriber."""

    GROUP: ClassVar[str] = "eventing.knative.dev"
    KIND: ClassVar[str] = "Trigger"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)
    PLURAL: ClassVar[str] = "triggers"
    SINGULAR: ClassVar[str] = "trigger"
    STATUS: ClassVar[type[Status]] = TriggerStatus
    CATEGORIES: ClassVar[tuple[str, ...]] = ("all", "knative", "eventing")
    PRINTER_COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("Broker", "string", ".spec.broker"),
        Column("Subscriber_URI", "string", ".status.subscriberUri"),
        AGE,
        READY,
        REASON,
    )
    DEPENDENTS: ClassVar[tuple[str, ...]] = (
        BROKER_READY,
        DEPENDENCY_READY,
        SUBSCRIBER_RESOLVED,
        DEAD_LETTER_SINK_RESOLVED,
        SUBSCRIPTION_READY,
        OIDC_IDENTITY_CREATED,
    )

    api_version: str = "eventing.knative.dev/v1"
    kind: str = "Trigger"
    spec: TriggerSpec = Field(description="The broker, the filters and the subscriber.")

    @property
    def broker_key(self) -> Key:
        """The broker whose events are wanted."""
        ref, own = self.spec.broker_ref, self.metadata.namespace
        namespace, name = (own, self.spec.broker) if ref is None else (ref.namespace or own, ref.name)
        return Key(Broker.GROUP, Broker.KIND, namespace, name)

    def defaulted(self, defaults: Defaults) -> Self:  # noqa: ARG002 - nothing here is configurable
        namespace, spec, broker = self.metadata.namespace, self.spec, self.broker_key
        ref = spec.broker_ref
        filled = {
            "broker_ref": ref and ref.model_copy(update={"namespace": broker.namespace}),
            "filter": spec.filter or TriggerFilter(),
            "subscriber": spec.subscriber.in_namespace(namespace),
            "delivery": spec.delivery and spec.delivery.in_namespace(namespace),
        }
        # A broker's name may be longer than a label's value.
        label = {BROKER_LABEL: broker.name} if fits_label(broker.name) else {}
        metadata = self.metadata.model_copy(update={"labels": {**self.metadata.labels, **label}})
        return self.model_copy(update={"metadata": metadata, "spec": spec.model_copy(update=filled)})

    def faults(self, features: Features) -> list[FieldError]:
        return [
            *self._broker_faults(features),
            *self._filter_faults(),
            *annotation_faults(self.metadata),
            *dependency_faults(self.metadata),
            *self._injection_faults(),
        ]

    @classmethod
    def check_update(cls, old: Self, new: Self) -> list[FieldError]:
        before, after = old.broker_key, new.broker_key
        path = ("spec", "broker") if new.spec.broker_ref is None else ("spec", "brokerRef", "name")
        found = unchangeable(path, before.name, after.name, _FIX)
        return found + unchangeable(("spec", "brokerRef", "namespace"), before.namespace, after.namespace, _FIX)

    def _broker_faults(self, features: Features) -> list[FieldError]:
        spec, own = self.spec, self.metadata.namespace
        if spec.broker_ref is None:
            missing = FieldError(("spec", "broker"), _NO_BROKER, _ADD_BROKER)
            return [] if spec.broker.strip() else [missing]
        if spec.broker:
            return [FieldError(("spec", "brokerRef"), _TWO_BROKERS, _KEEP_ONE)]
        elsewhere = self.broker_key.namespace
        if elsewhere == own or features.cross_namespace_event_links:
            return []
        message = f"the broker is in namespace {shown(elsewhere)}, the Trigger in {shown(own)}"
        fix = "move the Trigger there, or allow it with the setting control.cross_namespace_links"
        return [FieldError(("spec", "brokerRef", "namespace"), message, fix)]

    def _filter_faults(self) -> list[FieldError]:
        spec = self.spec
        older = attribute_faults(spec.filter.attributes) if spec.filter else []
        found = [(("spec", "filter", "attributes"), older), (("spec", "filters"), filter_faults(spec.filters))]
        return [FieldError((*place, *one.path), one.message, one.fix) for place, faults in found for one in faults]

    def _injection_faults(self) -> list[FieldError]:
        found = one_of(self.metadata, INJECTION_ANNOTATION, ("enabled", "disabled"), "is neither enabled nor disabled")
        if found or INJECTION_ANNOTATION not in self.metadata.annotations or self.broker_key.name == "default":
            return found
        path = ("metadata", "annotations", INJECTION_ANNOTATION)
        message = f"only the broker default can be injected, not {shown(self.broker_key.name)}"
        return [FieldError(path, message, "take the annotation out, or name the broker default")]
