"""Sequences and Parallels as YAML, and what a plan makes of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from eventing.kinds.key import Key
from eventing.kinds.meta import Resource
from eventing.plan.compile import Compiled
from eventing.plan.model import Egress

URL = "http://127.0.0.1:8080/default"


def uri(name: str) -> dict[str, str]:
    return {"uri": f"http://{name}:9001"}


def ref(kind: str, name: str, namespace: str = "") -> dict[str, Any]:
    """A Destination that refers to a resource of one of the usual kinds."""
    versions = {"Service": "v1", "Channel": "messaging.knative.dev/v1", "Broker": "eventing.knative.dev/v1"}
    found = {"apiVersion": versions.get(kind, "flows.knative.dev/v1"), "kind": kind, "name": name}
    return {"ref": found | ({"namespace": namespace} if namespace else {})}


def sequence(*steps: Mapping[str, Any], name: str = "s", namespace: str = "default", **spec: Any) -> str:
    return _flow("Sequence", name, namespace, {"steps": steps, **spec})


def parallel(*branches: Mapping[str, Any], name: str = "p", namespace: str = "default", **spec: Any) -> str:
    return _flow("Parallel", name, namespace, {"branches": branches, **spec})


def flow_key(kind: str, name: str, namespace: str = "default") -> Key:
    return Key("flows.knative.dev", kind, namespace, name)


def names(found: Sequence[Any], kind: str) -> list[str]:
    """The names of the resources of one kind."""
    return [one.metadata.name for one in found if kind == one.KIND]


def ways(found: Compiled) -> dict[str, tuple[str, str, str | None]]:
    """By Subscription: the channel that it reads, where it delivers, where replies go."""
    return {
        out.name: (out.topic.removeprefix("knative-messaging-kafka.default."), out.subscriber, out.reply)
        for out in found.plan.egresses.values()
    }


def egress(found: Compiled, name: str) -> Egress:
    return next(out for out in found.plan.egresses.values() if out.name == name)


def child(found: Compiled, kind: str, name: str) -> Resource:
    return next(one for one in found.children if (one.KIND, one.metadata.name) == (kind, name))


def _flow(kind: str, name: str, namespace: str, spec: Mapping[str, Any]) -> str:
    metadata = {"name": name, "namespace": namespace}
    whole = {"apiVersion": "flows.knative.dev/v1", "kind": kind, "metadata": metadata, "spec": spec}
    return f"---\n{json.dumps(whole)}\n"
