"""Discovery: the documents by which a client learns which groups, versions and kinds there are.

Both shapes are told: one document a group version, and the aggregated one that `kubectl` asks for first.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable
from typing import Any

from kanal import __version__
from kanal.api.kube.served import STATUS_VERBS, Served, groups, versions, within

AGGREGATED = "apidiscovery.k8s.io"
_MINOR = 32
"""The minor version of Kubernetes 1 whose behaviour this API follows."""
Document = dict[str, Any]


def version() -> Document:
    """The document of `/version`."""
    return {
        "major": "1",
        "minor": str(_MINOR),
        "gitVersion": f"v1.{_MINOR}.0+kanal-{__version__}",
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": platform.python_implementation().lower(),
        "platform": f"{platform.system().lower()}/{platform.machine()}",
    }


def core_versions(address: str) -> Document:
    """The document of `/api`; `address` is `host:port` of this server."""
    where = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": list(versions("")), "serverAddressByClientCIDRs": where}


def group_list() -> Document:
    """The document of `/apis`."""
    found = [{k: v for k, v in group(name).items() if k not in ("kind", "apiVersion")} for name in groups()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": found}


def group(name: str) -> Document:
    """The document of `/apis/GROUP`."""
    found = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions(name)]
    return {"kind": "APIGroup", "apiVersion": "v1", "name": name, "versions": found, "preferredVersion": found[0]}


def resource_list(group_name: str, version_name: str) -> Document:
    """The document of `/apis/GROUP/VERSION` and of `/api/VERSION`."""
    held = within(group_name, version_name)
    resources = [entry for served in held for entry in _entries(served)]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": held[0].group_version,
        "resources": resources,
    }


def _entries(served: Served) -> Iterable[Document]:
    common = {"namespaced": served.namespaced, "kind": served.kind}
    entry = {"name": served.plural, "singularName": served.singular, **common, "verbs": list(served.verbs)}
    more = {"shortNames": list(served.short_names), "categories": list(served.categories)}
    yield entry | {name: value for name, value in more.items() if value}
    if served.has_status:
        yield {"name": f"{served.plural}/status", "singularName": "", **common, "verbs": list(STATUS_VERBS)}


def aggregated(names: Iterable[str], version_name: str) -> Document:
    """All of the named groups (the core group is the empty name) in one document of this version of `AGGREGATED`."""
    items = [
        {
            "metadata": {"name": name, "creationTimestamp": None},
            "versions": [
                {
                    "version": one,
                    "freshness": "Current",
                    "resources": [_aggregated_entry(served) for served in within(name, one)],
                }
                for one in versions(name)
            ],
        }
        for name in names
    ]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"{AGGREGATED}/{version_name}",
        "metadata": {},
        "items": items,
    }


def _aggregated_entry(served: Served) -> Document:
    kind = {"group": served.group, "version": served.version, "kind": served.kind}
    entry: Document = {
        "resource": served.plural,
        "responseKind": kind,
        "scope": "Namespaced" if served.namespaced else "Cluster",
        "singularResource": served.singular,
        "verbs": list(served.verbs),
    }
    more = {"shortNames": list(served.short_names), "categories": list(served.categories)}
    entry |= {name: value for name, value in more.items() if value}
    if served.has_status:
        entry["subresources"] = [{"subresource": "status", "responseKind": kind, "verbs": list(STATUS_VERBS)}]
    return entry
