"""The order inside the columns: each unit near the middle of its neighbours, as long as that makes fewer edges cross."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from typing import NamedTuple

_SWEEPS = 8


class End(NamedTuple):
    """Where a segment meets a unit: the unit's number, and the number of the cell in it."""

    unit: int
    cell: int


class Segment(NamedTuple):
    """The part of an edge, or of several on the same way, between one column and the next."""

    left: End
    right: End


def ordered(
    columns: Sequence[Sequence[int]], gaps: Sequence[Sequence[Segment]], cells: Sequence[int]
) -> list[list[int]]:
    """The columns in a better order; `gaps[i]` lies between columns i and i + 1, `cells` counts the cells of each unit."""
    best = order = [list(column) for column in columns]
    fewest = _crossings(order, gaps, cells)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        order = _swept(order, gaps, cells, rightward=sweep % 2 == 0)
        count = _crossings(order, gaps, cells)
        if count < fewest:
            best, fewest = order, count
    return best


def places(order: Sequence[Sequence[int]], cells: Sequence[int]) -> dict[End, float]:
    """How far down each cell stands in its column, counted in units."""
    found = {}
    for column in order:
        for place, unit in enumerate(column):
            for cell in range(max(cells[unit], 1)):
                found[End(unit, cell)] = place + cell / max(cells[unit], 1)
    return found


def _swept(
    order: Sequence[Sequence[int]], gaps: Sequence[Sequence[Segment]], cells: Sequence[int], *, rightward: bool
) -> list[list[int]]:
    new = [list(column) for column in order]
    steps = range(1, len(new)) if rightward else range(len(new) - 2, -1, -1)
    for index in steps:
        near = new[index - 1 if rightward else index + 1]
        at = places([near], cells)
        sums: dict[int, list[float]] = {}
        for segment in gaps[index - 1 if rightward else index]:
            here, there = (segment.right, segment.left) if rightward else (segment.left, segment.right)
            sums.setdefault(here.unit, []).append(at[there] - here.cell / max(cells[here.unit], 1))
        wish = {unit: float(number) for number, unit in enumerate(new[index])}
        wish |= {unit: sum(found) / len(found) for unit, found in sums.items()}
        new[index].sort(key=wish.__getitem__)
    return new


def _crossings(order: Sequence[Sequence[int]], gaps: Sequence[Sequence[Segment]], cells: Sequence[int]) -> int:
    at = places(order, cells)
    total = 0
    for gap in gaps:
        seen: list[float] = []
        for _, right in sorted((at[segment.left], at[segment.right]) for segment in gap):
            total += len(seen) - bisect_right(seen, right)
            insort(seen, right)
    return total
