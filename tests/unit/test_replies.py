"""Replies that go back to the broker: into its topic, checked as its ingress would, and what happens when they can't."""

from __future__ import annotations

from typing import Any

import pytest
from delivery_stand import CE, SINK, SUBSCRIBER, Stand, answer, record

from dispatcher.loop import Abandoned
from dispatcher.outcome import DeadLettered, Delivered, Replied
from dispatcher.replies import Replies
from eventing.errors import Invalid, TooLarge, Unavailable
from eventing.event import Event

BROKER = "http://broker/ns/b"
TRACE = ("traceparent", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01")


@pytest.fixture
async def stand() -> Stand:
    stand = Stand(order="unordered")
    await stand.topic(name="broker")
    stand.change(kind="Trigger", reply=BROKER, reply_topic="broker")
    stand.says(SUBSCRIBER, answer(200, b"pong", *CE, (b"ce-partitionkey", b"k")))
    return stand


def stored(stand: Stand) -> list[dict[str, str]]:
    return [{name: (value or b"").decode() for name, value in one.headers} for one in stand.kafka.records("broker")]


async def test_a_reply_is_in_the_topic_of_its_broker_when_the_event_is_done(stand: Stand) -> None:
    assert await stand.deliver(record(extra=[TRACE])) == Replied(200, 1, 0.0)
    [one] = stand.kafka.records("broker")
    assert (one.key, one.value) == (b"k", b"pong")
    [headers] = stored(stand)
    assert headers == {
        "ce_specversion": "1.0", "ce_type": "t.reply", "ce_source": "/r", "ce_id": "r", "ce_partitionkey": "k",
        "traceparent": TRACE[1].decode(),
    }  # fmt: skip
    assert stand.targets == [SUBSCRIBER]
    assert stand.attempts == [("subscriber", 200), ("reply", 202)]


async def test_an_answer_without_an_event_puts_nothing_into_the_topic(stand: Stand) -> None:
    stand.says(SUBSCRIBER, 200)
    assert await stand.deliver() == Delivered(200, 1, 0.0)
    assert stored(stand) == []


async def test_b33_a_reply_that_kafka_never_takes_makes_a_dead_letter_of_the_event_and_calls_nobody_again(
    stand: Stand,
) -> None:
    stand.kafka.failure = TooLarge("larger than 1 MiB")
    outcome = await stand.deliver()
    assert isinstance(outcome, DeadLettered)
    assert "the broker can't take the reply: larger than 1 MiB" in outcome.reason
    assert stand.targets == [SUBSCRIBER, SINK]
    letter = stand.posts[1].attributes()
    assert letter[b"id"] == b"e0"
    assert letter[b"knativeerrordest"] == BROKER.encode()
    assert b"knativeerrorcode" not in letter


async def test_a_reply_that_kafka_calls_invalid_is_not_offered_for_ever(stand: Stand) -> None:
    stand.kafka.failure = Invalid("a record of a compacted topic needs a key")

    def too_long() -> None:
        raise Abandoned

    stand.on_nap = too_long
    outcome = await stand.deliver()
    assert isinstance(outcome, DeadLettered)
    assert "the broker can't take the reply: a record of a compacted topic needs a key" in outcome.reason


async def test_a_reply_that_the_ingress_would_refuse_is_refused_here_too(stand: Stand) -> None:
    stand.says(SUBSCRIBER, answer(200, b"", *CE, (b"ce-time", b"yesterday")))
    outcome = await stand.deliver()
    assert isinstance(outcome, DeadLettered)
    assert "time" in outcome.reason
    assert stored(stand) == []


async def test_while_kafka_is_away_the_reply_waits_and_the_subscriber_is_not_called_again(stand: Stand) -> None:
    stand.kafka.failure = Unavailable("no broker")
    waits: list[float] = []

    def wait() -> None:
        waits.append(stand.naps[-1])
        if len(waits) == 8:
            stand.kafka.failure = None

    stand.on_nap = wait
    assert isinstance(await stand.deliver(), Replied)
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert stand.targets == [SUBSCRIBER]
    assert len(stored(stand)) == 1


async def test_a_partition_that_is_given_up_ends_the_waiting(stand: Stand) -> None:
    stand.kafka.failure = Unavailable("no broker")

    def abandon() -> None:
        raise Abandoned

    stand.on_nap = abandon
    with pytest.raises(Abandoned):
        await stand.deliver()


class TestLoops:
    """B32: with a limit of its own a broker ends what replies to itself."""

    async def circle(self, stand: Stand, limit: int) -> list[Any]:
        """Deliver whatever comes back, until nothing does; the outcomes."""
        stand.change(ttl=limit)
        outcomes = [await stand.deliver(record(extra=[("ce_knativebrokerttl", b"%d" % limit)]))]
        for _ in range(50):
            if len(stand.kafka.records("broker")) < len(outcomes):
                break
            outcomes.append(await stand.deliver(stand.kafka.records("broker")[len(outcomes) - 1]))
        return outcomes

    async def test_the_subscriber_is_called_as_often_as_the_limit_says_and_the_last_event_becomes_a_dead_letter(
        self, stand: Stand
    ) -> None:
        outcomes = await self.circle(stand, 4)
        assert [type(one) for one in outcomes] == [Replied, Replied, Replied, DeadLettered]
        assert "too often" in outcomes[-1].reason
        assert stand.targets.count(SUBSCRIBER) == 4

    async def test_the_subscriber_sees_nothing_of_the_counting(self, stand: Stand) -> None:
        await self.circle(stand, 3)
        posts = [post for post, target in zip(stand.posts, stand.targets, strict=True) if target == SUBSCRIBER]
        assert len(posts) == 3
        assert all(b"knativebrokerttl" not in post.attributes() for post in posts)

    async def test_a_dead_letter_goes_on_counting(self, stand: Stand) -> None:
        await self.circle(stand, 3)
        assert stand.posts[-1].attributes()[b"knativebrokerttl"] == b"1"

    async def test_a_broker_of_ours_as_the_subscriber_goes_on_counting(self, stand: Stand) -> None:
        stand.change(ttl=9, keeps_ttl=True)
        await stand.deliver(record(extra=[("ce_knativebrokerttl", b"5")]))
        assert stand.posts[0].attributes()[b"knativebrokerttl"] == b"5"

    async def test_without_a_limit_the_attribute_is_like_any_other(self, stand: Stand) -> None:
        await stand.deliver(record(extra=[("ce_knativebrokerttl", b"5")]))
        assert stand.posts[0].attributes()[b"knativebrokerttl"] == b"5"
        assert "ce_knativebrokerttl" not in stored(stand)[0]


async def test_who_wants_to_know_hears_of_each_reply_that_was_taken(stand: Stand) -> None:
    heard: list[tuple[str, str]] = []

    def noticed(egress: Any, reply: Event) -> None:
        heard.append((egress.name, reply.type))

    stand.replies = Replies(stand.kafka.appender(), noticed)
    await stand.deliver()
    assert heard == [("s1", "t.reply")]
    stand.kafka.failure = TooLarge("too large")
    await stand.deliver()
    assert len(heard) == 1
