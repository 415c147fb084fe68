"""What is placed as one: a node, a group with its members below each other, or the bend of an edge that crosses a column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from kanal.graph.layout.boxes import Shape, shape_of
from kanal.graph.model import Edge, Graph, Group

GROUP_PADDING = 16.0
GROUP_HEAD = 24.0
CELL_GAP = 20.0
BEND_HEIGHT = 6.0
_LABELLED_GAP = 15.0
_PLAIN_GAP = 7.0
_TALLEST_PLAIN = 420.0


@dataclass(slots=True)
class Cell:
    """A box inside a unit; `top` is its distance from the unit's top."""

    key: str
    shape: Shape
    top: float = 0.0
    height: float = 0.0


@dataclass(slots=True)
class Unit:
    """Something with a place of its own; without cells it is a bend."""

    cells: list[Cell] = field(default_factory=list)
    group: Group | None = None
    y: float = 0.0
    height: float = BEND_HEIGHT

    @property
    def width(self) -> float:
        """The least width that all cells and, around them, the group need."""
        inner = max((cell.shape.width for cell in self.cells), default=0.0)
        return inner + (2 * GROUP_PADDING if self.group else 0.0)

    @property
    def inset(self) -> float:
        """How far the cells stand inside the column."""
        return GROUP_PADDING if self.group else 0.0

    def stack(self, needs: dict[int, float]) -> None:
        """Set the height of every cell, at least what its edges need, and with them the unit's own."""
        y = GROUP_HEAD if self.group else 0.0
        for index, cell in enumerate(self.cells):
            cell.top, cell.height = y, max(cell.shape.height, needs.get(index, 0.0))
            y += cell.height + CELL_GAP
        self.height = y - CELL_GAP + (GROUP_PADDING if self.group else 0.0)


def units_of(graph: Graph) -> list[Unit]:
    """The units of a graph; each node stands in exactly one."""
    return list(_units(graph))


def _units(graph: Graph) -> Iterator[Unit]:
    groups = {group.key: group for group in graph.groups}
    for node in graph.nodes:
        if node.key in groups:
            members = [graph.by_key[key] for key in groups[node.key].members]
            yield Unit([Cell(member.key, shape_of(member)) for member in members], groups[node.key])
        elif not node.group:
            yield Unit([Cell(node.key, shape_of(node))])


def needed(ends: int, *, labelled: bool) -> float:
    """The height of a side at which so many edges end, each with room for a label above it if any has one."""
    if labelled:
        return _LABELLED_GAP * (ends + 1)
    return min(_PLAIN_GAP * (ends + 1), _TALLEST_PLAIN)


def label_of(edge: Edge) -> str:
    """What is written at the reader's end of an edge: a filter, or a path."""
    return "" if edge.meaning == "dead letter" else edge.text
