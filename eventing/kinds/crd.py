"""The CustomResourceDefinition of a kind, made of its facts: names, versions, columns, labels and the schema of each version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eventing.kinds.meta import Resource
from eventing.kinds.schema import schema

PART_OF = {"app.kubernetes.io/part-of": "kanal"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionWebhook:
    """The Service in a cluster that writes a resource in another of its versions; `ca_bundle` is PEM in base64."""

    namespace: str
    name: str
    path: str = "/convert"
    port: int = 443
    ca_bundle: str = ""


def crd(kind: type[Resource], webhook: ConversionWebhook | None = None) -> dict[str, Any]:
    """The definition as a document.

    The first version of a kind is the one that is stored. Versions that are written in another way than that one are
    served only with a webhook, because without one an API server changes nothing but the version's name.
    """
    names: dict[str, Any] = {
        "kind": kind.KIND,
        "listKind": f"{kind.KIND}List",
        "plural": kind.PLURAL,
        "singular": kind.SINGULAR,
    }
    if kind.SHORT_NAMES:
        names |= {"shortNames": list(kind.SHORT_NAMES)}
    if kind.CATEGORIES:
        names |= {"categories": list(kind.CATEGORIES)}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.PLURAL}.{kind.GROUP}", "labels": {**PART_OF, **kind.CRD_LABELS}},
        "spec": {
            "group": kind.GROUP,
            "names": names,
            "scope": "Namespaced",
            "conversion": _conversion(webhook if kind.SHAPES else None),
            "versions": [_version(kind, version, webhook) for version in kind.VERSIONS],
        },
    }


def _version(kind: type[Resource], version: str, webhook: ConversionWebhook | None) -> dict[str, Any]:
    shape = kind.SHAPES.get(version, kind)
    return {
        "name": version,
        "served": shape is kind or webhook is not None,
        "storage": version == kind.VERSIONS[0],
        "schema": {"openAPIV3Schema": schema(shape)},
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {
                "name": column.name,
                "type": column.type,
                "jsonPath": column.path,
                **({"priority": column.priority} if column.priority else {}),
                **({"description": column.description} if column.description else {}),
            }
            for column in shape.PRINTER_COLUMNS
        ],
    }


def _conversion(webhook: ConversionWebhook | None) -> dict[str, Any]:
    if webhook is None:
        return {"strategy": "None"}
    service = {"namespace": webhook.namespace, "name": webhook.name, "path": webhook.path, "port": webhook.port}
    client = {"service": service} | ({"caBundle": webhook.ca_bundle} if webhook.ca_bundle else {})
    return {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": client}}
