"""What the steps of a switch depend on: which parts of Knative are there, and how Kanal is to be installed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kanal.migrate import knative
from kanal.migrate.estate import Document, Estate, key_of_document, mapping
from kanal.migrate.unserved import Serves

_WEBHOOKS = {
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): "mutatingwebhookconfiguration",
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): "validatingwebhookconfiguration",
}
_SECRET = "auth.secret.ref."  # noqa: S105 - the beginning of keys that name a Secret


@dataclass(frozen=True, slots=True)
class Switch:
    """How it is to be: `system` is Knative's namespace, `namespace` Kanal's; `settings` by name what differs from the defaults."""

    serves: Serves
    system: str
    namespace: str
    bootstrap: str
    domain: str = "cluster.local"
    settings: Sequence[tuple[str, str]] = field(default=())


def scaling(estate: Estate, names: Sequence[str], usual: Mapping[str, str], system: str) -> list[str]:
    """The commands that scale these workloads to 0: those that are there, else the `usual` ones, by name and kind.

    Kanal's own are left out, whose names are Knative's: the report is read again once Kanal delivers.
    """
    found = [
        key_of_document(one)
        for one in estate.foreign(("apps", "Deployment"), ("apps", "StatefulSet"))
        if key_of_document(one).name in names and not _is_kanals(one)
    ]
    places = sorted({(key.namespace, key.kind.lower(), key.name) for key in found})
    if not places:
        places = [(system, kind, name) for name, kind in usual.items()]
    return [f"kubectl -n {namespace} scale {kind} {name} --replicas=0" for namespace, kind, name in places]


def webhooks(estate: Estate, serves: Serves) -> list[str]:
    """The commands that delete Knative's webhooks; all that it usually has where none was seen."""
    wanted = [knative.KAFKA_WEBHOOKS] + ([knative.CORE_WEBHOOKS] if serves == "everything" else [])
    named = [(kind, name) for one in wanted for kind, names in one.items() for name in names]
    there = {(_WEBHOOKS[key[:2]], key.name) for key in map(key_of_document, estate.foreign(*_WEBHOOKS))}
    if there:
        named = [one for one in named if one in there]
    return [f"kubectl delete {kind} {name} --ignore-not-found" for kind, name in named]


def secret(estate: Estate, switch: Switch) -> tuple[str, str] | None:
    """Namespace and name of the Secret with which Knative reaches Kafka; None where it needs none."""
    for name in (knative.BROKER_CONFIG, knative.CHANNEL_CONFIG):
        data = estate.data(switch.system, name) or {}
        if data.get(_SECRET + "name"):
            return data.get(_SECRET + "namespace") or switch.system, data[_SECRET + "name"]
    return None


def values(estate: Estate, switch: Switch) -> dict[str, Any]:
    """The values of Kanal's chart that put it in Knative's place."""
    kafka: dict[str, Any] = {"bootstrap": switch.bootstrap or _bootstrap(estate, switch)}
    data = estate.data(switch.system, knative.BROKER_CONFIG) or {}
    replicas = data.get("default.topic.replication.factor", "").strip()
    if replicas.isdecimal():
        kafka["replicationFactor"] = int(replicas)
    found = secret(estate, switch)
    if found is not None:
        kafka["auth"] = {"existingSecret": found[1]}
    whole: dict[str, Any] = {"serves": switch.serves, "crds": {"install": False}, "kafka": kafka}
    defaults = {name: dict(estate.data(switch.system, name) or {}) for name in knative.DEFAULTS}
    if switch.serves == "everything" and any(defaults.values()):
        whole["defaults"] = {name: texts for name, texts in defaults.items() if texts}
    settings: dict[str, dict[str, str]] = {}
    for key, value in switch.settings:
        group, _, name = key.partition(".")
        settings.setdefault(group, {})[name] = value
    return whole | ({"settings": settings} if settings else {})


def stored_elsewhere(document: Document, versions: Sequence[str]) -> list[str]:
    """Versions in which objects may be stored by this definition, and that `versions` have not."""
    stored = mapping(document.get("status")).get("storedVersions")
    return [str(one) for one in stored if one not in versions] if isinstance(stored, list) else []


def _is_kanals(document: Document) -> bool:
    labels = mapping(mapping(document.get("metadata")).get("labels"))
    return labels.get("app.kubernetes.io/part-of") == "kanal"


def _bootstrap(estate: Estate, switch: Switch) -> str:
    maps = (estate.data(switch.system, name) or {} for name in (knative.BROKER_CONFIG, knative.CHANNEL_CONFIG))
    return next((one["bootstrap.servers"] for one in maps if one.get("bootstrap.servers")), "HOST:PORT")
