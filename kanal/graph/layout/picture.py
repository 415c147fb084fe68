"""A picture that only needs to be written down: boxes, frames and routes in pixels, from the top left corner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kanal.graph.layout.boxes import Row
from kanal.graph.model import Edge, Group, Node

Heading = Literal["right", "left", "down"]


@dataclass(frozen=True, slots=True)
class Box:
    """A node and its place."""

    node: Node
    rows: tuple[Row, ...]
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Frame:
    """A group and its place."""

    group: Group
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Label:
    """A text above a line, beginning at `x`, or ending there where `ends`; it is `width` wide at most."""

    text: str
    x: float
    y: float
    width: float
    ends: bool


@dataclass(frozen=True, slots=True)
class Route:
    """An edge: the path in SVG's language, where it leaves its source and meets its target, and how it comes in there."""

    edge: Edge
    path: str
    start: tuple[float, float]
    tip: tuple[float, float]
    heading: Heading
    label: Label | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it."""

    width: float
    height: float
    boxes: tuple[Box, ...] = ()
    frames: tuple[Frame, ...] = ()
    routes: tuple[Route, ...] = ()
