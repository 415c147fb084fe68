"""The feed of a stack in one process whose controller remembers: what is published goes the direct way, and into the topic.

Nobody follows the topic; the next process learns from it what this one has made in Kafka.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from eventing.feed import Feed
from eventing.plan.model import Plan


class KeptFeed:
    """A `Feed` of two: `direct` is followed, `record` outlives the process."""

    def __init__(self, direct: Feed, record: Feed) -> None:
        self._direct = direct
        self._record = record

    async def publish(self, plan: Plan) -> None:
        """See `Feed`. The data plane hears of the plan once it is kept, so what runs is never unknown to the next process."""
        await self._record.publish(plan)
        await self._direct.publish(plan)

    async def told(self) -> Plan | None:
        """See `Feed`."""
        return await self._record.told()

    def plans(self) -> AsyncIterator[Plan]:
        """See `Feed`."""
        return self._direct.plans()
