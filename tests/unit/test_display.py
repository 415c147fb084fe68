import asyncio
from typing import Any

import pytest

from eventing.codec.http import encode_binary
from eventing.event import Event
from kanal.display import EventDisplay, describe

BARE = {"specversion": "1.0", "type": "t", "source": "/s", "id": "1"}


class Call:
    """One request to an event display, without a network."""

    def __init__(self, event: Event | None = None, *, method: str = "POST", path: str = "/", body: bytes = b"") -> None:
        headers, payload = encode_binary(event) if event else ([], body)
        self.scope = {"type": "http", "method": method, "path": path, "headers": headers}
        half = len(payload) // 2
        self.incoming: list[dict[str, Any]] = [
            {"type": "http.request", "body": payload[:half], "more_body": True},
            {"type": "http.request", "body": payload[half:]},
        ]
        self.sent: list[Any] = []

    async def receive(self) -> Any:
        return self.incoming.pop(0)

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def to(self, app: EventDisplay) -> tuple[int, bytes]:
        await app(self.scope, self.receive, self.send)
        return self.sent[0]["status"], self.sent[1]["body"]


def test_an_event_is_printed_exactly_as_knatives_event_display_prints_it() -> None:
    attributes = {
        "id": "1",
        "zone": "b",
        "specversion": "1.0",
        "type": "dev.kanal.order",
        "source": "/shop",
        "subject": "no 7",
        "time": "2026-11-25T02:30:00Z",
        "dataschema": "https://example.com/order",
        "datacontenttype": "application/json",
        "basket": "7",
    }
    assert describe(Event(attributes, b'{"a":[1,"\xc3\xa4"],"b":{}}')) == (
        "☁️  cloudevents.Event\n"
        "Context Attributes,\n"
        "  specversion: 1.0\n"
        "  type: dev.kanal.order\n"
        "  source: /shop\n"
        "  subject: no 7\n"
        "  id: 1\n"
        "  time: 2026-11-25T02:30:00Z\n"
        "  dataschema: https://example.com/order\n"
        "  datacontenttype: application/json\n"
        "Extensions,\n"
        "  basket: 7\n"
        "  zone: b\n"
        "Data,\n"
        "  {\n"
        '    "a": [\n'
        "      1,\n"
        '      "ä"\n'
        "    ],\n"
        '    "b": {}\n'
        "  }\n"
    )


@pytest.mark.parametrize("data", [None, b""])
def test_what_an_event_does_not_have_gets_no_heading(data: bytes | None) -> None:
    assert describe(Event(BARE, data)) == (
        "☁️  cloudevents.Event\nContext Attributes,\n  specversion: 1.0\n  type: t\n  source: /s\n  id: 1\n"
    )


@pytest.mark.parametrize(
    ("media_type", "data", "lines"),
    [
        ("text/plain", b'{"a":1}', ["Data,", '  {"a":1}']),
        ("application/json", b"{", ["Data,", "  {"]),
        ("application/json", b"[" * 100_000, ["Data,", "  " + "[" * 100_000]),
        ("application/vnd.x+JSON; charset=utf-8", b"[1]", ["Data,", "  [", "    1", "  ]"]),
        ("application/octet-stream", b"\xff", ["Data (binary),", "  b'\\xff'"]),
    ],
    ids=["text", "broken JSON", "JSON too deep", "JSON by its suffix", "binary"],
)
def test_data_is_indented_where_it_is_json_and_shown_whatever_it_is(
    media_type: str, data: bytes, lines: list[str]
) -> None:
    printed = describe(Event({**BARE, "datacontenttype": media_type}, data))
    assert printed.splitlines()[-len(lines) :] == lines


async def test_an_event_on_any_path_is_written_and_answered_with_an_empty_200() -> None:
    written: list[str] = []
    event = Event({**BARE, "datacontenttype": "text/plain"}, b"hello")
    assert await Call(event, path="/any/path").to(EventDisplay(written.append)) == (200, b"")
    assert written == [describe(event)]


@pytest.mark.parametrize(("path", "status"), [("/healthz", 204), ("/", 404)])
async def test_a_get_is_a_probe_and_never_an_event(path: str, status: int) -> None:
    written: list[str] = []
    assert await Call(method="GET", path=path).to(EventDisplay(written.append)) == (status, b"")
    assert written == []


async def test_a_request_that_is_no_event_is_refused_with_the_reason() -> None:
    written: list[str] = []
    status, body = await Call(body=b"hello").to(EventDisplay(written.append))
    assert (status, written) == (400, [])
    assert b"no CloudEvent" in body


async def test_a_display_that_was_told_to_fail_shows_the_event_and_fails() -> None:
    written: list[str] = []
    status, body = await Call(Event(BARE)).to(EventDisplay(written.append, answer=503))
    assert (status, body, len(written)) == (503, b"this event display was told to fail\n", 1)


async def test_an_event_that_can_not_be_printed_is_not_accepted() -> None:
    def closed(_: str) -> None:
        raise BrokenPipeError

    status, _ = await Call(Event(BARE)).to(EventDisplay(closed))
    assert status == 503


async def test_a_sender_that_goes_away_in_the_middle_is_no_event() -> None:
    written: list[str] = []
    call = Call(Event(BARE))
    call.incoming[1] = {"type": "http.disconnect"}
    await EventDisplay(written.append)(call.scope, call.receive, call.send)
    assert (written, call.sent) == ([], [])


async def test_a_delay_holds_back_the_answer_but_not_the_event() -> None:
    written = asyncio.Event()
    call = Call(Event(BARE))
    answering = asyncio.ensure_future(call.to(EventDisplay(lambda _: written.set(), delay_s=60)))
    await asyncio.wait_for(written.wait(), 5)
    assert call.sent == []
    answering.cancel()
    await asyncio.wait([answering])
