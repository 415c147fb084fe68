"""What `labelSelector` and `fieldSelector` of a request choose, in Kubernetes' own small languages.

Labels: `a=b`, `a==b`, `a!=b`, `a in (b, c)`, `a notin (b, c)`, `a` (it is there), `!a` (it is not), with commas for and.
Fields: `a=b`, `a==b`, `a!=b`; in a value, a backslash stands before commas, `=` and backslashes that belong to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from eventing.errors import Invalid
from eventing.kinds.identifiers import fits_key, fits_label
from eventing.kinds.wording import either, shown

Labels = Mapping[str, str]
FIELDS = ("metadata.name", "metadata.namespace")
"""The fields that every kind can be chosen by."""

_TOKEN = re.compile(r"\s*(?P<token>==|!=|[=!,()]|[^\s=!,()]+)")
_SIGNS = frozenset(("==", "!=", "=", "!", ",", "(", ")"))
_COMMA = re.compile(r"((?:[^\\,]|\\.)*)(?:,|\Z)", re.DOTALL)
_SIGN = re.compile(r"!=|==|=")
_ESCAPE = re.compile(r"\\(.?)|([,=])", re.DOTALL)
_LABEL_FIX = "write for instance app=orders, app!=orders, app in (orders, bills) or !app"


def labels(text: str) -> Callable[[Labels], bool]:
    """Whether an object's labels are chosen; an empty text chooses everything.

    Raises `Invalid` with the position of what is no selector.
    """
    terms = tuple(_Parser(text).terms()) if text.strip() else ()
    return lambda given: all(term(given) for term in terms)


def fields(text: str, supported: Sequence[str] = FIELDS) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a document is chosen by its fields, given as dotted paths; what is not there is the empty text.

    Raises `Invalid` for a field that is not among those `supported`, naming them.
    """
    terms = tuple(_field_term(term, supported) for term in _split(text) if term.strip())
    return lambda document: all(term(document) for term in terms)


class _Token(NamedTuple):
    text: str
    place: int
    """From 1."""


class _Parser:
    """Reads one label selector from its left end to its right."""

    def __init__(self, text: str) -> None:
        self._tokens = [_Token(one["token"], one.start("token") + 1) for one in _TOKEN.finditer(text)]
        self._end = _Token("", len(text) + 1)
        self._next = 0

    def terms(self) -> Iterator[Callable[[Labels], bool]]:
        yield self._term()
        while self._peek().text:
            self._expect(",", "a comma")
            yield self._term()

    def _term(self) -> Callable[[Labels], bool]:
        if self._peek().text == "!":
            self._take()
            absent = self._key()
            return lambda given: absent not in given
        key, sign = self._key(), self._peek().text
        if sign in ("", ","):
            return lambda given: key in given
        self._take_sign()
        values = self._values() if sign in ("in", "notin") else {self._value()}
        if sign in ("!=", "notin"):
            return lambda given: given.get(key) not in values
        return lambda given: key in given and given[key] in values

    def _key(self) -> str:
        token = self._take()
        if not fits_key(token.text):
            raise _misread(token, "the key of a label")
        return token.text

    def _take_sign(self) -> None:
        token = self._take()
        if token.text not in ("=", "==", "!=", "in", "notin"):
            raise _misread(token, "one of =, ==, !=, in and notin")

    def _value(self) -> str:
        """The value of a label, empty where the term ends before one."""
        if self._peek().text in ("", ",", ")"):
            return ""
        token = self._take()
        if token.text in _SIGNS or not fits_label(token.text):
            raise _misread(token, "the value of a label")
        return token.text

    def _values(self) -> set[str]:
        self._expect("(", "( and values")
        found = {self._value()}
        while self._peek().text == ",":
            self._take()
            found.add(self._value())
        self._expect(")", "a comma or )")
        return found

    def _peek(self) -> _Token:
        return self._tokens[self._next] if self._next < len(self._tokens) else self._end

    def _take(self) -> _Token:
        token = self._peek()
        self._next += 1
        return token

    def _expect(self, text: str, what: str) -> None:
        token = self._take()
        if token.text != text:
            raise _misread(token, what)


def _misread(token: _Token, wanted: str) -> Invalid:
    found = shown(token.text) if token.text else "the end"
    message = f"{wanted} is needed at character {token.place}, not {found}"
    return Invalid(message, field="labelSelector", fix=_LABEL_FIX)


def _split(text: str) -> Iterator[str]:
    """The terms between commas that are not escaped."""
    at = 0
    while at < len(text):
        found = _COMMA.match(text, at)
        if found is None:
            yield text[at:]
            return
        yield found[1]
        at = found.end()


def _field_term(term: str, supported: Sequence[str]) -> Callable[[Mapping[str, Any]], bool]:
    sign = _SIGN.search(term)
    if sign is None:
        raise Invalid(f"{shown(term)} is no term", field="fieldSelector", fix="write for instance metadata.name=orders")
    path, value = term[: sign.start()].strip(), _unescaped(term[sign.end() :])
    if path not in supported:
        fix = f"those that can be are {either(supported, 'and')}"
        raise Invalid(f"objects can't be chosen by the field {shown(path)}", field="fieldSelector", fix=fix)
    steps, wanted = path.split("."), sign[0] != "!="
    return lambda document: (_text_at(document, steps) == value) is wanted


def _unescaped(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        if found[1] is not None and found[1] in ("\\", ",", "="):
            return found[1]
        message = f"{shown(found[0])} stands bare in the value {shown(text)}"
        raise Invalid(message, field="fieldSelector", fix="write \\\\, \\, or \\= for \\, a comma or =")

    return _ESCAPE.sub(one, text)


def _text_at(document: Any, steps: Sequence[str]) -> str:
    for step in steps:
        document = document.get(step) if isinstance(document, Mapping) else None
    return "" if document is None else str(document)
