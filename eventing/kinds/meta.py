"""What every resource has: Kubernetes' metadata, the facts of its kind, and the recipe that each kind's file follows.

A kind's file holds, in this order: the names of its conditions, its spec as a model (shape and the rules of single
fields), the resource with its class-level facts (from which API paths and CRDs are made), `defaulted` (what Knative's
webhook fills in), `faults` (rules that need the whole resource) and `check_update` (what may not change).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from eventing.kinds.columns import AGE, Column
from eventing.kinds.field_error import FieldError, refuse
from eventing.kinds.identifiers import LabelKey, LabelValue, Name, Namespace
from eventing.kinds.immutability import unchangeable
from eventing.kinds.model import Filled, Model
from eventing.kinds.status import Status

DEFAULT_NAMESPACE = "default"

_UIDS = uuid.UUID("6f1c7a52-9d0e-5b7e-8c55-2f8f3c1f4e0b")


def stable_uid(group: str, kind: str, namespace: str, name: str) -> str:
    """The uid of a resource where no API server gives one: the same at every start, so its group and offsets are too."""
    return str(uuid.uuid5(_UIDS, f"{group}/{kind}/{namespace}/{name}"))


class OwnerReference(Model):
    """The resource without which this one goes too."""

    api_version: Filled
    kind: Filled
    name: Filled
    uid: Filled
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(Model):
    """The fields that Kubernetes knows; those that only a server sets may come, because exported YAML carries them."""

    EXAMPLE: ClassVar[str] = 'write "name: ..." below it, indented'

    name: Name = Field("", description="The name, unique for this kind in its namespace.")
    namespace: Namespace = Field(DEFAULT_NAMESPACE, description="The namespace.")
    labels: dict[LabelKey, LabelValue] = Field(default={}, description="Short values to select by.")
    annotations: dict[LabelKey, str] = Field(default={}, description="Any further text.")
    finalizers: list[Filled] = Field(default=[], description="What has to be cleared before the resource goes.")
    owner_references: list[OwnerReference] = Field(default=[], description="Who owns the resource.")
    generate_name: str = Field("", description="The beginning of a name that the server completes.")
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None
    managed_fields: list[dict[str, Any]] = Field(default=[])
    self_link: str = ""

    @model_validator(mode="after")
    def _is_named(self) -> ObjectMeta:
        if not self.name and not self.generate_name:
            raise refuse(FieldError(("name",), "the resource has no name", "add name"))
        return self

    def annotated(self, **added: str) -> ObjectMeta:
        """A copy with annotations added where they were not set; `/` and `.` make such names a `**{...}`."""
        return self.model_copy(update={"annotations": {**added, **self.annotations}})


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerDefault:
    """What a Broker of some class gets where it says nothing: a KReference and a DeliverySpec, as documents."""

    config: Mapping[str, str] | None = None
    delivery: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What is filled in where a resource says nothing (Knative's `default-ch-webhook` and `config-br-defaults`).

    `broker_default` is for Brokers of a class that `broker_classes` does not name. `namespaces` holds what counts in
    place of all this in a namespace. With `own_config_only` the ConfigMap of a Broker must be in the Broker's namespace.
    """

    channel_api_version: str = "messaging.knative.dev/v1beta1"
    channel_kind: str = "KafkaChannel"
    channel_spec: Mapping[str, Any] = field(default_factory=dict)
    partitions: int = 1
    replication_factor: int = 1
    broker_class: str = "Kafka"
    broker_partitions: int = 10
    broker_default: BrokerDefault = BrokerDefault()
    broker_classes: Mapping[str, BrokerDefault] = field(default_factory=dict)
    own_config_only: bool = False
    namespaces: Mapping[str, Defaults] = field(default_factory=dict)

    def of(self, namespace: str) -> Defaults:
        """What counts in this namespace."""
        return self.namespaces.get(namespace, self)

    def broker(self, broker_class: str) -> BrokerDefault:
        """What a Broker of this class gets."""
        return self.broker_classes.get(broker_class, self.broker_default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Knative's feature flags that decide what is valid."""

    cross_namespace_event_links: bool = False


class Resource(Model):
    """A resource of some kind. `status` is what a controller wrote; it is never an input."""

    GROUP: ClassVar[str]
    KIND: ClassVar[str]
    VERSIONS: ClassVar[tuple[str, ...]]
    """Served versions, the preferred one first."""
    PLURAL: ClassVar[str]
    SINGULAR: ClassVar[str]
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ()
    CATEGORIES: ClassVar[tuple[str, ...]] = ("all", "knative")
    CRD_LABELS: ClassVar[Mapping[str, str]] = {}
    DEPENDENTS: ClassVar[tuple[str, ...]] = ()
    """The conditions whose AND is Ready."""
    PRINTER_COLUMNS: ClassVar[tuple[Column, ...]] = (AGE,)
    """What `kubectl get` shows behind the name."""
    STATUS: ClassVar[type[Status]] = Status
    """What a controller writes into the status."""
    FIXED: ClassVar[tuple[str, ...]] = ()
    """Fields of the spec, as YAML spells them, that stay as they are."""
    FIX: ClassVar[str] = ""
    """What to do in place of changing one of them."""
    SHAPES: ClassVar[Mapping[str, type[Resource]]] = {}
    """The models of those served versions whose spec is written in another way."""

    api_version: str
    kind: str
    metadata: ObjectMeta = Field(description="The name of the resource, at least.")
    spec: Model
    status: dict[str, Any] = Field(default={}, description="What a controller found; ignored when it is sent.")

    @classmethod
    def full_version(cls, version: str) -> str:
        """`GROUP/VERSION` as a document writes it; the version alone in Kubernetes' core group."""
        return f"{cls.GROUP}/{version}" if cls.GROUP else version

    @property
    def title(self) -> str:
        """The resource in a message: `Channel default/orders`."""
        return f"{self.KIND} {self.metadata.namespace}/{self.metadata.name}"

    def defaulted(self, defaults: Defaults) -> Self:  # noqa: ARG002 - a kind may have none
        """A copy in which everything that was left open is filled in; doing it twice changes nothing."""
        return self

    def faults(self, features: Features) -> list[FieldError]:  # noqa: ARG002 - a kind may have none
        """What is wrong though each field by itself is right."""
        return []

    @classmethod
    def check_update(cls, old: Self, new: Self) -> list[FieldError]:
        """What `new` changes and may not. Both have their defaults, so that a default written out is no change."""
        before, after = old.meaning(), new.meaning()
        return [
            one
            for name in cls.FIXED
            for one in unchangeable(("spec", name), before.get(name), after.get(name), cls.FIX)
        ]

    def meaning(self) -> dict[str, Any]:
        """The spec as a document in which two ways of saying the same are one; `check_update` compares these."""
        return self.spec.document()

    def stored(self) -> Resource:
        """The resource in the one shape in which everybody but its author knows it."""
        return self

    def document_in(self, version: str) -> dict[str, Any]:
        """The resource as YAML or JSON would hold it in this served version."""
        return {**self.document(), "apiVersion": self.full_version(version)}

    def spec_document(self) -> dict[str, Any]:
        """The spec as YAML or JSON would hold it; two that are equal ask for the same."""
        return self.spec.document()

    def document(self) -> dict[str, Any]:
        """The resource as YAML or JSON would hold it."""
        metadata = {"name": self.metadata.name, "namespace": self.metadata.namespace} | self.metadata.document()
        whole = {"apiVersion": self.api_version, "kind": self.kind, "metadata": metadata, "spec": self.spec_document()}
        return whole | ({"status": self.status} if self.status else {})
