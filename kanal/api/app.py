"""Resources over HTTP, read-only, in the paths and shapes of the Kubernetes API: what `kanal get` asks; and further routers.

`/apis/GROUP/VERSION/PLURAL` lists over all namespaces, `.../namespaces/NS/PLURAL` in one, with `/NAME` behind it one object;
`/api/VERSION/...` is the same for Kubernetes' core group.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from eventing.errors import EventingError, Invalid
from eventing.kinds.meta import Resource
from eventing.kinds.registry import KINDS
from eventing.store import Store
from kanal.api.status import failure, status_document


def _group(request: Request) -> str:
    """The group in the path; the core group has none, and its name is empty."""
    return str(request.path_params.get("group", ""))


_Group = Annotated[str, Depends(_group)]


def api(
    store: Store,
    *,
    ready: Callable[[], bool],
    metrics: Callable[[], tuple[bytes, bytes]],
    routers: Sequence[APIRouter] = (),
) -> FastAPI:
    """The application; `ready` says whether the controller has finished a round, `metrics` is an exposition.

    `routers` serve what is no resource, under paths of their own.
    """
    handlers: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
        HTTPException: _failure, EventingError: _refusal, RequestValidationError: _misfit, Exception: _failure
    }  # fmt: skip
    app = FastAPI(title="Kanal", docs_url=None, redoc_url=None, exception_handlers=handlers)
    for router in routers:
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

    @app.get("/api/{version}/{plural}")
    @app.get("/apis/{group}/{version}/{plural}")
    async def everywhere(group: _Group, version: str, plural: str) -> Response:
        return _listed(store, _kind(group, version, plural), version, None)

    @app.get("/api/{version}/namespaces/{namespace}/{plural}")
    @app.get("/apis/{group}/{version}/namespaces/{namespace}/{plural}")
    async def in_namespace(group: _Group, version: str, namespace: str, plural: str) -> Response:
        return _listed(store, _kind(group, version, plural), version, namespace)

    @app.get("/api/{version}/namespaces/{namespace}/{plural}/{name}")
    @app.get("/apis/{group}/{version}/namespaces/{namespace}/{plural}/{name}")
    async def one(group: _Group, version: str, namespace: str, plural: str, name: str) -> Response:
        kind = _kind(group, version, plural)
        for resource in _of(store, kind, namespace):
            if resource.metadata.name == name:
                return JSONResponse(resource.document_in(version))
        raise HTTPException(404, f"{kind.KIND} {namespace}/{name} does not exist")

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


def _kind(group: str, version: str, plural: str) -> type[Resource]:
    for kind in KINDS:
        if (group, plural) == (kind.GROUP, kind.PLURAL) and version in kind.VERSIONS:
            return kind
    place = f"{group}/{version}" if group else version
    raise HTTPException(404, f"{plural}.{place} is not served")


def _of(store: Store, kind: type[Resource], namespace: str | None) -> list[Resource]:
    return [r for r in store.list() if isinstance(r, kind) and (namespace is None or r.metadata.namespace == namespace)]


def _listed(store: Store, kind: type[Resource], version: str, namespace: str | None) -> Response:
    items = [resource.document_in(version) for resource in _of(store, kind, namespace)]
    return JSONResponse(
        {"apiVersion": kind.full_version(version), "kind": f"{kind.KIND}List", "metadata": {}, "items": items}
    )
