"""How old something is, as `kubectl get` writes it: the shorter the age, the finer."""

from __future__ import annotations

from datetime import datetime

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3_600, 86_400, 365 * 86_400
_SCALE = (
    (2 * _MINUTE, 1, "s", 0, ""),
    (10 * _MINUTE, _MINUTE, "m", 1, "s"),
    (3 * _HOUR, _MINUTE, "m", 0, ""),
    (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
    (2 * _DAY, _HOUR, "h", 0, ""),
    (8 * _DAY, _DAY, "d", _HOUR, "h"),
    (2 * _YEAR, _DAY, "d", 0, ""),
    (8 * _YEAR, _YEAR, "y", _DAY, "d"),
)
"""Below so many seconds: the unit in seconds with its letter, and the unit of the rest; 0 where the rest is left out."""
_CLOCKS_APART_S = 1


def age(created: object, now: datetime) -> str:
    """`90s`, `5m30s`, `3h5m`, `2d3h`, `400d`, `2y7d`. `created` is RFC 3339; `now` has a time zone."""
    try:
        seconds = int((now - datetime.fromisoformat(str(created))).total_seconds())
    except (ValueError, TypeError):
        return "<unknown>"
    if seconds < -_CLOCKS_APART_S:
        return "<invalid>"
    seconds = max(seconds, 0)
    for below, unit, letter, finer, finer_letter in _SCALE:
        if seconds < below:
            rest = seconds % unit // finer if finer else 0
            return f"{seconds // unit}{letter}" + (f"{rest}{finer_letter}" if rest else "")
    return f"{seconds // _YEAR}y"
