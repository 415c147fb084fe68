"""The feed port: how the plan travels from the controller to the data plane."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from eventing.plan.model import Plan


class Feed(Protocol):
    """One side publishes, any number follow; who comes late gets the newest plan first."""

    async def publish(self, plan: Plan) -> None:
        """Make this the plan. Raises `Unavailable` when it could not be handed on; then the old one stays."""

    async def told(self) -> Plan | None:
        """The plan that was published last, by whoever it was; None where none ever was. Raises `Unavailable`."""

    def plans(self) -> AsyncIterator[Plan]:
        """The newest plan as soon as it is known, and each one after it; plans in between may be passed over."""
