"""Probes and metrics of a role that serves nothing else: three paths, too few to wake a framework for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from eventing.telemetry import Telemetry

_Message = MutableMapping[str, Any]
_App = Callable[[_Message, Callable[[], Awaitable[_Message]], Callable[[_Message], Awaitable[None]]], Awaitable[None]]


def health_app(telemetry: Telemetry, *, ready: Callable[[], bool]) -> _App:
    """An ASGI application: `/healthz`, `/readyz` and `/metrics`."""

    async def app(
        scope: _Message, _receive: Callable[[], Awaitable[_Message]], send: Callable[[_Message], Awaitable[None]]
    ) -> None:
        if scope["type"] != "http":
            return
        media_type = b"text/plain; charset=utf-8"
        match scope["path"]:
            case "/healthz":
                status, body = 200, b"ok"
            case "/readyz":
                status, body = (200, b"ok") if ready() else (503, b"no plan has come yet")
            case "/metrics":
                status, (media_type, body) = 200, telemetry.exposition()
            case _:
                status, body = 404, b"not found"
        headers = [(b"content-type", media_type), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app
