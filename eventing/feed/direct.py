"""The feed inside one process: a variable and a bell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from eventing.plan.model import Plan


class DirectFeed:
    """Hands the plan over by reference; belongs to one event loop."""

    def __init__(self) -> None:
        self._plan: Plan | None = None
        self._rung = asyncio.Event()

    async def publish(self, plan: Plan) -> None:
        """See `Feed`."""
        if plan != self._plan:
            self._plan = plan
            self._rung.set()
            self._rung = asyncio.Event()

    async def told(self) -> Plan | None:
        """See `Feed`."""
        return self._plan

    async def plans(self) -> AsyncIterator[Plan]:
        """See `Feed`."""
        while True:
            bell, plan = self._rung, self._plan
            if plan is not None:
                yield plan
            if self._rung is bell:
                await bell.wait()
