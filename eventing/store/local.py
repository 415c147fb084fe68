"""Resources where there is no cluster: in memory for whoever reads, in the compacted topic `kanal.resources` for good.

A change counts when Kafka has it. Those that are asked for while others are on their way are written together, each with
its own answer. `ledger` sees to it that there is one writer, `rows` says what a row is.
"""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from eventing.errors import EventingError, Invalid, TooLarge, Unavailable
from eventing.kafka import Admin, Appender
from eventing.kafka.librdkafka.table import TableReader
from eventing.kinds.key import key_of
from eventing.kinds.meta import Resource
from eventing.plan.model import TopicSpec
from eventing.settings import Kafka
from eventing.store import Change
from eventing.store.home import HomeStore, Now, Operation
from eventing.store.ledger import Ledger, Row
from eventing.store.objects import Objects, Prepared
from eventing.store.rows import decoded, encoded, row_of

_POLICY, _COMPACT = "cleanup.policy", "compact"
_log = structlog.get_logger("store")


@dataclass(slots=True, eq=False)
class _Wish:
    """A call that waits for its turn, until it has an outcome."""

    operation: Operation
    rows: Sequence[Row] = ()
    outcome: Prepared | Exception | None = None

    def tried(self, objects: Objects) -> Prepared | Exception:
        """What it would change in these objects, which are then so, or why not."""
        try:
            prepared = self.operation(objects)
            self.rows = _rows(prepared.changes)
        except Exception as error:  # noqa: BLE001  even a defect is its caller's and not that of those beside it
            self.rows = ()
            return error
        objects.commit(prepared.changes)
        return prepared


class LocalStore(HomeStore):
    """A `Store` in a topic, whose one writer it is; made with `opened`."""

    def __init__(self, ledger: Ledger, objects: Objects, now: Now) -> None:
        super().__init__(now, objects)
        self._ledger = ledger
        self._wishes: list[_Wish] = []
        self._turn = asyncio.Lock()

    async def ousted(self) -> Unavailable:
        """Wait until another writer has taken over; the error with which every change is refused from then on."""
        return await self._ledger.ousted()

    async def aclose(self) -> None:
        """Stop reading; the topic stays."""
        await self._ledger.aclose()

    async def _change(self, operation: Operation) -> Resource | None:
        wish = _Wish(operation)
        self._wishes.append(wish)
        try:
            async with self._turn:
                while wish.outcome is None:
                    await self._take_turn()
        finally:
            if wish in self._wishes:
                self._wishes.remove(wish)
        if isinstance(wish.outcome, Exception):
            raise wish.outcome
        return wish.outcome.answer

    async def _take_turn(self) -> None:
        """Do what everybody wishes; who is interrupted leaves the others' wishes to the next."""
        wishes, self._wishes = self._wishes, []
        try:
            await self._fulfil(wishes)
        finally:
            self._wishes = [*(wish for wish in wishes if wish.outcome is None), *self._wishes]

    async def _fulfil(self, wishes: Sequence[_Wish]) -> None:
        """Prepare one upon the other and write them all; then they count."""
        ahead = self._objects.copy()
        outcomes = [wish.tried(ahead) for wish in wishes]
        rows = [row for wish in wishes for row in wish.rows]
        try:
            if rows:
                await self._ledger.write(rows, ahead.revision)
            self._count(change for one in outcomes if isinstance(one, Prepared) for change in one.changes)
        except TooLarge as error:
            if len(wishes) > 1:
                for wish in wishes:
                    await self._fulfil([wish])
                return
            outcomes = [error]
        except EventingError as error:
            # Who was refused was so because of what has not come to be.
            outcomes = [error] * len(wishes)
        for wish, outcome in zip(wishes, outcomes, strict=True):
            wish.outcome = outcome


def _rows(changes: Iterable[Change]) -> list[Row]:
    """The rows of one call. An owner comes last, so that who is interrupted leaves nobody without one."""
    rows = {
        row_of(key_of(change.resource)): None if change.type == "DELETED" else encoded(change.resource)
        for change in changes
    }
    return list(reversed(rows.items()))


async def opened(settings: Kafka, topic: str, appender: Appender, admin: Admin, now: Now) -> LocalStore:
    """Make the topic where there is none, read it, and become its writer, whoever was it before.

    Raises `Unavailable` or `Denied` as Kafka does, and `Invalid` where the topic is of no use for this.
    """
    replicas = settings.default_replication_factor or 1
    await admin.create_topic(TopicSpec(topic, 1, replicas, {_POLICY: _COMPACT}))
    state = await admin.topic(topic)
    if state is not None and state.partitions != 1:
        fix = "name another with names.resources_topic"
        raise Invalid(f"it has {state.partitions} partitions, and 1 is needed", where=f"topic {topic}", fix=fix)
    policy = (await admin.topic_config(topic)).get(_POLICY, _COMPACT)
    if policy != _COMPACT:
        fix = f"set its {_POLICY} to {_COMPACT}, or name another topic with names.resources_topic"
        raise Invalid(f"its {_POLICY} is {policy}, so Kafka would delete resources", where=f"topic {topic}", fix=fix)
    name = f"{socket.gethostname()} {uuid.uuid4().hex[:8]}"
    ledger = Ledger(
        topic, appender, name, settings.request_timeout_s, partial(TableReader, settings, topic, prompt=True)
    )
    try:
        return await upon(ledger, now)
    except BaseException:
        await ledger.aclose()
        raise


async def upon(ledger: Ledger, now: Now) -> LocalStore:
    """The store that this ledger holds. A row that can't be understood stays in the topic and is told of."""
    found = decoded(await ledger.open())
    for problem in found.problems:
        _log.error("a stored resource can't be read and is left out", error=str(problem))
    return LocalStore(ledger, Objects(found.objects, found.revision), now)
