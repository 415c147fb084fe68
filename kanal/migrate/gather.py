"""The documents of a take-over: from files that hold what `kubectl get -o yaml` said, or from an API server. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from eventing.errors import Denied, NotFound
from eventing.kinds.broker import Broker
from eventing.kinds.registry import KINDS, find
from eventing.yamltext import documents
from eventing.yamltree import Flaw
from kanal import files
from kanal.migrate import knative
from kanal.migrate.finding import Finding, problem

_PAGE = "500"
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_FOREIGN: tuple[tuple[str, tuple[str, ...], str], ...] = (
    (knative.INTERNAL, ("v1alpha1",), "consumergroups"),
    (knative.INTERNAL, ("v1alpha1",), "consumers"),
    ("sources.knative.dev", ("v1", "v1beta1"), "kafkasources"),
    ("eventing.knative.dev", ("v1alpha1",), "kafkasinks"),
    ("sources.knative.dev", ("v1",), "pingsources"),
    ("sources.knative.dev", ("v1",), "apiserversources"),
    ("sources.knative.dev", ("v1",), "containersources"),
    ("sources.knative.dev", ("v1",), "sinkbindings"),
    ("sources.knative.dev", ("v1alpha1",), "integrationsources"),
    ("sinks.knative.dev", ("v1alpha1",), "jobsinks"),
    ("sinks.knative.dev", ("v1alpha1",), "integrationsinks"),
    ("eventing.knative.dev", ("v1alpha1",), "eventpolicies"),
    ("eventing.knative.dev", ("v1alpha1",), "eventtransforms"),
    ("eventing.knative.dev", ("v1alpha1",), "requestreplies"),
    ("apps", ("v1",), "deployments"),
    ("apps", ("v1",), "statefulsets"),
    ("admissionregistration.k8s.io", ("v1",), "mutatingwebhookconfigurations"),
    ("admissionregistration.k8s.io", ("v1",), "validatingwebhookconfigurations"),
)
"""Group, versions from the newest on, plural: kinds that Kanal does not have itself."""
_WORKLOADS = frozenset(
    (
        knative.CONTROLLER, *knative.DISPATCHERS, *knative.RECEIVERS, knative.OPERATOR, *knative.CORE_CONTROLLERS,
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Gathered:
    """Documents, and what could not be read."""

    documents: list[Mapping[str, Any]] = field(default_factory=list)
    unread: list[Finding] = field(default_factory=list)


class Api(Protocol):
    """What answers for a cluster; `eventing.store.kubernetes.client` has one."""

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        """The JSON at a path. Raises `NotFound`, `Denied` and `Unavailable`."""


def from_files(paths: Sequence[Path]) -> Gathered:
    """What these files and folders hold. Raises `Invalid` for one that is not there."""
    found = Gathered()
    for path in files.find(paths):
        for one in _read(path):
            if isinstance(one, Finding):
                found.unread.append(one)
            else:
                found.documents.append(one)
    return found


async def from_cluster(api: Api, system: str) -> Gathered:
    """What an API server tells; `system` is Knative's namespace. A kind that is not there is none; one that may not be read is told."""
    found = Gathered()
    for kind in KINDS:
        if kind.GROUP:
            await _list(api, found, kind.GROUP, kind.VERSIONS, kind.PLURAL)
            await _one(api, found, _DEFINITIONS, f"{kind.PLURAL}.{kind.GROUP}", "CustomResourceDefinition")
    for group, versions, plural in _FOREIGN:
        await _list(api, found, group, versions, plural)
    maps = {(system, name) for name in knative.CONFIG_MAPS} | set(_named_maps(found.documents))
    for namespace, name in sorted(maps):
        await _one(api, found, f"/api/v1/namespaces/{namespace}/configmaps", name, "ConfigMap")
    return found


def _read(path: Path) -> Iterator[Mapping[str, Any] | Finding]:
    try:
        data = path.read_bytes()
    except OSError as error:
        yield problem(path, f"can't be read: {error.strerror}")
        return
    for one in documents(data):
        if isinstance(one, Flaw):
            yield problem(f"{path}:{one.line}", one.message, one.fix)
            continue
        for flaw in one.flaws:
            yield problem(f"{path}:{flaw.line}", flaw.message, flaw.fix)
        if isinstance(one.value, Mapping) and not one.flaws:
            yield one.value


async def _list(api: Api, found: Gathered, group: str, versions: Sequence[str], plural: str) -> None:
    """All objects of a kind, in the first version that is served."""
    for version in versions:
        try:
            async for item in _pages(api, f"/apis/{group}/{version}/{plural}"):
                if group != "apps" or item.get("metadata", {}).get("name") in _WORKLOADS:
                    found.documents.append(item)
        except NotFound:
            continue
        except Denied as error:
            found.unread.append(_unread(f"{plural}.{group}", error))
        return


async def _pages(api: Api, path: str) -> Any:
    query = {"limit": _PAGE}
    while True:
        page = await api.get(path, **query)
        # Items of a list leave out what the list says for all of them.
        kind = str(page.get("kind") or "").removesuffix("List")
        for item in page.get("items") or ():
            yield {"apiVersion": page.get("apiVersion"), "kind": kind, **item}
        token = (page.get("metadata") or {}).get("continue")
        if not token:
            return
        query = {"limit": _PAGE, "continue": token}


async def _one(api: Api, found: Gathered, collection: str, name: str, kind: str) -> None:
    try:
        document = await api.get(f"{collection}/{name}")
    except NotFound:
        return
    except Denied as error:
        found.unread.append(_unread(f"{kind} {name}", error))
        return
    found.documents.append({"kind": kind, **document})


def _unread(what: str, error: Denied) -> Finding:
    return problem(what, f"may not be read: {error.message}", error.fix or "look as somebody who may list them")


def _named_maps(found: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """The ConfigMaps that Brokers name."""
    for one in found:
        if find(str(one.get("apiVersion")), str(one.get("kind"))) is Broker:
            ref = (one.get("spec") or {}).get("config") or {}
            namespace = ref.get("namespace") or (one.get("metadata") or {}).get("namespace")
            if ref.get("kind") == "ConfigMap" and namespace and ref.get("name"):
                yield str(namespace), str(ref["name"])
