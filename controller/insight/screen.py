"""What the filters of an egress say of a record that somebody looks for. Pure; `trace` reads the records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eventing.codec.kafka import lookup
from eventing.filters import compile_filters
from eventing.filters.explain import Reason, explain
from eventing.record import Record

_MOST_PARTS = 3


class Screen:
    """The filters of one egress."""

    def __init__(self, filters: Sequence[Mapping[str, Any]]) -> None:
        self._filters = filters
        self._passes = compile_filters(filters)

    def refusal(self, record: Record) -> str | None:
        """Why the record is passed over; empty where it is not, None where there are no filters."""
        if not self._filters:
            return None
        attributes = lookup(record.headers, record.value)
        return "" if self._passes(attributes) else _in_a_line(explain(self._filters, attributes))


def _in_a_line(reason: Reason) -> str:
    """What was asked, followed by the parts that failed, or by all of them where none did."""
    told = [part for part in reason.parts if not part.passed] or reason.parts
    more = [f"{len(told) - _MOST_PARTS} more"] if len(told) > _MOST_PARTS else []
    parts = ", ".join([*map(_in_a_line, told[:_MOST_PARTS]), *more])
    return f"{reason.text} ({parts})" if parts else reason.text
