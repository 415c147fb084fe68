"""CESQL: CloudEvents' own expressions over attributes, parsed, checked and compiled once (behaviour §19, CESQL 1.0).

An expression gives a value and at most one error: the first that it meets, after which the rest is not evaluated. As a
filter it passes only where the value is the Boolean true and there is no error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from eventing.filters.cesql import functions
from eventing.filters.cesql.evaluate import Attributes, Evaluation, compiled, type_of
from eventing.filters.cesql.lexer import MAX_LENGTH
from eventing.filters.cesql.parser import MAX_DEPTH
from eventing.filters.cesql.parser import parse as parse_tree
from eventing.filters.cesql.tree import Call, Logic, Node, Value, attributes, parts, quoted, walk, written
from eventing.filters.cesql.values import ZEROS, Failure

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "Attributes", "Expression", "Outcome", "Value", "parse", "quoted"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an evaluation gave; `error` is empty, or one of math, cast, missingAttribute, missingFunction, functionEvaluation."""

    value: Value
    error: str = ""
    message: str = ""

    @property
    def passed(self) -> bool:
        """Whether an event with this outcome passes a filter."""
        return self.value is True and not self.error


class Expression:
    """An expression that was parsed: ask it for its value, or for the filter that it is."""

    def __init__(self, tree: Node) -> None:
        self._tree = tree
        self._evaluation: Evaluation = compiled(tree)

    def evaluate(self, get: Attributes) -> Outcome:
        """The value for an event's attributes, and the error if there was one."""
        try:
            return Outcome(self._evaluation(get))
        except Failure as failure:
            return Outcome(self._worth(failure, get), failure.kind, failure.message)

    def filter(self) -> Callable[[Attributes], bool]:
        """The predicate: false for an error, and for a value that is not the Boolean true."""
        evaluation = self._evaluation

        def passes(get: Attributes) -> bool:
            try:
                return evaluation(get) is True
            except Failure:
                return False

        return passes

    def attributes(self) -> list[str]:
        """The attributes that it names, in the order of its text."""
        return attributes(self._tree)

    def understood(self) -> str:
        """The expression with all the brackets that precedence implies."""
        return written(self._tree)

    def clauses(self) -> list[Expression]:
        """The operands of its outermost AND, OR and XOR; none where it is something else."""
        return [Expression(one) for one in self._tree.operands] if isinstance(self._tree, Logic) else []

    def missing_functions(self) -> list[tuple[str, str]]:
        """What is wrong, and what to do, for each call of a function that does not exist: it would always fail."""
        calls = [one for one, _ in walk(self._tree) if isinstance(one, Call)]
        return [functions.missing(call) for call in calls if functions.find(call.name, len(call.arguments)) is None]

    def _worth(self, failure: Failure, get: Attributes) -> Value:
        """The outermost operation's own value counts only where it failed itself, not an operand of it."""
        if failure.value is None or any(_fails(compiled(part), get) for part in parts(self._tree)):
            return ZEROS[type_of(self._tree)]
        return failure.value


def _fails(evaluation: Evaluation, get: Attributes) -> bool:
    try:
        evaluation(get)
    except Failure:
        return True
    return False


def parse(text: str) -> Expression:
    """The expression that a text is. Raises `Invalid` that names the column, what was expected there and what to do."""
    return Expression(parse_tree(text))
