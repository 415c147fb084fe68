"""What the planner needs to know beside the resources.

How this installation names, addresses and defaults things, and what its controller has seen of Kafka and of the ingresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from eventing.kinds.key import Key
from eventing.kinds.meta import Defaults, Resource

Serves: TypeAlias = Literal["everything", "kafka"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The installation. Templates take `{namespace}`, `{name}`, `{channel}` and `{uid}`; times are in seconds.

    `most_replicas` is how many any topic gets, whatever is asked for; 0 for no limit.
    """

    base_url: str = "http://127.0.0.1:8080"
    channel_url: str = ""
    """Template of a KafkaChannel's address, which takes `{service}` too, the name of its Service: `{name}-kn-channel`, or
    without the suffix where that would be too long. Empty: its path at `base_url`."""
    broker_url: str = ""
    """Template of a Broker's address; empty: its path at `base_url`."""
    in_cluster: bool = False
    """Whether the resources live in a Kubernetes API server, which can be asked for everything that they refer to."""
    system_namespace: str = "kanal"
    """Where the ConfigMaps of this installation are; those of Knative's namespace count where one is missing here."""
    serves: Serves = "everything"
    """`kafka`: somebody else serves all but KafkaChannels and Brokers of the class Kafka, and writes `spec.subscribers`."""
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
NOT_PUBLISHED = "PlanNotPublished"
"""The reason of a problem that the data plane could not be told of a route."""


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
class Foreign:
    """An object of somebody else's kind to which a resource refers: a Service, a source, another Addressable.

    `url` is empty where it has no address; `status` is its own. `problem` is why nothing is known of it, and what to do
    about that: its kind may not be read, or does not exist. One that has a URL is used, whatever the problem.
    """

    url: str = ""
    status: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a plan is a function of. `elsewhere` holds what resources refer to and a cluster has."""

    resources: tuple[Resource, ...]
    options: Options = field(default_factory=Options)
    observed: Observed = field(default_factory=Observed)
    elsewhere: Mapping[Key, Foreign] = field(default_factory=dict)
