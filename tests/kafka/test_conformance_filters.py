"""Conformance G: which events a Trigger gets, dialect by dialect; each row names its line.

All rows that only differ in their filters are Triggers of one broker, so that each also sees what the others want.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from raw_http import RawServer
from room import House
from room import room as room_in
from stack import good, ids

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]

EVENTS = {
    "order": {"type": "com.shop.order.created", "source": "/shop", "subject": "orders/1", "region": "eu"},
    "bill": {"type": "com.shop.bill.created", "source": "/shop", "subject": "bills/1", "region": "us"},
    "refund": {"type": "com.shop.refund.failed", "source": "/bank", "subject": "refunds/1"},
    "bare": {"type": "bare", "source": "/none"},
}
EXACT = {"exact": {"type": "com.shop.order.created"}}
PREFIX = {"prefix": {"type": "com.shop."}}
SUFFIX = {"suffix": {"type": ".created"}}
CESQL = {"cesql": "region = 'eu'"}
NOT = {"not": {"exact": {"source": "/none"}}}


@dataclass(frozen=True)
class Row:
    passes: Sequence[str]
    filters: Sequence[Any] | None = None
    older: dict[str, str] | None = None

    @property
    def spec(self) -> dict[str, Any]:
        newer = {} if self.filters is None else {"filters": self.filters}
        return newer | ({} if self.older is None else {"filter": {"attributes": self.older}})


ROWS = {
    "Filters: exact": Row(["order"], [EXACT]),
    "Filters: prefix": Row(["order", "bill", "refund"], [PREFIX]),
    "Filters: suffix": Row(["order", "bill"], [SUFFIX]),
    "Filters: cesql": Row(["order"], [CESQL]),
    "any (5 dialects)": Row(
        ["order", "bill", "refund", "bare"],
        [
            {
                "any": [
                    {"exact": {"type": "bare"}},
                    {"prefix": {"subject": "bills/"}},
                    {"suffix": {"type": ".failed"}},
                    CESQL,
                    {"not": {"prefix": {"source": "/"}}},
                ]
            }
        ],
    ),
    "any with several exacts": Row(
        ["order", "bare"], [{"any": [EXACT, {"exact": {"type": "bare"}}, {"exact": {"type": "none"}}]}]
    ),
    "all (4 dialects)": Row(
        ["order"], [{"all": [{"exact": {"source": "/shop"}}, PREFIX, SUFFIX, {"cesql": "subject LIKE 'orders/%'"}]}]
    ),
    "all (4 dialects), one of which never passes": Row([], [{"all": [EXACT, PREFIX, SUFFIX, {"cesql": "1 = 2"}]}]),
    "two triggers with two sinks, the first": Row(["order"], [{"exact": {"region": "eu"}}]),
    "two triggers with two sinks, the second": Row(["bill"], [{"exact": {"region": "us"}}]),
    "missing attributes: exact": Row([], [{"exact": {"nobodyhas": "x"}}]),
    "missing attributes: prefix": Row(["order"], [{"prefix": {"region": "e"}}]),
    "missing attributes: suffix": Row(["bill"], [{"suffix": {"subject": "1", "region": "s"}}]),
    "missing attributes: cesql": Row([], [{"cesql": "nobodyhas = 'x'"}]),
    "missing attributes: not": Row(["bill", "refund", "bare"], [{"not": {"exact": {"region": "eu"}}}]),
    "empty filters falls back to filter": Row(["bare"], [], older={"type": "bare"}),
    "filters overrides filter": Row(["order"], [EXACT], older={"type": "bare"}),
    "several top-level filters = AND": Row(["order", "bill"], [SUFFIX, PREFIX, {"exact": {"source": "/shop"}}]),
    "not": Row(["order", "bill", "refund"], [NOT]),
    "no filter": Row(["order", "bill", "refund", "bare"]),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def arrived(house: House) -> AsyncIterator[dict[str, list[str]]]:
    """The events that came, by row."""
    async with room_in(house.stack) as room, AsyncExitStack() as servers:
        sinks = {line: await servers.enter_async_context(RawServer()) for line in ROWS}
        names = {line: f"t{number}" for number, line in enumerate(ROWS)}
        await room.has(room.broker(), *(room.trigger(names[line], sinks[line], **ROWS[line].spec) for line in ROWS))
        for id_, one in EVENTS.items():
            await room.send(good(id_, **one), channel="b1")
        await room.quiet(*names.values())
        yield {line: ids(sink.requests) for line, sink in sinks.items()}


@pytest.mark.parametrize("line", ROWS)
async def test_filters(arrived: dict[str, list[str]], line: str) -> None:
    """Filters: each matching event arrives, no other does."""
    assert sorted(arrived[line]) == sorted(ROWS[line].passes)
