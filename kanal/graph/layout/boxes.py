"""The rows of text of each node and the box that they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kanal.graph.layout.measure import fitted, width_of, wrapped
from kanal.graph.model import Node
from kanal.graph.wording import MARKS, one_line

Look = Literal["kind", "name", "why"]

PADDING = 9.0
_WIDEST = 230.0
_NARROWEST = 70.0
_REASON_LINES = 3
SIZES: dict[Look, float] = {"kind": 10.0, "name": 12.5, "why": 10.0}
_HEIGHTS: dict[Look, float] = {"kind": 13.0, "name": 17.0, "why": 13.0}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of text; `baseline` is its distance from the top of the box."""

    look: Look
    text: str
    baseline: float


@dataclass(frozen=True, slots=True)
class Shape:
    """The rows of a node, and the least width and height of its box."""

    rows: tuple[Row, ...]
    width: float
    height: float


def shape_of(node: Node) -> Shape:
    """What a node shows: kind and namespace, name, and why it is not ok."""
    texts: list[tuple[Look, str]] = [("name", fitted(MARKS[node.state] + one_line(node.label), SIZES["name"], _WIDEST))]
    above = one_line(_kind(node))
    if above:
        texts.insert(0, ("kind", fitted(above, SIZES["kind"], _WIDEST)))
    if node.state != "ok":
        reason = one_line(f"{node.state}: {node.reason}" if node.reason else node.state)
        texts += [("why", row) for row in wrapped(reason, SIZES["why"], _WIDEST, _REASON_LINES)]
    rows, y = [], PADDING - 3
    for look, text in texts:
        y += _HEIGHTS[look]
        rows.append(Row(look, text, y - 3))
    widest = max(width_of(text, SIZES[look]) for look, text in texts)
    return Shape(tuple(rows), max(widest, _NARROWEST) + 2 * PADDING, y + PADDING - 3)


def _kind(node: Node) -> str:
    if node.role == "step":
        return ""
    kind = "kept dead letters" if node.role == "dead letters" else node.kind
    return f"{kind} · {node.namespace}" if node.namespace else kind
