"""How a verb gets the EventTypes from the controller."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from eventing.errors import Unavailable
from kanal.cli.server import TIMEOUT_S, ask

_ROOT = "/apis/eventing.knative.dev/v1beta2"


def event_types(server: str, namespace: str | None = None, timeout_s: float = TIMEOUT_S) -> list[dict[str, Any]]:
    """The EventTypes of a namespace, or of all. Raises what `ask` raises."""
    inside = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    document = ask(server, "GET", f"{_ROOT}{inside}/eventtypes", timeout_s=timeout_s)
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        raise Unavailable("what answers there is no Kanal controller", where=server)
    items: list[dict[str, Any]] = document["items"]
    return items
