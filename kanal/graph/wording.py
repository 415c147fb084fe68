"""Texts that came from outside, made fit for one line of any output: nothing in them moves a cursor or ends a line."""

from __future__ import annotations


def one_line(text: str) -> str:
    """The text with every unprintable character escaped; what is left is valid in XML and harmless in a terminal."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def cut(text: str, longest: int) -> str:
    """The text, or its beginning and an ellipsis."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


MARKS = {"ok": "", "broken": "✗ ", "unknown": "? ", "paused": "‖ "}
"""What stands before the name of a node, by its state."""
