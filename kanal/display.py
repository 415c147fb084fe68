"""The event display: takes any event, prints it as Knative's `event_display` does (behaviour §17), and answers.

For experiments it can be told to fail or to take its time. It answers a plain 2xx with no body, so nothing it says is ever
taken for a reply.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from eventing.codec import http as http_codec
from eventing.errors import Invalid
from eventing.event import Event

_CONTEXT = ("specversion", "type", "source", "subject", "id", "time", "dataschema", "schemaurl", "datacontenttype")

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]


class EventDisplay:
    """A plain ASGI application; `write` gets one text an event."""

    def __init__(self, write: Callable[[str], None], *, answer: int = 200, delay_s: float = 0.0) -> None:
        self._write = write
        self._answer = answer
        self._delay_s = delay_s

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http":
            return
        if scope["method"] == "GET":
            await _respond(send, 204 if scope["path"] == "/healthz" else 404)
            return
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        try:
            events = http_codec.decode(scope["headers"], body)
        except Invalid as error:
            await _respond(send, 400, str(error))
            return
        try:
            for event in events:
                self._write(describe(event))
        except OSError:
            await _respond(send, 503, "this event display can't print any more\n")
            return
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        await _respond(send, self._answer, "" if self._answer < 300 else "this event display was told to fail\n")


def describe(event: Event) -> str:
    """The event as `event_display` prints it, with a line break at the end."""
    attributes = event.attributes
    lines = ["☁️  cloudevents.Event", "Context Attributes,"]
    lines += [f"  {name}: {attributes[name]}" for name in _CONTEXT if name in attributes]
    extensions = sorted(set(attributes) - set(_CONTEXT))
    if extensions:
        lines.append("Extensions,")
        lines += [f"  {name}: {attributes[name]}" for name in extensions]
    if event.data:
        lines += _data_lines(event.data, attributes.get("datacontenttype", ""))
    return "\n".join(lines) + "\n"


def _data_lines(data: bytes, media_type: str) -> list[str]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return ["Data (binary),", f"  {data!r}"]
    if "json" in media_type.lower():
        with contextlib.suppress(ValueError, RecursionError):
            text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return ["Data,", *("  " + line for line in text.split("\n"))]


async def _respond(send: _Send, status: int, text: str = "") -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")] if text else []
    body = text.encode()
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
