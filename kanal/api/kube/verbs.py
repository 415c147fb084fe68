"""What each verb of the Kubernetes API does with a target: the requests of HTTP in, documents in the wanted form out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from fastapi.responses import Response, StreamingResponse
from starlette.requests import Request

from eventing.errors import Invalid, NotFound
from eventing.kinds.columns import Column
from eventing.kinds.meta import Defaults, Features
from eventing.store import Store
from kanal.api.kube import bodies, definitions, happenings, namespaces
from kanal.api.kube.changes import APPLY, Patch, patch_of
from kanal.api.kube.choosing import Choice, fitting
from kanal.api.kube.following import Followed, Recorded, Stored
from kanal.api.kube.happenings import Happenings
from kanal.api.kube.namespaces import Namespaces
from kanal.api.kube.negotiation import form_of
from kanal.api.kube.objects import Answer, Objects
from kanal.api.kube.pages import Pages
from kanal.api.kube.patching import merged
from kanal.api.kube.reading import fitted
from kanal.api.kube.refusal import missing
from kanal.api.kube.served import DEFINITION, EVENT, NAMESPACE, Served
from kanal.api.kube.shaping import Shaping, include_of
from kanal.api.kube.target import Asked, Target
from kanal.api.kube.watching import Watch

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """What an API is made of: where the objects are, what fills them in, what is allowed in them, and the time."""

    store: Store
    now: Callable[[], datetime]
    ending: asyncio.Event
    """Set when the server ends, so that no watch holds it up."""
    defaults: Defaults
    features: Features


class Verbs:
    """The verbs, for every kind that is served."""

    def __init__(self, home: Home, events: Happenings) -> None:
        self._store = home.store
        self._now = home.now
        self._ending = home.ending
        self._objects = Objects(home.store, home.defaults, home.features, home.now)
        self._namespaces = Namespaces(home.store, home.now)
        self._events = events
        self._definitions = definitions.definitions(home.now)
        self._pages = Pages()

    async def get(self, request: Request, target: Target, asked: Asked) -> Response:
        """One object."""
        return _answer(self._shaping(request, target, asked).one(self._one(target)))

    async def listing(self, request: Request, target: Target, asked: Asked) -> Response:
        """Every object that is chosen, or a part of them."""
        followed = self._followed(target, asked)
        if asked.go_on:
            page = self._pages.go_on(asked.go_on, asked.limit)
        else:
            page = self._pages.begin(followed.chosen(), followed.revision, asked.limit)
        documents = [followed.document(one) for one in page.items]
        shaping = self._shaping(request, target, asked)
        return _answer(shaping.many(documents, str(page.revision), page.token, page.left))

    async def watch(self, request: Request, target: Target, asked: Asked) -> Response:
        """Changes as they come."""
        shape = self._shaping(request, target, asked).event
        lines = Watch(target.served, self._followed(target, asked), asked, shape, self._ending).lines()
        return StreamingResponse(lines, media_type=bodies.JSON)

    async def create(self, request: Request, target: Target, asked: Asked) -> Response:
        """A new object."""
        document = bodies.document(await _body(request), request.headers.get("content-type", ""))
        if target.served is NAMESPACE:
            made = self._namespaces.create(fitted(document, target), dry_run=asked.dry_run)
            answer = Answer(made, created=True)
        else:
            answer = await self._objects.create(target, document, _managed(request, asked))
        return self._written(request, target, asked, answer)

    async def update(self, request: Request, target: Target, asked: Asked) -> Response:
        """An object in place of the one that is there."""
        document = bodies.document(await _body(request), request.headers.get("content-type", ""))
        if target.served is NAMESPACE:
            answer = Answer(self._namespaces.replace(fitted(document, target), dry_run=asked.dry_run))
        else:
            answer = await self._objects.replace(target, document, _managed(request, asked))
        return self._written(request, target, asked, answer)

    async def patch(self, request: Request, target: Target, asked: Asked) -> Response:
        """A part of an object."""
        patch = patch_of(await _body(request), request.headers.get("content-type", ""))
        if target.served is NAMESPACE:
            answer = self._patched_namespace(target, patch, asked)
        else:
            answer = await self._objects.patch(target, patch, _managed(request, asked))
        return self._written(request, target, asked, answer)

    async def delete(self, request: Request, target: Target, asked: Asked) -> Response:
        """One object less."""
        options = await _options(request)
        asked = _with_options(asked, options)
        if target.served is NAMESPACE:
            gone = await self._namespaces.delete(target.name, dry_run=asked.dry_run)
        else:
            wanted = options.get("preconditions") or {}
            uid, version = str(wanted.get("uid") or ""), str(wanted.get("resourceVersion") or "")
            gone = await self._objects.delete(target, asked, uid=uid, version=version)
        if gone["metadata"].get("deletionTimestamp") and gone["metadata"].get("finalizers"):
            return self._written(request, target, asked, Answer(gone))
        served = target.served
        details = {"name": target.name, "group": served.group, "kind": served.plural, "uid": gone["metadata"]["uid"]}
        return _answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})

    async def deletecollection(self, request: Request, target: Target, asked: Asked) -> Response:
        """Every object less that is chosen."""
        asked = _with_options(asked, await _options(request))
        gone = []
        followed = self._followed(target, asked)
        for document in map(followed.document, followed.chosen()):
            metadata = document["metadata"]
            one = replace(target, namespace=metadata["namespace"], name=metadata["name"])
            # One may have gone with its owner, which stood before it in the list.
            with contextlib.suppress(NotFound):
                gone.append(await self._objects.delete(one, asked))
        return _answer(self._shaping(request, target, asked).many(gone, str(self._store.revision)))

    def _one(self, target: Target) -> Document:
        if target.served is NAMESPACE:
            return self._namespaces.get(target.name)
        if target.served is EVENT:
            return self._events.get(target.namespace or "", target.name)
        if target.served is DEFINITION:
            found = self._definitions.get("", target.name)
            if found is None:
                raise missing(target)
            return found
        return self._objects.live(target).document_in(target.served.version)

    def _followed(self, target: Target, asked: Asked) -> Followed:
        served = target.served
        if served.model is not None:
            return Stored(self._store, Choice.of(target, asked))
        if served is NAMESPACE:
            return Recorded(self._namespaces.records, fitting(target, asked), self._namespaces.follow)
        return Recorded(self._events.records if served is EVENT else self._definitions, fitting(target, asked))

    def _patched_namespace(self, target: Target, patch: Patch, asked: Asked) -> Answer:
        there = self._namespaces.find(target.name)
        if patch.sort == APPLY:
            # Who owns which label is not kept of namespaces; what is applied is laid over what is there.
            wanted = fitted(patch.body, target)
            if there is None:
                return Answer(self._namespaces.create(wanted, dry_run=asked.dry_run), created=True)
            document = merged(there, {"metadata": wanted["metadata"]})
        else:
            document = patch.on(there or self._namespaces.get(target.name))
        return Answer(self._namespaces.replace(fitted(document, target), dry_run=asked.dry_run))

    def _shaping(self, request: Request, target: Target, asked: Asked) -> Shaping:
        form = form_of(request.headers.get("accept", ""))
        return Shaping(target.served, form, _columns(target.served), include_of(asked.include_object), self._now)

    def _written(self, request: Request, target: Target, asked: Asked, answer: Answer) -> Response:
        shaped = self._shaping(request, target, asked).one(answer.document)
        response = _answer(shaped, 201 if answer.created else 200)
        for text in answer.warnings:
            quoted = text.replace("\\", "\\\\").replace('"', '\\"')
            response.headers.append("warning", f'299 - "{quoted}"')
        return response


def _columns(served: Served) -> tuple[Column, ...]:
    if served.model is not None:
        return served.model.PRINTER_COLUMNS
    return {NAMESPACE: namespaces.COLUMNS, EVENT: happenings.COLUMNS, DEFINITION: definitions.COLUMNS}[served]


def _managed(request: Request, asked: Asked) -> Asked:
    """With a name for whoever changes fields and did not give one, as Kubernetes finds it: the client program's."""
    if asked.manager or request.headers.get("content-type", "").startswith("application/apply-patch"):
        return asked
    return replace(asked, manager=request.headers.get("user-agent", "").partition("/")[0][:128] or "unknown")


async def _body(request: Request) -> bytes:
    """The whole body, as far as it is not longer than any that is taken."""
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > bodies.MOST_BYTES:
            break
    return b"".join(parts)


async def _options(request: Request) -> Mapping[str, Any]:
    """The DeleteOptions in the body, which may be empty."""
    body = await _body(request)
    if not body:
        return {}
    options = bodies.document(body, request.headers.get("content-type", ""))
    if not isinstance(options.get("preconditions") or {}, Mapping):
        raise Invalid("fields are needed here", field="preconditions")
    return options


def _with_options(asked: Asked, options: Mapping[str, Any]) -> Asked:
    orphan = options.get("propagationPolicy") == "Orphan" or options.get("orphanDependents") is True
    return replace(asked, orphan=asked.orphan or orphan, dry_run=asked.dry_run or options.get("dryRun") == ["All"])


def _answer(document: Document, code: int = 200) -> Response:
    return Response(orjson.dumps(document), code, media_type=bodies.JSON)
