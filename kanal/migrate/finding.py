"""What a take-over has to say of one object. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["problem", "difference"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A `problem` loses, repeats or strands events unless its fix comes first; a `difference` only behaves otherwise."""

    severity: Severity
    object: str
    message: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.object}: {self.message}" + (f"; {self.fix}" if self.fix else "")


def problem(owner: object, message: str, fix: str = "") -> Finding:
    """Something to do before the switch."""
    return Finding("problem", str(owner), message, fix)


def difference(owner: object, message: str, fix: str = "") -> Finding:
    """Something that is otherwise after it."""
    return Finding("difference", str(owner), message, fix)


def once(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each of them once, in their order."""
    return tuple(dict.fromkeys(findings))
