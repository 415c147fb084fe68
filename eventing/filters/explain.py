"""Why an event passes a filter or not: each part of the documents with its own verdict, for a person to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eventing.filters import cesql, compile_filters
from eventing.filters.dialects import Document, Lookup, leaf

_MUST = {"exact": "be", "prefix": "begin with", "suffix": "end with", "attributes": "be"}
_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Reason:
    """A part of a filter: whether the event passes it (None: a fact that decides nothing), what it asks and found, its parts."""

    passed: bool | None
    text: str
    parts: tuple[Reason, ...] = ()

    def lines(self, depth: int = 0) -> list[str]:
        """The tree as text, a line a part, `yes` or `no` in front."""
        verdict = {True: "yes", False: "no ", None: "-  "}[self.passed]
        mine = f"{'  ' * depth}{verdict}  {self.text}"
        return [mine, *(line for part in self.parts for line in part.lines(depth + 1))]

    def document(self) -> dict[str, object]:
        """The tree as JSON-ready values."""
        parts = [part.document() for part in self.parts]
        return {"passed": self.passed, "text": self.text} | ({"parts": parts} if parts else {})


def explain(documents: Sequence[Document], get: Lookup) -> Reason:
    """Why an event with these attributes passes all of the documents, or which it doesn't. Raises `Invalid` for what is no filter."""
    compile_filters(documents)
    if not documents:
        return Reason(passed=True, text="there is no filter, so every event passes")
    if len(documents) == 1:
        return _document(documents[0], get)
    parts = tuple(_document(document, get) for document in documents)
    return Reason(all(part.passed for part in parts), f"all of {len(parts)} filters must pass", parts)


def _document(document: Document, get: Lookup) -> Reason:
    ((dialect, value),) = document.items()
    match dialect:
        case "all" | "any":
            parts = tuple(_document(one, get) for one in value)
            passed = (all if dialect == "all" else any)(part.passed for part in parts)
            return Reason(
                passed, f"{dialect}: {'each' if dialect == 'all' else 'at least one'} of these must pass", parts
            )
        case "not":
            inner = _document(value, get)
            return Reason(not inner.passed, "not: this must not pass", (inner,))
        case "cesql":
            return _expression(value, get)
    leaves = tuple(_leaf(dialect, name, text, get) for name, text in value.items())
    if len(leaves) == 1:
        return leaves[0]
    return Reason(all(one.passed for one in leaves), f"{dialect}: each attribute must fit", leaves)


def _leaf(dialect: str, name: str, text: str, get: Lookup) -> Reason:
    wanted = f"{_MUST[dialect]} {_quoted(text)}" if text else "be there"
    return Reason(leaf(dialect, name, text)(get), f"{dialect}: {name} must {wanted}; {_found(name, get)}")


def _expression(text: str, get: Lookup) -> Reason:
    expression = cesql.parse(text)
    outcome = expression.evaluate(get)
    clauses = [_clause(clause, get) for clause in expression.clauses()]
    facts = [Reason(None, _found(name, get)) for name in expression.attributes()]
    verdict = _gave(outcome) + (", and what fails does not pass" if outcome.error else "")
    if not (outcome.error or isinstance(outcome.value, bool)):
        verdict += ", and only a Boolean TRUE passes"
    return Reason(outcome.passed, f"cesql: {expression.understood()} {verdict}", (*clauses, *facts))


def _clause(expression: cesql.Expression, get: Lookup) -> Reason:
    outcome = expression.evaluate(get)
    clauses = tuple(_clause(clause, get) for clause in expression.clauses())
    return Reason(outcome.passed, f"{expression.understood()} {_gave(outcome)}", clauses)


def _gave(outcome: cesql.Outcome) -> str:
    if outcome.error:
        return f"fails ({outcome.error}): {outcome.message}"
    return f"is {_cut(cesql.quoted(outcome.value))}"


def _found(name: str, get: Lookup) -> str:
    found = get(name)
    return f"{name} is missing" if found is None else f"{name} is {_quoted(found)}"


def _quoted(text: str) -> str:
    return f'"{_cut(text)}"'


def _cut(text: str) -> str:
    cut = text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
    return cut if cut.isprintable() else cut.encode("unicode_escape").decode()
