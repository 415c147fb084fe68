"""What the planner needs to know beside the resources.

How this installation names, addresses and defaults things, and what its controller has seen of Kafka and of the ingresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from eventing.kinds.meta import Defaults, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The installation. Templates take `{namespace}`, `{name}`, `{channel}` and `{uid}`; times are in seconds.

    `most_replicas` is how many any topic gets, whatever is asked for; 0 for no limit.
    """

    base_url: str = "http://127.0.0.1:8080"
    channel_topic: str = "knative-messaging-kafka.{namespace}.{name}"
    subscription_group: str = "kafka.{namespace}.{channel}.{uid}"
    dead_letter_topic: str = "kanal-dead-letters.{namespace}.{name}"
    broker_topic: str = "knative-broker-{namespace}-{name}"
    trigger_group: str = "knative-trigger-{namespace}-{name}"
    trigger_dead_letter_topic: str = "kanal-dead-letters-trigger.{namespace}.{name}"
    own_topics: frozenset[str] = frozenset({"kanal.plan", "kanal.outcomes", "kanal.eventtypes"})
    """Topics that hold no events of anybody's."""
    any_broker_class: bool = True
    most_replicas: int = 0
    services: Mapping[str, str] = field(default_factory=dict)
    service_template: str = ""
    defaults: Defaults = field(default_factory=Defaults)
    timeout_s: float = 600.0
    longest_wait_s: float = 86_400.0


AWAY = "KafkaUnavailable"
"""The reason of a problem that says nothing but that Kafka could not be asked."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something is not as it should be: a CamelCase reason and a sentence."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen, by topic name, egress uid and ingress uid: None is well, a missing key not yet looked at.

    `topic_ids` are Kafka's ids of the topics that are there, by name.
    """

    topics: Mapping[str, Problem | None] = field(default_factory=dict)
    groups: Mapping[str, Problem | None] = field(default_factory=dict)
    routes: Mapping[str, Problem | None] = field(default_factory=dict)
    topic_ids: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a plan is a function of."""

    resources: tuple[Resource, ...]
    options: Options = field(default_factory=Options)
    observed: Observed = field(default_factory=Observed)
