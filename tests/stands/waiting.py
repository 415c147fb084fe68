"""Waiting for what another process does: a condition with a deadline, never a sleep of a length that somebody guessed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(look: Callable[[], T], what: str, patience_s: float = 90.0) -> T:
    """What `look` finds, once that is anything; `AssertionError` after `patience_s` seconds."""
    ends = time.monotonic() + patience_s
    while not (found := look()):
        assert time.monotonic() < ends, f"{what}: not within {patience_s:g} s"
        time.sleep(0.2)
    return found
