"""Conditions: what is true of a resource, and how Ready follows from the rest (behaviour §21)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from eventing.kinds.model import Model

Status = Literal["True", "False", "Unknown"]
READY = "Ready"
INFO = "Info"


class Condition(Model):
    """One condition as it stands in a status; the time is RFC 3339 and that of the last change of `status`."""

    type: str
    status: Status
    reason: str = ""
    message: str = ""
    last_transition_time: str = ""
    severity: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known about one condition; the reason is a CamelCase word, the message a sentence with names in it."""

    status: Status
    reason: str = ""
    message: str = ""


TRUE = Fact("True")
UNKNOWN = Fact("Unknown")


def ready(dependents: Sequence[str], facts: Mapping[str, Fact]) -> Fact:
    """Ready as the AND of its dependents: the first False among them, else the first Unknown, else True.

    A dependent without a fact is Unknown.
    """
    known = [facts.get(name, UNKNOWN) for name in dependents]
    for status in ("False", "Unknown"):
        for fact in known:
            if fact.status == status:
                return fact
    return TRUE


def condition_set(
    dependents: Sequence[str], facts: Mapping[str, Fact], *, previous: Sequence[Condition] = (), now: str = ""
) -> tuple[Condition, ...]:
    """The conditions of a status, sorted by type: Ready, every dependent, and further facts with severity Info.

    `previous` lends its times to conditions whose status stays; others get `now`.
    """
    before = {condition.type: condition for condition in previous}
    settled = dict.fromkeys(dependents, UNKNOWN) | dict(facts) | {READY: ready(dependents, facts)}
    conditions = []
    for name, fact in sorted(settled.items()):
        old = before.get(name)
        since = old.last_transition_time if old is not None and old.status == fact.status else now
        conditions.append(
            Condition(
                type=name,
                status=fact.status,
                reason=fact.reason,
                message=fact.message,
                last_transition_time=since,
                severity="" if name == READY or name in dependents else INFO,
            )
        )
    return tuple(conditions)
