"""`/operations/v1/...`: what a person may do beside applying resources, over HTTP; the command line and a console use it.

What is about one subscription or trigger lies under `/namespaces/NS/subscriptions/NAME` or `/namespaces/NS/triggers/NAME`;
`/namespaces/NS/named/NAME` tells which of the two a name belongs to. A list of letters, an export and a job's progress are streams (`kanal.api.streaming`); a blank line says only that the
controller is still at work.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict

from controller.naming import Named, kind_of
from controller.operations import Operations
from eventing.codec import json as json_codec
from eventing.event import Event
from eventing.letters import Letter, Wanted
from kanal.api.streaming import stream

_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")
_ONE = "/namespaces/{namespace}/{kind}/{name}"


def _named(namespace: str, kind: str, name: str) -> Named:
    return Named(kind_of(kind), namespace, name)


One = Annotated[Named, Depends(_named)]
"""The subscription or trigger that the path names."""


class Choice(BaseModel):
    """Which letters: all that fit every field that is given. `before` leaves out what came since someone looked."""

    model_config = ConfigDict(extra="forbid")

    type: str = ""
    source: str = ""
    id: str = ""
    code: str = ""
    reason: str = ""
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    offsets: list[int] | None = None
    before: int | None = None

    def wanted(self) -> Wanted:
        """The same for those who fold letters."""
        fields = self.model_dump(include={"type", "source", "id", "code", "reason", "since", "until"})
        return Wanted(**fields, offsets=None if self.offsets is None else frozenset(self.offsets))


class Listing(Choice):
    """Which letters, and how many of the newest of them; `all` counts handled ones in."""

    limit: int | None = None
    all: bool = False


class Replay(BaseModel):
    """From where to where, and into which group; `accept_repeated` where events outside of that come again too."""

    model_config = ConfigDict(extra="forbid")

    begin: list[str]
    end: list[str] = ["now"]
    as_new_group: bool = False
    accept_repeated: bool = False


class Pace(BaseModel):
    """Whether the delivery rests."""

    model_config = ConfigDict(extra="forbid")

    paused: bool


def operations(does: Operations) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/operations/v1")
    _of_letters(router, does)
    _of_deliveries(router, does)
    _of_jobs(router, does)
    return router


def _of_letters(router: APIRouter, does: Operations) -> None:
    @router.get("/namespaces/{namespace}/named/{name}")
    async def found(namespace: str, name: str) -> Response:
        one = await does.find(namespace, name)
        return JSONResponse({"kind": one.kind.KIND, "namespace": one.namespace, "name": one.name})

    @router.get("/deadletters")
    async def counts(namespace: str | None = None) -> Response:
        return JSONResponse({"items": await does.counts(namespace)})

    @router.get(_ONE + "/deadletters")
    async def listed(one: One, choice: Annotated[Listing, Query()]) -> Response:
        fold = await does.fold(one, choice.wanted(), handled_too=choice.all)
        head = {"found": fold.chosen, "handled": fold.handled, "before": fold.span.end}
        letters = does.read(one, fold, choice.limit)
        return stream(_lines(_row, letters, json.dumps(head).encode()))

    @router.get(_ONE + "/deadletters/export")
    async def exported(one: One, choice: Annotated[Listing, Query()]) -> Response:
        fold = await does.fold(one, choice.wanted(), handled_too=choice.all)
        return stream(_lines(_exported, does.read(one, fold, choice.limit)))

    @router.get(_ONE + "/deadletters/{offset}")
    async def shown(one: One, offset: int) -> Response:
        letter, marker = await does.letter(one, offset)
        state = {"state": "open"} if marker is None else {"state": marker.outcome, "handled": marker.time}
        return JSONResponse({"offset": offset, **state, "attributes": letter.event.attributes, **_data(letter.event)})

    @router.post(_ONE + "/redeliver")
    async def redeliver(one: One, choice: Choice) -> Response:
        job, left = await does.redeliver(one, choice.wanted(), choice.before)
        return JSONResponse({**job.document(), "left": left}, 202)

    @router.post(_ONE + "/discard")
    async def discard(one: One, choice: Choice) -> Response:
        return JSONResponse({"discarded": await does.discard(one, choice.wanted(), choice.before)})


def _of_deliveries(router: APIRouter, does: Operations) -> None:
    @router.post(_ONE + "/replay")
    async def replay(one: One, wish: Replay) -> Response:
        if wish.as_new_group:
            job = await does.replay_beside(one, wish.begin, wish.end)
            return JSONResponse(job.document(), 202)
        done = await does.replay_within(one, wish.begin, wish.end, accept_repeated=wish.accept_repeated)
        offsets = {str(partition): mark.offset for partition, mark in sorted(done.marks.items())}
        return JSONResponse({"events": done.events, "repeated": done.repeated, "offsets": offsets})

    @router.put(_ONE + "/pace")
    async def pace(one: One, wish: Pace) -> Response:
        changed = await does.pace(one, paused=wish.paused)
        return JSONResponse({"paused": wish.paused, "changed": changed})


def _of_jobs(router: APIRouter, does: Operations) -> None:
    @router.get("/jobs")
    async def jobs() -> Response:
        return JSONResponse({"items": [job.document() for job in does.jobs.list()]})

    @router.get("/jobs/{id_}")
    async def job(id_: str) -> Response:
        return JSONResponse(does.jobs.find(id_).document())

    @router.get("/jobs/{id_}/progress")
    async def progress(id_: str) -> Response:
        does.jobs.find(id_)
        return stream(json.dumps(one.document()).encode() + b"\n" async for one in does.jobs.progress(id_))

    @router.delete("/jobs/{id_}")
    async def cancel(id_: str) -> Response:
        return JSONResponse((await does.jobs.cancel(id_)).document())


async def _lines(
    row: Callable[[Letter], bytes], batches: AsyncIterator[list[Letter]], head: bytes = b""
) -> AsyncIterator[bytes]:
    """A line for each letter, after a first one where it is given."""
    if head:
        yield head + b"\n"
    async for batch in batches:
        yield b"".join(row(letter) + b"\n" for letter in batch) or b"\n"


def _row(letter: Letter) -> bytes:
    return json.dumps({"offset": letter.offset, "attributes": letter.event.attributes}).encode()


def _exported(letter: Letter) -> bytes:
    """The event in structured mode. A line break in JSON can only be white space between its parts."""
    return json_codec.encode(letter.event).translate(_ONE_LINE)


def _data(event: Event) -> dict[str, str]:
    if event.data is None:
        return {}
    try:
        return {"data": event.data.decode()}
    except UnicodeDecodeError:
        return {"data_base64": b64encode(event.data).decode()}
