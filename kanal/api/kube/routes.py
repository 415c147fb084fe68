"""The routes of the Kubernetes API: from a path and a method to a verb, and every error to a Status document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson
from fastapi import APIRouter
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import Request

from eventing.errors import EventingError
from kanal.api.kube import discovery, openapi
from kanal.api.kube.bodies import JSON
from kanal.api.kube.negotiation import discovery_type, discovery_version
from kanal.api.kube.refusal import not_served, refusal
from kanal.api.kube.served import STATUS_VERBS, groups, within
from kanal.api.kube.target import Asked, Target, asked, target_of
from kanal.api.kube.verbs import Verbs

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_ON_ONE = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_ON_MANY = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
_READING = ("get", "list", "watch")
Handler = Callable[[Request, Target, Asked], Awaitable[Response]]


def resources(verbs: Verbs, *, writable: bool) -> APIRouter:
    """Every path of an object, or of many; only those verbs that change nothing where it is not writable."""
    router = APIRouter()
    table: dict[str, Handler] = {
        "get": verbs.get,
        "list": verbs.listing,
        "watch": verbs.watch,
        "create": verbs.create,
        "update": verbs.update,
        "patch": verbs.patch,
        "delete": verbs.delete,
        "deletecollection": verbs.deletecollection,
    }

    async def act(request: Request, group: str, version: str, path: str) -> Response:
        target = target_of(group, version, path.rstrip("/").split("/"))
        if target is None:
            return _json(not_served(request.url.path), 404)
        try:
            wanted = asked(request.query_params)
            verb = (_ON_ONE if target.name else _ON_MANY).get(request.method, request.method.lower())
            verb = "watch" if request.method == "GET" and wanted.watch else verb
            allowed = [one for one in _verbs(target) if writable or one in _READING]
            if verb not in allowed:
                methods = _ON_ONE if target.name else _ON_MANY
                raise _not_allowed(target, allowed, [method for method, one in methods.items() if one in allowed])
            return await table[verb](request, target, wanted)
        except EventingError as error:
            document = refusal(error, target)
            return _json(document, document["code"])

    @router.api_route("/api/{version}/{path:path}", methods=_METHODS)
    async def core(request: Request, version: str, path: str) -> Response:
        return await act(request, "", version, path)

    @router.api_route("/apis/{group}/{version}/{path:path}", methods=_METHODS)
    async def grouped(request: Request, group: str, version: str, path: str) -> Response:
        return await act(request, group, version, path)

    return router


def _verbs(target: Target) -> tuple[str, ...]:
    return STATUS_VERBS if target.status else target.served.verbs


def about() -> APIRouter:
    """Every path that tells a client what there is."""
    router = APIRouter()
    _discovering(router)
    _explaining(router)
    return router


def _discovering(router: APIRouter) -> None:
    @router.get("/version")
    async def version() -> Response:
        return _json(discovery.version())

    @router.get("/api")
    async def core(request: Request) -> Response:
        return _aggregated(request, ("",)) or _json(discovery.core_versions(request.url.netloc))

    @router.get("/apis")
    async def all_groups(request: Request) -> Response:
        return _aggregated(request, groups()) or _json(discovery.group_list())

    @router.get("/apis/{group}")
    async def one_group(group: str) -> Response:
        if group not in groups():
            raise HTTPException(404, f"{group} is not served")
        return _json(discovery.group(group))

    @router.get("/apis/{group}/{version}")
    async def one_version(group: str, version: str) -> Response:
        return _resource_list(group, version)

    @router.get("/api/{version}")
    async def core_version(version: str) -> Response:
        return _resource_list("", version)


def _explaining(router: APIRouter) -> None:
    @router.get("/openapi/v2")
    async def old(request: Request) -> Response:
        if "protobuf" in request.headers.get("accept", ""):
            return Response(openapi.v2_protobuf(), media_type=openapi.V2_PROTOBUF)
        return _json(openapi.v2())

    @router.get("/openapi/v3")
    async def index() -> Response:
        return _json(openapi.index())

    @router.get("/openapi/v3/{path:path}")
    async def one(path: str) -> Response:
        found = openapi.document(path)
        if found is None:
            raise HTTPException(404, f"there is no OpenAPI of {path}")
        return Response(found, media_type=JSON)


def _resource_list(group: str, version: str) -> Response:
    if not within(group, version):
        raise HTTPException(404, f"{group}/{version} is not served" if group else f"{version} is not served")
    return _json(discovery.resource_list(group, version))


def _aggregated(request: Request, names: tuple[str, ...]) -> Response | None:
    version = discovery_version(request.headers.get("accept", ""))
    if version is None:
        return None
    content = orjson.dumps(discovery.aggregated(names, version))
    return Response(content, headers={"content-type": discovery_type(version)})


def _json(document: Any, code: int = 200) -> Response:
    return Response(orjson.dumps(document), code, media_type=JSON)


def _not_allowed(target: Target, verbs: Sequence[str], methods: Sequence[str]) -> HTTPException:
    """The error for a verb that a kind does not have; `methods` are those of HTTP that the path takes."""
    message = f"{target.served.resource} has no such verb here; it has {', '.join(verbs)}"
    return HTTPException(405, message, {"Allow": ", ".join(methods)})
