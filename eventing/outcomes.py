"""What dispatchers tell of their deliveries: reports in the outcome topic, read by `kanal trace` and `kanal lag`.

One report is one Kafka record and holds all that one egress did in one dispatcher since its last report, so an event costs
a row in a list and not a record. The topic is short-lived (setting `outcomes.retention_h`); nothing that decides about
deliveries ever reads it, so a lost report loses no event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import orjson

from eventing.errors import Invalid

DELIVERED, REPLIED, DEAD_LETTERED, KEPT, DISCARDED, FILTERED, RETRIES = (
    "delivered", "replied", "dead_lettered", "kept", "discarded", "filtered", "retries",
)  # fmt: skip


class Row(NamedTuple):
    """What became of one record: its end, or (`what` is `retries`) an attempt that failed and will be repeated.

    `status` is the last answer's, None without one; `took_ms` the last attempt's duration; `at_ms` when it ended and
    `next_ms` when the next attempt is due (Unix milliseconds, 0 where there is none); `reason` is empty for a success.
    """

    partition: int
    offset: int
    what: str
    status: int | None
    attempts: int
    took_ms: float
    at_ms: int
    next_ms: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All rows of one egress in one dispatcher since its last report, and how it stands at `at_ms`.

    `in_flight` are records in the dispatcher that are not finished, `waiting` those of them that wait for a retry.
    """

    egress: str
    dispatcher: str
    at_ms: int
    in_flight: int
    waiting: int
    rows: tuple[Row, ...] = ()


def encode(report: Report) -> bytes:
    """The report as JSON, rows as arrays."""
    document = {name: getattr(report, name) for name in ("egress", "dispatcher", "at_ms", "in_flight", "waiting")}
    return orjson.dumps({**document, "rows": [tuple(row) for row in report.rows]})


def decode(value: bytes) -> Report:
    """The report that these bytes are. Raises `Invalid` where they are none; what a newer one adds is passed over."""
    try:
        document = orjson.loads(value)
        rows = tuple(Row(*row[: len(Row._fields)]) for row in document["rows"])
        names = ("egress", "dispatcher", "at_ms", "in_flight", "waiting")
        return Report(*(document[name] for name in names), rows)
    except (ValueError, TypeError, KeyError) as error:
        raise Invalid("is no report of a dispatcher", where="outcome topic") from error
