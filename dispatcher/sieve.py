"""What the filters of one egress let through, asked of records as they lie in Kafka.

A record that many egresses look at is looked into once: what its headers say is kept beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eventing.codec import kafka as kafka_codec
from eventing.filters import Document, compile_filters
from eventing.record import Record


class Sieve:
    """Filters, compiled. `passes` tells whether a record is wanted; None where every record is."""

    __slots__ = ("passes",)

    def __init__(self, filters: Sequence[Document]) -> None:
        self.passes: Callable[[Record], bool] | None = None
        if not filters:
            return
        wanted = compile_filters(filters)

        def passes(record: Record) -> bool:
            lookup = record.lookup
            if lookup is None:
                lookup = record.lookup = kafka_codec.lookup(record.headers, record.value)
            return wanted(lookup)

        self.passes = passes
