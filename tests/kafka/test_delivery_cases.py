"""What users of such systems met on the way from Kafka to a subscriber; each test keeps its case's number."""

from __future__ import annotations

import asyncio
import json

import pytest
from answering import by_id, delivery, extension, status
from confluent_kafka import Producer
from raw_http import OK, Answer, Peer, RawServer, Request, free_port, late, never, reply, trickle, until
from stack import UNORDERED, good, ids, running

pytestmark = pytest.mark.kafka


RETRIED = [404, 408, 409, 429, 500, 501, 502, 503, 504, 505, 599]
FINAL = [301, 302, 307, 308, 400, 401, 403, 405, 410, 413, 415, 422, 425, 431, 451, 499]
TAKEN = [200, 201, 204, 299]


async def test_b26_only_what_may_heal_is_retried_and_no_redirect_is_followed(kafka: str) -> None:
    async with RawServer() as elsewhere, RawServer() as dead_letters, running(kafka) as stack:
        location = f"Location: {elsewhere.url}\r\n"

        def choose(id_: str, _: int) -> Answer:
            if id_ == "garbage":
                return reply(b"what is this\r\n\r\n")
            if id_ == "reset":
                return _reset
            if id_ == "continue":
                return trickle(b"HTTP/1.1 100 Continue\r\n\r\n", b"", 1.0)
            return reply(status(int(id_), location if id_.startswith("3") else ""))

        async with RawServer(by_id(choose)) as subscriber:
            more = delivery(dead_letters, retry=2, backoffPolicy="linear", backoffDelay="PT0.02S", timeout="PT0.5S")
            await stack.channel()
            await stack.subscription(subscriber.url, more=more, annotations=UNORDERED)
            await stack.subscription(f"http://127.0.0.1:{free_port()}/", "refused", more=more, annotations=UNORDERED)
            await stack.subscription("http://no-such-host.invalid/", "nameless", more=more, annotations=UNORDERED)
            for id_ in [*map(str, TAKEN + FINAL + RETRIED), "garbage", "reset", "continue"]:
                await stack.send(good(id_))
            for name in ("s1", "refused", "nameless"):
                await stack.caught_up(name)

        attempts = {id_: ids(subscriber.requests).count(id_) for id_ in ids(subscriber.requests)}
        broken = ["garbage", "reset", "continue"]
        # A reset of a connection that was kept alive costs a second request and no attempt (B29).
        assert 3 <= attempts["reset"] <= 6
        attempts["reset"] = 3
        expected = dict.fromkeys(map(str, TAKEN + FINAL), 1) | dict.fromkeys([*map(str, RETRIED), *broken], 3)
        assert attempts == expected
        letters = [one for one in dead_letters.requests if extension(one, "knativeerrordest") == subscriber.url]
        assert {extension(one, "id"): extension(one, "knativeerrorcode") for one in letters} == {
            **{str(code): str(code) for code in FINAL + RETRIED},
            **dict.fromkeys(broken),
        }
        unreached = [one for one in dead_letters.requests if one not in letters]
        assert len(unreached) == 2 * len(expected)
        assert {extension(one, "knativeerrorcode") for one in unreached} == {None}
        assert elsewhere.requests == []


async def _reset(peer: Peer, _: Request) -> None:
    peer.reset()


@pytest.mark.parametrize(
    ("fields", "attempts"),
    [
        ({"retry": 3, "backoffPolicy": "exponential", "backoffDelay": "PT0.01S"}, 4),
        ({"retry": 0}, 1),
        ({"backoffPolicy": "exponential"}, 1),
    ],
)
async def test_b27_retries_end_and_then_the_dead_letter_sink_has_it_once(
    kafka: str, fields: dict[str, object], attempts: int
) -> None:
    async with RawServer(reply(status(500)), *[reply(status(500))] * (attempts - 1), reply(OK)) as subscriber:
        async with RawServer() as dead_letters, running(kafka) as stack:
            await stack.channel(partitions=1)
            await stack.subscription(subscriber.url, more=delivery(dead_letters, **fields))
            await stack.send(good("bad"))
            await stack.send(good("next"))
            await stack.caught_up()
            assert ids(subscriber.requests) == ["bad"] * attempts + ["next"]
            assert ids(dead_letters.requests) == ["bad"]


