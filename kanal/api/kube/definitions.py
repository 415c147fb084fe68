"""CustomResourceDefinitions of what is served, to be read only: by them clients as `kn` learn which kinds are sources and channels."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from eventing.kinds.columns import Column
from eventing.kinds.crd import crd
from eventing.kinds.meta import Resource, stable_uid
from eventing.kinds.registry import KINDS
from eventing.timestamp import rfc3339
from kanal.api.kube.records import Document, Records

COLUMNS = (Column("Created At", "string", ".metadata.creationTimestamp"),)


def definitions(now: Callable[[], datetime]) -> Records:
    """One for each kind that is not Kubernetes' own."""
    found, started = Records(0), rfc3339(now(), "seconds")
    for kind in KINDS:
        if kind.GROUP:
            found.put(_established(kind, started))
    return found


def _established(kind: type[Resource], started: str) -> Document:
    """The definition as an API server shows it that serves every one of its versions."""
    document = crd(kind)
    spec = document["spec"]
    name = document["metadata"]["name"]
    uid = stable_uid("apiextensions.k8s.io", "CustomResourceDefinition", "", name)
    versions = [{**version, "served": True} for version in spec["versions"]]
    condition = {
        "type": "Established",
        "status": "True",
        "reason": "InitialNamesAccepted",
        "lastTransitionTime": started,
    }
    return {
        **document,
        "metadata": {**document["metadata"], "uid": uid, "creationTimestamp": started},
        "spec": {**spec, "versions": versions},
        "status": {
            "acceptedNames": spec["names"],
            "conditions": [condition],
            "storedVersions": [kind.VERSIONS[0]],
        },
    }
