"""CESQL text cut into tokens, each with the column where it stands (CESQL §2; white space separates and means nothing else)."""

from __future__ import annotations

import re
from typing import NamedTuple

from eventing.errors import Invalid
from eventing.event import shown

MAX_LENGTH = 8192
"""The longest expression, in characters."""

KEYWORDS = frozenset(("AND", "OR", "XOR", "NOT", "LIKE", "EXISTS", "IN", "TRUE", "FALSE"))

_TOKEN = re.compile(
    r"""[ \t\r\n]*(?:
    (?P<integer>[0-9]+(?![A-Za-z0-9_]))
  | (?P<word>[A-Za-z0-9_]+)
  | (?P<string>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")
  | (?P<symbol><=|>=|<>|!=|[=<>+*/%(),-])
  | (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)
_SPACE = re.compile(r"[ \t\r\n]*")


class Token(NamedTuple):
    """`kind` is integer, word, string, end, or the keyword or symbol itself; `column` counts from 1."""

    kind: str
    text: str
    column: int

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else shown(self.text)


def tokens(text: str) -> list[Token]:
    """The tokens of an expression; the last one is the end. Raises `Invalid` with the column of what is none."""
    if len(text) > MAX_LENGTH:
        raise Invalid(f"has {len(text)} characters, more than {MAX_LENGTH}", fix="write several filters")
    found = []
    place = 0
    while True:
        match = _TOKEN.match(text, place)
        if match is None:
            raise _no_token(text, place)
        kind, word = str(match.lastgroup), match[str(match.lastgroup)]
        if kind == "symbol":
            kind = word
        elif kind == "word" and word.upper() in KEYWORDS:
            kind = word.upper()
        found.append(Token(kind, word, match.start(str(match.lastgroup)) + 1))
        if kind == "end":
            return found
        place = match.end()


def unquoted(literal: str) -> str:
    """The value of a string literal: its own quote stands in it after a backslash, or twice; other backslashes stay."""
    quote = literal[0]
    return re.sub(rf"\\{quote}|{quote}{quote}", quote, literal[1:-1])


def flaw(column: int, message: str, fix: str) -> Invalid:
    """The error that says what is wrong at a column."""
    return Invalid(f"column {column}: {message}", fix=fix)


def _no_token(text: str, place: int) -> Invalid:
    space = _SPACE.match(text, place)
    place = space.end() if space else place
    character = text[place]
    if character in "'\"":
        return flaw(place + 1, f"the string that begins here has no closing {character}", f"add {character}")
    fixes = {"!": "write != or NOT", "&": "write AND", "|": "write OR", "\\": "use it inside of a string"}
    found = f"'{shown(character)}' means nothing here"
    return flaw(place + 1, found, fixes.get(character, "put texts in single quotes, for instance 'a.b'"))
