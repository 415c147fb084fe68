"""How a role of the data plane notes the event types that it sees, where the setting asks for that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from eventing.feed.seen import report
from eventing.kafka import Appender
from eventing.settings import Settings
from eventing.sightings import Sightings
from kanal.roles.common import beside


def noting(settings: Settings) -> Sightings | None:
    """Where a process notes what it sees; None where nobody wants to know."""
    return Sightings() if settings.control.event_type_auto_create else None


@asynccontextmanager
async def reporting(settings: Settings, sightings: Sightings | None, appender: Appender) -> AsyncIterator[None]:
    """Report while inside."""
    if sightings is None:
        yield
        return
    async with beside(report(sightings, appender, settings.names.event_types_topic)):
        yield
