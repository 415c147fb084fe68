"""LIKE patterns as functions whose time grows with the text alone, whatever the pattern (CESQL §3.4.3).

A pattern is cut at each `%`. The first piece must begin the text and the last one end it; the others are looked for from
left to right, each as early as it can stand, which leaves the most room for the rest. Nothing is ever tried twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_PART = re.compile(r"\\[%_]|[%_]|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Piece:
    """What stands between two `%`: one entry a character, None for `_`. `text` is the whole, where there is no `_`."""

    characters: tuple[str | None, ...]
    text: str | None
    masks: dict[str, int]
    any_mask: int

    def is_at(self, text: str, place: int) -> bool:
        """Whether it stands there."""
        if self.text is not None:
            return text.startswith(self.text, place)
        end = place + len(self.characters)
        return end <= len(text) and all(
            wanted is None or wanted == found for wanted, found in zip(self.characters, text[place:end], strict=True)
        )

    def end_in(self, text: str, place: int, stop: int) -> int:
        """Where its first occurrence from `place` on ends, at `stop` at the latest; -1 where there is none."""
        if self.text is not None:
            found = text.find(self.text, place, stop)
            return found + len(self.text) if found >= 0 else -1
        # Bit n of the state: the n+1 first characters of this piece end where we are.
        state, goal = 0, 1 << (len(self.characters) - 1)
        for at in range(place, stop):
            state = (state << 1 | 1) & self.masks.get(text[at], self.any_mask)
            if state & goal:
                return at + 1
        return -1


def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a text fits the pattern: `%` is any run, `_` one character; after a backslash they are themselves."""
    pieces = _pieces(pattern)
    texts = [piece.text for piece in pieces]
    match texts:
        case [str(whole)]:
            return lambda text: text == whole
        case ["", ""]:
            return lambda _: True
        case [str(start), ""]:
            return lambda text: text.startswith(start)
        case ["", str(end)]:
            return lambda text: text.endswith(end)
        case ["", str(inside), ""]:
            return lambda text: inside in text
    return _Sequence(pieces)


class _Sequence:
    """The general case."""

    def __init__(self, pieces: list[_Piece]) -> None:
        self._first, self._last = pieces[0], pieces[-1]
        self._between = [piece for piece in pieces[1:-1] if piece.characters]
        self._is_one = len(pieces) == 1
        self._least = len(self._first.characters) + len(self._last.characters)

    def __call__(self, text: str) -> bool:
        first, last = self._first, self._last
        if self._is_one:
            return len(text) == len(first.characters) and first.is_at(text, 0)
        stop = len(text) - len(last.characters)
        if len(text) < self._least or not (first.is_at(text, 0) and last.is_at(text, stop)):
            return False
        place = len(first.characters)
        for piece in self._between:
            place = piece.end_in(text, place, stop)
            if place < 0:
                return False
        return True


def _pieces(pattern: str) -> list[_Piece]:
    pieces: list[list[str | None]] = [[]]
    for part in _PART.findall(pattern):
        if part == "%":
            pieces.append([])
        else:
            pieces[-1].append(None if part == "_" else part[-1])
    return [_piece(tuple(characters)) for characters in pieces]


def _piece(characters: tuple[str | None, ...]) -> _Piece:
    any_mask = sum(1 << place for place, character in enumerate(characters) if character is None)
    masks: dict[str, int] = {}
    if any_mask:
        for place, character in enumerate(characters):
            if character is not None:
                masks[character] = masks.get(character, any_mask) | 1 << place
    text = None if any_mask else "".join(character or "" for character in characters)
    return _Piece(characters, text, masks, any_mask)
