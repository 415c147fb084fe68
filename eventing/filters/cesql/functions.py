"""The functions of CESQL (CESQL §3.5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from eventing.filters.cesql.tree import Call, Value
from eventing.filters.cesql.values import Failure, as_integer, as_string, to_boolean, within

# The characters with Unicode's property White_Space; Python's own notion has four control characters more.
_SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"


@dataclass(frozen=True, slots=True)
class Function:
    """What runs, the casts of its arguments, its type; `variable`: the last cast serves any number of arguments more."""

    run: Callable[..., Value]
    casts: tuple[Callable[[Any], Value], ...]
    type: type
    variable: bool = False


def _same(value: Value) -> Value:
    return value


def _left(text: str, count: int) -> str:
    if count < 0:
        raise Failure("functionEvaluation", f"LEFT can't take {count} characters", text)
    return text[:count]


def _right(text: str, count: int) -> str:
    if count < 0:
        raise Failure("functionEvaluation", f"RIGHT can't take {count} characters", text)
    return text[max(len(text) - count, 0) :]


def _substring(text: str, position: int, length: int | None = None) -> str:
    if length is not None and length < 0:
        raise Failure("functionEvaluation", f"SUBSTRING can't take {length} characters")
    if position == 0:
        return ""
    if abs(position) > len(text):
        raise Failure("functionEvaluation", f"SUBSTRING can't begin at {position} of {len(text)} characters")
    start = position - 1 if position > 0 else len(text) + position
    return text[start:] if length is None else text[start : start + length]


_TEXT, _NUMBER, _ANY = as_string, as_integer, _same

FUNCTIONS: dict[str, tuple[Function, ...]] = {
    "LENGTH": (Function(len, (_TEXT,), int),),
    "CONCAT": (Function(lambda *texts: "".join(texts), (_TEXT,), str, variable=True),),
    "CONCAT_WS": (Function(lambda between, *texts: between.join(texts), (_TEXT, _TEXT), str, variable=True),),
    "LOWER": (Function(str.lower, (_TEXT,), str),),
    "UPPER": (Function(str.upper, (_TEXT,), str),),
    "TRIM": (Function(lambda text: text.strip(_SPACES), (_TEXT,), str),),
    "LEFT": (Function(_left, (_TEXT, _NUMBER), str),),
    "RIGHT": (Function(_right, (_TEXT, _NUMBER), str),),
    "SUBSTRING": (
        Function(_substring, (_TEXT, _NUMBER), str),
        Function(_substring, (_TEXT, _NUMBER, _NUMBER), str),
    ),
    "ABS": (Function(lambda number: within(abs(number)), (_NUMBER,), int),),
    "INT": (Function(as_integer, (_ANY,), int),),
    "BOOL": (Function(to_boolean, (_ANY,), bool),),
    "STRING": (Function(as_string, (_ANY,), str),),
}


def find(name: str, count: int) -> Function | None:
    """The function of this name, in upper case, that takes so many arguments; None where there is none."""
    for function in FUNCTIONS.get(name, ()):
        fixed = len(function.casts)
        if count == fixed or (function.variable and count >= fixed - 1):
            return function
    return None


def missing(call: Call) -> tuple[str, str]:
    """What is wrong with a call that finds no function, and what to do."""
    count = len(call.arguments)
    if call.name in FUNCTIONS:
        wants = " or ".join(
            f"{len(one.casts) - 1} or more" if one.variable else str(len(one.casts)) for one in FUNCTIONS[call.name]
        )
        return f"column {call.column}: {call.name} can't take {count} arguments", f"give it {wants}"
    near = get_close_matches(call.name, FUNCTIONS, 1)
    return f"column {call.column}: there is no function {call.name}", f"use {near[0] if near else ', '.join(FUNCTIONS)}"
