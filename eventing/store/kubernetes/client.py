"""Requests to an API server: JSON in, JSON out, and errors of ours.

The objects stay documents: our own models read what is ours, and of the rest we need a field or two. Who we are and how the
server proves itself is lightkube's to know (`connecting`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx2
import orjson
from lightkube.core.exceptions import ConfigError

from eventing.errors import Denied, EventingError, Invalid, Unavailable
from eventing.store.kubernetes.halfway import no_halves
from eventing.store.kubernetes.paths import place_of
from eventing.store.kubernetes.refusals import refusal

Document = dict[str, Any]
Patch = Literal["merge", "json", "apply"]
Jitter = Callable[[], float]
"""A number in [0, 1)."""

_JSON = "application/json"
_PATCHES: Mapping[Patch, str] = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}
_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_AT_ONCE = 32
"""Requests on their way: an API server gives one client only so many seats, and makes the others wait or refuses them."""
_TRIES = 4
_LONGEST_PAUSE_S = 10.0
ANSWER_S = 15.0
WATCH_S = 60
"""A watch ends and begins again after this; it costs one request, and a dead connection is found as soon."""
SILENCE_S = WATCH_S + 15.0


class Client:
    """An API server, reached as somebody. Paths begin with `/api` or `/apis` (`paths.path_of`).

    Every call raises what the store port raises: `NotFound`, `AlreadyExists`, `Conflict`, `Invalid`, `TooLarge`, `Gone`,
    `Unavailable`, and `Denied` that names the verb and the resource. What a busy server refuses is asked again a few times.
    """

    def __init__(self, http: httpx2.AsyncClient, namespace: str, jitter: Jitter) -> None:
        self.namespace = namespace
        """That of the service account, or of the kubeconfig's context."""
        self.server = str(http.base_url).rstrip("/")
        """The URL, for messages."""
        self.silence_s = SILENCE_S
        """How long a watch may say nothing before it is given up: longer than the server lets it run."""
        self._http = http
        self._jitter = jitter
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def get(self, path: str, *, where: str = "", **query: str) -> Document:
        """What is there. `where` is how messages call it, here as in every call; else they name the resource."""
        return await self._asked("GET", path, query, where)

    async def post(self, path: str, body: Mapping[str, Any], *, where: str = "", **query: str) -> Document:
        """Make an object; `path` is that of the collection."""
        return await self._asked("POST", path, query, where, body)

    async def put(self, path: str, body: Mapping[str, Any], *, where: str = "", **query: str) -> Document:
        """Replace an object."""
        return await self._asked("PUT", path, query, where, body)

    async def patch(self, path: str, body: Any, sort: Patch = "merge", *, where: str = "", **query: str) -> Document:
        """Change an object: a merge patch, a list of operations, or (`apply`, with `fieldManager`) what it should be."""
        return await self._asked("PATCH", path, query, where, body, _PATCHES[sort])

    async def delete(
        self, path: str, body: Mapping[str, Any] | None = None, *, where: str = "", **query: str
    ) -> Document:
        """Take an object away; `body` is `DeleteOptions`. The answer is the object where it has to wait, else a `Status`."""
        return await self._asked("DELETE", path, query, where, body)

    async def watch(self, path: str, **query: str) -> AsyncGenerator[Document, None]:
        """The events of a watch until the server ends it, which it does after a minute. Raises `Gone` where it has to."""
        query = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(WATCH_S)} | query
        timeout = httpx2.Timeout(ANSWER_S, read=self.silence_s)
        async with (
            self._translated(path) as extensions,
            self._http.stream("GET", path, params=query, timeout=timeout, extensions=extensions) as answer,
        ):
            if answer.is_error:
                raise _refused(answer.status_code, await answer.aread(), "watch", path, "")
            rest = b""
            async for chunk in answer.aiter_bytes():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in filter(None, lines):
                    event = _json(line)
                    if event.get("type") == "ERROR":
                        status = event.get("object", {})
                        raise refusal(int(status.get("code") or 500), status, "watch", place_of(path))
                    yield event

    async def _asked(
        self, method: str, path: str, query: Mapping[str, str], where: str, body: Any = None, sort: str = _JSON
    ) -> Document:
        content = None if body is None else _encoded(body, where)
        headers = {"Content-Type": sort, "Accept": _JSON}
        tries = 0
        while True:
            tries += 1
            async with self._turns, self._translated(path) as extensions:
                answer = await self._http.request(
                    method, path, params=query, content=content, headers=headers, extensions=extensions
                )
            # With this header the server has done nothing, whatever was asked.
            pause = answer.headers.get("Retry-After", "") if answer.status_code in (429, 503) else ""
            if pause.isdigit() and float(pause) <= _LONGEST_PAUSE_S and tries < _TRIES:
                await asyncio.sleep(float(pause) * (0.5 + self._jitter()))
                continue
            if answer.is_error:
                raise _refused(answer.status_code, answer.content, _verb(method, path), path, where)
            return _json(answer.content)

    @asynccontextmanager
    async def _translated(self, path: str) -> AsyncIterator[dict[str, Any]]:
        """Extensions for a request; whatever goes wrong with it on the way, in our words."""
        try:
            async with no_halves() as extensions:
                yield extensions
        except httpx2.HTTPError as error:
            raise self._away(error) from error
        except (httpx2.InvalidURL, httpx2.StreamError) as error:
            raise Unavailable(str(error), where=f"{self.server}{path}", fix="see the log of the API server") from error
        except ConfigError as error:
            raise Denied(str(error), where=self.server, fix="mend the user of the kubeconfig") from error

    def _away(self, error: Exception) -> EventingError:
        text = str(error) or type(error).__name__
        where = f"API server {self.server}"
        if "CERTIFICATE_VERIFY_FAILED" in text:
            fix = "name the authority that signed its certificate in the kubeconfig"
            return Unavailable(f"it can't prove that it is the one: {text}", where=where, fix=fix)
        return Unavailable(f"it does not answer: {text}", where=where, fix="check the address, and whether it runs")


def _refused(code: int, body: bytes, verb: str, path: str, where: str) -> EventingError:
    try:
        status = _json(body)
    except Unavailable:
        status = {"message": body[:200].decode("utf-8", "replace")}
    return refusal(code, status, verb, place_of(path), where)


def _verb(method: str, path: str) -> str:
    return "list" if method == "GET" and not place_of(path).name else _VERBS[method]


def _encoded(body: Any, where: str) -> bytes:
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError as error:
        fix = "leave out halves of characters and numbers beyond 64 bits"
        raise Invalid(f"it can't be written as JSON: {error}", where=where, fix=fix) from error


def _json(body: bytes) -> Document:
    try:
        found = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        raise Unavailable(
            f"the answer is no JSON: {error}", fix="check that the address is that of an API server"
        ) from error
    if not isinstance(found, dict):
        raise Unavailable("the answer is no object", fix="check that the address is that of an API server")
    return found
