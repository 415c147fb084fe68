"""Documents as a YAML file would hold them, and what the registry says of them."""

from typing import Any

from eventing.kinds.meta import Features
from eventing.kinds.registry import InvalidResource, parse

CHANNEL_REF = {"apiVersion": "messaging.knative.dev/v1", "kind": "Channel", "name": "orders"}


def document(kind: str, spec: dict[str, Any] | None = None, version: str = "v1", **metadata: Any) -> dict[str, Any]:
    whole = {"apiVersion": f"messaging.knative.dev/{version}", "kind": kind, "metadata": {"name": "x", **metadata}}
    return whole if spec is None else {**whole, "spec": spec}


def subscription(metadata: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    base = {"channel": CHANNEL_REF, "subscriber": {"uri": "http://sink"}}
    return document("Subscription", {**base, **spec}, **(metadata or {}))


def flow(kind: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """A Sequence or Parallel."""
    return {**document(kind, spec, **metadata), "apiVersion": "flows.knative.dev/v1"}


def faults(found: dict[str, Any], features: Features | None = None) -> list[str]:
    """Every finding as it is printed; none for a sound document."""
    try:
        parse(found, features=features or Features())
    except InvalidResource as error:
        return [str(one) for one in error.errors]
    return []
