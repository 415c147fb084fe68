"""One connected part of the graph, cut into columns and into the segments of edges between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from kanal.graph.layout import layers
from kanal.graph.layout.ordering import End, Segment, ordered, places
from kanal.graph.layout.units import Unit, label_of, needed
from kanal.graph.model import Edge, Meaning

_TURN_LAST: dict[Meaning, int] = {"reads from": 0, "sends to": 0, "dead letter": 1, "reply": 2}
"""In a cycle it is a reply that goes back, else a dead letter."""


@dataclass(frozen=True, slots=True)
class Arc:
    """An edge between two units."""

    edge: Edge
    source: End
    target: End


Trunk = tuple[End, Meaning, bool] | None
"""What edges have in common that share their bends: the target, the meaning, the direction. None: an edge that shares none."""


@dataclass(slots=True)
class Way:
    """An arc from left to right: its segments' numbers in order, and whether it was turned round for that."""

    arc: Arc
    turned: bool
    segments: list[int] = field(default_factory=list)

    @property
    def labelled_left(self) -> bool:
        """Whether its label stands at its left end: it stands where the reader is."""
        return (self.arc.edge.meaning == "reads from") == self.turned

    @property
    def trunk(self) -> Trunk:
        """The trunk that it joins. One with a label has to end by itself, so that the label has room."""
        arc = self.arc
        return None if label_of(arc.edge) else (arc.target, arc.edge.meaning, self.turned)


class Net:
    """Units, with bends added, in ordered columns, and everything that connects them.

    Edges of one meaning that come to one target from far share the rest of the way from where they meet.
    """

    def __init__(self, units: Sequence[Unit], arcs: Sequence[Arc]) -> None:
        self.units = list(units)
        self.segments: list[Segment] = []
        self.ways: list[Way] = []
        self.order: list[list[int]] = []
        self.gaps: list[list[int]] = []
        self._bends: dict[tuple[Trunk, int], End] = {}
        self._numbers: dict[tuple[Trunk, Segment], int] = {}
        self._lay(sorted(arcs, key=lambda arc: _TURN_LAST[arc.edge.meaning]))
        self._make_room()
        cells = [len(unit.cells) for unit in self.units]
        self.order = ordered(self.order, [[self.segments[number] for number in gap] for gap in self.gaps], cells)
        self.ports = self._ports(cells)

    def _lay(self, arcs: Sequence[Arc]) -> None:
        """Put the units into columns, and every arc that crosses a column through a bend in it."""
        pairs = [(arc.source.unit, arc.target.unit) for arc in arcs]
        back = layers.turned(len(self.units), pairs)
        forth = [(b, a) if index in back else (a, b) for index, (a, b) in enumerate(pairs)]
        column = layers.columns(len(self.units), forth)
        self.order = [[] for _ in range(max(column) + 1)]
        self.gaps = [[] for _ in range(max(column))]
        for unit, number in enumerate(column):
            self.order[number].append(unit)
        for index, arc in enumerate(arcs):
            way = Way(arc, index in back)
            left, right = (arc.target, arc.source) if way.turned else (arc.source, arc.target)
            for number in range(column[left.unit] + 1, column[right.unit]):
                bend = self._bend(way.trunk, number)
                self._connect(way, number - 1, left, bend)
                left = bend
            self._connect(way, column[right.unit] - 1, left, right)
            self.ways.append(way)

    def _bend(self, trunk: Trunk, column: int) -> End:
        known = self._bends.get((trunk, column)) if trunk else None
        if known is not None:
            return known
        bend = self._bends[trunk, column] = End(len(self.units), 0)
        self.units.append(Unit())
        self.order[column].append(bend.unit)
        return bend

    def _connect(self, way: Way, gap: int, left: End, right: End) -> None:
        segment, trunk = Segment(left, right), way.trunk
        number = self._numbers.get((trunk, segment)) if trunk else None
        if number is None:
            number = self._numbers[trunk, segment] = len(self.segments)
            self.gaps[gap].append(number)
            self.segments.append(segment)
        way.segments.append(number)

    def _make_room(self) -> None:
        """Make every cell as high as its edges and their labels need."""
        ends: dict[tuple[End, bool], int] = {}
        for segment in self.segments:
            for side in ((segment.left, False), (segment.right, True)):
                ends[side] = ends.get(side, 0) + 1
        labelled = set()
        for way in self.ways:
            if label_of(way.arc.edge):
                at_left = way.labelled_left
                segment = self.segments[way.segments[0 if at_left else -1]]
                labelled.add((segment.left, False) if at_left else (segment.right, True))
        needs: dict[int, dict[int, float]] = {}
        for (end, is_right), count in ends.items():
            height = needed(count, labelled=(end, is_right) in labelled)
            of_unit = needs.setdefault(end.unit, {})
            of_unit[end.cell] = max(height, of_unit.get(end.cell, 0.0))
        for number, unit in enumerate(self.units):
            if unit.cells:
                unit.stack(needs.get(number, {}))

    def _ports(self, cells: Sequence[int]) -> dict[tuple[int, bool], float]:
        """Where on its side each segment ends, in the order of where it comes from."""
        at = places(self.order, cells)
        sides: dict[tuple[End, bool], list[int]] = {}
        for number, segment in enumerate(self.segments):
            sides.setdefault((segment.left, False), []).append(number)
            sides.setdefault((segment.right, True), []).append(number)
        ports: dict[tuple[int, bool], float] = {}
        for (end, is_right), numbers in sides.items():
            unit = self.units[end.unit]
            if not unit.cells:
                ports |= dict.fromkeys([(number, is_right) for number in numbers], unit.height / 2)
                continue
            top, height = unit.cells[end.cell].top, unit.cells[end.cell].height
            other = {n: at[self.segments[n].left if is_right else self.segments[n].right] for n in numbers}
            numbers.sort(key=other.__getitem__)
            for index, number in enumerate(numbers):
                ports[number, is_right] = top + height * (index + 1) / (len(numbers) + 1)
        return ports
