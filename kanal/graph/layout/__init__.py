"""From a graph to a picture: columns from left to right in the direction of the events, connected parts below each other.

The usual way of layered drawings: turn round what closes a cycle, put everything right of what leads to it, order the columns
so that few edges cross, then move everything level with its neighbours. A group is one unit with its members stacked.
"""

from __future__ import annotations

from collections.abc import Sequence

from kanal.graph.layout.net import Arc
from kanal.graph.layout.ordering import End
from kanal.graph.layout.part import part
from kanal.graph.layout.picture import Picture
from kanal.graph.layout.units import Unit, units_of
from kanal.graph.model import Edge, Graph

PART_GAP = 34.0


def laid_out(graph: Graph) -> Picture:
    """Lay out everything; the corner of the picture is at 0, 0."""
    units = units_of(graph)
    ends = {cell.key: End(number, index) for number, unit in enumerate(units) for index, cell in enumerate(unit.cells)}
    arcs = [Arc(edge, ends[edge.source], ends[edge.target]) for edge in graph.edges]
    pictures, y = [], 0.0
    for numbers in _connected(len(units), arcs):
        pictures.append(part(graph, *_cut_out(units, arcs, numbers), y))
        y = pictures[-1].height + PART_GAP
    return Picture(
        max((picture.width for picture in pictures), default=0.0),
        max(y - PART_GAP, 0.0),
        tuple(box for picture in pictures for box in picture.boxes),
        tuple(frame for picture in pictures for frame in picture.frames),
        tuple(route for picture in pictures for route in picture.routes),
    )


def _connected(count: int, arcs: Sequence[Arc]) -> list[list[int]]:
    """The units that hang together, the parts in the order of their first units."""
    near: list[list[int]] = [[] for _ in range(count)]
    for arc in arcs:
        near[arc.source.unit].append(arc.target.unit)
        near[arc.target.unit].append(arc.source.unit)
    seen: set[int] = set()
    parts = []
    for unit in range(count):
        if unit in seen:
            continue
        seen.add(unit)
        found = [unit]
        for one in found:
            new = [other for other in dict.fromkeys(near[one]) if other not in seen]
            seen.update(new)
            found += new
        parts.append(sorted(found))
    return parts


def _cut_out(
    units: Sequence[Unit], arcs: Sequence[Arc], numbers: Sequence[int]
) -> tuple[list[Unit], list[Arc], list[Edge]]:
    """These units, the arcs between them with their numbers counted anew, and the edges inside of one."""
    new = {number: index for index, number in enumerate(numbers)}
    own = [arc for arc in arcs if arc.source.unit in new]
    between = [
        Arc(arc.edge, arc.source._replace(unit=new[arc.source.unit]), arc.target._replace(unit=new[arc.target.unit]))
        for arc in own
        if arc.source.unit != arc.target.unit
    ]
    inner = [arc.edge for arc in own if arc.source.unit == arc.target.unit]
    return [units[number] for number in numbers], between, inner
