"""The `.properties` of Knative's data plane (`config-kafka-*-data-plane`): what somebody has set there, and what becomes of it. Pure.

Knative ships some forty of them, whose values change from release to release; told are only those that a person sets for a
reason and that Kanal does in another place, or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple


class _Known(NamedTuple):
    """A property: the values that Knative has shipped, and what is to be said of any other."""

    shipped: tuple[str, ...]
    meaning: str


_SECURITY = "give the chart the same way to reach Kafka (kafka.properties)"
_CLIENT: Mapping[str, _Known] = {
    "security.protocol": _Known(("PLAINTEXT",), _SECURITY),
    "sasl.mechanism": _Known((), _SECURITY),
    "sasl.jaas.config": _Known((), _SECURITY),
    "client.rack": _Known((), "set kafka.properties=client.rack=..."),
}
_KNOWN: Mapping[str, Mapping[str, _Known]] = {
    "producer": {
        **_CLIENT,
        "acks": _Known(("all", "1"), "Kanal always waits for all in-sync replicas"),
        "compression.type": _Known((), "set kafka.properties=compression.type=..."),
        "linger.ms": _Known(("0",), "see the setting kafka.linger_ms"),
        "max.request.size": _Known(
            ("1048576",), "see the setting ingress.max_body_bytes; the topic's max.message.bytes counts in any case"
        ),
    },
    "consumer": {
        **_CLIENT,
        "auto.offset.reset": _Known(
            ("latest",), "Kanal's new Triggers begin with the next event; what is committed counts in any case"
        ),
        "isolation.level": _Known(("read_uncommitted",), "set kafka.properties=isolation.level=..."),
        "max.poll.records": _Known(("50", "500"), "see the setting delivery.in_flight_events"),
        "session.timeout.ms": _Known(("10000",), "see the setting kafka.session_timeout_s"),
    },
    "webclient": {
        "idleTimeout": _Known(("10000",), "see the setting delivery.idle_connection_s"),
        "maxPoolSize": _Known(("100",), "see the setting delivery.connections_per_host"),
    },
    "httpserver": {"idleTimeout": _Known(("0",), "see the setting ingress.keep_alive_s")},
}
SORTS = tuple(_KNOWN)
_SECRETS = frozenset({"sasl.jaas.config"})
"""Properties whose values hold passwords."""


def parsed(text: str) -> dict[str, str]:
    """The properties of a Java file, without comments."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith(("#", "!")):
            found[name.strip()] = value.strip()
    return found


def told(sort: str, properties: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What somebody has set, and what becomes of it; `sort` is one of `SORTS`."""
    for name, known in _KNOWN[sort].items():
        value = properties.get(name)
        if value is not None and value not in known.shipped:
            yield name if name in _SECRETS else f"{name}={value}", known.meaning
