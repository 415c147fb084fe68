"""How one record ended at one egress, or why it goes on. Values that listeners are told; nothing here decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from eventing import outcomes
from eventing.plan.model import Egress
from eventing.record import Record


@dataclass(frozen=True, slots=True)
class Delivered:
    """The subscriber took it and sent no event back (or nobody wanted the reply); the last attempt took `seconds`."""

    status: int
    attempts: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Replied:
    """The subscriber took it within `seconds`, and its reply went where replies go."""

    status: int
    attempts: int
    seconds: float


@dataclass(frozen=True, slots=True)
class DeadLettered:
    """It could not be delivered; the dead letter sink took it. `status` is the last one, None without an answer."""

    reason: str
    attempts: int
    status: int | None


@dataclass(frozen=True, slots=True)
class Kept:
    """It could not be delivered, and no dead letter sink took it: it lies in the dead letter topic."""

    reason: str
    attempts: int
    status: int | None


@dataclass(frozen=True, slots=True)
class Discarded:
    """The record is no CloudEvent; nobody could receive it."""

    reason: str


Outcome = Delivered | Replied | DeadLettered | Kept | Discarded
_WORDS = {
    Delivered: outcomes.DELIVERED,
    Replied: outcomes.REPLIED,
    DeadLettered: outcomes.DEAD_LETTERED,
    Kept: outcomes.KEPT,
    Discarded: outcomes.DISCARDED,
}


def word_of(outcome: Outcome) -> str:
    """The word for it in metrics, reports and marks."""
    return _WORDS[type(outcome)]


@dataclass(frozen=True, slots=True)
class Failed:
    """One attempt at a target (`subscriber`, `reply` or `dead_letter`) that is made again after `wait_s`."""

    target: str
    status: int | None
    attempts: int
    seconds: float
    reason: str
    wait_s: float


class Standing(NamedTuple):
    """How an egress stands: records that are here and not finished, and those of them that wait for a retry."""

    in_flight: int
    waiting: int


class Listener(Protocol):
    """Hears what becomes of each record; offsets, metrics and traces never meet but here."""

    def attempted(self, egress: Egress, record: Record, target: str, status: int | None, seconds: float) -> None:
        """One request ended: `target` is `subscriber`, `reply` or `dead_letter`; status None without an answer."""

    def waits(self, egress: Egress, record: Record, failed: Failed) -> None:
        """The attempt that ended last failed and will be made again."""

    def ended(self, egress: Egress, record: Record, outcome: Outcome) -> None:
        """Nothing more will be done for this record."""

    def passed_over(self, egress: Egress, records: int) -> None:
        """So many records were read and not wanted: the egress filters them out."""


class Listeners:
    """Several listeners as one."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    def attempted(self, egress: Egress, record: Record, target: str, status: int | None, seconds: float) -> None:
        """See `Listener`."""
        for one in self._listeners:
            one.attempted(egress, record, target, status, seconds)

    def waits(self, egress: Egress, record: Record, failed: Failed) -> None:
        """See `Listener`."""
        for one in self._listeners:
            one.waits(egress, record, failed)

    def ended(self, egress: Egress, record: Record, outcome: Outcome) -> None:
        """See `Listener`."""
        for one in self._listeners:
            one.ended(egress, record, outcome)

    def passed_over(self, egress: Egress, records: int) -> None:
        """See `Listener`."""
        for one in self._listeners:
            one.passed_over(egress, records)