@pytest.mark.parametrize("sink", [False, True], ids=["no dead letter sink", "a sink that fails too"])
async def test_b27_what_nobody_takes_is_kept_counted_and_blocks_nothing(kafka: str, *, sink: bool) -> None:
    async with (
        RawServer(*[reply(status(500))] * 4, reply(OK)) as subscriber,
        RawServer(reply(status(500))) as dead_letters,
        running(kafka) as stack,
    ):
        await stack.channel(partitions=1)
        fields = {"retry": 3, "backoffPolicy": "exponential", "backoffDelay": "PT0.01S"}
        await stack.subscription(subscriber.url, more=delivery(dead_letters if sink else None, **fields))
        await stack.send(good("bad"))
        await stack.send(good("next"))
        await stack.caught_up()
        assert ids(subscriber.requests) == ["bad"] * 4 + ["next"]
        assert len(dead_letters.requests) == (4 if sink else 0)
        (letter,) = await stack.buried()
        headers = {name: (value or b"").decode() for name, value in letter.headers() or []}
        assert headers["ce_id"] == "bad"
        assert headers["ce_knativeerrorcode"] == "500"
        assert headers["ce_kanalattempts"] == "4"
        assert headers["ce_kanalfirstattempt"] <= headers["ce_kanallastattempt"]
        assert letter.value() == b'{"n":1}'
        assert (stack.counted("kept"), stack.counted("delivered")) == (1, 1)


async def test_b29_connections_that_the_subscriber_closes_lose_nothing(kafka: str) -> None:
    async def closes(peer: Peer, _: Request) -> None:
        await peer.send(OK)
        await asyncio.sleep(0.005 * (peer.number % 4))
        peer.close()

    async with RawServer(closes) as subscriber, RawServer() as dead_letters, running(kafka) as stack:
        await stack.channel()
        await stack.subscription(subscriber.url, more=delivery(dead_letters, retry=0), annotations=UNORDERED)
        sent = [f"e{n}" for n in range(200)]
        for id_ in sent:
            await stack.send(good(id_))
        await stack.caught_up()
        assert sorted(ids(subscriber.requests)) == sorted(sent)
        assert dead_letters.requests == []


async def test_b29_events_as_far_apart_as_the_subscribers_keep_alive_lose_nothing(kafka: str) -> None:
    async with RawServer(keep_alive_s=0.2) as subscriber, RawServer() as dead_letters, running(kafka) as stack:
        await stack.channel()
        await stack.subscription(subscriber.url, more=delivery(dead_letters, retry=0))
        for number in range(30):
            await stack.send(good(f"e{number}"))
            await until(lambda number=number: len(subscriber.requests) > number and not subscriber.open)
        assert ids(subscriber.requests) == [f"e{number}" for number in range(30)]
        assert dead_letters.requests == []


async def test_b29_a_subscriber_that_restarts_in_the_middle_of_fifty_events_gets_them_all(kafka: str) -> None:
    hold = asyncio.Event()

    async def held(peer: Peer, _: Request) -> None:
        await hold.wait()
        await peer.send(OK)

    async with RawServer(held) as subscriber, RawServer() as dead_letters, running(kafka) as stack:
        await stack.channel()
        more = delivery(dead_letters, retry=3, backoffPolicy="linear", backoffDelay="PT0.05S")
        await stack.subscription(subscriber.url, more=more, annotations=UNORDERED)
        sent = [f"e{n}" for n in range(50)]
        for id_ in sent:
            await stack.send(good(id_))
        await until(lambda: len(subscriber.requests) >= 50)
        subscriber.reset_all()
        hold.set()
        await stack.caught_up()
        assert set(ids(subscriber.requests)) == set(sent)
        assert stack.counted("delivered") == 50
        assert dead_letters.requests == []


CE = "ce-specversion: 1.0\r\nce-type: t.reply\r\nce-source: /r\r\nce-id: r\r\n"
STRUCTURED = "Content-Type: application/cloudevents+json\r\n"
BATCH = json.dumps([{"specversion": "1.0", "type": "t", "source": "/r", "id": str(n)} for n in range(2)]).encode()


