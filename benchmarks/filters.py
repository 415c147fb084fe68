"""What a filter costs an event: nanoseconds of this process for the usual ones, with reading the record's headers and without.

"record" makes the lookup of a fresh record each time, as a dispatcher does for one subscription; "shared" is what each further
filter costs on a record whose attributes others have read already, as when many triggers share a broker.
Run: `python benchmarks/filters.py [--events N]`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from eventing.codec.kafka import from_record, lookup
from eventing.filters import compile_filters

HEADERS = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"4f2f2f0e-0f0e-4f7e-9a52-6cbb0f1f2d10"),
    ("ce_source", b"https://example.com/orders"),
    ("ce_type", b"com.example.order.created"),
    ("ce_subject", b"order-42"),
    ("ce_time", b"2026-01-01T00:00:00Z"),
    ("ce_partitionkey", b"customer-17"),
    ("ce_attempts", b"3"),
    ("content-type", b"application/json"),
    ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
]
VALUE = b"x" * 1024
TYPE = "com.example.order.created"
EXPRESSION = f"type = '{TYPE}' AND source LIKE 'https://example.com/%' AND attempts < 5"
FILTERS = {
    "exact on type": [{"exact": {"type": TYPE}}],
    "exact on type, not this one": [{"exact": {"type": "com.example.order.deleted"}}],
    "exact on type and source": [{"exact": {"type": TYPE, "source": "https://example.com/orders"}}],
    "prefix of type": [{"prefix": {"type": "com.example.order."}}],
    "any of 5 types": [
        {"any": [{"exact": {"type": f"com.example.{n}"}} for n in range(4)] + [{"exact": {"type": TYPE}}]}
    ],
    "any of 5 dialects": [
        {
            "any": [
                {"exact": {"type": "other"}},
                {"prefix": {"type": "other"}},
                {"suffix": {"type": "other"}},
                {"not": {"exact": {"type": TYPE}}},
                {"cesql": f"type = '{TYPE}'"},
            ]
        }
    ],
    "cesql of 3 comparisons": [{"cesql": EXPRESSION}],
    "cesql that fails": [{"cesql": "nothing = 'a'"}],
}


def nanoseconds(call: Callable[[], object], events: int) -> float:
    """The least of five rounds, so that others' work on the machine counts as little as it can."""
    rounds = []
    for _ in range(5):
        began = time.process_time_ns()
        for _ in range(events // 5):
            call()
        rounds.append((time.process_time_ns() - began) / (events // 5))
    return min(rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=500_000)
    events = max(parser.parse_args().events, 5)
    print(f"{'filter':<28}{'record ns':>10}{'shared ns':>10}")
    for name, documents in FILTERS.items():
        passes = compile_filters(documents)
        read = lookup(HEADERS, VALUE)
        fresh = nanoseconds(lambda passes=passes: passes(lookup(HEADERS, VALUE)), events)  # type: ignore[misc]
        shared = nanoseconds(lambda passes=passes, read=read: passes(read), events)  # type: ignore[misc]
        print(f"{name:<28}{fresh:>10.0f}{shared:>10.0f}")
    whole = nanoseconds(lambda: from_record(HEADERS, VALUE), events // 5)
    print(f"{'(decoding the whole event)':<28}{whole:>10.0f}")


if __name__ == "__main__":
    main()
