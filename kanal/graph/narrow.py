"""One namespace of a picture: what stands in it, and what is one edge away, wherever that stands."""

from __future__ import annotations

from kanal.graph.model import Graph


def narrowed(graph: Graph, namespace: str) -> Graph:
    """The picture of one namespace; a URL stands in none. A flow that is one edge away is there with all its steps."""
    inside = {node.key for node in graph.nodes if node.namespace == namespace}
    near = [edge for edge in graph.edges if edge.source in inside or edge.target in inside]
    kept = inside.union(*((edge.source, edge.target) for edge in near))
    groups = tuple(group for group in graph.groups if kept.intersection(group.members))
    whole = kept.union(*(group.members for group in groups))
    within = {node.key: node.group for node in graph.nodes if node.group and node.key in whole}
    shown = set(near)
    shown.update(
        edge for edge in graph.edges if edge.source in within and within[edge.source] == within.get(edge.target)
    )
    return Graph(
        tuple(node for node in graph.nodes if node.key in whole),
        tuple(edge for edge in graph.edges if edge in shown),
        groups,
    )
