"""The webhook as a process of its own: `kanal webhook`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import structlog

from channel.server import Server
from eventing.errors import Invalid
from eventing.settings import Settings
from eventing.store.kubernetes.connecting import connected
from eventing.telemetry import configure_logging
from kanal.roles.common import beside
from kanal.roles.terms import defaults_of, features_of
from kanal.webhook.app import create_app
from kanal.webhook.identity import Identity
from kanal.webhook.installed import Installation
from kanal.webhook.keeping import Keeper, Place
from kanal.webhook.review import Rules

_GRACE_S = 10.0
"""How long an API server waits for an answer."""
_log = structlog.get_logger("webhook")


async def serve_webhook(settings: Settings, stop: asyncio.Event) -> None:
    """Run until `stop`; it listens once there is a certificate. Raises `Invalid` for settings that lead nowhere."""
    configure_logging(settings.log.level, settings.log.format)
    own, cluster = settings.webhook, settings.kubernetes
    if cluster.serves not in ("everything", "kafka"):
        fix = "write everything or kafka"
        raise Invalid(f"{cluster.serves!r} is nothing to serve", where="settings", field="kubernetes.serves", fix=fix)
    base = Rules(defaults=defaults_of(settings), features=features_of(settings))
    place = Place(namespace=cluster.namespace, domain=cluster.cluster_domain, converts=cluster.serves != "kafka")
    identity = Identity()
    async with connected(cluster) as api:
        installation = Installation(api, cluster.namespace, base)
        keeper = Keeper(api, place, lambda: datetime.now(UTC), identity.take, own.resync_s)

        def not_ready() -> str:
            return "" if keeper.trusted else "not everything trusts the certificate yet"

        app = create_app(lambda: installation.rules, not_ready)
        async with beside(keeper.run()), beside(installation.run()):
            if not await _sooner(_knowing(keeper, installation), stop):
                return
            server = await Server.start(
                app, own.host, own.port, where="webhook", setting="--port", tls=identity.context
            )
            try:
                _log.info("webhook listens", host=own.host, port=server.port, namespace=cluster.namespace)
                await stop.wait()
            finally:
                await server.aclose(_GRACE_S)
    _log.info("stopped")


async def _sooner(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> bool:
    """Whether the work was done before the stop; it is given up otherwise."""
    tasks = [asyncio.ensure_future(one) for one in (work, stop.wait())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return not stop.is_set()


async def _knowing(keeper: Keeper, installation: Installation) -> None:
    """Return once there is a certificate to show, and what is filled in is known."""
    await keeper.serving.wait()
    await installation.known()
