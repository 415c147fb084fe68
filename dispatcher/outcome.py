"""How one record ended at one egress. Values that a listener is told; nothing here decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from eventing.plan.model import Egress
from eventing.record import Record


@dataclass(frozen=True, slots=True)
class Delivered:
    """The subscriber took it and sent no event back (or nobody wanted the reply)."""

    status: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Replied:
    """The subscriber took it, and its reply went where replies go."""

    status: int
    attempts: int


@dataclass(frozen=True, slots=True)
class DeadLettered:
    """It could not be delivered; the dead letter sink took it."""

    reason: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Kept:
    """It could not be delivered, and no dead letter sink took it: it lies in the dead letter topic."""

    reason: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Discarded:
    """The record is no CloudEvent; nobody could receive it."""

    reason: str


Outcome = Delivered | Replied | DeadLettered | Kept | Discarded


class Listener(Protocol):
    """Hears what becomes of each record; offsets, metrics and traces never meet but here."""

    def attempted(self, egress: Egress, target: str, status: int | None, seconds: float) -> None:
        """One request ended: `target` is `subscriber`, `reply` or `dead_letter`; status None without an answer."""

    def ended(self, egress: Egress, record: Record, outcome: Outcome) -> None:
        """Nothing more will be done for this record."""
