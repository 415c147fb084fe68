"""The controller's HTTP side: the Kubernetes API of its resources, probes and metrics, and further routers.

Without a token nothing can be changed through the Kubernetes paths: who may write is never left open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from eventing.errors import EventingError, Invalid
from eventing.kinds.meta import Defaults, Features
from eventing.store import Store
from kanal.api.kube.guard import Guard
from kanal.api.kube.happenings import Happenings
from kanal.api.kube.routes import about, resources
from kanal.api.kube.verbs import Home, Verbs
from kanal.api.status import failure, status_document

_DEFAULTS = Defaults()
_NO_FEATURES = Features()


def _utc() -> datetime:
    return datetime.now(UTC)


def api(
    store: Store,
    *,
    ready: Callable[[], bool],
    metrics: Callable[[], tuple[bytes, bytes]],
    routers: Sequence[APIRouter] = (),
    token: str = "",
    events: Happenings | None = None,
    defaults: Defaults = _DEFAULTS,
    features: Features = _NO_FEATURES,
    now: Callable[[], datetime] = _utc,
    ending: asyncio.Event | None = None,
    writable: bool = True,
) -> FastAPI:
    """The application; `ready` says whether the controller has finished a round, `metrics` is an exposition.

    `routers` serve what is no resource, under paths of their own. With a `token` everything but probes, metrics and the
    version asks for it. `defaults` and `features` are those of resources that are written. Watches end when `ending` is set.
    Where the resources are not `writable` here, their place is an API server of its own.
    """
    handlers: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
        HTTPException: _failure, EventingError: _refusal, RequestValidationError: _misfit, Exception: _failure
    }  # fmt: skip
    app = FastAPI(title="Kanal", docs_url=None, redoc_url=None, openapi_url=None, exception_handlers=handlers)
    if token:
        app.add_middleware(Guard, token=token)
    home = Home(store=store, now=now, ending=ending or asyncio.Event(), defaults=defaults, features=features)
    verbs = Verbs(home, events or Happenings(store, now))
    for router in (*routers, about(), resources(verbs, writable=writable and bool(token))):
        app.include_router(router)

    @app.get("/healthz")
    async def healthz() -> Response:
        return Response("ok")

    @app.get("/readyz")
    async def readyz() -> Response:
        return Response("ok") if ready() else Response("the first round is not over", 503)

    @app.get("/metrics")
    async def show_metrics() -> Response:
        media_type, body = metrics()
        return Response(body, headers={"content-type": media_type.decode()})

    return app


async def _failure(_: Request, error: Exception) -> Response:
    """An error as the Kubernetes API writes it."""
    known = error if isinstance(error, HTTPException) else HTTPException(500)
    return JSONResponse(failure(known.status_code, known.detail), known.status_code, known.headers)


async def _refusal(_: Request, error: EventingError) -> Response:
    return JSONResponse(status_document(error), error.http_status)


async def _misfit(request: Request, error: RequestValidationError) -> Response:
    """A request that does not have the shape that its route asks for."""
    first = error.errors()[0]
    field = ".".join(map(str, first["loc"][1:]))
    return await _refusal(request, Invalid(str(first["msg"]), where=request.url.path, field=field))
