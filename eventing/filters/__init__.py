"""Which events a Trigger wants: filters as documents, compiled once to a function (behaviour §9, CloudEvents Subscriptions §3.2.4).

A document has one dialect as its key: `exact`, `prefix`, `suffix` (attribute names to texts), `all`, `any` (lists of
documents), `not` (a document), `cesql` (an expression), and `attributes`, which is Knative's older `filter.attributes`: as
`exact`, but an empty text stands for any value. A Trigger's documents must all pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]
Lookup = Callable[[str], str | None]
"""An attribute's canonical string by its name; None where the event does not have it."""
Filter = Callable[[Lookup], bool]


def everything(_: Lookup) -> bool:
    """The filter that every event passes."""
    return True


def compile_filters(documents: Sequence[Document]) -> Filter:
    """The filter that these documents ask for together. Raises `Invalid`, which names the place, for what is none."""
    if not documents:
        return everything
    raise NotImplementedError
