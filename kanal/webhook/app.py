"""What answers on the webhook's port: three sorts of review, and the probes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response

from eventing.errors import Invalid, TooLarge
from kanal.webhook.configurations import CONVERT_PATH, DEFAULTING, PATHS, VALIDATION
from kanal.webhook.conversion import conversion
from kanal.webhook.review import Rules, defaulting, validation

MOST_BYTES = 64 * 1024 * 1024
"""A conversion brings a whole list of objects."""
_log = structlog.get_logger("webhook")
Answering = Callable[[Any], dict[str, Any]]


def create_app(rules: Callable[[], Rules], not_ready: Callable[[], str]) -> FastAPI:
    """The application; `not_ready` says what the process still waits for, empty for nothing."""
    app = FastAPI(
        title="Kanal webhook",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        exception_handlers={Invalid: _misfit, Exception: _defect},
    )
    answers: dict[str, Answering] = {
        PATHS[DEFAULTING]: lambda review: defaulting(review, rules()),
        PATHS[VALIDATION]: lambda review: validation(review, rules()),
        CONVERT_PATH: conversion,
    }
    for path, answering in answers.items():
        app.add_api_route(path, _route(answering), methods=["POST"])

    @app.get("/healthz")
    async def healthz() -> Response:
        return PlainTextResponse("ok\n")

    @app.get("/readyz")
    async def readyz() -> Response:
        missing = not_ready()
        return PlainTextResponse(f"{missing or 'ok'}\n", 503 if missing else 200)

    return app


def _route(answering: Answering) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        try:
            review = orjson.loads(await _body(request))
        except orjson.JSONDecodeError as error:
            raise Invalid(f"the body is no JSON: {error}") from error
        return Response(orjson.dumps(answering(review)), media_type="application/json")

    return answer


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            raise TooLarge(f"the body is longer than {MOST_BYTES // 1024 // 1024} MiB")
        parts.append(part)
    return b"".join(parts)


async def _misfit(_: Request, error: Exception) -> Response:
    return PlainTextResponse(f"{error}\n", error.http_status if isinstance(error, Invalid) else 400)


async def _defect(request: Request, error: Exception) -> Response:
    _log.error("a review could not be answered", path=request.url.path, error=repr(error))
    return PlainTextResponse("the webhook has a defect; see its log\n", 500)
