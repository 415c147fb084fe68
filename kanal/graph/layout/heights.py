"""Where everything stands in its column: as near to its neighbours as the order and the room between units allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

from kanal.graph.layout.ordering import End, Segment
from kanal.graph.layout.units import Unit

UNIT_GAP = 22.0
_BEND_GAP = 12.0
_SWEEPS = 6
_STRAIGHT = 6.0
"""How much more a bend wants to stand level with the next bend than with a box."""

Ports = Mapping[tuple[int, bool], float]
"""How far below the unit's top a segment ends, by the segment's number and whether it is the right end."""


def place(
    units: Sequence[Unit],
    order: Sequence[Sequence[int]],
    gaps: Sequence[Sequence[tuple[int, Segment]]],
    ports: Ports,
    top: float,
) -> None:
    """Set the `y` of every unit; the topmost stands at `top`."""
    for column in order:
        y = 0.0
        for unit in column:
            units[unit].y = y
            y += units[unit].height + UNIT_GAP
    numbers = range(len(order))
    for sweep in range(_SWEEPS):
        for index in numbers if sweep % 2 == 0 else reversed(numbers):
            both = sweep >= _SWEEPS - 2
            left = gaps[index - 1] if index and (both or sweep % 2 == 0) else ()
            right = gaps[index] if index < len(gaps) and (both or sweep % 2 == 1) else ()
            _settle(units, order[index], _wishes(units, left, right, ports))
    highest = min((unit.y for unit in units), default=0.0)
    for one in units:
        one.y += top - highest


def _wishes(
    units: Sequence[Unit], left: Sequence[tuple[int, Segment]], right: Sequence[tuple[int, Segment]], ports: Ports
) -> dict[int, tuple[float, float]]:
    """Where each unit would like its top to be, and how strongly."""
    sums: dict[int, tuple[float, float]] = {}
    sides = chain(((n, s.right, s.left, True) for n, s in left), ((n, s.left, s.right, False) for n, s in right))
    for number, here, there, is_right in sides:
        wish = units[there.unit].y + ports[number, not is_right] - ports[number, is_right]
        weight = _weight(units, here, there)
        total, count = sums.get(here.unit, (0.0, 0.0))
        sums[here.unit] = (total + wish * weight, count + weight)
    return {unit: (total / count, count) for unit, (total, count) in sums.items()}


def _weight(units: Sequence[Unit], here: End, there: End) -> float:
    return 1.0 if units[here.unit].cells or units[there.unit].cells else _STRAIGHT


def _settle(units: Sequence[Unit], column: Sequence[int], wishes: Mapping[int, tuple[float, float]]) -> None:
    """The places nearest to the wishes (least squares) at which nothing overlaps: neighbours that would are moved as one."""
    offsets, offset = [], 0.0
    for number, unit in enumerate(column):
        if number:
            offset += _between(units[column[number - 1]], units[unit])
        offsets.append(offset)
        offset += units[unit].height
    blocks: list[tuple[float, float, int]] = []
    for unit, away in zip(column, offsets, strict=True):
        wish, weight = wishes.get(unit, (units[unit].y, 0.05))
        block = (wish - away, weight, 1)
        while blocks and blocks[-1][0] > block[0]:
            before = blocks.pop()
            together = before[1] + block[1]
            block = ((before[0] * before[1] + block[0] * block[1]) / together, together, before[2] + block[2])
        blocks.append(block)
    level = chain.from_iterable([value] * count for value, _, count in blocks)
    for unit, away, y in zip(column, offsets, level, strict=True):
        units[unit].y = y + away


def _between(above: Unit, below: Unit) -> float:
    return UNIT_GAP if above.cells and below.cells else _BEND_GAP
