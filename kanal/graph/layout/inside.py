"""Edges that leave no unit: from one member of a group to the next, past others along the group's margin, or to itself."""

from __future__ import annotations

from collections.abc import Sequence

from kanal.graph.layout.picture import Box, Route
from kanal.graph.layout.units import CELL_GAP, GROUP_PADDING
from kanal.graph.model import Edge

_MARGIN = GROUP_PADDING * 0.55
_LOOP = 16.0


def inside_route(edge: Edge, source: Box, target: Box, boxes: Sequence[Box]) -> Route:
    """The route from one box to another in the same column; `boxes` are all that could stand between."""
    if source is target:
        return _loop(edge, source)
    x = source.x + source.width / 2
    start, tip = (x, source.y + source.height), (x, target.y)
    between = [b for b in boxes if b.x == source.x and start[1] <= b.y < tip[1]]
    if source.y < target.y and not between and tip[1] - start[1] <= CELL_GAP + 1:
        return Route(edge, f"M{x:.1f} {start[1]:.1f}V{tip[1]:.1f}", start, tip, "down")
    start = (source.x, source.y + source.height - 8)
    tip = (target.x, target.y + 10)
    margin = source.x - _MARGIN
    path = f"M{start[0]:.1f} {start[1]:.1f}H{margin:.1f}V{tip[1]:.1f}H{tip[0]:.1f}"
    return Route(edge, path, start, tip, "right")


def _loop(edge: Edge, box: Box) -> Route:
    x, low, high = box.x + box.width, box.y + box.height - 6, box.y + 8
    path = f"M{x:.1f} {low:.1f}C{x + _LOOP:.1f} {low:.1f} {x + _LOOP:.1f} {high:.1f} {x:.1f} {high:.1f}"
    return Route(edge, path, (x, low), (x, high), "left")
