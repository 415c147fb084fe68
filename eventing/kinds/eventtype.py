"""EventType: an entry of the registry, which tells a consumer what it can ask for and where (behaviour §10.8).

v1beta1 and v1beta2 are written alike, v1beta3 as a list of attributes. Whatever a file writes becomes v1beta2, Knative's
storage version, and the other parts know only that; `document_in` gives it back as v1beta3.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field

from eventing.kinds.broker import Broker
from eventing.kinds.columns import READY, REASON, Column
from eventing.kinds.destination import KReference
from eventing.kinds.eventattributes import (
    ATTRIBUTES_ANNOTATION,
    FIELDS,
    EventAttribute,
    annotation_for,
    attribute_faults,
    attributes_of,
    fields_of,
)
from eventing.kinds.facts import Rule
from eventing.kinds.field_error import FieldError, checked
from eventing.kinds.immutability import UNCHANGEABLE
from eventing.kinds.meta import Defaults, Features, Resource
from eventing.kinds.model import Filled, Model
from eventing.kinds.wording import shown
from eventing.schemas import require_schema

REFERENCE_EXISTS = "ReferenceExists"
SCHEMA_ENFORCED = "SchemaEnforced"
"""Of severity Info, and there only where the broker refuses events that don't fit their schema."""
SEEN_ANNOTATION = "kanal.dev/seen-at"
"""Where an EventType that nobody wrote was seen first: `Broker default/mesh`, or whose reply it was."""

_GROUP = "eventing.knative.dev"
_NEWER = "take spec.broker out; spec.reference is the newer word"


@checked
def _schema(text: str) -> str:
    require_schema(text)
    return text


class EventTypeSpec(Model):
    """What the events are, and where they can be had."""

    IMPLIED: ClassVar[tuple[str, ...]] = ("broker", "reference")
    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.broker) || !has(self.reference) || "
            f"(self.reference.kind == '{Broker.KIND}' && self.reference.name == self.broker)",
            f"the Broker is not what spec.reference names; {_NEWER}",
            "broker",
        ),
    )

    type: Filled = Field(description="The type of the events.")
    source: Filled | None = Field(None, description="Their source; any where left out.")
    # `schema` is a name that pydantic keeps for itself.
    data_schema: Filled | None = Field(None, alias="schema", description="The URI of the schema of their data.")
    schema_data: Annotated[str, AfterValidator(_schema)] | None = Field(
        None, description="A JSON schema, as text, that their data fits."
    )
    broker: Filled | None = Field(None, description="Deprecated: the Broker where they are; write reference.")
    reference: KReference | None = Field(None, description="Where they can be had: a Broker or a channel.")
    description: str = Field("", description="What they mean, for people.")


class EventAttributesSpec(Model):
    """The same, attribute by attribute (v1beta3)."""

    attributes: list[EventAttribute] = Field(description="The attributes of the events: type, source and others.")
    reference: KReference | None = Field(None, description="Where they can be had: a Broker or a channel.")
    description: str = Field("", description="What they mean, for people.")


def _columns(type_: str, source: str, schema: str) -> tuple[Column, ...]:
    """The columns of a version that has the type, the source and the schema at these places of its spec."""
    return (
        Column("Type", "string", f".spec.{type_}"),
        Column("Source", "string", f".spec.{source}"),
        Column("Schema", "string", f".spec.{schema}"),
        Column("Reference Name", "string", ".spec.reference.name"),
        Column("Reference Kind", "string", ".spec.reference.kind"),
        Column("Description", "string", ".spec.description"),
        READY,
        REASON,
    )


class _Entry(Resource):
    GROUP: ClassVar[str] = _GROUP
    KIND: ClassVar[str] = "EventType"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1beta2", "v1beta1", "v1beta3")
    PLURAL: ClassVar[str] = "eventtypes"
    SINGULAR: ClassVar[str] = "eventtype"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ()
    CATEGORIES: ClassVar[tuple[str, ...]] = ("all", "knative", "eventing")
    FIXED: ClassVar[tuple[str, ...]] = ("reference", "description")
    FIX: ClassVar[str] = "apply a second EventType under another name, or delete this one and apply it anew"
    DEPENDENTS: ClassVar[tuple[str, ...]] = (REFERENCE_EXISTS,)

    kind: str = "EventType"


