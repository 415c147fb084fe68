"""What a sender writes is what the subscriber gets, on the whole way through a real Kafka; cases keep their numbers.

The ingress's own half of these cases, with every variant, stands in `tests/contract/test_ingress_cases.py`.
"""

from __future__ import annotations

import json

import pytest
from raw_http import RawServer, Request
from stack import good, ids, running

pytestmark = pytest.mark.kafka
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
BATCHED = {"Content-Type": "Application/CloudEvents-Batch+JSON; charset=utf-8"}
TIMES = ["2026-11-25T02:30:00.123456789Z", "2026-11-25T02:30:00.1234567+05:30", "2026-11-25T02:30:00Z"]


def by_id(requests: list[Request]) -> dict[str, Request]:
    assert len(set(ids(requests))) == len(requests)
    return dict(zip(ids(requests), requests, strict=True))


async def test_attributes_and_data_arrive_as_they_were_sent(kafka: str) -> None:
    async with RawServer() as subscriber, running(kafka) as stack:
        topic = await stack.channel()
        await stack.subscription(subscriber.url)
        await stack.send(good("b01", subject="Euro%20%e2%82%ac%20%F0%9F%98%80", pct="100%25", plain="a%41b"))
        event = {"specversion": "1.0", "id": "b01-structured", "type": "t.a", "source": "/s"}
        event |= {"subject": "Euro € 😀", "pct": "100%", "quote": 'a"b'}
        await stack.send(STRUCTURED, json.dumps(event).encode())
        await stack.send(
            {"CE-ID": "b05", "Ce-Type": "t.a", "cE-sOuRcE": "/s", "CE-SPECVERSION": "1.0", "ce-FOO": "Bar"}
        )
        bare = {name: value for name, value in good("b07").items() if name != "Content-Type"}
        await stack.send(bare, b"\x00\xff\xfe\x80")
        charset = good("b07-charset") | {"Content-Type": 'application/json;charset="iso-8859-1"'}
        await stack.send(charset, '{"n":"é"}'.encode("latin-1"))
        for number, time in enumerate(TIMES):
            await stack.send(good(f"b11-{number}", time=time))
        await stack.caught_up()

        got = by_id(subscriber.requests)
        for id_ in ("b01", "b01-structured"):
            assert got[id_].header(b"ce-subject") == [b"Euro%20%E2%82%AC%20%F0%9F%98%80"]
            assert got[id_].header(b"ce-pct") == [b"100%25"]
        assert got["b01"].header(b"ce-plain") == [b"aAb"]
        assert got["b01-structured"].header(b"ce-quote") == [b"a%22b"]
        assert got["b05"].header(b"ce-foo") == [b"Bar"]
        assert (got["b07"].header(b"content-type"), got["b07"].body) == ([], b"\x00\xff\xfe\x80")
        assert got["b07-charset"].header(b"content-type") == [b'application/json;charset="iso-8859-1"']
        assert got["b07-charset"].body == '{"n":"é"}'.encode("latin-1")
        assert [got[f"b11-{n}"].header(b"ce-time") for n in range(3)] == [[time.encode()] for time in TIMES]
        stored = {
            dict(record.headers() or ()).get("ce_id"): dict(record.headers() or ())
            for record in await stack.records(topic)
        }
        assert stored[b"b01"]["ce_subject"] == "Euro € 😀".encode()
        assert stored[b"b01"]["ce_pct"] == b"100%"
        assert stored[b"b05"]["ce_foo"] == b"Bar"


async def test_b10_a_batch_arrives_as_its_events_in_order(kafka: str) -> None:
    events = [
        {"specversion": "1.0", "id": f"e{n}", "type": "t.a", "source": "/s", "partitionkey": "k"} for n in range(3)
    ]
    async with RawServer() as subscriber, running(kafka) as stack:
        topic = await stack.channel()
        await stack.subscription(subscriber.url)
        await stack.send(BATCHED, json.dumps(events).encode())
        await stack.send(BATCHED, b"[]")
        assert (await stack.post(BATCHED, json.dumps([*events, {"id": "x"}]).encode())).status == 400
        await stack.caught_up()
        assert ids(subscriber.requests) == ["e0", "e1", "e2"]
        assert len(await stack.records(topic)) == 3
        assert subscriber.requests[0].header(b"ce-partitionkey") == [b"k"]


async def test_a_trace_context_goes_through_to_the_subscriber(kafka: str) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with RawServer() as subscriber, running(kafka) as stack:
        await stack.channel()
        await stack.subscription(subscriber.url)
        await stack.send(good() | {"traceparent": parent, "Authorization": "Bearer s3cret", "Cookie": "a=b"})
        await stack.caught_up()
        (request,) = subscriber.requests
        assert request.header(b"traceparent") == [parent.encode()]
        assert (request.header(b"authorization"), request.header(b"cookie")) == ([], [])
