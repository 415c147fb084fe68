"""The two objects that tell an API server what to ask of the webhook, and the address in them.

The chart holds the same as a template, and a test compares the two.
"""

from __future__ import annotations

from typing import Any

from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.meta import Resource
from eventing.kinds.registry import KINDS

Document = dict[str, Any]
GROUP_VERSION = "admissionregistration.k8s.io/v1"
DEFAULTING = "kanal.dev-defaulting"
VALIDATION = "kanal.dev-validation"
PATHS = {DEFAULTING: "/default", VALIDATION: "/validate"}
CONVERT_PATH = "/convert"
SERVICE = "kanal-webhook"
_TIMEOUT_S = 10


def client_config(path: str, *, namespace: str, service: str = SERVICE, port: int = 443, url: str = "") -> Document:
    """Where an API server asks: a Service, or below a URL where there is no cluster network."""
    if url:
        return {"url": f"{url.rstrip('/')}{path}"}
    return {"service": {"namespace": namespace, "name": service, "path": path, "port": port}}


def asked_about(serves: str) -> tuple[type[Resource], ...]:
    """The kinds of ours that an installation answers for; `kafka` leaves all but one to Knative's own webhook."""
    return (KafkaChannel,) if serves == "kafka" else tuple(kind for kind in KINDS if kind.GROUP)


def configurations(
    *, namespace: str, service: str = SERVICE, port: int = 443, serves: str = "everything", url: str = ""
) -> tuple[Document, Document]:
    """The MutatingWebhookConfiguration and the ValidatingWebhookConfiguration, `caBundle` left to the webhook."""
    rules = [
        {
            "apiGroups": [kind.GROUP],
            "apiVersions": list(kind.VERSIONS),
            "operations": ["CREATE", "UPDATE"],
            "resources": [kind.PLURAL],
            "scope": "Namespaced",
        }
        for kind in asked_about(serves)
    ]
    changes, checks = (
        {
            "name": f"{name.rpartition('-')[2]}.webhook.kanal.dev",
            "admissionReviewVersions": ["v1"],
            "clientConfig": client_config(path, namespace=namespace, service=service, port=port, url=url),
            "failurePolicy": "Fail",
            # What is on its way out may go even where no webhook answers.
            "matchConditions": [
                {"name": "stays", "expression": "!has(object.metadata.deletionTimestamp)"},
            ],
            "matchPolicy": "Equivalent",
            "rules": rules,
            "sideEffects": "None",
            "timeoutSeconds": _TIMEOUT_S,
        }
        for name, path in PATHS.items()
    )
    changes["reinvocationPolicy"] = "Never"
    return _whole("Mutating", DEFAULTING, changes), _whole("Validating", VALIDATION, checks)


def _whole(sort: str, name: str, webhook: Document) -> Document:
    return {
        "apiVersion": GROUP_VERSION,
        "kind": f"{sort}WebhookConfiguration",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "kanal"}},
        "webhooks": [webhook],
    }
