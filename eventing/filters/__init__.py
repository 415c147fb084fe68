"""Which events a Trigger wants: filters as documents, compiled once to a function (behaviour §9, CloudEvents Subscriptions §3.2.4).

A document has one dialect as its key: `exact`, `prefix`, `suffix` (attribute names to texts), `all`, `any` (lists of
documents), `not` (a document), `cesql` (an expression), and `attributes`, which is Knative's older `filter.attributes`: as
`exact`, but an empty text stands for any value. A Trigger's documents must all pass.
"""

from __future__ import annotations

from collections.abc import Sequence

from eventing.errors import Invalid
from eventing.filters.check import document_faults
from eventing.filters.dialects import Document, Filter, Lookup, everything, together

__all__ = ["Document", "Filter", "Lookup", "compile_filters", "everything"]


def compile_filters(documents: Sequence[Document]) -> Filter:
    """The filter that these documents ask for together. Raises `Invalid`, which names the place, for what is none."""
    for fault in document_faults(documents):
        raise Invalid(fault.message, field=fault.place("filters"), fix=fault.fix)
    return together(documents)
