"""How times are written: RFC 3339 in UTC, with `Z`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal


def rfc3339(when: datetime, precision: Literal["seconds", "milliseconds", "microseconds"] = "milliseconds") -> str:
    """The time as text; `when` has a time zone."""
    return when.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")