class EventTypeByAttributes(_Entry):
    """An EventType as v1beta3 writes it; `stored` makes the one that others know."""

    PRINTER_COLUMNS: ClassVar[tuple[Column, ...]] = _columns(
        *(f'attributes[?(@.name=="{name}")].value' for name in ("type", "source", "schemadata"))
    )

    api_version: str = f"{_GROUP}/v1beta3"
    spec: EventAttributesSpec = Field(description="The attributes of the events.")

    def faults(self, features: Features) -> list[FieldError]:  # noqa: ARG002 - no feature touches an EventType
        return [one.under("spec", "attributes") for one in attribute_faults(self.spec.attributes)]

    def stored(self) -> EventType:
        """The same in v1beta2; what that has no field for stands in an annotation."""
        spec, metadata = self.spec, self.metadata
        annotation = annotation_for(spec.attributes)
        if annotation:
            kept = {**metadata.annotations, ATTRIBUTES_ANNOTATION: annotation}
            metadata = metadata.model_copy(update={"annotations": kept})
        told: dict[str, Any] = fields_of(spec.attributes)
        return EventType(
            metadata=metadata,
            spec=EventTypeSpec(**told, reference=spec.reference, description=spec.description),
            status=self.status,
        )


class EventType(_Entry):
    """A type of event that can be had somewhere."""

    PRINTER_COLUMNS: ClassVar[tuple[Column, ...]] = _columns("type", "source", "schema")
    FIXED: ClassVar[tuple[str, ...]] = (*FIELDS, "broker", "reference", "description")
    SHAPES: ClassVar[dict[str, type[Resource]]] = {"v1beta3": EventTypeByAttributes}

    api_version: str = f"{_GROUP}/v1beta2"
    spec: EventTypeSpec = Field(description="What the events are, and where they can be had.")

    @property
    def refers_to(self) -> KReference | None:
        """Where the events can be had, its namespace filled in; `broker` is the older word for a reference to one."""
        reference, broker = self.spec.reference, self.spec.broker
        if reference is None and broker is not None:
            reference = KReference(api_version=f"{Broker.GROUP}/{Broker.VERSIONS[0]}", kind=Broker.KIND, name=broker)
        return reference and reference.in_namespace(self.metadata.namespace)

    def stored(self) -> EventType:
        """The same; v1beta1 is written alike and becomes v1beta2."""
        return self.model_copy(update={"api_version": f"{_GROUP}/v1beta2"})

    def document_in(self, version: str) -> dict[str, Any]:
        """See `Resource`; v1beta3 has attributes in place of fields, and no `broker`."""
        whole = super().document_in(version)
        if version not in self.SHAPES:
            return whole
        annotations = dict(self.metadata.annotations)
        meaning = self.meaning()
        attributes = attributes_of(meaning, annotations.pop(ATTRIBUTES_ANNOTATION, ""))
        spec = {name: value for name, value in meaning.items() if name not in FIELDS}
        spec |= {"attributes": [one.document() for one in attributes]}
        metadata = {name: value for name, value in whole["metadata"].items() if name != "annotations"}
        return {**whole, "metadata": metadata | ({"annotations": annotations} if annotations else {}), "spec": spec}

    def meaning(self) -> dict[str, Any]:
        """The spec with a reference in place of `broker`."""
        reference = self.refers_to
        spec = {name: value for name, value in self.spec.document().items() if name != "broker"}
        return spec if reference is None else spec | {"reference": reference.document()}

    def defaulted(self, defaults: Defaults) -> Self:  # noqa: ARG002 - nothing here is configurable
        reference = self.spec.reference
        filled = {"reference": reference and reference.in_namespace(self.metadata.namespace)}
        return self.model_copy(update={"spec": self.spec.model_copy(update=filled)})

    def faults(self, features: Features) -> list[FieldError]:  # noqa: ARG002 - no feature touches an EventType
        broker, reference = self.spec.broker, self.spec.reference
        if broker is None or reference is None or (reference.kind, reference.name) == (Broker.KIND, broker):
            return []
        message = f"the Broker {shown(broker)} is not what spec.reference names"
        return [FieldError(("spec", "broker"), message, _NEWER)]

    @classmethod
    def check_update(cls, old: Self, new: Self) -> list[FieldError]:
        found = super().check_update(old, new)
        before, after = (one.metadata.annotations.get(ATTRIBUTES_ANNOTATION) for one in (old, new))
        if not found and before and after and before != after:
            found.append(FieldError(("spec", "attributes"), UNCHANGEABLE, cls.FIX))
        return found
