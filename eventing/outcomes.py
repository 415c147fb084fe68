"""What dispatchers tell of their deliveries: reports in the outcome topic, read by `kanal trace` and `kanal lag`.

One report is one Kafka record and holds all that one egress did in one dispatcher since its last report, so an event costs
a row in a list and not a record. The topic is short-lived (setting `outcomes.retention_h`); nothing that decides about
deliveries ever reads it, so a lost report loses no event.

A report is JSON whose rows stand last: whoever only wants to know how an egress stands reads `head` and no row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from eventing.errors import Invalid

DELIVERED, REPLIED, DEAD_LETTERED, KEPT, DISCARDED, FILTERED, RETRIES = (
    "delivered", "replied", "dead_lettered", "kept", "discarded", "filtered", "retries",
)  # fmt: skip
KEEP_ALL, KEEP_FAILURES, KEEP_NONE = "all", "failures", "none"
_ROWS = b',"rows":'
_HEAD = ("egress", "dispatcher", "topic", "topic_id", "at_ms", "in_flight", "waiting", "finished")


class Row(NamedTuple):
    """What became of one record: its end, or (`what` is `retries`) an attempt that failed and will be repeated.

    What was filtered out has no row: the filters can be asked again, and most triggers want few of a broker's events.

    `status` is the last answer's, None without one; `took_ms` the last attempt's duration, 0 where none is told; `at_ms`
    when it happened and `next_ms` when the next attempt is due (Unix milliseconds, 0 where there is none); `reason` is
    empty for a success. What stands at its default may be left out at the end.
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
    """Rows of one egress in one dispatcher since its last report, and how it stands at `at_ms`.

    `in_flight` are records in the dispatcher that are not finished, `waiting` those of them that wait for a retry;
    `finished` is how many were finished since the last report, whether they have rows or not. `topic` and `topic_id` are
    where the rows' records lie; both empty in a report that has none.
    """

    egress: str
    dispatcher: str
    at_ms: int
    in_flight: int
    waiting: int
    rows: Sequence[Row] = ()
    finished: int = 0
    topic: str = ""
    topic_id: str = ""


def checked_keep(word: str) -> str:
    """The setting `outcomes.keep` as it may be; raises `Invalid` for any other word."""
    if word in (KEEP_ALL, KEEP_FAILURES, KEEP_NONE):
        return word
    raise Invalid(f"{word!r} is no choice", where="outcomes.keep", fix="use all, failures or none")


def encode(report: Report) -> bytes:
    """The report as JSON, rows as arrays and last."""
    return encode_raw(report, [tuple(row) for row in report.rows])


def encode_raw(report: Report, rows: Sequence[tuple[Any, ...]]) -> bytes:
    """The same with rows that are plain tuples already, in the order of `Row`; the report's own are not looked at."""
    return orjson.dumps({**{name: getattr(report, name) for name in _HEAD}, "rows": rows})


def decode(value: bytes | None) -> Report:
    """The report that these bytes are. Raises `Invalid` where they are none; what a newer one adds is passed over."""
    try:
        document = orjson.loads(value or b"")
        return _report(document, tuple(Row(*row[: len(Row._fields)]) for row in document["rows"]))
    except (ValueError, TypeError, KeyError) as error:
        raise Invalid("is no report of a dispatcher", where="outcome topic") from error


def head(value: bytes | None) -> Report:
    """The same report without its rows, for a fraction of the price."""
    cut = (value or b"").find(_ROWS)
    try:
        return _report(orjson.loads((value or b"")[:cut] + b"}"), ())
    except (ValueError, TypeError, KeyError) as error:
        raise Invalid("is no report of a dispatcher", where="outcome topic") from error


def _report(document: Any, rows: Sequence[Row]) -> Report:
    fields = {name: document[name] for name in _HEAD}
    return Report(**fields, rows=rows)
