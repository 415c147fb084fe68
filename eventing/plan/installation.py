"""The ConfigMaps in which an installation says what counts where a resource says nothing, under Knative's names and keys.

They are looked for in the installation's own namespace, then in Knative's, so that a cluster that ran Knative keeps its
defaults. They count wherever they are applied, at home too. Of one that is wrong nothing counts: what is built in does,
and the problem says which object, which key, and what to write. See behaviour §2, §10.1 and §10.3.

`default-ch-webhook` has the channels by default, `config-br-defaults` the classes, ConfigMaps and delivery of Brokers,
`kafka-broker-config` and `kafka-channel-config` how the topics of Brokers and KafkaChannels should be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TypeVar

from pydantic import ValidationError

from eventing.errors import Invalid
from eventing.kinds.condition import TRUE, Fact
from eventing.kinds.configmap import ConfigMap
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Defaults, Resource
from eventing.kinds.model import Model
from eventing.kinds.translate import field_errors
from eventing.kinds.wording import sort_of
from eventing.plan.defaulting import BrokerDefaults, ChannelDefaults, merged
from eventing.plan.options import Problem
from eventing.plan.status import false
from eventing.plan.topicsettings import TopicSettings, read
from eventing.yamltext import documents
from eventing.yamltree import Flaw

CHANNEL_DEFAULTS, CHANNEL_KEY = "default-ch-webhook", "default-ch-config"
BROKER_DEFAULTS, BROKER_KEY = "config-br-defaults", "default-br-config"
CHANNEL_TOPICS = "kafka-channel-config"
BROKER_TOPICS = "kafka-broker-config"
NAMES = (CHANNEL_DEFAULTS, BROKER_DEFAULTS, CHANNEL_TOPICS, BROKER_TOPICS)
KNATIVES_NAMESPACE = "knative-eventing"

M = TypeVar("M", bound=Model)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Installed:
    """What the ConfigMaps say: the defaults, the topic of a Broker that names no ConfigMap, and what is wrong, by object.

    `channels_parsed` is what ConfigParsed says of KafkaChannels.
    """

    defaults: Defaults
    broker_topics: TopicSettings
    channels_parsed: Fact = TRUE
    problems: Mapping[Key, Problem] = field(default_factory=dict)


def defaults(
    maps: Iterable[Resource], base: Defaults, namespace: str = "kanal"
) -> tuple[Defaults, Mapping[Key, Problem]]:
    """`base` with what the ConfigMaps among these resources say in place of it, and what is wrong with them.

    `namespace` is that of the installation.
    """
    found = installed(maps, base, namespace)
    return found.defaults, found.problems


def installed(maps: Iterable[Resource], base: Defaults, namespace: str) -> Installed:
    """The same, with what only the planner needs."""
    found = _found(maps, namespace)
    problems: dict[Key, Problem] = {}

    def tried(name: str, said: Callable[[ConfigMap], T], otherwise: T) -> T:
        one = found.get(name)
        if one is None:
            return otherwise
        try:
            return said(one)
        except Invalid as error:
            problems[key_of(one)] = Problem(error.reason, str(error))
            return otherwise

    def topics(name: str, usual: TopicSettings) -> TopicSettings:
        settings = tried(name, lambda one: read(key_of(one), one.data, usual), usual)
        problem = problems.get(key_of(found[name])) if name in found else None
        return settings if problem is None else replace(settings, parsed=false(problem))

    of_channels = topics(CHANNEL_TOPICS, TopicSettings(base.partitions, base.replication_factor))
    of_brokers = topics(BROKER_TOPICS, TopicSettings(base.broker_partitions, base.replication_factor))
    base = replace(base, partitions=of_channels.partitions, replication_factor=of_channels.replication_factor)
    channels = tried(CHANNEL_DEFAULTS, lambda one: _document(one, CHANNEL_KEY, ChannelDefaults), ChannelDefaults())
    brokers = tried(BROKER_DEFAULTS, lambda one: _document(one, BROKER_KEY, BrokerDefaults), BrokerDefaults())
    return Installed(merged(base, channels, brokers), of_brokers, of_channels.parsed, problems)


def _found(maps: Iterable[Resource], namespace: str) -> dict[str, ConfigMap]:
    """The ConfigMaps of an installation by name; its own where both have one."""
    there = {(one.metadata.namespace, one.metadata.name): one for one in maps if isinstance(one, ConfigMap)}
    places = (KNATIVES_NAMESPACE, namespace)
    return {name: there[place, name] for place in places for name in NAMES if (place, name) in there}


def _document(one: ConfigMap, name: str, model: type[M]) -> M:
    """What stands under a key. Raises `Invalid` with everything that is wrong with it."""
    where = str(key_of(one))
    text = one.data.get(name)
    if text is None:
        raise Invalid("the key is missing", where=where, field=f"data[{name}]", fix="add it, or delete the ConfigMap")
    found, wrong = _read(text, model)
    if not isinstance(found, model):
        raise Invalid(wrong, where=where, field=f"data[{name}]")
    return found


@lru_cache(maxsize=64)
def _read(text: str, model: type[Model]) -> tuple[Model | None, str]:
    """What a text says, or everything that is wrong with it. The same ConfigMaps are asked for in every round."""
    found = list(documents(text))
    flaws = [flaw for one in found for flaw in ([one] if isinstance(one, Flaw) else one.flaws)]
    if flaws:
        return None, "; ".join(str(Invalid(flaw.message, where=f"line {flaw.line}", fix=flaw.fix)) for flaw in flaws)
    values = [one.value for one in found if not isinstance(one, Flaw)] or [{}]
    if len(values) > 1 or not isinstance(values[0], dict):
        return None, f"one mapping is needed, not {'several documents' if len(values) > 1 else sort_of(values[0])}"
    try:
        return model.model_validate(values[0], by_alias=True, by_name=False), ""
    except ValidationError as error:
        return None, "; ".join(map(str, field_errors(model, error)))
