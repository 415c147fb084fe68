"""Merge patch (RFC 7386), `application/merge-patch+json`: maps merge, null deletes, all else replaces."""

from __future__ import annotations

from typing import Any

from kanal.api.kube.plain import copied


def merged(document: Any, patch: Any) -> Any:
    """The document after a merge patch. Raises `Invalid` where one of the two is nested deeper than any resource."""
    return _merged(copied(document), copied(patch))


def _merged(document: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    found = document if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = _merged(found.get(name), value)
    return found
