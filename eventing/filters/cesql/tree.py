"""What an expression is made of, and how it reads with every bracket that its precedence implies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Value = str | int | bool
"""A value of CESQL: String, 32-bit Integer or Boolean (CESQL §3.1)."""


@dataclass(frozen=True, slots=True)
class Literal:
    value: Value


@dataclass(frozen=True, slots=True)
class Attribute:
    name: str


@dataclass(frozen=True, slots=True)
class Exists:
    name: str


@dataclass(frozen=True, slots=True)
class Unary:
    """`NOT` or `-` before an operand."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands with a comparison or an arithmetic operator between them."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Logic:
    """Operands with `AND`, `OR` and `XOR` between them, to be taken from the right: a AND (b OR c)."""

    operators: tuple[str, ...]
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Like:
    operand: Node
    pattern: str
    negated: bool


@dataclass(frozen=True, slots=True)
class In:
    operand: Node
    elements: tuple[Node, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A function by its name in upper case; `column` counts from 1."""

    name: str
    arguments: tuple[Node, ...]
    column: int


Node = Literal | Attribute | Exists | Unary | Binary | Logic | Like | In | Call


def parts(node: Node) -> tuple[Node, ...]:
    """The nodes directly below this one."""
    match node:
        case Unary(_, operand) | Like(operand):
            return (operand,)
        case Binary(_, left, right):
            return left, right
        case Logic(_, operands):
            return operands
        case In(operand, elements):
            return operand, *elements
        case Call(_, arguments):
            return arguments
        case _:
            return ()


def walk(node: Node) -> Iterator[tuple[Node, int]]:
    """A node and all below it, in the order of the text, each with how deep it stands, from 1."""
    waiting = [(node, 1)]
    while waiting:
        one, depth = waiting.pop()
        yield one, depth
        waiting += [(part, depth + 1) for part in reversed(parts(one))]


def attributes(node: Node) -> list[str]:
    """The attributes that an expression names, each once, in the order of the text."""
    return list(dict.fromkeys(one.name for one, _ in walk(node) if isinstance(one, Attribute | Exists)))


def written(node: Node) -> str:
    """The expression as text again, with brackets around each operation inside of another."""
    match node:
        case Literal(value):
            return quoted(value)
        case Attribute(name):
            return name
        case Exists(name):
            return f"EXISTS {name}"
        case Unary(operator, operand):
            return f"{operator} {_inside(operand)}"
        case Binary(operator, left, right):
            return f"{_inside(left)} {operator} {_inside(right)}"
        case Logic(operators, operands):
            return _logic(operators, operands)
        case Like(operand, pattern, negated):
            return f"{_inside(operand)} {'NOT ' if negated else ''}LIKE {quoted(pattern)}"
        case In(operand, elements, negated):
            listed = ", ".join(map(written, elements))
            return f"{_inside(operand)} {'NOT ' if negated else ''}IN ({listed})"
        case Call(name, arguments):
            return f"{name}({', '.join(map(written, arguments))})"


def quoted(value: Value) -> str:
    """A value as a literal."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    quote = '"' if "'" in value and '"' not in value else "'"
    return quote + value.replace(quote, "\\" + quote) + quote


def _inside(node: Node) -> str:
    text = written(node)
    return text if isinstance(node, Literal | Attribute | Call) else f"({text})"


def _logic(operators: tuple[str, ...], operands: tuple[Node, ...]) -> str:
    text = _inside(operands[0])
    opened = 0
    for place, operator in enumerate(operators):
        changes = place + 1 < len(operators) and operators[place + 1] != operator
        text += f" {operator} {'(' if changes else ''}{_inside(operands[place + 1])}"
        opened += changes
    return text + ")" * opened
