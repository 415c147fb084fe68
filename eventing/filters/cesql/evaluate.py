"""Trees to closures: each node becomes a function from attributes to its value, which raises `Failure` at the first error.

What is asked most, an attribute compared with a text, gets closures of its own: they are what an event costs.
"""

from __future__ import annotations

import operator
from collections.abc import Callable

from eventing.filters.cesql import functions
from eventing.filters.cesql.like import matcher
from eventing.filters.cesql.tree import (
    Attribute,
    Binary,
    Call,
    Exists,
    In,
    Like,
    Literal,
    Logic,
    Node,
    Unary,
    Value,
)
from eventing.filters.cesql.values import Failure, as_boolean, as_integer, as_string, within

Attributes = Callable[[str], Value | None]
"""An attribute's value by its name, None where it is missing; events of ours have texts only."""
Evaluation = Callable[[Attributes], Value]

_REQUIRED = ("specversion", "id", "source", "type")
_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def compiled(node: Node) -> Evaluation:
    """The function that evaluates this node."""
    match node:
        case Literal(value):
            return lambda _: value
        case Attribute(name):
            return _attribute(name)
        case Exists(name):
            return _exists(name)
        case Unary(sign, operand):
            return _not(compiled(operand)) if sign == "NOT" else _minus(compiled(operand))
        case Binary(sign, left, right):
            return _binary(sign, left, right)
        case Logic(operators, operands):
            return _logic(operators, operands)
        case Like(operand, pattern, negated):
            return _like(operand, pattern, wanted=not negated)
        case In(operand, elements, negated):
            return _in(operand, elements, wanted=not negated)
        case Call():
            return _call(node)


def type_of(node: Node) -> type:
    """The type of what this node gives; Boolean where only the event can tell."""
    match node:
        case Literal(value):
            return type(value)
        case Unary("-") | Binary("+" | "-" | "*" | "/" | "%"):
            return int
        case Call(name, arguments):
            function = functions.find(name, len(arguments))
            return bool if function is None else function.type
        case _:
            return bool


def _attribute(name: str) -> Evaluation:
    def value(get: Attributes) -> Value:
        found = get(name)
        if found is None:
            raise _missing(name)
        return found

    return value


def _exists(name: str) -> Evaluation:
    if name in _REQUIRED:
        return lambda _: True
    return lambda get: get(name) is not None


def _missing(name: str) -> Failure:
    return Failure("missingAttribute", f"the event has no attribute {name}")


def _not(operand: Evaluation) -> Evaluation:
    def value(get: Attributes) -> bool:
        found = operand(get)
        try:
            return not as_boolean(found)
        except Failure as failure:
            # The cast gives false with its error, and what is negated is that.
            raise Failure(failure.kind, failure.message, value=True) from None

    return value


def _minus(operand: Evaluation) -> Evaluation:
    return lambda get: within(-as_integer(operand(get)))


def _binary(sign: str, left: Node, right: Node) -> Evaluation:
    if sign in ("=", "!="):
        if isinstance(left, Attribute) and isinstance(right, Literal) and isinstance(right.value, str):
            return _attribute_is(left.name, right.value, wanted=sign == "=")
        return _equal(compiled(left), compiled(right), wanted=sign == "=")
    first, second = compiled(left), compiled(right)
    if sign in _COMPARISONS:
        compare = _COMPARISONS[sign]
        return lambda get: compare(as_integer(first(get)), as_integer(second(get)))
    run = _ARITHMETIC[sign]
    return lambda get: within(run(as_integer(first(get)), as_integer(second(get))))


def _attribute_is(name: str, text: str, *, wanted: bool) -> Evaluation:
    def value(get: Attributes) -> bool:
        found = get(name)
        if found is None:
            raise _missing(name)
        return ((found if found.__class__ is str else as_string(found)) == text) is wanted

    return value


def _equal(left: Evaluation, right: Evaluation, *, wanted: bool) -> Evaluation:
    def value(get: Attributes) -> bool:
        first, second = left(get), right(get)
        # The right operand's type decides (CESQL §3.7).
        return (_CASTS[second.__class__](first) == second) is wanted

    return value


def _logic(operators: tuple[str, ...], operands: tuple[Node, ...]) -> Evaluation:
    *firsts, last = [compiled(one) for one in operands]
    steps = tuple(zip(firsts, operators, strict=True))

    def value(get: Attributes) -> bool:
        flipped = False
        for operand, sign in steps:
            found = as_boolean(operand(get))
            if sign == "XOR":
                flipped ^= found
            elif found is (sign == "OR"):
                return found ^ flipped
        return as_boolean(last(get)) ^ flipped

    return value


def _like(operand: Node, pattern: str, *, wanted: bool) -> Evaluation:
    fits, text = matcher(pattern), compiled(operand)
    return lambda get: fits(as_string(text(get))) is wanted


def _in(operand: Node, elements: tuple[Node, ...], *, wanted: bool) -> Evaluation:
    searched, compiled_elements = compiled(operand), [compiled(one) for one in elements]
    literals = [one.value for one in elements if isinstance(one, Literal)]
    texts = frozenset(map(as_string, literals)) if len(literals) == len(elements) else None

    def value(get: Attributes) -> bool:
        found = searched(get)
        if texts is not None and found.__class__ is str:
            return (found in texts) is wanted
        cast = _CASTS[found.__class__]
        return any(cast(element(get)) == found for element in compiled_elements) is wanted

    return value


def _call(call: Call) -> Evaluation:
    function = functions.find(call.name, len(call.arguments))
    if function is None:
        message, _ = functions.missing(call)

        def refuse(_: Attributes) -> Value:
            raise Failure("missingFunction", message)

        return refuse
    run, casts = function.run, function.casts
    more = (casts[-1],) * (len(call.arguments) - len(casts))
    arguments = tuple(zip((*casts, *more), map(compiled, call.arguments), strict=False))
    return lambda get: run(*[cast(argument(get)) for cast, argument in arguments])


def _divide(left: int, right: int) -> int:
    if right == 0:
        raise Failure("math", f"{left} / 0")
    return abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)


def _remainder(left: int, right: int) -> int:
    if right == 0:
        raise Failure("math", f"{left} % 0")
    return abs(left) % abs(right) * (-1 if left < 0 else 1)


_ARITHMETIC: dict[str, Callable[[int, int], int]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": _divide, "%": _remainder,
}  # fmt: skip
_CASTS: dict[type, Callable[[Value], Value]] = {str: as_string, int: as_integer, bool: as_boolean}
