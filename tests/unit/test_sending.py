import asyncio
import json
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from eventing.codec import http as codec
from eventing.errors import Invalid
from eventing.event import Event
from eventing.http import RawHeaders, Response, SendFailed
from kanal import sending
from kanal.letter import Letter, Mode, request
from kanal.sending import Tally, send_all

URL = "http://receiver/default/a"
PATIENCE_S = 10.0


class Receiver:
    """A `Sender` that takes the place of the network; `answer` makes each answer from the requests before it."""

    def __init__(self, answer: Callable[[int], int | Exception] = lambda _: 202) -> None:
        self._answer = answer
        self.requests: list[list[Event]] = []
        self.at_once = 0
        self.most_at_once = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def post(self, url: str, headers: RawHeaders, body: bytes, *, timeout_s: float) -> Response:
        number = len(self.requests)
        self.requests.append(codec.decode(headers, body))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(0)
            await self.gate.wait()
        finally:
            self.at_once -= 1
        answer = self._answer(number)
        if isinstance(answer, Exception):
            raise answer
        return Response(answer, (), b"no room\n" if answer >= 300 else b"")

    async def aclose(self) -> None:
        pass

    @property
    def ids(self) -> list[str]:
        return [event.id for events in self.requests for event in events]


def letter(data: bytes | None = None, mode: Mode = "binary", **more: Any) -> Letter:
    attributes = {"type": "t", "source": "/s"} | ({"datacontenttype": "application/json"} if data else {})
    return Letter(attributes=attributes | more.pop("attributes", {}), data=data, mode=mode, **more)


def ids(number: int) -> Any:
    return (str(n) for n in range(1, number + 1))


async def sent(receiver: Receiver, one: Letter, events: int, **more: Any) -> Tally:
    options: dict[str, Any] = {"rate": None, "at_once": 1, "stop": asyncio.Event(), "progress": lambda _: None}
    work = send_all(receiver, URL, one, ids(events), **options | more)
    return await asyncio.wait_for(work, PATIENCE_S)


@pytest.mark.parametrize("mode", ["binary", "structured", "batched"])
@pytest.mark.parametrize("data", [b'{"a": [1, "\\u00e4"]}', b'["a", 1.5, true]', b'"text"', b"7"])
def test_json_arrives_as_the_same_json_in_every_mode(mode: Mode, data: bytes) -> None:
    [event] = codec.decode(*request(letter(data, mode), ["1"]))
    assert event.data is not None
    assert json.loads(event.data) == json.loads(data)
    assert (event.id, event.attributes["type"], event.attributes["source"]) == ("1", "t", "/s")
    assert event.attributes["datacontenttype"] == "application/json"


def test_in_binary_mode_data_goes_out_byte_for_byte() -> None:
    [event] = codec.decode(*request(letter(b'{ "a":1.10,"a":2 }'), ["1"]))
    assert event.data == b'{ "a":1.10,"a":2 }'


@pytest.mark.parametrize("mode", ["binary", "structured", "batched"])
@pytest.mark.parametrize("data", [b"plain", b"\x00\xff"])
def test_data_that_is_no_json_arrives_as_it_is_under_its_own_media_type(mode: Mode, data: bytes) -> None:
    one = letter(data, mode, attributes={"datacontenttype": "application/x-ndjson"})
    [event] = codec.decode(*request(one, ["1"]))
    assert (event.data, event.attributes["datacontenttype"]) == (data, "application/x-ndjson")


@pytest.mark.parametrize("mode", ["binary", "structured", "batched"])
def test_extensions_and_a_time_arrive_as_they_were_given(mode: Mode) -> None:
    given = {"partitionkey": "ä b", "time": "2026-11-25T02:30:00Z", "subject": "x"}
    [event] = codec.decode(*request(letter(None, mode, attributes=given), ["1"]))
    assert {name: event.attributes[name] for name in given} == given


def test_a_batch_holds_one_event_for_each_id() -> None:
    events = codec.decode(*request(letter(b"{}", "batched"), ["1", "2", "3"]))
    assert [event.id for event in events] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("attributes", "data", "told"),
    [
        ({"type": ""}, None, "--type"),
        ({"Big": "x"}, None, "--extension"),
        ({"time": "yesterday"}, None, "2026-11-25T02:30:00Z"),
        ({"time": "2026-11-25T02:30:00"}, None, "2026-11-25T02:30:00Z"),
        ({}, b"{", "--content-type"),
        ({}, b"NaN", "--content-type"),
        ({}, b"[" * 100_000, "--content-type"),
        ({"datacontenttype": "text/€"}, b"x", "--content-type"),
    ],
    ids=["no type", "name of an extension", "time", "time without zone", "JSON", "NaN", "deep", "media type"],
)
def test_a_letter_that_makes_no_event_is_the_users_to_mend_and_says_how(
    attributes: dict[str, str], data: bytes | None, told: str
) -> None:
    with pytest.raises(Invalid) as caught:
        request(letter(data, attributes=attributes), ["1"])
    assert told in caught.value.fix


