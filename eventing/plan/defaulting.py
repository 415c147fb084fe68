"""The two documents in which Knative says what its webhook fills in, as they stand in their ConfigMaps (behaviour §10).

`merged` puts what they say over other defaults.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from eventing.kinds.channel import ChannelTemplate
from eventing.kinds.delivery import DeliverySpec
from eventing.kinds.destination import KReference
from eventing.kinds.field_error import refuse
from eventing.kinds.meta import BrokerDefault, Defaults
from eventing.kinds.model import Filled, Model
from eventing.kinds.translate import field_errors


class ChannelDefaults(Model):
    """`default-ch-config`: what carries the events of a Channel or flow that names nothing."""

    cluster_default: ChannelTemplate | None = None
    namespace_defaults: dict[str, ChannelTemplate] = Field(default={})


class ClassDefault(Model):
    """What a Broker of one class gets: the fields of a KReference, and delivery options."""

    api_version: str | None = None
    kind: str | None = None
    name: str | None = None
    namespace: str | None = None
    group: str | None = None
    delivery: DeliverySpec | None = None

    @model_validator(mode="after")
    def _refers(self) -> Self:
        if self.config:
            try:
                KReference.model_validate(self.config)
            except ValidationError as error:
                raise refuse(*field_errors(KReference, error)) from error
        return self

    @property
    def config(self) -> dict[str, Any]:
        """The reference as a document; empty where there is none."""
        names = ("api_version", "kind", "name", "namespace", "group")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


class PlaceDefault(ClassDefault):
    """The same for a whole cluster or namespace, and for each class that is not the usual one."""

    broker_class: Filled | None = None
    broker_classes: dict[str, ClassDefault] = Field(default={})
    disallow_different_namespace_config: bool | None = None


class BrokerDefaults(Model):
    """`default-br-config`."""

    cluster_default: PlaceDefault | None = None
    namespace_defaults: dict[str, PlaceDefault] = Field(default={})


def merged(base: Defaults, channels: ChannelDefaults, brokers: BrokerDefaults) -> Defaults:
    """`base` with what the documents say in place of it; a namespace that they name has Defaults of its own."""
    cluster = replace(base, namespaces={})
    if channels.cluster_default is not None:
        cluster = _with_template(cluster, channels.cluster_default)
    if brokers.cluster_default is not None:
        cluster = _with_classes(cluster, brokers.cluster_default)
        usual = _default(brokers.cluster_default)
        cluster = replace(cluster, broker_default=cluster.broker_default if usual is None else usual)
    places = dict(base.namespaces)
    for name in {*channels.namespace_defaults, *brokers.namespace_defaults}:
        places[name] = cluster
        if name in channels.namespace_defaults:
            places[name] = _with_template(places[name], channels.namespace_defaults[name])
        if name in brokers.namespace_defaults:
            places[name] = _with_classes(places[name], brokers.namespace_defaults[name])
    return replace(cluster, namespaces=places)


def _with_template(of: Defaults, template: ChannelTemplate) -> Defaults:
    version, kind, spec = template.api_version, template.kind, template.spec
    return replace(of, channel_api_version=version, channel_kind=kind, channel_spec=spec)


def _with_classes(of: Defaults, place: PlaceDefault) -> Defaults:
    """What stands beside `brokerClass` is for that class, whatever `brokerClasses` say of it."""
    name = place.broker_class or of.broker_class
    classes = {one: _default(what) or BrokerDefault() for one, what in place.broker_classes.items()}
    own = _default(place)
    if own is not None:
        classes[name] = own
    strict = place.disallow_different_namespace_config
    return replace(
        of,
        broker_class=name,
        broker_classes={**of.broker_classes, **classes},
        own_config_only=of.own_config_only if strict is None else strict,
    )


def _default(of: ClassDefault) -> BrokerDefault | None:
    """None where nothing is said."""
    config, delivery = of.config, of.delivery
    if not config and delivery is None:
        return None
    return BrokerDefault(config=config or None, delivery=None if delivery is None else delivery.document())
