"""How one record ends: every answer of a subscriber, a reply target and a dead letter sink, without a network."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from delivery_stand import CE, EVENT, GRAVES, REPLY, SINK, SUBSCRIBER, Stand, answer, record

from dispatcher.outcome import DeadLettered, Delivered, Discarded, Kept, Replied
from eventing.errors import Invalid
from eventing.http import Response, SendFailed
from eventing.verdict import RetryPolicy

JSON = (b"content-type", b"application/json")
STRUCTURED = (b"content-type", b"application/cloudevents+json")
ONE = b'{"specversion":"1.0","id":"r","source":"/r","type":"t.reply","data":1}'


@pytest.fixture
def stand() -> Stand:
    return Stand()


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_without_an_event_is_a_delivery(stand: Stand, status: int) -> None:
    stand.says(SUBSCRIBER, answer(status, b'{"status":"ok"}', JSON))
    assert await stand.deliver() == Delivered(status, 1, 0.0)
    assert stand.targets == [SUBSCRIBER]
    assert stand.naps == []


async def test_the_request_carries_the_event_its_place_in_kafka_the_trace_and_who_sends_it(stand: Stand) -> None:
    trace = ("traceparent", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01")
    await stand.deliver(record(offset=7, partition=3, extra=[trace]))
    (post,) = stand.posts
    assert post.body == b'{"n":1}'
    assert sorted(post.headers) == sorted(
        [
            (b"ce-specversion", b"1.0"),
            (b"ce-id", b"e7"),
            (b"ce-source", b"/s"),
            (b"ce-type", b"t.a"),
            (b"content-type", b"application/json"),
            (b"ce-knativekafkapartition", b"3"),
            (b"ce-knativekafkaoffset", b"7"),
            (b"traceparent", trace[1]),
            (b"kn-namespace", b"ns"),
            (b"prefer", b"reply"),
        ]
    )
    assert post.timeout_s == stand.egress.policy.timeout_s


async def test_only_the_subscriber_is_asked_for_a_reply(stand: Stand) -> None:
    stand.says(SUBSCRIBER, answer(200, b"x", *CE))
    stand.says(REPLY, answer(400))
    await stand.deliver()
    assert stand.targets == [SUBSCRIBER, REPLY, SINK]
    assert [post.header(b"prefer") for post in stand.posts] == [b"reply", None, None]
    assert [post.header(b"kn-namespace") for post in stand.posts] == [b"ns"] * 3


async def test_a_record_that_is_no_event_is_discarded_with_the_reason(stand: Stand) -> None:
    outcome = await stand.deliver(replace(record(), headers=[("ce_id", b"1")]))
    assert isinstance(outcome, Discarded)
    assert "specversion" in outcome.reason
    assert stand.posts == []


@pytest.mark.parametrize("failure", [404, 408, 409, 429, 500, 503, 599, SendFailed("reset")])
async def test_what_may_heal_is_tried_again_after_its_backoff(stand: Stand, failure: int | SendFailed) -> None:
    stand.says(SUBSCRIBER, failure, failure, answer(202))
    assert await stand.deliver() == Delivered(202, 3, 0.0)
    assert stand.naps == [0.2, 0.4]


@pytest.mark.parametrize("status", [301, 400, 401, 403, 413, 415, 422, 425])
async def test_a_final_answer_is_not_tried_again(stand: Stand, status: int) -> None:
    stand.says(SUBSCRIBER, answer(status))
    assert await stand.deliver() == DeadLettered(f"subscriber answered {status}", 1, status)
    assert stand.targets == [SUBSCRIBER, SINK]


async def test_retry_after_counts_where_the_policy_has_a_cap(stand: Stand) -> None:
    stand.policy(retry_after_max_s=5.0)
    stand.says(SUBSCRIBER, answer(429, b"", (b"retry-after", b"2")), answer(202))
    await stand.deliver()
    assert stand.naps == [2.0]


@pytest.mark.parametrize(
    ("response", "replied"),
    [
        (answer(200, b"x", *CE), True),
        (answer(201, b"", *CE), True),
        (answer(200, ONE, STRUCTURED), True),
        (answer(202, b"x", *CE), False),
        (answer(204, b"", *CE), False),
        (answer(200, b"OK", (b"content-type", b"text/plain")), False),
    ],
)
async def test_an_event_in_any_2xx_but_202_and_204_is_a_reply(
    stand: Stand, response: Response, *, replied: bool
) -> None:
    stand.says(SUBSCRIBER, response)
    outcome = await stand.deliver()
    assert isinstance(outcome, Replied if replied else Delivered)
    assert stand.targets == [SUBSCRIBER, *[REPLY] * replied]
    if replied:
        assert stand.posts[1].header(b"ce-id") == b"r"
        assert stand.posts[1].header(b"ce-knativekafkaoffset") is None


async def test_a_reply_that_nobody_wants_is_let_go(stand: Stand) -> None:
    stand.change(reply=None)
    stand.says(SUBSCRIBER, answer(200, b"x", *CE))
    assert await stand.deliver() == Delivered(200, 1, 0.0)
    assert stand.targets == [SUBSCRIBER]


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (answer(200, b"x", *CE[:-1]), "malformed"),
        (answer(200, b"{", STRUCTURED), "malformed"),
        (answer(200, b"[]", (b"content-type", b"application/cloudevents-batch+json")), "batch"),
        (replace(answer(200, b"x", *CE), truncated=True), "max_response_bytes"),
    ],
)
async def test_a_malformed_reply_fails_the_delivery_without_a_retry(
    stand: Stand, response: Response, reason: str
) -> None:
    stand.says(SUBSCRIBER, response)
    outcome = await stand.deliver()
    assert isinstance(outcome, DeadLettered)
    assert reason in outcome.reason
    assert stand.targets == [SUBSCRIBER, SINK]
    assert stand.posts[1].header(b"ce-id") == b"e0"


async def test_a_long_answer_that_is_no_event_is_a_success(stand: Stand) -> None:
    stand.says(SUBSCRIBER, replace(answer(200, b"x", JSON), truncated=True))
    assert await stand.deliver() == Delivered(200, 1, 0.0)


async def test_a_reply_is_retried_by_itself_and_then_the_event_itself_is_the_dead_letter(stand: Stand) -> None:
    stand.says(SUBSCRIBER, answer(200, b"x", *CE))
    stand.says(REPLY, 503)
    assert await stand.deliver() == DeadLettered("reply answered 503", 3, 503)
    assert stand.targets == [SUBSCRIBER, REPLY, REPLY, REPLY, SINK]
    letter = stand.posts[-1]
    assert letter.header(b"ce-id") == b"e0"
    assert letter.body == b'{"n":1}'
    assert letter.header(b"ce-knativeerrordest") == REPLY.encode()


async def test_a_dead_letter_says_where_it_failed_with_what_code_and_answer(stand: Stand) -> None:
    body = bytes(range(256)) * 8
    stand.says(SUBSCRIBER, answer(422, body, (b"kne-test", b"foo"), (b"kne-bad-name", b"x"), (b"other", b"x")))
    await stand.deliver()
    letter = stand.posts[-1]
    assert letter.attributes() == {
        **{name.encode(): value.encode() for name, value in EVENT.items()},
        b"knativekafkapartition": b"0",
        b"knativekafkaoffset": b"0",
        b"knativeerrordest": SUBSCRIBER.encode(),
        b"knativeerrorcode": b"422",
        b"knativeerrordata": base64.b64encode(body[:1024]),
        b"test": b"foo",
    }


async def test_without_an_answer_a_dead_letter_names_only_the_url(stand: Stand) -> None:
    stand.says(SUBSCRIBER, SendFailed("refused"))
    outcome = await stand.deliver()
    assert outcome == DeadLettered("refused", 3, None)
    names = stand.posts[-1].attributes()
    assert names[b"knativeerrordest"] == SUBSCRIBER.encode()
    assert b"knativeerrorcode" not in names
    assert b"knativeerrordata" not in names


async def test_a_subscriber_can_not_change_the_event_by_its_error_headers(stand: Stand) -> None:
    names = ("id", "type", "source", "specversion", "subject", "time", "datacontenttype", "partitionkey", "data")
    stand.says(SUBSCRIBER, answer(400, b"", *[(b"kne-" + name.encode(), b"evil") for name in names]))
    await stand.deliver()
    assert b"evil" not in dict(stand.posts[-1].headers).values()


async def test_what_an_earlier_dead_letter_said_is_not_said_of_this_one(stand: Stand) -> None:
    stand.says(SUBSCRIBER, SendFailed("refused"))
    earlier = [
        ("ce_knativeerrordest", b"http://other/"),
        ("ce_knativeerrorcode", b"500"),
        ("ce_knativeerrordata", b"eA=="),
    ]
    await stand.deliver(record(extra=earlier))
    names = stand.posts[-1].attributes()
    assert names[b"knativeerrordest"] == SUBSCRIBER.encode()
    assert b"knativeerrorcode" not in names
    assert b"knativeerrordata" not in names


@pytest.mark.parametrize("sink", [True, False], ids=["a sink that fails too", "no sink"])
async def test_what_nobody_takes_is_kept(stand: Stand, *, sink: bool) -> None:
    if not sink:
        stand.change(dead_letter=None)
    stand.says(SUBSCRIBER, answer(400))
    stand.says(SINK, 500)
    outcome = await stand.deliver()
    assert isinstance(outcome, Kept)
    assert outcome.attempts == 1
    assert ("dead letter answered 500" in outcome.reason) == sink
    assert stand.targets == [SUBSCRIBER, *[SINK] * 3 * sink]
    (kept,) = stand.kept()
    assert kept["ce_id"] == "e0"
    assert kept["ce_knativeerrordest"] == SUBSCRIBER


async def test_a_dead_letter_that_comes_round_again_goes_to_the_dead_letter_topic(stand: Stand) -> None:
    stand.says(SUBSCRIBER, answer(400))
    outcome = await stand.deliver(record(extra=[("ce_knativeerrordest", SUBSCRIBER.encode())]))
    assert isinstance(outcome, Kept)
    assert stand.targets == [SUBSCRIBER]
    assert len(stand.kept()) == 1


async def test_a_changed_subscriber_and_policy_count_from_the_next_attempt_on(stand: Stand) -> None:
    stand.says(SUBSCRIBER, 500)
    stand.says("http://new/", 500)
    stand.on_nap = lambda: stand.change(subscriber="http://new/", policy=RetryPolicy(retry=1, delay_s=0.1))
    outcome = await stand.deliver()
    assert stand.targets == [SUBSCRIBER, "http://new/", SINK]
    assert outcome == DeadLettered("subscriber answered 500", 2, 500)
    assert stand.posts[-1].header(b"ce-knativeerrordest") == b"http://new/"


async def test_a_reply_target_that_is_taken_away_in_between_ends_the_delivery_well(stand: Stand) -> None:
    stand.says(SUBSCRIBER, answer(200, b"x", *CE))
    stand.says(REPLY, 500)
    stand.on_nap = lambda: stand.change(reply=None)
    assert await stand.deliver() == Delivered(200, 1, 0.0)
    assert stand.targets == [SUBSCRIBER, REPLY]


async def test_a_sink_that_is_taken_away_in_between_leaves_the_letter_in_the_topic(stand: Stand) -> None:
    stand.says(SUBSCRIBER, answer(400))
    stand.says(SINK, 500)
    stand.on_nap = lambda: stand.change(dead_letter=None)
    assert isinstance(await stand.deliver(), Kept)
    assert stand.targets == [SUBSCRIBER, SINK]


async def test_a_url_that_can_never_work_ends_in_a_dead_letter(stand: Stand) -> None:
    stand.says(SUBSCRIBER, Invalid("no host"))
    assert isinstance(await stand.deliver(), DeadLettered)


async def test_the_listener_hears_of_each_attempt_with_its_target_and_status(stand: Stand) -> None:
    stand.says(SUBSCRIBER, SendFailed("refused"), 500, 400)
    await stand.deliver()
    assert stand.attempts == [("subscriber", None), ("subscriber", 500), ("subscriber", 400), ("dead_letter", 202)]


async def test_a_nap_that_ends_a_delivery_ends_it_without_a_dead_letter(stand: Stand) -> None:
    def give_up() -> None:
        raise TimeoutError

    stand.says(SUBSCRIBER, 500)
    stand.on_nap = give_up
    with pytest.raises(TimeoutError):
        await stand.deliver()
    assert stand.targets == [SUBSCRIBER]
    assert stand.kept() == []


async def test_a_dead_letter_is_sent_again_as_the_event_it_was_and_marked_in_its_topic(stand: Stand) -> None:
    letter = record(
        extra=[("ce_knativeerrordest", SUBSCRIBER.encode()), ("ce_kanalreason", b"subscriber answered 500")]
    )
    stand.change(topic=GRAVES)
    assert await stand.deliver(letter) == Delivered(202, 1, 0.0)
    sent = stand.posts[0].attributes()
    assert sent[b"kanalredelivered"] == b"1"
    assert not {b"knativeerrordest", b"kanalreason", b"knativekafkaoffset"} & sent.keys()
    (marker,) = stand.kept()
    assert (marker["kanal_redelivered"], marker["kanal_outcome"]) == ("0", "delivered")


async def test_a_redelivery_in_vain_leaves_a_new_letter_and_then_the_mark_on_the_old_one(stand: Stand) -> None:
    stand.change(topic=GRAVES, dead_letter=None)
    stand.policy(retry=0)
    stand.says(SUBSCRIBER, 500)
    await stand.deliver(record(extra=[("ce_kanalredelivered", b"2"), ("ce_knativeerrordest", SUBSCRIBER.encode())]))
    again, marker = stand.kept()
    assert (again["ce_kanalredelivered"], again["ce_kanalreason"]) == ("3", "subscriber answered 500")
    assert marker["kanal_outcome"] == "kept"


async def test_each_attempt_that_will_be_repeated_is_told_with_its_reason_and_the_wait(stand: Stand) -> None:
    stand.says(SUBSCRIBER, 503, 500, 202)
    await stand.deliver()
    assert [(offset, failed.status, failed.attempts, failed.wait_s) for offset, failed in stand.failures] == [
        (0, 503, 1, 0.2),
        (0, 500, 2, 0.4),
    ]


async def test_b32_a_dead_letter_that_came_back_through_its_own_channel_is_kept_and_goes_round_no_more(
    stand: Stand,
) -> None:
    """Otherwise two subscriptions that always fail would send each other dead letters for ever."""
    stand.policy(retry=0)
    stand.says(SUBSCRIBER, 500)
    others = record(extra=[("ce_knativeerrordest", b"http://another/")])
    assert isinstance(await stand.deliver(others), DeadLettered), "a sink of its own takes it"
    stand.change(sink_returns=True)
    assert isinstance(await stand.deliver(record()), DeadLettered), "one round"
    assert isinstance(await stand.deliver(others), Kept)
