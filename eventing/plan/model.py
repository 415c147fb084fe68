"""What the data plane is told: routes in, routes out, and the topics between them. Plain values, no Kubernetes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from eventing.verdict import RetryPolicy

Order = Literal["ordered", "unordered"]


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as a resource wants it; `config` are Kafka's own topic settings."""

    name: str
    partitions: int = 1
    replication_factor: int = 1
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ingress:
    """One address: events POSTed to `path`, or to any of `hosts`, go to `topic`."""

    uid: str
    kind: str
    namespace: str
    name: str
    topic: str
    path: str
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Egress:
    """One subscriber: records of `topic`, read as `group`, are POSTed to `subscriber`.

    `reply` and `dead_letter` are URLs, None where there is none (a reply is then discarded, a dead letter kept in
    `dead_letter_topic`).
    """

    uid: str
    kind: str
    namespace: str
    name: str
    topic: str
    group: str
    subscriber: str
    dead_letter_topic: str
    reply: str | None = None
    dead_letter: str | None = None
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    order: Order = "ordered"


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the data plane does, by uid; topics by name."""

    ingresses: Mapping[str, Ingress] = field(default_factory=dict)
    egresses: Mapping[str, Egress] = field(default_factory=dict)
    topics: Mapping[str, TopicSpec] = field(default_factory=dict)
