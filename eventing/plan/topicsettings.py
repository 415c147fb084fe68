"""The keys under which a ConfigMap says how topics should be (behaviour §2, "Broker topic settings")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eventing.errors import Invalid
from eventing.kinds.condition import TRUE, Fact
from eventing.kinds.key import Key
from eventing.kinds.wording import nearest, shown

PARTITIONS = "default.topic.partitions"
REPLICATION_FACTOR = "default.topic.replication.factor"
TOPIC_CONFIG = "default.topic.config."
NOT_OBEYED = ("bootstrap.servers", "auth.secret.ref.name", "auth.secret.ref.namespace")
_RECORDED = (PARTITIONS, REPLICATION_FACTOR, *NOT_OBEYED)
_LONGEST = 65_536
"""Characters of all Kafka settings of a topic; they travel in the plan, whose rows are Kafka records."""
_LARGEST = {PARTITIONS: 2**31 - 1, REPLICATION_FACTOR: 2**15 - 1}


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """How topics should be. `parsed` is what ConfigParsed says of it, `source` where a person changes it.

    `recorded` are the keys that a Broker keeps in its status, as Knative does, because a ConfigMap may be gone first.
    """

    partitions: int
    replication_factor: int
    config: Mapping[str, str] = field(default_factory=dict)
    parsed: Fact = TRUE
    source: str = "the settings kafka.default_broker_partitions and kafka.default_replication_factor"
    recorded: Mapping[str, str] = field(default_factory=dict)


def read(key: Key, data: Mapping[str, str], usual: TopicSettings) -> TopicSettings:
    """What the ConfigMap `key` with these data says, and what is usual where it says nothing.

    Raises `Invalid` that names the object and the key.
    """
    unknown = [name for name in sorted(data) if name not in _RECORDED and not name.startswith(TOPIC_CONFIG)]
    remarks = [
        f"{name} is not obeyed, every topic is in this installation's Kafka" for name in NOT_OBEYED if name in data
    ]
    remarks += [_remark(name, _RECORDED) for name in unknown]
    parsed = Fact("True", "PartlyObeyed", f"{key}: {'; '.join(remarks)}") if remarks else TRUE
    return TopicSettings(
        _number(key, data, PARTITIONS, usual.partitions),
        _number(key, data, REPLICATION_FACTOR, usual.replication_factor),
        {**usual.config, **_config(key, data)},
        parsed,
        f"the keys default.topic.* of {key}",
        {name: data[name] for name in _RECORDED if name in data},
    )


def kept_keys(status: Mapping[str, Any]) -> dict[str, str]:
    """The keys that a Broker's status has kept of its ConfigMap."""
    annotations: Mapping[str, str] = status.get("annotations", {})
    return {name: annotations[name] for name in _RECORDED if name in annotations}


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
