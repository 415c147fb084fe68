"""B46: a filter that can't be read never lets everything pass, and one that can means what it says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from raw_http import RawServer
from room import Room
from stack import good, ids

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]
STRUCTURED = {"Content-Type": "application/cloudevents+json"}

REFUSED: dict[str, tuple[list[Any], str]] = {
    "a dialect that there is not": ([{"and": [{"exact": {"type": "x"}}]}], "all"),
    "CESQL that can't be parsed": ([{"cesql": "type == 'x'"}], "column"),
    "two dialects in one": ([{"exact": {"type": "x"}, "prefix": {"type": "y"}}], "one dialect"),
    "an empty filter": ([{}], "empty"),
    "below another": ([{"any": [{"exact": {"type": "x"}}, {"sql": "TRUE"}]}], "cesql"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_b46_a_filter_that_can_not_be_read_is_refused_and_nothing_is_delivered(room: Room, case: str) -> None:
    filters, told = REFUSED[case]
    async with RawServer() as subscriber, RawServer() as beside:
        await room.has(room.broker(), room.trigger("beside", beside))
        problem = await room.refuses(room.trigger("t1", subscriber, filters=filters))
        assert "spec.filters[0]" in problem
        assert told in problem
        assert room.resource("Trigger", "t1") is None
        await room.send(good("e1", type="y"), channel="b1")
        await room.quiet("beside")
        assert (ids(beside.requests), subscriber.requests) == (["e1"], [])


async def test_b46_a_filter_that_becomes_unreadable_leaves_the_one_before_at_work(room: Room) -> None:
    async with RawServer() as subscriber:
        await room.has(room.broker(), room.trigger("t1", subscriber, filters=[{"exact": {"type": "x"}}]))
        await room.refuses(room.trigger("t1", subscriber, filters=[{"cesql": "type = "}]))
        for type_ in ("x", "y"):
            await room.send(good(type_, type=type_), channel="b1")
        await room.quiet("t1")
        assert ids(subscriber.requests) == ["x"]


PASSES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "suffix": ({"filters": [{"suffix": {"type": ".created"}}]}, ["created"]),
    "CESQL on a missing attribute": ({"filters": [{"cesql": "missingattr = 'x'"}]}, []),
    "not prefix without a subject": (
        {"filters": [{"not": {"prefix": {"subject": "a"}}}]},
        ["created", "b", "42", "n42"],
    ),
    "a number as a text": ({"filters": [{"exact": {"the": "42"}}]}, ["42", "n42"]),
    "filters wins over filter": (
        {"filters": [{"exact": {"subject": "a"}}], "filter": {"attributes": {"subject": "b"}}},
        ["a"],
    ),
    "empty filters falls back": ({"filters": [], "filter": {"attributes": {"subject": "b"}}}, ["b"]),
}


@pytest.mark.parametrize("case", PASSES)
async def test_b46_a_filter_means_what_it_says(room: Room, case: str) -> None:
    spec, expected = PASSES[case]
    async with RawServer() as subscriber:
        await room.has(room.broker(), room.trigger("t1", subscriber, **spec))
        await room.send(good("created", type="order.created"), channel="b1")
        await room.send(good("a", subject="a"), channel="b1")
        await room.send(good("b", subject="b"), channel="b1")
        await room.send(good("42", the="42"), channel="b1")
        whole = {"specversion": "1.0", "id": "n42", "type": "t.a", "source": "/s", "the": 42}
        await room.send(STRUCTURED, json.dumps(whole).encode(), "b1")
        await room.quiet("t1")
        assert sorted(ids(subscriber.requests)) == sorted(expected)
