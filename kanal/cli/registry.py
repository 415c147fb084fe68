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
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(items, list) or not all(map(_is_event_type, items)):
        raise Unavailable("what answers there is no Kanal controller", where=server)
    return items


def _is_event_type(item: Any) -> bool:
    """Whether it has what every EventType has; on a port that is often used anybody may answer."""
    metadata, spec = (item.get("metadata"), item.get("spec")) if isinstance(item, dict) else (None, None)
    if not isinstance(metadata, dict) or not isinstance(spec, dict):
        return False
    return all(isinstance(one, str) for one in (metadata.get("name"), metadata.get("namespace"), spec.get("type")))
