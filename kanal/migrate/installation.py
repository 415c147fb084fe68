"""What configures Knative's Kafka data plane, and where Kanal has the same, something else, or nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from eventing.kinds.broker import Broker
from eventing.kinds.configmap import ConfigMap
from kanal.migrate import knative
from kanal.migrate.estate import Estate
from kanal.migrate.finding import Finding, difference, problem
from kanal.migrate.properties import SORTS, parsed, told

_BOOTSTRAP = "bootstrap.servers"
_SECRET = "auth.secret.ref.name"  # noqa: S105 - the key of a ConfigMap that names a Secret
_KEYS = {
    "config-kafka-broker-data-plane": "config-kafka-broker",
    "config-kafka-channel-data-plane": "config-kafka-channel",
}
_CORE = {
    "transport-encryption": (
        "disabled",
        "events come in and go between objects of Kanal without TLS",
        "end TLS before the ingress",
    ),
    "authentication-oidc": ("disabled", "Kanal checks and sends no tokens", "admit senders with a NetworkPolicy"),
}
_SWITCHES = {
    "cross-namespace-event-links": "control.cross_namespace_links",
    "eventtype-auto-create": "control.event_type_auto_create",
}


def findings(estate: Estate, system: str, bootstrap: str) -> Iterator[Finding]:
    """All of it; `system` is the namespace of Knative's installation, `bootstrap` Kanal's Kafka, empty where not named."""
    for name in (knative.FEATURES, knative.BROKER_CONFIG):
        if estate.data(system, name) is None and estate.resources:
            yield difference(f"ConfigMap {system}/{name}", "it was not seen; what Knative ships with counts", "add it")
    yield from _core(estate.data(system, knative.CORE_FEATURES) or {})
    yield from _features(estate.data(system, knative.FEATURES) or {})
    yield from _kafkas(estate, system, bootstrap)
    for map_, prefix in _KEYS.items():
        yield from _data_plane(map_, prefix, estate.data(system, map_) or {})


def _core(flags: Mapping[str, str]) -> Iterator[Finding]:
    for flag, (off, message, fix) in _CORE.items():
        if flags.get(flag, off).lower() != off:
            yield problem(f"config-features {flag}: {flags[flag]}", message, fix)
    for flag, setting in _SWITCHES.items():
        if flags.get(flag, "").lower() == "enabled":
            yield difference(f"config-features {flag}", "it is a setting of Kanal's", f"set {setting}=true")


def _features(flags: Mapping[str, str]) -> Iterator[Finding]:
    for flag, meaning in {
        "dispatcher.rate-limiter": "nothing limits how fast a Trigger delivers, but what is in flight is bounded",
        "controller.autoscaler": "KEDA scales Kanal's dispatchers as a whole, not each group",
    }.items():
        value = flags.get(flag) or flags.get(flag.replace(".", "-")) or ""
        if value.lower() == "enabled":
            yield difference(f"{knative.FEATURES} {flag}", meaning)


def _kafkas(estate: Estate, system: str, bootstrap: str) -> Iterator[Finding]:
    """Which Kafka, or Kafkas, and as whom."""
    found: dict[str, set[str]] = {}
    for title, data in _configs(estate, system):
        servers = ",".join(sorted(one.strip() for one in data.get(_BOOTSTRAP, "").split(",") if one.strip()))
        if servers:
            found.setdefault(servers, set()).add(title)
        if data.get(_SECRET):
            where = data.get("auth.secret.ref.namespace")
            secret = f"{where}/{data[_SECRET]}" if where else data[_SECRET]
            message = f"Knative reaches Kafka with the Secret {secret}; Kanal has one way to reach it, which it gets when it is installed"
            yield difference(
                title,
                message,
                "the steps hand it over; a Kafka that wants a login is asked with --set kafka.properties=...",
            )
    if len(found) > 1:
        places = "; ".join(f"{servers} ({', '.join(sorted(titles))})" for servers, titles in sorted(found.items()))
        yield problem(
            "Kafka",
            f"there is more than one: {places}",
            "Kanal serves one: install it once for each Kafka, or move topics",
        )
    elif found and bootstrap and bootstrap not in found:
        only = next(iter(found))
        yield difference("Kafka", f"Knative's is {only}, and {bootstrap} was asked", "make sure that they are one")


def _configs(estate: Estate, system: str) -> Iterable[tuple[str, Mapping[str, str]]]:
    named = {(system, knative.BROKER_CONFIG), (system, knative.CHANNEL_CONFIG)}
    for broker in estate.of(Broker):
        ref = broker.spec.config
        if ref is not None and ref.kind == ConfigMap.KIND:
            named.add((ref.namespace or broker.metadata.namespace, ref.name))
    for namespace, name in sorted(named):
        data = estate.data(namespace, name)
        if data is not None:
            yield f"ConfigMap {namespace}/{name}", data


def _data_plane(map_: str, prefix: str, data: Mapping[str, str]) -> Iterator[Finding]:
    for sort in SORTS:
        for setting, meaning in told(sort, parsed(data.get(f"{prefix}-{sort}.properties", ""))):
            yield difference(f"{map_} {sort} {setting}", meaning)
