"""Every setting of Kanal: its default, its unit (in the name) and why it is what it is.

One frozen group a concern; `docs/settings.md` is generated from this file and a test compares the two. A value comes from
a flag, else from the environment (`KANAL_<GROUP>__<FIELD>`), else from a TOML file (`[group]` and `field = value`), else
from here. What a resource says (retries, time-outs, partitions) is never a setting.

It is long because every setting stands here, each with its words, so that whoever looks for one looks in one place.
"""

from __future__ import annotations

import dataclasses
import math
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from eventing.errors import Invalid

PREFIX = "KANAL_"


def _setting(default: Any, doc: str) -> Any:
    if isinstance(default, dict | list):
        return field(default_factory=default.copy, metadata={"doc": doc})
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True, slots=True, kw_only=True)
class Kafka:
    """How to reach Kafka, and what the producer may hold."""

    bootstrap: str = _setting("127.0.0.1:9092", "Kafka's address, `host:port`, several with commas.")
    properties: dict[str, str] = _setting(
        {}, "Any librdkafka property for every client, for instance `security.protocol=SASL_SSL,sasl.username=me`."
    )
    ack_timeout_s: float = _setting(
        8.0, "How long a sender waits for Kafka's acknowledgement before it gets a 503; below a usual client's 10 s."
    )
    request_timeout_s: float = _setting(10.0, "How long a command to Kafka (topics, groups, offsets) may take.")
    queue_events: int = _setting(20_000, "Events that may wait for Kafka's acknowledgement; beyond it senders get 429.")
    queue_kib: int = _setting(65_536, "KiB that may wait for Kafka's acknowledgement; beyond it senders get 429.")
    linger_ms: float = _setting(0.5, "How long the producer gathers a batch; 0.5 costs least processor time an event.")
    prefetch_kib: int = _setting(
        1_024, "KiB that one subscription may read ahead of its deliveries; bounds memory whatever the backlog."
    )
    session_timeout_s: float = _setting(10.0, "Silence after which a dead dispatcher's partitions go to another.")
    group_instance: str = _setting(
        "",
        "A name of this dispatcher that outlives its restarts, each dispatcher its own: it then gets its partitions back at "
        "once, without a rebalance. When it is stopped for good they wait for the session time-out. Empty: none.",
    )
    group_protocol: str = _setting(
        "classic",
        "`classic` (cooperative) or `consumer` (KIP-848, Kafka 4; the broker then says after what silence a dispatcher "
        "is dead: 45 s unless its own configuration is changed).",
    )
    default_partitions: int = _setting(
        0, "Partitions of a channel's topic where its YAML names none; 0: Knative's default, 1."
    )
    default_replication_factor: int = _setting(
        0, "Replicas of a topic where no YAML names any; 0: Knative's default for a channel, 1."
    )
    default_broker_partitions: int = _setting(
        10, "Partitions of a broker's topic where its ConfigMap names none; 10 as in Knative's `kafka-broker-config`."
    )
    most_replicas: int = _setting(
        0,
        "Most replicas that a channel's or broker's topic gets, even where its YAML asks for more; 0: as many as it asks for. "
        "`kanal up` makes it 1 for its own Kafka, which is one broker.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingress:
    """The HTTP door through which events come in."""

    host: str = _setting("127.0.0.1", "Address to listen on; `0.0.0.0` in a container.")
    port: int = _setting(8080, "Port to listen on; 0 takes a free one.")
    public_url: str = _setting(
        "",
        "URL under which senders reach this ingress; it begins every address in a status. Empty: made of host and port.",
    )
    max_body_bytes: int = _setting(
        4_194_304,
        "Largest request body; beyond it 413. Kafka's own limit for an event is the topic's max.message.bytes.",
    )
    max_held_bytes: int = _setting(
        33_554_432, "Bytes of unfinished request bodies held at once; beyond it senders get 429."
    )
    read_timeout_s: float = _setting(10.0, "Longest silence inside a request body; then 408 and the connection closes.")
    keep_alive_s: int = _setting(75, "How long an idle connection stays open; longer than usual clients keep theirs.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The way out, as far as no resource says it."""

    timeout_s: float = _setting(600.0, "Time-out of one attempt where the resource names none (Knative's default).")
    longest_wait_s: float = _setting(86_400.0, "Cap on the wait between two attempts, whatever the backoff says.")
    jitter: float = _setting(0.0, "Share of the backoff, 0 to 1, that is added at random; 0 as in Knative.")
    in_flight_events: int = _setting(1_000, "Events of one subscription that may be in delivery at once.")
    in_flight_kib: int = _setting(16_384, "KiB of one subscription that may be in delivery at once.")
    waiting_events: int = _setting(
        4_000, "Events of one subscription that may wait for a retry beside those in delivery; each costs about 10 KiB."
    )
    waiting_kib: int = _setting(16_384, "KiB of one subscription that may wait for a retry.")
    parked_events: int = _setting(
        20_000, "Events of one subscription that may stand behind a slow key with only their offset in memory."
    )
    process_events: int = _setting(
        10_000, "Events of all subscriptions together that a dispatcher holds before it stops the greediest."
    )
    process_kib: int = _setting(65_536, "KiB of all subscriptions together, in the same way.")
    connections_per_host: int = _setting(100, "Open connections to one subscriber host (Knative's maxPoolSize).")
    idle_connection_s: float = _setting(
        4.0, "How long an unused connection is kept; shorter than a usual server's 5 s."
    )
    max_response_bytes: int = _setting(
        1_048_576, "Bytes of an answer that are read; a reply event that is larger fails the delivery."
    )
    share_reading: bool = _setting(
        True,
        "Whether triggers of one broker, and subscriptions of one channel, that stand near each other in the topic share "
        "one reading of it. Each keeps its group, its offsets and its pace either way.",
    )
    commit_interval_s: float = _setting(1.0, "How often finished offsets are committed while events flow.")
    commit_events: int = _setting(
        500, "Events of one subscription after which finished offsets are committed at once; what a crash may repeat."
    )
    drain_s: float = _setting(5.0, "How long deliveries under way may finish before a partition is given up.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What dispatchers write down of their deliveries, for `kanal trace` and `kanal lag`."""

    keep: str = _setting(
        "all", "`all`; `failures`: no line for a delivery that went well; `none`. Costs a few bytes an event."
    )
    interval_s: float = _setting(1.0, "How often a dispatcher writes down what happened since the last time.")
    retention_h: float = _setting(24.0, "How long that is kept; counts when the topic is made.")
    retention_mib: int = _setting(1_024, "How much of it is kept at most; counts when the topic is made.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Names of what Kanal makes in Kafka; `{namespace}`, `{name}`, `{uid}` and `{channel}` are filled in."""

    channel_topic: str = _setting(
        "knative-messaging-kafka.{namespace}.{name}", "Topic of a channel, as Knative's `channels-topic-template`."
    )
    subscription_group: str = _setting("kafka.{namespace}.{channel}.{uid}", "Consumer group of a Subscription.")
    dead_letter_topic: str = _setting(
        "kanal-dead-letters.{namespace}.{name}", "Topic that keeps what a subscription could not deliver anywhere."
    )
    broker_topic: str = _setting(
        "knative-broker-{namespace}-{name}", "Topic of a broker, as Knative's `brokers-topic-template`."
    )
    trigger_group: str = _setting(
        "knative-trigger-{namespace}-{name}",
        "Consumer group of a Trigger, as Knative's `triggers-consumergroup-template`.",
    )
    trigger_dead_letter_topic: str = _setting(
        "kanal-dead-letters-trigger.{namespace}.{name}", "Topic that keeps what a trigger could not deliver anywhere."
    )
    event_types_topic: str = _setting(
        "kanal.eventtypes",
        "Compacted topic in which ingresses and dispatchers note the event types that they have seen.",
    )
    outcome_topic: str = _setting("kanal.outcomes", "Topic to which dispatchers write what became of each event.")
    plan_topic: str = _setting("kanal.plan", "Compacted topic through which the controller tells the data plane.")
    resources_topic: str = _setting(
        "kanal.resources", "Compacted topic in which the resources live where there is no cluster."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolve:
    """How a reference to a Kubernetes Service becomes a URL where there is no cluster."""

    services: dict[str, str] = _setting({}, "URLs of services: `name=http://host:port` or `namespace/name=...`.")
    service_template: str = _setting(
        "", "URL of every other service, for instance `http://{name}:8080`; empty: an unknown service is not resolved."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The controller."""

    host: str = _setting("127.0.0.1", "Address on which `kanal get` reaches the controller.")
    port: int = _setting(8081, "Port of the same; 0 takes a free one.")
    token: str = _setting(
        "",
        "What whoever asks the controller has to show (`KANAL_TOKEN` for `kanal`); with it, `kubectl` can change resources, and "
        "Kafka keeps them. Empty: `kanal up` makes one, and `kanal controller` lets nobody change anything that way.",
    )
    resync_s: float = _setting(5.0, "How often everything is looked at again although nothing changed.")
    cross_namespace_links: bool = _setting(
        False,
        "Whether a Subscription may name a channel, and a Trigger a broker, of another namespace (Knative's "
        "`cross-namespace-event-links`).",
    )
    any_broker_class: bool = _setting(
        True, "Whether Brokers of classes other than `Kafka` are served too; where not, they are left alone."
    )
    event_type_auto_create: bool = _setting(
        False, "Whether EventTypes are made of what is sent and replied (Knative's `eventtype-auto-create`)."
    )
    delete_topics: bool = _setting(
        False,
        "Whether the topic of a channel or Broker goes with it, as in Knative. What lies in dead letter topics stays in any case.",
    )
    probe_urls: list[str] = _setting(
        [], "Base URLs of every ingress to probe, with commas; empty: the ingress's public URL."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubernetes:
    """A cluster whose API server holds the resources."""

    enabled: bool = _setting(False, "Whether the resources live in a Kubernetes API server.")
    kubeconfig: str = _setting(
        "", "How to reach it; empty: the service account of the pod, else `$KUBECONFIG`, else `~/.kube/config`."
    )
    namespace: str = _setting(
        "kanal", "The namespace of this installation, in which its ConfigMaps, its lease and its ingress Services are."
    )
    serves: str = _setting(
        "everything",
        "`everything`, or `kafka`: only KafkaChannels and Brokers of the class Kafka, because Knative's own core serves the "
        "rest.",
    )
    lease: str = _setting("kanal-controller", "The Lease that the one working controller holds.")
    cluster_domain: str = _setting("cluster.local", "The domain of the cluster's Services.")
    channel_service: str = _setting(
        "kafka-channel-ingress", "The Service of the ingress that takes events for channels."
    )
    broker_service: str = _setting("kafka-broker-ingress", "The Service of the ingress that takes events for Brokers.")
    channel_url: str = _setting(
        "", "Template of a channel's address, of {namespace}, {name} and {service}; empty: that of its own Service."
    )
    broker_url: str = _setting(
        "", "Template of a Broker's address, of {namespace} and {name}; empty: a path of `kubernetes.broker_service`."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where the API server of a cluster asks about resources."""

    host: str = _setting("127.0.0.1", "Address to listen on; `0.0.0.0` in a container.")
    port: int = _setting(8443, "Port to listen on, always with TLS; 0 takes a free one.")
    resync_s: float = _setting(
        15.0, "How often its certificate is looked at, and whether everything that has to trusts it."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Where a dispatcher answers probes and shows its metrics."""

    host: str = _setting("127.0.0.1", "Address to listen on; `0.0.0.0` in a container.")
    port: int = _setting(8082, "Port to listen on; 0 takes a free one.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What is written to standard error."""

    level: str = _setting("info", "`debug`, `info`, `warning` or `error`.")
    format: str = _setting("auto", "`text`, `json`, or `auto`: text on a terminal, JSON elsewhere.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All groups."""

    kafka: Kafka = field(default_factory=Kafka)
    ingress: Ingress = field(default_factory=Ingress)
    delivery: Delivery = field(default_factory=Delivery)
    outcomes: Outcomes = field(default_factory=Outcomes)
    names: Names = field(default_factory=Names)
    resolve: Resolve = field(default_factory=Resolve)
    control: Control = field(default_factory=Control)
    kubernetes: Kubernetes = field(default_factory=Kubernetes)
    webhook: Webhook = field(default_factory=Webhook)
    health: Health = field(default_factory=Health)
    log: Log = field(default_factory=Log)


def load(
    environment: Mapping[str, str],
    file_text: str = "",
    flags: Mapping[str, Any] | None = None,
    *,
    file: str = "",
    defaults: Mapping[str, Any] | None = None,
) -> Settings:
    """Settle every setting: `flags` (keys `group.field`, None where not given) over `environment` over the TOML text.

    `defaults` are those of one command, where they differ from the setting's own.
    Raises `Invalid` that names the variable, or the file and key, with the nearest right name.
    """
    found: dict[str, tuple[str, Any]] = {key: ("default", value) for key, value in (defaults or {}).items()}
    for key, value in _from_file(file_text, file):
        found[key] = (f"{file or 'settings file'}: {key}", value)
    for name, text in environment.items():
        if name.startswith(PREFIX) and "__" in name:
            found[name.removeprefix(PREFIX).lower().replace("__", ".", 1)] = (name, text)
    for key, value in (flags or {}).items():
        if value is not None:
            found[key] = (f"--set {key}", value)
    groups: dict[str, dict[str, Any]] = {group.name: {} for group in dataclasses.fields(Settings)}
    types = {key: kind for key, kind, _, _ in describe()}
    for key, (origin, value) in found.items():
        if key not in types:
            near = get_close_matches(key, types, 1)
            raise Invalid("there is no such setting", where=origin, fix=f"did you mean {near[0]}?" if near else "")
        group, name = key.split(".", 1)
        groups[group][name] = _coerced(value, types[key], origin)
        if name == "port" and groups[group][name] > 65_535:
            raise Invalid(f"{value!r} is no port", where=origin, fix="ports end at 65535; 0 takes a free one")
    made: dict[str, Any] = {}
    for one in dataclasses.fields(Settings):
        kind: Any = one.default_factory
        made[one.name] = kind(**groups[one.name])
    return Settings(**made)


def describe() -> list[tuple[str, Any, Any, str]]:
    """Each setting as (`group.field`, type, default, text), in the order of this file."""
    rows = []
    for group in dataclasses.fields(Settings):
        kind: Any = group.default_factory
        hints = typing.get_type_hints(kind)
        blank = kind()
        rows += [
            (f"{group.name}.{one.name}", hints[one.name], getattr(blank, one.name), one.metadata["doc"])
            for one in dataclasses.fields(kind)
        ]
    return rows


def _from_file(text: str, file: str) -> list[tuple[str, Any]]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"is no TOML: {error}", where=file) from error
    rows = []
    for group, fields in tables.items():
        if not isinstance(fields, dict):
            raise Invalid("a setting stands outside of a group", where=file, field=group, fix="write [group] above it")
        rows += [(f"{group}.{name}", value) for name, value in fields.items()]
    return rows


def _coerced(value: Any, kind: Any, origin: str) -> Any:
    """The value as its type wants it; text from flags and the environment is read as TOML files would hold it."""
    try:
        if typing.get_origin(kind) is dict:
            if not isinstance(value, Mapping):
                return _pairs(_text(value))
            return {name: _text(inner) for name, inner in value.items()}
        if typing.get_origin(kind) is list:
            parts = value if isinstance(value, list | tuple) else _text(value).split(",")
            return [part for part in (_text(one).strip() for one in parts) if part]
        if kind is bool:
            return {"true": True, "false": False}[_text(value).lower()]
        return _text(value) if kind is str else _number(value, kind)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        wanted = {
            bool: "true or false",
            int: "a whole number, 0 or more",
            float: "a number, 0 or more",
            str: "text",
            list[str]: "a list of texts",
        }.get(kind, "name=value pairs with commas")
        raise Invalid(f"{value!r} is not {wanted}", where=origin) from error


def _text(value: Any) -> str:
    """What a person may write without quotes in TOML, as text; a librdkafka property can be `true` or 5."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise TypeError(value)


def _number(value: Any, kind: type[int | float]) -> float:
    number = kind(value)
    exact = not isinstance(value, float) or number == value
    if isinstance(value, bool) or not exact or not math.isfinite(number) or number < 0:
        raise ValueError(value)
    return number


def _pairs(text: str) -> dict[str, str]:
    pairs = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals:
            raise ValueError(part)
        pairs[name.strip()] = value.strip()
    return pairs
