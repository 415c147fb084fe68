"""What `kanal lag` prints: a row a subscription or trigger. Pure text, no network, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kanal.table import columns

_HEADINGS = ("NAMESPACE", "KIND", "NAME", "LAG", "OLDEST", "RATE", "IN FLIGHT", "RETRYING", "DEAD LETTERS", "STATE")
_NONE = "-"


def lag_table(items: Sequence[Mapping[str, Any]]) -> str:
    """The rows under their headings; `-` stands where nothing is or nothing is known."""
    return "\n".join(columns([_HEADINGS, *map(_row, items)]))


def _row(item: Mapping[str, Any]) -> tuple[str, ...]:
    named = (item["namespace"], item["kind"], item["name"])
    if item["problem"]:
        return (*named, *[_NONE] * 6, item["problem"])
    letters = str(item["dead_letters"]) if item["dead_letters_exact"] else f"<={item['dead_letters']}"
    return (
        *named,
        str(item["lag"]),
        _age(item["oldest_age_s"]),
        _NONE if item["rate"] is None else f"{item['rate']:g}/s",
        _number(item["in_flight"]),
        _number(item["waiting"]),
        letters,
        item["pace"],
    )


def _number(value: int | None) -> str:
    return _NONE if value is None else str(value)


def _age(seconds: float | None) -> str:
    """An age in its largest unit, one decimal below ten."""
    if seconds is None:
        return _NONE
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return _decimal(seconds / size) + unit
    return _decimal(seconds) + "s"


def _decimal(number: float) -> str:
    return f"{number:.1f}" if number < 10 else f"{number:.0f}"
