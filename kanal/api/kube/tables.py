"""Tables (meta.k8s.io/v1): the columns of `kubectl get`, filled in by the server, so that every client shows the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from eventing.kinds.columns import Column
from kanal.api.kube.ages import age
from kanal.api.kube.jsonpath import at

Include = Literal["None", "Metadata", "Object"]

_NAME = {
    "name": "Name",
    "type": "string",
    "format": "name",
    "description": "The name, unique for this kind in its namespace.",
    "priority": 0,
}


def table(
    columns: Sequence[Column],
    documents: Iterable[Mapping[str, Any]],
    *,
    now: datetime,
    include: Include = "Metadata",
    headings: bool = True,
    version: str = "",
) -> dict[str, Any]:
    """The documents as rows: `columns` are `PRINTER_COLUMNS` of their kind, Name goes before them.

    Columns that only `-o wide` shows have a priority above 0; the client leaves them out. `include` is the request's
    `includeObject`, `version` the resourceVersion of the list; `headings=False` suits all but the first event of a watch.
    """
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version} if version else {},
        "columnDefinitions": [_NAME, *map(_definition, columns)] if headings else [],
        "rows": [_row(columns, document, now, include) for document in documents],
    }


def _definition(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": column.type,
        "format": "",
        "description": column.description,
        "priority": column.priority,
    }


def _row(columns: Sequence[Column], document: Mapping[str, Any], now: datetime, include: Include) -> dict[str, Any]:
    metadata = document.get("metadata") or {}
    cells = [metadata.get("name", ""), *(_cell(column, document, now) for column in columns)]
    if include == "None":
        return {"cells": cells}
    if include == "Object":
        return {"cells": cells, "object": dict(document)}
    about = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
    return {"cells": cells, "object": about}


def _cell(column: Column, document: Mapping[str, Any], now: datetime) -> Any:
    """The value in the column's type; None, which a client shows as nothing, where it is not there or of another type."""
    if column.counted:
        return str(sum(len(document.get(field) or ()) for field in column.counted))
    value = at(document, column.path)
    if value is None:
        return "<unknown>" if column.type == "date" else None
    match column.type:
        case "date":
            return age(value, now)
        case "string":
            return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        case "boolean":
            return value if isinstance(value, bool) else None
        case "integer":
            return value if isinstance(value, int) and not isinstance(value, bool) else None
        case "number":
            return value if isinstance(value, int | float) and not isinstance(value, bool) else None
