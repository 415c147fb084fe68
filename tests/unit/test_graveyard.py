"""Dead letters rest in a topic of their own, whatever stands in the way."""

from __future__ import annotations

import pytest
from delivery_stand import GRAVES, SUBSCRIBER, Stand, record
from memory_kafka import MemoryAdmin

from dispatcher.graveyard import LONGEST_WAIT_S, Grief
from eventing.codec import kafka as kafka_codec
from eventing.errors import Denied, Overloaded, Unavailable
from eventing.event import Event
from eventing.plan.model import TopicSpec
from eventing.record import Record

GRIEF = Grief("subscriber answered 500", 4, 0.0, 1_764_000_000.25)
LETTER = Event({"specversion": "1.0", "id": "e0", "source": "/s", "type": "t.a", "partitionkey": "k"}, b"data")
TRACE = ("traceparent", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01")


class Abandoned(Exception):
    pass


@pytest.fixture
def stand() -> Stand:
    return Stand()


async def keep(stand: Stand, letter: Event = LETTER, grief: Grief = GRIEF, one: Record | None = None) -> None:
    await stand.graveyard.keep(stand.egress, one or record(), letter, grief, stand._nap)


async def test_a_letter_is_kept_with_its_reason_attempts_times_and_trace(stand: Stand) -> None:
    await keep(stand, one=record(extra=[TRACE]))
    (kept,) = stand.kafka.records(GRAVES)
    assert (kept.key, kept.value) == (b"k", b"data")
    assert kafka_codec.from_record(kept.headers, kept.value).attributes == {
        **LETTER.attributes,
        "kanalreason": "subscriber answered 500",
        "kanalattempts": "4",
        "kanalfirstattempt": "1970-01-01T00:00:00.000Z",
        "kanallastattempt": "2025-11-24T16:00:00.250Z",
    }
    assert TRACE in kept.headers


async def test_the_topic_is_made_with_its_settings_when_the_first_letter_comes_and_only_then(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[TopicSpec] = []
    create = MemoryAdmin.create_topic

    async def counted(self: MemoryAdmin, spec: TopicSpec) -> None:
        made.append(spec)
        await create(self, spec)

    monkeypatch.setattr(MemoryAdmin, "create_topic", counted)
    assert GRAVES not in stand.kafka.topics
    await keep(stand)
    await keep(stand)
    assert made == [TopicSpec(GRAVES, 1, 1, {"retention.ms": "-1"})]


@pytest.mark.parametrize("failure", [Unavailable("away"), Overloaded("full")])
async def test_while_kafka_is_away_it_is_tried_again_ever_more_patiently(stand: Stand, failure: Unavailable) -> None:
    stand.kafka.failure = failure

    def mend() -> None:
        if len(stand.naps) == 9:
            stand.kafka.failure = None

    stand.on_nap = mend
    await keep(stand)
    assert stand.naps == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert max(stand.naps) == LONGEST_WAIT_S
    assert len(stand.kept()) == 1


async def test_a_topic_that_was_deleted_is_made_again(stand: Stand) -> None:
    await keep(stand)
    del stand.kafka.topics[GRAVES]
    await keep(stand)
    assert len(stand.naps) == 1
    assert len(stand.kept()) == 1


async def test_a_letter_that_is_too_large_with_the_subscribers_answer_is_kept_without_it(stand: Stand) -> None:
    await stand.kafka.admin().create_topic(TopicSpec(GRAVES, 1, 1, {"max.message.bytes": "500"}))
    letter = LETTER.extended(knativeerrordata="x" * 500, knativeerrorcode="500")
    await keep(stand, letter)
    (kept,) = stand.kept()
    assert "ce_knativeerrordata" not in kept
    assert kept["ce_knativeerrorcode"] == "500"
    assert stand.naps == []
    assert letter.attributes["knativeerrordata"]


async def test_a_partition_that_is_given_up_ends_the_tries(stand: Stand) -> None:
    def give_up() -> None:
        raise Abandoned

    stand.kafka.failure = Unavailable("away")
    stand.on_nap = give_up
    with pytest.raises(Abandoned):
        await keep(stand)
    assert stand.kept() == []


async def test_a_long_reason_is_cut(stand: Stand) -> None:
    await keep(stand, grief=Grief("x" * 10_000, 1, 0.0, 0.0))
    (kept,) = stand.kept()
    assert kept["ce_kanalreason"] == "x" * 500


async def test_a_dead_letter_that_kafka_refuses_is_told_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    """It is tried again for ever and holds its key and the committed offset up, so somebody must hear of it."""
    stand = Stand()
    stand.change(dead_letter=None)
    stand.says(SUBSCRIBER, 400)
    stand.kafka.failure = Denied("not authorised to write", where=f"topic {GRAVES}")
    tries = 0

    def mended() -> None:
        nonlocal tries
        tries += 1
        if tries == 5:
            stand.kafka.failure = None

    stand.on_nap = mended
    await stand.topic()
    await stand.deliver()
    told = capsys.readouterr()
    assert "not authorised" in told.out + told.err
