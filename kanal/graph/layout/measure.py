"""How wide a text is, in pixels, without asking a font: rather too wide than too narrow, so that what fits here fits anywhere."""

from __future__ import annotations

import unicodedata

_NARROW = frozenset("ijl.,:;'|!() []/-ftrI")
_WIDE = frozenset("mwMWGOQ@%—…✗")


def width_of(text: str, size: float) -> float:
    """The width of a line in a sans-serif font of this size."""
    return sum(map(_share, text)) * size


def fitted(text: str, size: float, width: float) -> str:
    """The text, or as much of its beginning as fits beside an ellipsis."""
    if width_of(text, size) <= width:
        return text
    left = width - width_of("…", size)
    end = 0
    while end < len(text) and (left := left - _share(text[end]) * size) >= 0:
        end += 1
    return text[:end].rstrip() + "…"


def wrapped(text: str, size: float, width: float, lines: int) -> list[str]:
    """The text in at most so many lines, broken at spaces where there are some; what is left over is cut from the last."""
    rows: list[str] = []
    words = text.split(" ")
    while words and len(rows) < lines - 1:
        count = 1
        while count < len(words) and width_of(" ".join(words[: count + 1]), size) <= width:
            count += 1
        row = " ".join(words[:count])
        if width_of(row, size) > width:
            row = fitted(row, size, width).removesuffix("…")
            words[0] = words[0][len(row) :]
        else:
            words = words[count:]
        rows.append(row)
    return rows + ([fitted(" ".join(words), size, width)] if words else [])


def _share(char: str) -> float:
    """The width of one character as a share of the font's size."""
    if char in _NARROW:
        return 0.42
    if char in _WIDE:
        return 1.0
    if char.isascii():
        return 0.74 if char.isupper() else 0.65
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0.0
    return 1.05 if unicodedata.east_asian_width(char) in "WF" else 0.85
