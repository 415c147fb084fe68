"""CESQL tokens to a tree, by precedence climbing (CESQL §2; the official grammar's order of precedence).

From tight to loose: functions and `EXISTS`; `NOT` and `-`; `LIKE` and `IN`; `* / %`; `+ -`; comparisons; and then `AND`, `OR`
and `XOR` together, which share one level and are taken from the right. So `NOT a = b` is `(NOT a) = b`, and
`a AND b OR c` is `a AND (b OR c)`: unlike SQL, and not ours to change.
"""

from __future__ import annotations

from eventing.errors import Invalid
from eventing.filters.cesql.lexer import KEYWORDS, Token, flaw, tokens, unquoted
from eventing.filters.cesql.tree import Attribute, Binary, Call, Exists, In, Like, Literal, Logic, Node, Unary, walk

MAX_DEPTH = 40
"""How many operations, brackets and functions may stand in each other."""

_LEVELS = (("=", "!=", "<>", "<", "<=", ">", ">="), ("+", "-"), ("*", "/", "%"))
_LOGIC = ("AND", "OR", "XOR")
_A_VALUE = "an attribute, a value, a function or ("


def parse(text: str) -> Node:
    """The tree of an expression. Raises `Invalid` that names the column, what was expected there and what to do."""
    parser = _Parser(tokens(text))
    node = parser.logic()
    parser.expect_end()
    if any(depth > MAX_DEPTH for _, depth in walk(node)):
        raise Invalid(f"more than {MAX_DEPTH} operations stand in each other", fix="write several filters")
    return node


class _Parser:
    """One pass over the tokens; the token at `_place` is the next one."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._place = 0
        self._depth = 0

    def logic(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise flaw(
                self._next.column, f"more than {MAX_DEPTH} brackets stand in each other", "write several filters"
            )
        operands = [self._binary(0)]
        operators = []
        while self._next.kind in _LOGIC:
            operators.append(self._take().kind)
            operands.append(self._binary(0))
        self._depth -= 1
        return Logic(tuple(operators), tuple(operands)) if operators else operands[0]

    def expect_end(self) -> None:
        if self._next.kind != "end":
            raise self._expected("an operator or the end", _stray(self._next))

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        token = self._tokens[self._place]
        self._place += 1
        return token

    def _binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._tested()
        left = self._binary(level + 1)
        while self._next.kind in _LEVELS[level]:
            operator = self._take().kind
            left = Binary("!=" if operator == "<>" else operator, left, self._binary(level + 1))
        return left

    def _tested(self) -> Node:
        node = self._unary()
        while self._next.kind in ("LIKE", "IN", "NOT"):
            negated = self._next.kind == "NOT"
            if negated:
                self._take()
            if self._next.kind == "LIKE":
                self._take()
                if self._next.kind != "string":
                    raise self._expected("the pattern, a string", "write for instance LIKE 'com.example.%'")
                node = Like(node, unquoted(self._take().text), negated)
            elif self._next.kind == "IN":
                self._take()
                if self._next.kind != "(":
                    raise self._expected("(", "write for instance IN ('a', 'b')")
                node = In(node, self._list(may_be_empty=False), negated)
            else:
                raise self._expected("LIKE or IN", "write NOT before the operand, or NOT LIKE or NOT IN behind it")
        return node

    def _unary(self) -> Node:
        signs = []
        while self._next.kind in ("NOT", "-"):
            signs.append(self._take().kind)
        if self._next.kind == "+" and self._tokens[self._place + 1].kind == "integer":
            self._take()
        if self._next.kind == "integer":
            negative = signs[-1:] == ["-"]
            node: Node = self._integer(negative=negative)
            if negative:
                signs.pop()
        else:
            node = self._primary()
        for sign in reversed(signs):
            node = Unary(sign, node)
        return node

    def _integer(self, *, negative: bool) -> Node:
        token = self._take()
        digits = token.text.lstrip("0") or "0"
        if len(digits) > 10 or int(digits) > 2**31 - (not negative):
            raise flaw(token.column, f"{token} is no 32-bit integer", "compare it as a text, in quotes")
        return Literal(-int(digits) if negative else int(digits))

    def _primary(self) -> Node:
        kind = self._next.kind
        if kind == "(":
            self._take()
            node = self.logic()
            self._close()
            return node
        if kind == "string":
            return Literal(unquoted(self._take().text))
        if kind in ("TRUE", "FALSE"):
            return Literal(self._take().kind == "TRUE")
        if kind == "EXISTS":
            self._take()
            return Exists(self._attribute())
        if kind == "word" and self._tokens[self._place + 1].kind == "(":
            return self._call()
        if kind == "word":
            return Attribute(self._attribute())
        raise self._expected(_A_VALUE, self._instead())

    def _instead(self) -> str:
        """What to do about a token where a value should stand."""
        kind = self._next.kind
        if kind == "=" and self._place and self._tokens[self._place - 1].kind == "=":
            return "write one ="
        if kind in KEYWORDS:
            return f"{kind} is a word of CESQL and names no attribute"
        return "write for instance type = 'com.example.created'"

    def _attribute(self) -> str:
        if self._next.kind != "word":
            raise self._expected("the name of an attribute", "write for instance EXISTS subject")
        token = self._take()
        if "_" in token.text:
            raise flaw(
                token.column, f"{token} is no attribute name", "use only letters and digits, or add ( for a function"
            )
        return token.text.lower()

    def _call(self) -> Node:
        token = self._take()
        if not token.text.replace("_", "").isalpha() or token.text[0] == "_":
            raise flaw(token.column, f"{token} is no name of a function", "use one that docs/filters.md lists")
        return Call(token.text.upper(), self._list(may_be_empty=True), token.column)

    def _list(self, *, may_be_empty: bool) -> tuple[Node, ...]:
        self._take()
        items: list[Node] = []
        if may_be_empty and self._next.kind == ")":
            self._take()
            return ()
        while True:
            items.append(self.logic())
            if self._next.kind != ",":
                break
            self._take()
        self._close(", or )")
        return tuple(items)

    def _close(self, expected: str = ")") -> None:
        if self._next.kind != ")":
            raise self._expected(expected, _stray(self._next) if self._next.kind != "end" else "add )")
        self._take()

    def _expected(self, expected: str, fix: str) -> Invalid:
        return flaw(self._next.column, f"expected {expected}, found {self._next}", fix)


def _stray(token: Token) -> str:
    """What to do about a token where an operator should stand."""
    if token.kind == "=":
        return "write one ="
    if token.kind in ("word", "string", "integer"):
        return "put AND, OR or a comparison between them"
    return "take it out, or add what is missing before it"
