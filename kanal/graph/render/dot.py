"""The picture in Graphviz's language: `kanal graph -o dot | dot -Tpng`.

Graphviz reads backslashes and HTML entities inside quoted labels, so these are escaped besides the quotes.
"""

from __future__ import annotations

from collections.abc import Iterator

from kanal.graph.model import Edge, Graph, Node
from kanal.graph.wording import MARKS, cut, one_line

_SHAPES = {
    "source": "cds",
    "broker": "box3d",
    "channel": "cylinder",
    "flow": "hexagon",
    "trigger": "box",
    "subscription": "box",
    "step": "box",
    "subscriber": "ellipse",
    "dead letters": "folder",
}
_STYLES = {"reads from": "solid", "sends to": "solid", "reply": "dashed", "dead letter": "dotted"}
_COLORS = {"broken": "#b00020", "unknown": "#777777", "paused": "#8a6d00", "ok": "#333333"}
_LONGEST = 160


def dot(graph: Graph) -> str:
    """Draw; nodes are `n0`, `n1` ... in the graph's order."""
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: Graph) -> Iterator[str]:
    ids = {node.key: f"n{index}" for index, node in enumerate(graph.nodes)}
    yield "digraph kanal {"
    yield "  rankdir=LR;"
    yield '  node [fontname="sans-serif", fontsize=11];'
    yield '  edge [fontname="sans-serif", fontsize=9];'
    if not graph.nodes:
        yield '  "nothing to draw";'
    for index, group in enumerate(graph.groups):
        yield f"  subgraph cluster_{index} {{"
        yield f"    label={quoted(group.label)};"
        for key in group.members:
            yield f"    {_node(graph.by_key[key], ids)}"
        yield "  }"
    for node in graph.nodes:
        if not node.group:
            yield f"  {_node(node, ids)}"
    for edge in graph.edges:
        yield f"  {_edge(edge, ids)}"
    yield "}"


def _node(node: Node, ids: dict[str, str]) -> str:
    label = quoted(*filter(None, (node.heading, MARKS[node.state] + node.trouble)))
    return f'{ids[node.key]} [shape={_SHAPES[node.role]}, color="{_COLORS[node.state]}", label={label}];'


def _edge(edge: Edge, ids: dict[str, str]) -> str:
    # A reply goes back; it must not turn the picture round.
    free = ", constraint=false" if edge.meaning == "reply" else ""
    style = f"style={_STYLES[edge.meaning]}{free}"
    return f"{ids[edge.source]} -> {ids[edge.target]} [{style}, label={quoted(edge.words)}];"


def quoted(*rows: str) -> str:
    """A quoted string of Graphviz that shows these rows, each cut to 160 characters."""
    shown = (cut(one_line(row), _LONGEST) for row in rows)
    safe = (row.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for row in shown)
    return '"' + "\\n".join(safe) + '"'
