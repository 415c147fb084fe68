"""ISO-8601 durations, as Knative's YAML writes times: `PT0.2S`, `PT10M`, `P1D`.

Takes what Knative takes (Go's rickb777/date/period): a sign, fields in any order but none twice, a fraction in the last
one. A year is 365.2425 days and a month a twelfth of that. Seconds are exact, where Go cuts them to tenths.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator

from eventing.errors import Invalid
from eventing.kinds.facts import Keywords
from eventing.kinds.field_error import checked
from eventing.kinds.wording import shown

_DAY_S = 86_400.0
_YEAR_S = 365.2425 * _DAY_S
_DATE_S = {"Y": _YEAR_S, "M": _YEAR_S / 12, "W": 7 * _DAY_S, "D": _DAY_S}
_TIME_S = {"H": 3600.0, "M": 60.0, "S": 1.0}

_DURATION = re.compile(r"([+-]?)P([^T]*)(?:T(.*))?", re.ASCII)
_NUMBER = r"[0-9]{1,15}(?:[.,][0-9]*)?|[.,][0-9]+"
_FIELD = re.compile(rf"({_NUMBER})([YMWDHS])")
_DATE, _TIME = (rf"(?:(?:{_NUMBER})[{units}])+" for units in ("YMWD", "HMS"))
_PATTERN = rf"^(?:P0|[+-]?P(?:{_DATE}(?:T(?:{_TIME})?)?|T{_TIME}))$"
"""What can be said of a duration in one pattern: not that no field comes twice, nor that only the last has a fraction."""
_COLLOQUIAL = re.compile(r"(\d{1,15}(?:\.\d*)?)\s*([a-zµ]*)\s*,?\s*")
_UNIT_S = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": _DAY_S, "w": 7 * _DAY_S}
_UNIT_NAMES = {"millisecond": "ms", "milli": "ms", "msec": "ms", "second": "s", "sec": "s", "minute": "m", "min": "m"}
_UNIT_NAMES |= {"hour": "h", "hr": "h", "day": "d", "week": "w"}


def seconds(text: str) -> float:
    """The duration in seconds; `Invalid`, with the likely right spelling, for any other text."""
    found = _seconds(text)
    if found is None:
        what = "an empty text" if not text.strip() else shown(text)
        raise Invalid(f"{what} is no ISO-8601 duration", fix=f"write for instance {_suggestion(text)}")
    return found


def unlike(one: str, other: str) -> str:
    """In CEL, of two expressions: that they are durations of one field in the same unit, and not of the same length.

    CEL can't read a duration, so it knows of others neither that they differ nor that they don't.
    """
    # An API server reckons with the longest text there can be, so nothing dearer than these fits into a definition.
    plain = " && ".join(f"{text}.matches('^PT[1-9][0-9]*[HMS]$')" for text in (one, other))
    unit = " || ".join(f"({one}.endsWith('{letter}') && {other}.endsWith('{letter}'))" for letter in "HMS")
    return f"{one} != {other} && {plain} && ({unit})"


def format_duration(time_s: float) -> str:
    """`time_s` seconds (rounded to nanoseconds) as a duration in hours, minutes and seconds; days vary, so none are written."""
    nanoseconds = round(abs(time_s) * 1_000_000_000)
    whole, fraction = divmod(nanoseconds, 1_000_000_000)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}H" if hours else ""
    text += f"{minutes}M" if minutes else ""
    if fraction:
        text += f"{rest}.{fraction:09d}".rstrip("0") + "S"
    elif rest or not text:
        text += f"{rest}S"
    return ("-PT" if time_s < 0 and nanoseconds else "PT") + text


def _seconds(text: str) -> float | None:
    if text == "P0":
        return 0.0
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    sign, date, time = match.groups()
    fields = [*_fields(date, _DATE_S), *_fields(time or "", _TIME_S)]
    if not fields or None in fields:
        return None
    sound = [field for field in fields if field is not None]
    if any(fractional for _, fractional in sound[:-1]):
        return None
    total = math.fsum(value for value, _ in sound)
    return -total if sign == "-" else total


def _fields(text: str, units: dict[str, float]) -> list[tuple[float, bool] | None]:
    """Each field as (seconds, whether it has a fraction); a None among them where the text is no list of fields."""
    found: list[tuple[float, bool] | None] = []
    seen = set()
    at = 0
    while at < len(text):
        match = _FIELD.match(text, at)
        if match is None or match[2] not in units or match[2] in seen:
            return [None]
        number = float(match[1].replace(",", "."))
        found.append((number * units[match[2]], not number.is_integer()))
        seen.add(match[2])
        at = match.end()
    return found


def _suggestion(text: str) -> str:
    """What the writer most likely meant: `5s`, `1 minute`, `pt5s` and `P5S` are the usual slips."""
    upper = re.sub(r"\s+", "", text).upper()
    for attempt in (upper, upper.replace("P", "PT", 1), f"P{upper}", f"PT{upper}"):
        if _seconds(attempt) is not None:
            return attempt
    total, at = 0.0, 0
    folded = text.strip().lower()
    while at < len(folded):
        match = _COLLOQUIAL.match(folded, at)
        unit = None if match is None else _UNIT_NAMES.get(match[2].rstrip("s"), match[2])
        if match is None or unit not in _UNIT_S:
            return "PT5S"
        total += float(match[1]) * _UNIT_S[unit]
        at = match.end()
    return format_duration(total) if folded else "PT5S"


@checked
def _duration(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        fix = format_duration(value) if math.isfinite(value) else "PT5S"
        raise Invalid(f"{shown(value)} is no ISO-8601 duration", fix=f"write for instance {fix}")
    if isinstance(value, str):
        seconds(value)
    return value


Duration = Annotated[str, BeforeValidator(_duration), Keywords({"pattern": _PATTERN})]
"""A field that holds a duration; kept as the text that came."""
