"""The picture as a Mermaid flowchart, for Markdown pages.

Labels may hold anything. Mermaid reads Markdown, HTML and its own marks in them, so every character that could mean
something there is written as its number (`#34;`), which Mermaid turns back when all else is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kanal.graph.model import Edge, Graph, Node
from kanal.graph.wording import MARKS, cut, one_line

_PLAIN_BETWEEN = re.compile(r"(?<=[A-Za-z0-9])[-_,./](?=[A-Za-z0-9])")
_SHAPES = {
    "source": ('(["', '"])'),
    "broker": ('[["', '"]]'),
    "channel": ('[("', '")]'),
    "flow": ('{{"', '"}}'),
    "trigger": ('["', '"]'),
    "subscription": ('["', '"]'),
    "step": ('["', '"]'),
    "subscriber": ('("', '")'),
    "dead letters": ('[/"', '"/]'),
}
_ARROWS = {"reads from": "-->", "sends to": "-->", "reply": "-.->", "dead letter": "--x"}
_CLASSES = {
    "broken": "fill:#fdd,stroke:#b00020,color:#000",
    "unknown": "fill:#eee,stroke:#777,color:#000,stroke-dasharray:4 3",
    "paused": "fill:#fff3c4,stroke:#8a6d00,color:#000",
}
_LONGEST = 160


def mermaid(graph: Graph) -> str:
    """Draw; nodes are `n0`, `n1` ... in the graph's order, groups `g0` ..."""
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: Graph) -> Iterator[str]:
    ids = {node.key: f"n{index}" for index, node in enumerate(graph.nodes)}
    yield "flowchart LR"
    if not graph.nodes:
        yield '  n0["nothing to draw"]'
    for index, group in enumerate(graph.groups):
        yield f'  subgraph g{index}["{escaped(group.label)}"]'
        for key in group.members:
            yield f"    {_node(graph.by_key[key], ids)}"
        yield "  end"
    for node in graph.nodes:
        if not node.group:
            yield f"  {_node(node, ids)}"
    for edge in graph.edges:
        yield f"  {_edge(edge, ids)}"
    for state, look in _CLASSES.items():
        found = [ids[node.key] for node in graph.nodes if node.state == state]
        if found:
            yield f"  classDef {state} {look}"
            yield f"  class {','.join(found)} {state}"


def _node(node: Node, ids: dict[str, str]) -> str:
    begin, end = _SHAPES[node.role]
    rows = filter(None, (node.heading, MARKS[node.state] + node.trouble))
    return ids[node.key] + begin + "<br/>".join(map(escaped, rows)) + end


def _edge(edge: Edge, ids: dict[str, str]) -> str:
    label = f'|"{escaped(edge.words)}"|' if edge.words else ""
    return f"{ids[edge.source]} {_ARROWS[edge.meaning]}{label} {ids[edge.target]}"


def escaped(text: str) -> str:
    """The text, cut to 160 characters, as it stands between the quotes of a label.

    Letters, digits and spaces stay, and between them `-_,./` too, but no bare `www.`, of which Mermaid makes a link.
    """
    line = cut(one_line(text), _LONGEST)
    harmless = set() if "www" in line.lower() else {match.start() for match in _PLAIN_BETWEEN.finditer(line)}
    return "".join(
        char if (char.isalnum() or char == " " or place in harmless) else f"#{ord(char)};"
        for place, char in enumerate(line)
    )
