"""The ConfigMap of a Broker: how its topic should be (behaviour §2, "Broker topic settings").

The ConfigMaps of Knative's own installation are nobody's here, and YAML that names them has to apply unchanged: where one
is missing the installation's defaults count. Any other that is missing is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from eventing.errors import Invalid, NotFound
from eventing.kinds.broker import KAFKA_CLASS, Broker
from eventing.kinds.condition import TRUE, Fact
from eventing.kinds.configmap import ConfigMap
from eventing.kinds.key import Key
from eventing.kinds.wording import nearest, shown
from eventing.plan.options import Options

PARTITIONS = "default.topic.partitions"
REPLICATION_FACTOR = "default.topic.replication.factor"
TOPIC_CONFIG = "default.topic.config."
_NOT_OBEYED = ("bootstrap.servers", "auth.secret.ref.name", "auth.secret.ref.namespace")
_KNATIVES = frozenset(
    ("knative-eventing", name)
    for name in (
        "kafka-broker-config", "kafka-channel-config", "kafka-channel", "config-kafka-channel", "imc-channel",
        "config-br-default-channel", "config-br-defaults",
    )
)  # fmt: skip
_LONGEST = 65_536
"""Characters of all Kafka settings of a topic; they travel in the plan, whose rows are Kafka records."""
_LARGEST = {PARTITIONS: 2**31 - 1, REPLICATION_FACTOR: 2**15 - 1}


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """How a broker's topic should be. `parsed` is what ConfigParsed says of it, `source` where a person changes it."""

    partitions: int
    replication_factor: int
    config: Mapping[str, str] = field(default_factory=dict)
    parsed: Fact = TRUE
    source: str = "the settings kafka.default_broker_partitions and kafka.default_replication_factor"


def broker_class(broker: Broker, options: Options) -> str:
    """Who is to serve it."""
    return broker.broker_class or options.defaults.broker_class


def topic_settings(broker: Broker, maps: Mapping[Key, ConfigMap], options: Options) -> TopicSettings:
    """What the ConfigMap of a broker says, the installation's defaults where it says nothing.

    Raises `Invalid` (`NotFound` where the ConfigMap is missing) that names the object and the key.
    """
    ref = broker.spec.config
    if ref is None or broker_class(broker, options) != KAFKA_CLASS:
        return _defaults(options)
    if (ref.kind_group, ref.kind) != (ConfigMap.GROUP, ConfigMap.KIND):
        fix = "name a ConfigMap, with apiVersion: v1"
        raise Invalid(f"{shown(ref.kind)} does not say how a topic should be", field="spec.config.kind", fix=fix)
    key = Key(ConfigMap.GROUP, ConfigMap.KIND, ref.namespace or broker.metadata.namespace, ref.name)
    found = maps.get(key)
    if found is None:
        return _without(key, options)
    return _read(key, found.data, options)


def _defaults(options: Options, parsed: Fact = TRUE) -> TopicSettings:
    return TopicSettings(options.defaults.broker_partitions, options.defaults.replication_factor, parsed=parsed)


def _without(key: Key, options: Options) -> TopicSettings:
    if (key.namespace, key.name) not in _KNATIVES:
        raise NotFound(f"{key} does not exist", field="spec.config", fix="apply it, or take spec.config out")
    message = f"{key} is part of Knative's installation and not there; the defaults of this one count"
    return _defaults(options, Fact("True", "InstallationDefaults", message))


def _read(key: Key, data: Mapping[str, str], options: Options) -> TopicSettings:
    defaults = options.defaults
    known = (PARTITIONS, REPLICATION_FACTOR, *_NOT_OBEYED)
    unknown = [name for name in sorted(data) if name not in known and not name.startswith(TOPIC_CONFIG)]
    remarks = [
        f"{name} is not obeyed, every topic is in this installation's Kafka" for name in _NOT_OBEYED if name in data
    ]
    remarks += [_remark(name, known) for name in unknown]
    parsed = Fact("True", "PartlyObeyed", f"{key}: {'; '.join(remarks)}") if remarks else TRUE
    return TopicSettings(
        _number(key, data, PARTITIONS, defaults.broker_partitions),
        _number(key, data, REPLICATION_FACTOR, defaults.replication_factor),
        _config(key, data),
        parsed,
        f"the keys default.topic.* of {key}",
    )


def _config(key: Key, data: Mapping[str, str]) -> dict[str, str]:
    found = {n.removeprefix(TOPIC_CONFIG): v.strip() for n, v in sorted(data.items()) if n.startswith(TOPIC_CONFIG)}
    size = sum(len(name) + len(value) for name, value in found.items())
    if size > _LONGEST:
        message = f"the keys {TOPIC_CONFIG}* have {size} characters, more than {_LONGEST}"
        raise Invalid(message, where=str(key), field="data", fix="shorten them")
    return found


def _number(key: Key, data: Mapping[str, str], name: str, default: int) -> int:
    text = data.get(name)
    if text is None:
        return default
    number = int(text) if re.fullmatch(r"\s*\d{1,10}\s*", text, re.ASCII) else 0
    if not 1 <= number <= _LARGEST[name]:
        fix = f'write a whole number from 1 to {_LARGEST[name]}, in quotes: "{default}"'
        raise Invalid(f"{shown(text)} is no number that works", where=str(key), field=f"data[{name}]", fix=fix)
    return number


def _remark(name: str, known: tuple[str, ...]) -> str:
    near = nearest(name, known)
    return f"{name} is not known" + (f", did you mean {near}?" if near else "")
