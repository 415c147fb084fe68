"""What the data plane is told: routes in, routes out, and the topics between them. Plain values, no Kubernetes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from eventing.record import Span
from eventing.verdict import RetryPolicy

Order = Literal["ordered", "unordered"]
Pace = Literal["running", "paused", "held"]


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as a resource wants it; `config` are Kafka's own topic settings. An `external` one is somebody else's: never made."""

    name: str
    partitions: int = 1
    replication_factor: int = 1
    config: Mapping[str, str] = field(default_factory=dict)
    external: bool = False


@dataclass(frozen=True, slots=True)
class Ingress:
    """One address: events POSTed to `path`, or to any of `hosts`, go to `topic`.

    `ttl` is how often an event may pass here (`knativebrokerttl`), None without limit. `schemas` are JSON schemas, as text,
    by the event type whose data has to fit; the data of other types is not looked at.
    """

    uid: str
    kind: str
    namespace: str
    name: str
    topic: str
    path: str
    hosts: tuple[str, ...] = ()
    ttl: int | None = None
    schemas: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Egress:
    """One subscriber: records of `topic`, read as `group`, are POSTed to `subscriber`.

    `reply` and `dead_letter` are URLs, None where there is none (a reply is then discarded, a dead letter kept in
    `dead_letter_topic`). `pace`: a paused egress stays a member of its group, so that its offsets never expire, and
    delivers nothing; a held one has left the group, so that its offsets can be set. `topic_id` is Kafka's id of the topic,
    empty where unknown. `sink_returns` says that the dead letter sink is the very channel or broker from which the events
    come. `only`, by partition, are the offsets that a job delivers; None for all that is and will be there.

    `filters` must all pass (documents of `eventing.filters`; none: every event passes). With `reply_topic` a reply is
    appended to that topic, the broker's own, and `reply` is the address under which the broker is known. `ttl` is the limit
    of that broker, None where it has none: replies pass it as events do, and the attribute is taken off on delivery unless
    the subscriber `keeps_ttl`, being a broker or channel of this installation.
    An egress that reads its own dead letter topic redelivers: its records are dead letters.
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
    pace: Pace = "running"
    topic_id: str = ""
    sink_returns: bool = False
    filters: tuple[Mapping[str, Any], ...] = ()
    reply_topic: str | None = None
    ttl: int | None = None
    keeps_ttl: bool = False
    only: Mapping[int, Sequence[Span]] | None = None

    @property
    def title(self) -> str:
        """Whose it is, in a message: `Trigger default/t1`."""
        return f"{self.kind} {self.namespace}/{self.name}"

    @property
    def named(self) -> dict[str, str]:
        """Whose it is, as one field of a log line: `{"trigger": "default/t1"}`."""
        return {self.kind.lower(): f"{self.namespace}/{self.name}"}

    @property
    def redelivers(self) -> bool:
        """Whether the records are dead letters of this egress."""
        return self.topic == self.dead_letter_topic


@dataclass(frozen=True, slots=True)
class Remnant:
    """A group or topic in Kafka that a plan has no use for: whose it is (`uid`) waits for something, or is gone.

    A group has the topic that it reads, a topic the path under which events came to it.
    """

    uid: str
    topic: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the data plane does, by uid; topics by name.

    Groups and topics that were made and are not in use are `idle`, by name, so that whoever controls this installation next
    knows what is left to take away.
    """

    ingresses: Mapping[str, Ingress] = field(default_factory=dict)
    egresses: Mapping[str, Egress] = field(default_factory=dict)
    topics: Mapping[str, TopicSpec] = field(default_factory=dict)
    idle_groups: Mapping[str, Remnant] = field(default_factory=dict)
    idle_topics: Mapping[str, Remnant] = field(default_factory=dict)
