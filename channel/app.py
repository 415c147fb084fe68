"""Everything that answers on the ingress's port: events, and beside them a FastAPI application for people and probes.

Events don't pass through FastAPI: a request for one of its few paths goes to it, every other goes straight to the event
ingress. `POST /healthz` is nobody's health check, so it can still be an event for a channel that is addressed by its host.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from channel.ingress import EventIngress
from eventing.telemetry import Telemetry


def create_app(events: EventIngress, telemetry: Telemetry, not_ready: Callable[[], str] = str) -> ASGIApp:
    """The application. `not_ready` says what the process still waits for besides its first plan, empty for nothing."""
    admin = FastAPI(title="Kanal ingress", docs_url=None, redoc_url=None, openapi_url=None)

    async def healthz() -> Response:
        """The process runs."""
        return Response("ok\n", media_type="text/plain")

    async def readyz() -> Response:
        """The process can take events: it has a plan, and nothing else is missing."""
        missing = not_ready() if events.routes.loaded else "no plan yet"
        return Response(f"{missing or 'ok'}\n", 503 if missing else 200, media_type="text/plain")

    async def metrics() -> Response:
        """What was counted, for Prometheus."""
        media_type, body = telemetry.exposition()
        return Response(body, headers={"content-type": media_type.decode()})

    pages = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}
    for path, page in pages.items():
        admin.add_api_route(path, page, methods=["GET", "HEAD"])

    def app(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["path"] in pages and scope["method"] in ("GET", "HEAD"):
            return admin(scope, receive, send)
        return events(scope, receive, send)

    return app
