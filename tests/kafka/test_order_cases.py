"""B24: nothing waits for a slow event but what has to come after it; B34: a subscriber that says when is obeyed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from email.utils import formatdate
from time import time

import pytest
from answering import by_id, delivery, extension, status
from raw_http import OK, Answer, Peer, RawServer, Request, reply, until, when
from stack import UNORDERED, good, ids, running

pytestmark = pytest.mark.kafka


async def test_b24_unordered_a_slow_event_holds_up_no_other(kafka: str) -> None:
    release = asyncio.Event()
    slow = by_id(lambda id_, _: when(release) if id_ == "1" else reply(OK))
    async with RawServer(slow) as subscriber, running(kafka) as stack:
        await stack.channel(partitions=1)
        await stack.subscription(subscriber.url, annotations=UNORDERED)
        for number in range(1, 51):
            await stack.send(good(str(number)))
        await until(lambda: stack.counted("delivered") == 49, 3)
        release.set()
        await stack.caught_up()
        assert sorted(map(int, ids(subscriber.requests))) == list(range(1, 51))


class Spans:
    """Answers after a moment, 500 to A5 twice, and remembers which events were under way at once."""

    def __init__(self) -> None:
        self.log: list[tuple[str, str]] = []
        self._open: set[str] = set()
        self.overlaps: list[tuple[str, str]] = []
        self._tries = 0

    async def __call__(self, peer: Peer, request: Request) -> None:
        id_ = request.header(b"ce-id")[0].decode()
        self.overlaps += [(id_, other) for other in self._open if other[0] == id_[0]]
        self._open.add(id_)
        self.log.append(("begin", id_))
        await asyncio.sleep(0.005)  # work that takes time, so that an overlap could be seen
        self._open.discard(id_)
        fails = id_ == "A5" and self._tries < 2
        self._tries += fails
        self.log.append(("fail" if fails else "end", id_))
        await peer.send(status(500) if fails else OK)


async def test_b24_ordered_a_key_goes_strictly_in_order_and_holds_up_no_other_key(kafka: str) -> None:
    """All keys share one partition, which is harder than the case asks for."""
    spans = Spans()
    async with RawServer(spans) as subscriber, running(kafka) as stack:
        topic = await stack.channel(partitions=1)
        more = delivery(retry=3, backoffPolicy="linear", backoffDelay="PT0.5S")
        await stack.subscription(subscriber.url, more=more)
        for number in range(1, 21):
            for key in "ABC":
                await stack.send(good(f"{key}{number}", partitionkey=key))
        await stack.caught_up()
        assert spans.overlaps == []
        for key in "ABC":
            ended = [id_ for what, id_ in spans.log if what == "end" and id_[0] == key]
            assert ended == [f"{key}{number}" for number in range(1, 21)]
        assert ids(subscriber.requests).count("A5") == 3
        assert len(subscriber.requests) == 62
        # B and C are through while A5 waits for its last attempt.
        assert spans.log.index(("end", "B20")) < spans.log.index(("end", "A5"))
        assert spans.log.index(("end", "C20")) < spans.log.index(("end", "A5"))
        assert all(extension(one, "partitionkey") == extension(one, "id")[0] for one in subscriber.requests)
        keys = [
            (record.key(), dict(record.headers() or ())["ce_partitionkey"]) for record in await stack.records(topic)
        ]
        assert len(keys) == 60
        assert all(key == attribute for key, attribute in keys)


async def test_b24_two_ingresses_keep_the_order_of_a_key_that_one_sender_posts(kafka: str) -> None:
    async with RawServer() as subscriber, running(kafka) as stack, stack.another_ingress() as port:
        await stack.channel()
        await stack.subscription(subscriber.url)
        urls = [stack.url(), f"http://127.0.0.1:{port}/{stack.ns}/c1"]
        for number in range(60):
            pairs = [(k.encode(), v.encode()) for k, v in good(str(number), partitionkey="k").items()]
            assert (await stack.sender.post(urls[number % 2], pairs, b"{}", timeout_s=10)).status == 202
        await stack.caught_up()
        assert ids(subscriber.requests) == [str(number) for number in range(60)]


def _after(code: int, value: Callable[[], str]) -> Callable[[int], Answer]:
    """The first answer asks for a wait, the second accepts."""

    def choose(nth: int) -> Answer:
        return reply(status(code, f"Retry-After: {value()}\r\n") if nth == 1 else OK)

    return choose


ASKS = {
    "seconds": _after(429, lambda: "2"),
    "date": _after(503, lambda: formatdate(time() + 3, usegmt=True)),
    "hour": _after(429, lambda: "3600"),
    "negative": _after(429, lambda: "-1"),
    "word": _after(429, lambda: "soon"),
    "500": _after(500, lambda: "4"),
}


async def test_b34_retry_after_is_obeyed_up_to_the_limit_and_holds_up_nothing_else(kafka: str) -> None:
    loop = asyncio.get_running_loop()
    arrivals: dict[str, list[float]] = {}

    def choose(id_: str, nth: int) -> Answer:
        arrivals.setdefault(id_, []).append(loop.time())
        return ASKS[id_](nth) if id_ in ASKS else reply(OK)

    async with RawServer(by_id(choose)) as subscriber, running(kafka) as stack:
        await stack.channel(partitions=1)
        more = delivery(retry=3, backoffPolicy="linear", backoffDelay="PT0.1S", retryAfterMax="PT5S")
        await stack.subscription(subscriber.url, more=more, annotations=UNORDERED)
        for id_ in reversed(ASKS):
            await stack.send(good(id_))
        await stack.send(good("other"))
        await until(lambda: "other" in arrivals)
        assert len(arrivals["hour"]) == 1
        await stack.caught_up()
        assert {id_: len(times) for id_, times in arrivals.items()} == {**dict.fromkeys(ASKS, 2), "other": 1}
        gaps = {id_: times[1] - times[0] for id_, times in arrivals.items() if id_ in ASKS}
        assert gaps["seconds"] >= 2.0
        assert gaps["date"] >= 2.0
        assert gaps["hour"] >= 5.0
        again = sorted(ASKS, key=lambda id_: arrivals[id_][1])
        assert set(again[:3]) == {"negative", "word", "500"}
        assert again[-1] == "hour"


async def test_b34_a_limit_of_nothing_switches_retry_after_off(kafka: str) -> None:
    async with RawServer(reply(status(429, "Retry-After: 3600\r\n")), reply(OK)) as subscriber, running(kafka) as stack:
        await stack.channel(partitions=1)
        more = delivery(retry=3, backoffPolicy="linear", backoffDelay="PT0.1S", retryAfterMax="PT0S")
        await stack.subscription(subscriber.url, more=more)
        await stack.send(good("off"))
        await until(lambda: len(subscriber.requests) == 2, 30)
        await stack.caught_up()
