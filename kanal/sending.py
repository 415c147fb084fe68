"""Making events and sending them: what `kanal send` does. Events are built by the CloudEvents SDK, as any sender's are."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from cloudevents.core.bindings.http import HTTPMessage, to_binary, to_structured
from cloudevents.core.exceptions import BaseCloudEventException
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from eventing.errors import Invalid
from eventing.http import RawHeaders, Sender, SendFailed

Mode = Literal["binary", "structured", "batched"]
TIMEOUT_S = 30.0
_BATCH = b"application/cloudevents-batch+json; charset=utf-8"
_JSON = JSONFormat()


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What to send: attributes without `id`, the data, and how."""

    attributes: dict[str, str]
    data: bytes | None
    mode: Mode = "binary"
    batch_size: int = 100


@dataclass(slots=True)
class Tally:
    """How a sending went: requests by answer (`202`, or the error), events that were accepted, the first refusal."""

    answers: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    accepted: int = 0
    first_refusal: str = ""


def request(letter: Letter, ids: list[str]) -> tuple[RawHeaders, bytes]:
    """The request that carries one event for each id. Raises `Invalid` where the SDK finds no whole event."""
    try:
        events = [_event(letter, id_) for id_ in ids]
        if letter.mode == "batched":
            bodies = [bytes(to_structured(event, _JSON).body) for event in events]
            return [(b"content-type", _BATCH)], b"[" + b",".join(bodies) + b"]"
        message: HTTPMessage = (to_structured if letter.mode == "structured" else to_binary)(events[0], _JSON)
    except BaseCloudEventException as error:
        raise Invalid(f"this is no whole event: {error}", fix="see --type, --source, --id and --extension") from error
    return [(name.encode(), value.encode("latin-1")) for name, value in message.headers.items()], bytes(message.body)


async def send_all(
    sender: Sender,
    url: str,
    letter: Letter,
    ids: Iterator[str],
    *,
    rate: float | None,
    at_once: int,
    stop: asyncio.Event,
    progress: Callable[[Tally], None],
) -> Tally:
    """Send an event for each id: `rate` a second at most, `at_once` requests at a time, none after `stop` is set."""
    tally = Tally()
    slots = asyncio.Semaphore(at_once)
    began = asyncio.get_running_loop().time()
    size = letter.batch_size if letter.mode == "batched" else 1
    async with asyncio.TaskGroup() as tasks:
        while not stop.is_set() and (chunk := [i for _, i in zip(range(size), ids, strict=False)]):
            await slots.acquire()
            if rate is not None:
                await _until(began + tally.sent / rate, stop)
            tally.sent += len(chunk)
            tasks.create_task(_send(sender, url, request(letter, chunk), len(chunk), tally, slots, progress))
    return tally


async def _send(
    sender: Sender,
    url: str,
    message: tuple[RawHeaders, bytes],
    events: int,
    tally: Tally,
    slots: asyncio.Semaphore,
    progress: Callable[[Tally], None],
) -> None:
    try:
        response = await sender.post(url, *message, timeout_s=TIMEOUT_S)
    except SendFailed as error:
        answer, reason = "no answer", str(error)
    else:
        answer = str(response.status)
        reason = f"{response.status}: {response.body.decode('utf-8', 'replace').strip()}"
        if 200 <= response.status < 300:
            tally.accepted += events
            reason = ""
    finally:
        slots.release()
    tally.answers[answer] += 1
    tally.first_refusal = tally.first_refusal or reason
    progress(tally)


async def _until(when: float, stop: asyncio.Event) -> None:
    wait = when - asyncio.get_running_loop().time()
    if wait > 0:
        try:
            await asyncio.wait_for(stop.wait(), wait)
        except TimeoutError:
            return


def _event(letter: Letter, id_: str) -> CloudEvent:
    attributes: dict[str, Any] = {**letter.attributes, "id": id_}
    data: Any = letter.data
    if data is not None and "json" in attributes.get("datacontenttype", ""):
        try:
            data = json.loads(data)
        except ValueError as error:
            raise Invalid(f"the data is no JSON: {error}", field="--data", fix="or name its --content-type") from error
    return CloudEvent(attributes, data)
