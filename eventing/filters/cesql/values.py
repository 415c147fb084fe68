"""CESQL's errors and casts (CESQL §3.3, §3.7).

An operation whose operand failed gives the zero value of its own type, and so does everything around it. So the first error
is all that an evaluation needs: it is raised, and what the whole expression is then worth follows from its outermost
operation. Only what fails by itself can be worth something else, and says so in `value`.
"""

from __future__ import annotations

import re

from eventing.event import shown
from eventing.filters.cesql.tree import Value

LOWEST, HIGHEST = -(2**31), 2**31 - 1

ZEROS: dict[type, Value] = {bool: False, int: 0, str: ""}

_INTEGER = re.compile(r"[+-]?0*[0-9]{1,10}", re.ASCII).fullmatch
_BOOLEANS = {"true": True, "false": False}


class Failure(Exception):
    """An evaluation met an error of this kind: math, cast, missingAttribute, missingFunction, functionEvaluation.

    `value` is what the operation that failed is worth, where that isn't the zero value of its type.
    """

    def __init__(self, kind: str, message: str, value: Value | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.value = value


def as_string(value: Value) -> str:
    """The value as a String, which never fails."""
    if value.__class__ is str:
        return value
    return str(value) if value.__class__ is int else "true" if value else "false"


def as_integer(value: Value) -> int:
    """The value as an Integer: a String in base 10 with an optional sign, and within 32 bits. Raises `Failure`."""
    if value.__class__ is str:
        if _INTEGER(value) is not None and LOWEST <= (number := int(value)) <= HIGHEST:
            return number
        raise Failure("cast", f"'{shown(str(value))}' is no integer")
    return int(value)


def as_boolean(value: Value) -> bool:
    """The value as a Boolean where an operator wants one: a String `true` or `false`, no Integer. Raises `Failure`."""
    if value.__class__ is bool:
        return value
    found = _BOOLEANS.get(value.lower()) if isinstance(value, str) else None
    if found is None:
        raise Failure("cast", f"'{shown(str(value))}' is neither true nor false")
    return found


def to_boolean(value: Value) -> bool:
    """What the function BOOL gives: as `as_boolean`, and every Integer but 0 is true. Raises `Failure`."""
    return value != 0 if value.__class__ is int else as_boolean(value)


def within(number: int) -> int:
    """The number, if 32 bits hold it. Raises `Failure`, worth the nearest that they hold."""
    if LOWEST <= number <= HIGHEST:
        return number
    raise Failure("math", f"{number} needs more than 32 bits", LOWEST if number < 0 else HIGHEST)
