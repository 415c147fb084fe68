"""What an object of somebody else's kind tells us: its address and its status (behaviour §11). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from eventing.errors import Denied, EventingError, NotFound
from eventing.plan.options import Foreign

_ROLE = 'a ClusterRole labelled duck.knative.dev/addressable: "true"'


def foreign_of(group: str, kind: str, document: Mapping[str, Any], domain: str) -> Foreign:
    """A Service is reached by its name, whatever its status says; anything else where it says itself."""
    if (group, kind) == ("", "Service"):
        meta = document.get("metadata") or {}
        return Foreign(f"http://{meta.get('name')}.{meta.get('namespace')}.svc.{domain}")
    status = document.get("status")
    return Foreign(_address(status), status) if isinstance(status, Mapping) else Foreign()


def problem_of(error: EventingError, resource: str) -> str:
    """Why nothing is known of a kind, and what to do; `resource` as a role names it."""
    if isinstance(error, Denied):
        return f"Kanal may not read {resource}; grant get, list and watch on it in {_ROLE}"
    if isinstance(error, NotFound):
        return f"the cluster has no {resource}; install what defines it, or correct the reference"
    return str(error)


def _address(status: Mapping[str, Any]) -> str:
    found = status.get("addresses")
    several = found if isinstance(found, list) else []
    return next(filter(None, map(_url, several[:1] or [status.get("address")])), "")


def _url(address: Any) -> str:
    url = address.get("url") if isinstance(address, Mapping) else None
    try:
        return url if isinstance(url, str) and urlsplit(url).hostname else ""
    except ValueError:
        return ""
