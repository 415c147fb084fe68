"""What `kanal get` prints: rows for a person, the objects themselves for a script. Pure text, no network, no clock."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import yaml

from kanal.table import columns, is_paused, ready_condition, target

Document = Mapping[str, Any]
FORMATS = ("table", "wide", "yaml", "json")
_HEADINGS = ("NAMESPACE", "NAME", "READY", "REASON", "URL", "AGE")


def shown(documents: Sequence[Document], how: str, now: datetime, *, one: bool = False) -> str:
    """The objects in one of `FORMATS`, without a line break at the end; `now` has a time zone."""
    if how == "json":
        return json.dumps(_one_or_list(documents, one=one), indent=2, ensure_ascii=False)
    if how == "yaml":
        return yaml.safe_dump(_one_or_list(documents, one=one), sort_keys=False, allow_unicode=True).rstrip("\n")
    kinds = list(dict.fromkeys(document["kind"] for document in documents))
    blocks = []
    for kind in kinds:
        of_kind = [document for document in documents if document["kind"] == kind]
        lines = columns([_HEADINGS, *(_row(document, now) for document in of_kind)])
        if how == "wide":
            lines = _with_details(lines, of_kind)
        blocks.append("\n".join([kind, *lines] if len(kinds) > 1 else lines))
    return "\n\n".join(blocks)


def age(created: str, now: datetime) -> str:
    """How old something is, in its largest unit: `12s`, `5m`, `3h`, `2d`."""
    try:
        seconds = int((now - datetime.fromisoformat(created)).total_seconds())
    except (ValueError, TypeError):
        return ""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"


def _row(document: Document, now: datetime) -> tuple[str, ...]:
    meta, ready = document["metadata"], ready_condition(document)
    fine = "Paused" if is_paused(document) else ""
    reason = fine if ready["status"] == "True" else str(ready.get("reason") or ready.get("message") or "")
    created = str(meta.get("creationTimestamp") or "")
    return (meta["namespace"], meta["name"], str(ready["status"]), reason, target(document), age(created, now))


def _with_details(lines: Sequence[str], documents: Sequence[Document]) -> list[str]:
    """Each row followed by its conditions, and by the topic and the group that belong to it."""
    found = [lines[0]]
    for line, document in zip(lines[1:], documents, strict=True):
        status = document.get("status") or {}
        rows = [
            (f"  {one['type']}", str(one["status"]), str(one.get("reason") or ""), str(one.get("message") or ""))
            for one in status.get("conditions") or ()
        ]
        notes = [f"  {name}: {value}" for name, value in (status.get("annotations") or {}).items()]
        found += [line, *(columns(rows) if rows else ()), *notes]
    return found


def _one_or_list(documents: Sequence[Document], *, one: bool) -> Document:
    if one and len(documents) == 1:
        return documents[0]
    return {"apiVersion": "v1", "kind": "List", "items": list(documents)}
