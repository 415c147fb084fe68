"""The picture in each of its formats, by name. All are pure text, end with a line break and depend on the graph alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kanal.graph.model import Graph
from kanal.graph.render.dot import dot
from kanal.graph.render.mermaid import mermaid
from kanal.graph.render.svg import svg
from kanal.graph.render.text import text

FORMATS: Mapping[str, Callable[[Graph], str]] = {"text": text, "mermaid": mermaid, "dot": dot, "svg": svg}