async def test_b31_an_answer_that_is_no_event_is_a_success_and_a_malformed_event_is_not(kafka: str) -> None:
    answers = {
        "json": status(200, "Content-Type: application/json\r\n", b'{"status":"ok"}'),
        "text": status(200, "Content-Type: text/plain\r\n", b"OK"),
        "no-type": status(200, "ce-specversion: 1.0\r\nce-id: r\r\nce-source: /r\r\n", b"x"),
        "broken": status(200, STRUCTURED, b'{"specversion":'),
        "on-202": status(202, CE, b"x"),
        "on-204": b"HTTP/1.1 204 No Content\r\n" + CE.encode() + b"\r\n",
        "data-less": status(200, CE),
        "batch": status(200, "Content-Type: application/cloudevents-batch+json\r\n", BATCH),
        "event": status(201, STRUCTURED, json.dumps(json.loads(BATCH)[0]).encode()),
    }
    async with (
        RawServer(by_id(lambda id_, _: reply(answers[id_]))) as subscriber,
        RawServer() as replies,
        RawServer() as dead_letters,
        running(kafka) as stack,
    ):
        await stack.channel()
        more = f'reply: {{uri: "{replies.url}"}}\n  ' + delivery(dead_letters, retry=2, backoffDelay="PT0.01S")
        await stack.subscription(subscriber.url, more=more, annotations=UNORDERED)
        for id_ in answers:
            await stack.send(good(id_))
        await stack.caught_up()
        assert sorted(ids(subscriber.requests)) == sorted(answers)
        assert sorted(ids(replies.requests)) == ["0", "r"]
        assert sorted(ids(dead_letters.requests)) == ["batch", "broken", "no-type"]


async def test_b33_a_reply_that_can_not_be_stored_fails_the_delivery_once(kafka: str) -> None:
    huge = status(200, CE, b"x" * 2_097_152)
    async with (
        RawServer(reply(huge)) as subscriber,
        RawServer() as dead_letters,
        running(kafka, delivery={"max_response_bytes": 4_194_304, "commit_interval_s": 0.1}) as stack,
    ):
        topic = await stack.channel("replies")
        await stack.channel()
        more = f'reply: {{uri: "{stack.url("replies")}"}}\n  ' + delivery(dead_letters, retry=2, backoffDelay="PT0.01S")
        await stack.subscription(subscriber.url, more=more)
        await stack.send(good("one"))
        await stack.caught_up()
        assert ids(subscriber.requests) == ["one"]
        assert ids(dead_letters.requests) == ["one"]
        assert extension(dead_letters.requests[0], "knativeerrordest") == stack.url("replies")
        assert extension(dead_letters.requests[0], "knativeerrorcode") == "413"
        assert await stack.records(topic) == []


async def test_b33_a_reply_is_retried_like_a_delivery_and_the_dead_letter_is_the_event_itself(kafka: str) -> None:
    refused = by_id(lambda id_, nth: reply(status(400) if id_ == "r2" else OK if nth > 2 else status(503)))

    def replies_with(id_: str, _: int) -> Answer:
        return reply(status(200, CE.replace("ce-id: r\r", f"ce-id: r{id_}\r"), b"x"))

    async with (
        RawServer(by_id(replies_with)) as subscriber,
        RawServer(refused) as replies,
        RawServer() as dead_letters,
        running(kafka) as stack,
    ):
        await stack.channel()
        more = f'reply: {{uri: "{replies.url}"}}\n  '
        more += delivery(dead_letters, retry=2, backoffPolicy="linear", backoffDelay="PT0.02S")
        await stack.subscription(subscriber.url, more=more)
        await stack.send(good("1"))
        await stack.caught_up()
        assert ids(replies.requests) == ["r1", "r1", "r1"]
        assert dead_letters.requests == []
        await stack.send(good("2"))
        await stack.caught_up()
        assert ids(subscriber.requests) == ["1", "2"]
        assert ids(replies.requests) == ["r1", "r1", "r1", "r2"]
        assert ids(dead_letters.requests) == ["2"]
        assert extension(dead_letters.requests[0], "knativeerrordest") == replies.url


