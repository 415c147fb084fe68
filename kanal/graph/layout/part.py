"""One connected part of the picture: the net with its columns side by side, its boxes, frames and routes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kanal.graph.layout.heights import place
from kanal.graph.layout.inside import inside_route
from kanal.graph.layout.measure import fitted, width_of
from kanal.graph.layout.net import Arc, Net, Way
from kanal.graph.layout.picture import Box, Frame, Heading, Label, Picture, Route
from kanal.graph.layout.units import Unit, label_of
from kanal.graph.model import Edge, Graph
from kanal.graph.wording import one_line

LABEL_SIZE = 10.0
_LABEL_WIDEST = 210.0
_LABEL_AWAY = 5.0
_CURVE = 64.0


def part(graph: Graph, units: Sequence[Unit], arcs: Sequence[Arc], inner: Sequence[Edge], top: float) -> Picture:
    """Lay out units that are connected, from `top` on downward; `inner` are the edges that leave no unit."""
    return _Part(graph, Net(units, arcs), top).picture(inner)


class _Part:
    def __init__(self, graph: Graph, net: Net, top: float) -> None:
        self._graph, self._net = graph, net
        place(net.units, net.order, [[(n, net.segments[n]) for n in gap] for gap in net.gaps], net.ports, top)
        self._labels = [_label(way) for way in net.ways]
        self._widths = [max(net.units[unit].width for unit in column) for column in net.order]
        self._zones = self._label_zones()
        self._lefts = [0.0]
        for width, (before, after) in zip(self._widths, self._zones, strict=False):
            self._lefts.append(self._lefts[-1] + width + before + _CURVE + after)
        self._column = {unit: number for number, column in enumerate(net.order) for unit in column}

    def picture(self, inner: Sequence[Edge]) -> Picture:
        """The part."""
        boxes, frames = tuple(self._boxes()), tuple(self._frames())
        by_key = {box.node.key: box for box in boxes}
        routes = [self._route(way, text) for way, text in zip(self._net.ways, self._labels, strict=True)]
        routes += [inside_route(edge, by_key[edge.source], by_key[edge.target], boxes) for edge in inner]
        height = max(unit.y + unit.height for unit in self._net.units)
        return Picture(self._lefts[len(self._widths) - 1] + self._widths[-1], height, boxes, frames, tuple(routes))

    def _boxes(self) -> Iterator[Box]:
        for number, unit in enumerate(self._net.units):
            column = self._column[number]
            x, width = self._lefts[column] + unit.inset, self._widths[column] - 2 * unit.inset
            for cell in unit.cells:
                node = self._graph.by_key[cell.key]
                yield Box(node, cell.shape.rows, x, unit.y + cell.top, width, cell.height)

    def _frames(self) -> Iterator[Frame]:
        for number, unit in enumerate(self._net.units):
            column = self._column[number]
            if unit.group:
                yield Frame(unit.group, self._lefts[column], unit.y, self._widths[column], unit.height)

    def _label_zones(self) -> list[tuple[float, float]]:
        """How much room labels need at the left and at the right end of each gap."""
        zones = [[0.0, 0.0] for _ in self._net.gaps]
        gap_of = {number: index for index, gap in enumerate(self._net.gaps) for number in gap}
        for way, text in zip(self._net.ways, self._labels, strict=True):
            if text:
                side, segment = (0, way.segments[0]) if way.labelled_left else (1, way.segments[-1])
                zone = zones[gap_of[segment]]
                zone[side] = max(zone[side], width_of(text, LABEL_SIZE) + 2 * _LABEL_AWAY)
        return [(before, after) for before, after in zones]

    def _route(self, way: Way, text: str) -> Route:
        """The path begins at the target: on a shared piece the dashes of all edges then fall together."""
        path: list[str] = []
        points: list[tuple[float, float]] = []
        for number in way.segments if way.turned else reversed(way.segments):
            corners = self._corners(number)
            if not way.turned:
                corners.reverse()
            (x, y), (bent, _), (straight, down), (end, _) = corners
            middle = (bent + straight) / 2
            path.append(f"{'L' if path else 'M'}{x:.1f} {y:.1f}H{bent:.1f}")
            path.append(f"C{middle:.1f} {y:.1f} {middle:.1f} {down:.1f} {straight:.1f} {down:.1f}H{end:.1f}")
            points += [(x, y), (end, down)]
        heading: Heading = "left" if way.turned else "right"
        return Route(way.arc.edge, "".join(path), points[-1], points[0], heading, self._placed(way, text, points))

    def _corners(self, number: int) -> list[tuple[float, float]]:
        """A segment from left to right: its left end, where it begins to bend, where it ends to, and its right end."""
        net, (left, right) = self._net, self._net.segments[number]
        column = self._column[left.unit]
        x, end = self._lefts[column] + self._widths[column], self._lefts[column + 1]
        before, after = self._zones[column]
        y = net.units[left.unit].y + net.ports[number, False]
        down = net.units[right.unit].y + net.ports[number, True]
        first, last = x - net.units[left.unit].inset, end + net.units[right.unit].inset
        return [(first, y), (x + before, y), (end - after, down), (last, down)]

    def _placed(self, way: Way, text: str, points: Sequence[tuple[float, float]]) -> Label | None:
        if not text:
            return None
        number = way.segments[0 if way.labelled_left else -1]
        column = self._column[self._net.segments[number].left.unit]
        edge_x = self._lefts[column] + self._widths[column] if way.labelled_left else self._lefts[column + 1]
        x = edge_x + (_LABEL_AWAY if way.labelled_left else -_LABEL_AWAY - 3)
        y = points[0 if way.labelled_left == way.turned else -1][1] - 3
        return Label(text, x, y, width_of(text, LABEL_SIZE), not way.labelled_left)


def _label(way: Way) -> str:
    text = label_of(way.arc.edge)
    return fitted(one_line(text), LABEL_SIZE, _LABEL_WIDEST) if text else ""
