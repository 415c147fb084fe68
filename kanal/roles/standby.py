"""What answers at the controller's port: the controller where it leads, and somebody who says who does where it does not.

Both are alive and ready: a rolling update must not wait for a lease that the old controller gives back only when it ends.
"""

from __future__ import annotations

from collections.abc import Callable

from fastapi.responses import JSONResponse
from prometheus_client import Gauge
from starlette.types import ASGIApp, Receive, Scope, Send

from eventing.telemetry import Telemetry
from kanal.api.status import failure
from kanal.health import health_app

_OPEN = frozenset({"/healthz", "/readyz", "/metrics"})


class LeaderMetrics:
    """What a controller in a cluster tells of itself."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.leads = Gauge(
            "kanal_controller_leads",
            "1 where this controller leads, 0 where it stands by.",
            registry=telemetry.registry,
        )


class Standby:
    """An ASGI application; what it is asked goes to `app` once there is one. `leader` tells who leads."""

    def __init__(self, telemetry: Telemetry, leader: Callable[[], str]) -> None:
        self.app: ASGIApp | None = None
        self._leader = leader
        self._health: ASGIApp = health_app(telemetry, ready=lambda: True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.app is not None and scope.get("path") != "/readyz":
            await self.app(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] not in _OPEN:
            message = f"this controller stands by; {self._leader() or 'nobody'} leads"
            await JSONResponse(failure(503, message), 503)(scope, receive, send)
        else:
            await self._health(scope, receive, send)
