"""The ConfigMap of a Broker: how its topic should be (behaviour §2, §10.3).

The ConfigMaps of Knative's own installation are nobody's here, and YAML that names them has to apply unchanged: where one
is missing the installation's defaults count. Any other that is missing is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from eventing.errors import Invalid, NotFound
from eventing.kinds.broker import KAFKA_CLASS, Broker
from eventing.kinds.condition import Fact
from eventing.kinds.configmap import ConfigMap
from eventing.kinds.key import Key
from eventing.kinds.wording import shown
from eventing.plan.options import Options
from eventing.plan.topicsettings import TopicSettings, read

_KNATIVES = frozenset(
    ("knative-eventing", name)
    for name in (
        "kafka-broker-config", "kafka-channel-config", "kafka-channel", "config-kafka-channel", "imc-channel",
        "config-br-default-channel", "config-br-defaults",
    )
)  # fmt: skip


def broker_class(broker: Broker, options: Options) -> str:
    """Who is to serve it."""
    return broker.broker_class or options.defaults.of(broker.metadata.namespace).broker_class


def topic_settings(
    broker: Broker, maps: Mapping[Key, ConfigMap], options: Options, usual: TopicSettings
) -> TopicSettings:
    """What the ConfigMap of a broker says; `usual` is what the installation says, which counts where that says nothing.

    Raises `Invalid` (`NotFound` where the ConfigMap is missing) that names the object and the key.
    """
    ref = broker.spec.config
    if ref is None or broker_class(broker, options) != KAFKA_CLASS:
        return usual
    if (ref.kind_group, ref.kind) != (ConfigMap.GROUP, ConfigMap.KIND):
        fix = "name a ConfigMap, with apiVersion: v1"
        raise Invalid(f"{shown(ref.kind)} does not say how a topic should be", field="spec.config.kind", fix=fix)
    own = broker.metadata.namespace
    key = Key(ConfigMap.GROUP, ConfigMap.KIND, ref.namespace or own, ref.name)
    if key.namespace != own and options.defaults.of(own).own_config_only:
        fix = f"name one in {own}, or take disallowDifferentNamespaceConfig out of the ConfigMap config-br-defaults"
        raise Invalid(f"{key} is in another namespace than the Broker", field="spec.config.namespace", fix=fix)
    found = maps.get(key)
    return _without(key, usual) if found is None else read(key, found.data, usual)


def _without(key: Key, usual: TopicSettings) -> TopicSettings:
    if (key.namespace, key.name) not in _KNATIVES:
        raise NotFound(f"{key} does not exist", field="spec.config", fix="apply it, or take spec.config out")
    if usual.parsed.status != "True":
        return usual
    message = f"{key} is part of Knative's installation and not there; the defaults of this one count"
    return replace(usual, parsed=Fact("True", "InstallationDefaults", message))
