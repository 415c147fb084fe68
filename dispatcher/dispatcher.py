"""Keeps one loop running for each egress of the newest plan, and touches no other.

An egress whose topic, group, order or pace changed is stopped and started; every other change reaches the running loop, so
a new subscriber costs no rebalance and a plan that changed elsewhere costs nothing at all. One that is held has no loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator

import structlog

from dispatcher.loop import EgressLoop
from dispatcher.outcome import Standing
from eventing.errors import EventingError
from eventing.plan.model import Egress, Plan

LoopFactory = Callable[[Egress], EgressLoop]
_log = structlog.get_logger("dispatcher")


class Dispatcher:
    """Applies plans, one after the other."""

    def __init__(self, loops: LoopFactory) -> None:
        self._make = loops
        self._loops: dict[str, EgressLoop] = {}
        self._stopping: set[EgressLoop] = set()
        self.loaded = False

    @property
    def egresses(self) -> list[Egress]:
        """What is being delivered now."""
        return [loop.egress for loop in self._loops.values()]

    @property
    def unfinished(self) -> int:
        """Records that are read and not finished, over all egresses."""
        return sum(loop.standing.in_flight for loop in (*self._loops.values(), *self._stopping))

    def standings(self) -> dict[str, Standing]:
        """How each egress stands, by uid."""
        return {uid: loop.standing for uid, loop in self._loops.items()}

    async def apply(self, plan: Plan) -> None:
        """Make the loops what the plan says. Returns when those that had to go are gone."""
        wanted = {uid: egress for uid, egress in plan.egresses.items() if egress.pace != "held"}
        gone = [uid for uid, loop in self._loops.items() if uid not in wanted or _restarts(loop.egress, wanted[uid])]
        for uid, egress in wanted.items():
            # What only changes does not wait until the others have given everything up.
            if uid in self._loops and uid not in gone and egress != self._loops[uid].egress:
                with _alone(egress):
                    self._loops[uid].update(egress)
        await self._stop(gone)
        for uid, egress in wanted.items():
            if uid not in self._loops:
                with _alone(egress):
                    self._loops[uid] = self._make(egress)
                    self._loops[uid].start()
                    _log.info(f"{egress.kind.lower()} started", **egress.named, group=egress.group)
        self.loaded = True

    async def aclose(self) -> None:
        """Give everything up, all egresses at once."""
        await self._stop(list(self._loops))

    async def _stop(self, uids: Iterable[str]) -> None:
        self._stopping.update(self._loops.pop(uid) for uid in uids)
        # Whoever is cancelled here leaves them to the next call, so that closing the dispatcher waits for them.
        stopping = list(self._stopping)
        await asyncio.gather(*(loop.aclose() for loop in stopping))
        self._stopping.difference_update(stopping)


@contextlib.contextmanager
def _alone(egress: Egress) -> Iterator[None]:
    """What is wrong with one egress must not keep the others from what the plan says."""
    try:
        yield
    except EventingError as error:
        _log.error("a part of the plan can't be obeyed", **egress.named, error=str(error))


def _restarts(old: Egress, new: Egress) -> bool:
    return _identity(old) != _identity(new)


def _identity(egress: Egress) -> tuple[object, ...]:
    return egress.topic, egress.topic_id, egress.group, egress.order, egress.pace, egress.only
