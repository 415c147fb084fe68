"""Sending a letter as often as asked, at the pace asked for, and counting the answers: what `kanal send` does."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from eventing.http import RawHeaders, Sender, SendFailed
from kanal.letter import Letter, request

TIMEOUT_S = 30.0
GRACE_S = 1.0


@dataclass(slots=True)
class Tally:
    """How a sending went: requests by answer (`202`, or the error), events that were accepted, the first refusal."""

    answers: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    accepted: int = 0
    first_refusal: str = ""


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
    """Send an event for each id: `rate` a second at most, `at_once` requests at a time, none after `stop` is set.

    Requests that are under way when `stop` is set get `GRACE_S` more for their answer.
    """
    tally = Tally()
    slots = asyncio.Semaphore(at_once)
    began = asyncio.get_running_loop().time()
    size = letter.batch_size if letter.mode == "batched" else 1
    under_way: set[asyncio.Task[None]] = set()
    async with asyncio.TaskGroup() as tasks:
        cutter = tasks.create_task(_cut_off(under_way, stop))
        while chunk := list(islice(ids, size)):
            await slots.acquire()
            if rate is not None:
                await _until(began + tally.sent / rate, stop)
            if stop.is_set():
                break
            tally.sent += len(chunk)
            task = tasks.create_task(_send(sender, url, request(letter, chunk), len(chunk), tally, slots, progress))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        while under_way:
            await asyncio.wait(under_way)
        cutter.cancel()
    return tally


async def _cut_off(under_way: set[asyncio.Task[None]], stop: asyncio.Event) -> None:
    await stop.wait()
    if under_way:
        await asyncio.wait(under_way, timeout=GRACE_S)
    for task in list(under_way):
        task.cancel()


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
        answer, reason = "no answer", error.message
    except asyncio.CancelledError:
        answer, reason = "no answer", "stopped before an answer came"
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
            async with asyncio.timeout(wait):
                await stop.wait()
        except TimeoutError:
            return