async def test_events_go_one_after_the_other_and_every_acceptance_is_counted() -> None:
    receiver, seen = Receiver(), []
    tally = await sent(receiver, letter(b"{}"), 5, progress=lambda t: seen.append(t.sent))
    assert receiver.ids == ["1", "2", "3", "4", "5"]
    assert receiver.most_at_once == 1
    assert (tally.sent, tally.accepted, tally.answers, tally.first_refusal) == (5, 5, {"202": 5}, "")
    assert seen == [1, 2, 3, 4, 5]


async def test_no_more_requests_are_under_way_than_wished() -> None:
    receiver = Receiver()
    await sent(receiver, letter(), 20, at_once=4)
    assert receiver.most_at_once == 4
    assert len(receiver.ids) == 20


async def test_batches_have_their_size_and_the_last_one_the_rest() -> None:
    receiver = Receiver()
    tally = await sent(receiver, letter(b"{}", "batched", batch_size=3), 7)
    assert [len(events) for events in receiver.requests] == [3, 3, 1]
    assert (tally.sent, tally.accepted, tally.answers) == (7, 7, {"202": 3})


async def test_refusals_are_counted_by_answer_and_the_first_one_is_kept_with_its_reason() -> None:
    answers: list[int | Exception] = [202, 429, SendFailed("refused", where=URL), 503]
    tally = await sent(Receiver(lambda n: answers[n]), letter(), 4)
    assert (tally.sent, tally.accepted) == (4, 1)
    assert tally.answers == {"202": 1, "429": 1, "no answer": 1, "503": 1}
    assert tally.first_refusal == "429: no room"


async def test_no_answer_at_all_is_told_without_saying_the_address_twice() -> None:
    tally = await sent(Receiver(lambda _: SendFailed("refused", where=URL)), letter(), 1)
    assert tally.first_refusal == "refused"


async def test_a_url_that_can_never_work_ends_the_sending() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await sent(Receiver(lambda _: Invalid("is no URL")), letter(), 5)
    assert caught.group_contains(Invalid)


@pytest.mark.parametrize(("mode", "seconds"), [("binary", 0.2), ("batched", 0.16)])
async def test_a_rate_counts_events_and_not_requests(mode: Mode, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    receiver = Receiver()
    await sent(receiver, letter(b"{}", mode, batch_size=4), 11 if mode == "binary" else 12, rate=50, at_once=2)
    assert loop.time() - began >= seconds


async def test_after_a_stop_nothing_more_is_sent_even_where_a_slow_rate_waits() -> None:
    stop = asyncio.Event()
    receiver = Receiver()
    tally = await sent(receiver, letter(), 5, rate=0.001, stop=stop, progress=lambda _: stop.set())
    assert (receiver.ids, tally.sent, tally.accepted) == (["1"], 1, 1)


async def test_what_is_under_way_at_a_stop_may_still_be_answered() -> None:
    stop = asyncio.Event()
    receiver = Receiver()
    receiver.gate.clear()
    work = asyncio.ensure_future(sent(receiver, letter(), 5, at_once=2, stop=stop))
    await _until(lambda: receiver.at_once == 2)
    stop.set()
    await asyncio.sleep(0)
    receiver.gate.set()
    tally = await work
    assert (tally.sent, tally.accepted) == (2, 2)


async def test_a_receiver_that_does_not_answer_holds_up_a_stop_no_longer_than_the_grace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "GRACE_S", 0.01)
    stop = asyncio.Event()
    receiver = Receiver()
    receiver.gate.clear()
    work = asyncio.ensure_future(sent(receiver, letter(), 5, stop=stop))
    await _until(lambda: receiver.at_once == 1)
    stop.set()
    tally = await work
    assert (tally.sent, tally.accepted, tally.answers) == (1, 0, {"no answer": 1})
    assert tally.first_refusal == "stopped before an answer came"


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        for _ in count():
            if holds():
                return
            await asyncio.sleep(0.001)
