"""B12: what the ingress accepts can be delivered, however many or large its attributes are."""

from __future__ import annotations

import json

import pytest
from answering import RoomyServer, delivery, extension, status
from raw_http import RawServer, reply
from stack import good, ids, running

pytestmark = pytest.mark.kafka
MANY = {f"ext{number}": f"{number:020}" for number in range(120)}
LARGE = {"ext": "x" * 10_240}
HUGE = "y" * 71_680
STRUCTURED = {"Content-Type": "application/cloudevents+json"}


@pytest.mark.parametrize("extensions", [MANY, LARGE], ids=["120 extensions", "an extension of 10 KiB"])
async def test_b12_an_event_with_many_or_large_attributes_arrives_intact(
    kafka: str, extensions: dict[str, str]
) -> None:
    async with RawServer() as subscriber, RawServer() as dead_letters, running(kafka) as stack:
        await stack.channel()
        await stack.subscription(subscriber.url, more=delivery(dead_letters, retry=1, backoffDelay="PT0.01S"))
        assert (await stack.post(good("b12", **extensions))).status == 202
        await stack.caught_up()
        (request,) = subscriber.requests
        assert {name: extension(request, name) for name in extensions} == extensions
        assert dead_letters.requests == []


async def test_b12_an_attribute_that_only_a_body_can_carry_is_delivered_or_dead_lettered_with_the_subscribers_answer(
    kafka: str,
) -> None:
    async with (
        RoomyServer() as tolerant,
        RoomyServer(reply(status(431))) as strict,
        RoomyServer() as dead_letters,
        running(kafka) as stack,
    ):
        await stack.channel()
        for name, server in (("tolerant", tolerant), ("strict", strict)):
            await stack.subscription(server.url, name, more=delivery(dead_letters, retry=2, backoffDelay="PT0.01S"))
        event = {"specversion": "1.0", "id": "b12", "type": "t.a", "source": "/s", "ext": HUGE}
        await stack.send(STRUCTURED, json.dumps(event).encode())
        await stack.caught_up("tolerant")
        await stack.caught_up("strict")
        assert [extension(one, "ext") for one in tolerant.requests] == [HUGE]
        assert ids(strict.requests) == ["b12"]
        assert [extension(one, "ext") for one in dead_letters.requests] == [HUGE]
        assert extension(dead_letters.requests[0], "knativeerrorcode") == "431"