async def test_b36_waits_grow_as_documented_and_never_overflow(kafka: str) -> None:
    loop = asyncio.get_running_loop()
    arrivals: dict[str, list[float]] = {"linear": [], "exponential": []}

    def recording(name: str, failures: int) -> Answer:
        async def answer(peer: Peer, _: Request) -> None:
            arrivals[name].append(loop.time())
            await peer.send(status(500) if len(arrivals[name]) <= failures else OK)

        return answer

    async with (
        RawServer(recording("linear", 9)) as linear,
        RawServer(recording("exponential", 2)) as exponential,
        RawServer(reply(status(500))) as patient,
        RawServer() as dead_letters,
        running(kafka) as stack,
    ):
        await stack.channel()
        slow = delivery(dead_letters, retry=4, backoffPolicy="linear", backoffDelay="PT0.2S")
        await stack.subscription(linear.url, "linear", more=slow)
        many = delivery(dead_letters, retry=100, backoffPolicy="exponential", backoffDelay="PT0.2S")
        await stack.subscription(exponential.url, "exponential", more=many)
        days = delivery(dead_letters, retry=64, backoffPolicy="exponential", backoffDelay="P1D")
        await stack.subscription(patient.url, "days", more=days)
        await stack.send()
        await stack.caught_up("linear")
        await stack.caught_up("exponential")
        gaps = {name: [b - a for a, b in zip(times, times[1:], strict=False)] for name, times in arrivals.items()}
        assert gaps["linear"] == pytest.approx([0.2, 0.4, 0.6, 0.8], abs=0.15)
        assert gaps["exponential"] == pytest.approx([0.4, 0.8], abs=0.15)
        assert len(patient.requests) == 1
        assert len(dead_letters.requests) == 1


async def test_b37_the_timeout_covers_the_whole_exchange_and_nothing_else_does(kafka: str) -> None:
    """The last subscriber takes longer than the minute after which usual HTTP clients give up by themselves."""
    loop = asyncio.get_running_loop()
    drip = trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", b"x", 0.5)
    async with (
        RawServer(never) as silent,
        RawServer(drip) as dripping,
        RawServer(late(OK, 1.2)) as tardy,
        RawServer(late(OK, 62.0)) as slow,
        RawServer() as dead_letters,
        running(kafka) as stack,
    ):
        await stack.channel()
        short = delivery(dead_letters, retry=1, timeout="PT1S", backoffPolicy="linear", backoffDelay="PT0.1S")
        for name, server in (("silent", silent), ("dripping", dripping), ("tardy", tardy)):
            await stack.subscription(server.url, name, more=short)
        await stack.subscription(slow.url, "slow", more=delivery(dead_letters, retry=1, timeout="PT20M"))
        began = loop.time()
        await stack.send()
        await until(lambda: len(dead_letters.requests) == 3, 40.0)
        assert loop.time() - began >= 2.0
        assert {len(server.requests) for server in (silent, dripping, tardy)} == {2}
        assert {extension(one, "knativeerrorcode") for one in dead_letters.requests} == {None}
        await until(lambda: not (silent.open or dripping.open or tardy.open))
        await until(lambda: stack.counted("delivered", "slow") == 1, 80.0)
        assert len(slow.requests) == 1
        assert len(dead_letters.requests) == 3


async def test_b16_a_record_that_somebody_else_wrote_can_not_inject_a_header(kafka: str) -> None:
    event = {"ce_specversion": b"1.0", "ce_type": b"t.a", "ce_source": b"/s"}
    async with RawServer() as subscriber, running(kafka) as stack:
        topic = await stack.channel(partitions=1)
        await stack.subscription(subscriber.url)
        producer = Producer({"bootstrap.servers": kafka})
        for extra in ({"ce_subject": b"a\r\nX-Evil: 1"}, {"ce_ext": b"\xff"}, {"ce_Ext-Bad": b"1"}, {}):
            producer.produce(topic, b"x", headers={**event, "ce_id": b"-".join(extra.values()) or b"good", **extra})
        assert producer.flush(10) == 0
        await stack.caught_up()
        assert all(not one.header(b"x-evil") for one in subscriber.requests)
        assert ids(subscriber.requests)[-1] == "good"
        assert extension(subscriber.requests[0], "subject") == "a%0D%0AX-Evil:%201"
        assert stack.counted("discarded") == 2


async def test_two_subscriptions_with_one_subscriber_each_deliver_once(kafka: str) -> None:
    async with RawServer() as subscriber, running(kafka) as stack:
        await stack.channel()
        await stack.subscription(subscriber.url, "s1")
        await stack.subscription(subscriber.url, "s2")
        await stack.send(good("twice"))
        await stack.caught_up("s1")
        await stack.caught_up("s2")
        assert ids(subscriber.requests) == ["twice", "twice"]
