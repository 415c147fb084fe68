"""The picture for a terminal: each thing that takes events, below it who reads it, below that where things go.

Every edge stands there exactly once, so the listing ends whatever the cycles are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kanal.graph.model import Edge, Graph, Node, State
from kanal.graph.state import MISSING
from kanal.graph.wording import MARKS, one_line

_VERBS = {
    "reads from": "read by",
    "sends to": "sends to",
    "reply": "reply to",
    "dead letter": "dead letter to",
}  # fmt: skip
_LEAVES = ("subscriber", "dead letters")
_NESTED = ("trigger", "subscription", "step")
_COUNTED: tuple[State, ...] = ("broken", "unknown", "paused")


class _Line(NamedTuple):
    text: str
    notes: Sequence[str] = ()
    below: Sequence[_Line] = ()


def text(graph: Graph) -> str:
    """Draw; the last line counts what is not ok."""
    if not graph.nodes:
        return "nothing to draw\n"
    blocks = ["\n".join(_drawn(block)) for block in _Listing(graph).blocks()]
    counts = [
        f"{MARKS[state]}{len(found)} {state}" for state in _COUNTED if (found := graph.in_state(state))
    ]  # fmt: skip
    return "\n\n".join([*blocks, ", ".join(counts) or "nothing is broken"]) + "\n"


class _Listing:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._out: dict[str, list[Edge]] = {node.key: [] for node in graph.nodes}
        for edge in graph.edges:
            self._out[edge.source].append(edge)
        self._members = {group.key: group.members[1:] for group in graph.groups}
        self._shown: set[str] = set()
        self._pointed = {edge.target for edge in graph.edges}
        read = {edge.target for edge in graph.edges if edge.meaning == "reads from"}
        self._below = {
            node.key
            for node in graph.nodes
            if node.group not in ("", node.key) or (node.role in _NESTED and node.key in read)
        }

    def blocks(self) -> Iterator[_Line]:
        """A block for each node that is neither below another nor only a target; then for what is in no other block."""
        for node in self._graph.nodes:
            if node.key not in self._below and self._has_block(node):
                yield self._whole(node)
        for node in self._graph.nodes:
            if node.key not in self._shown and self._has_block(node):
                yield self._whole(node)

    def _has_block(self, node: Node) -> bool:
        """Whether there is more to say of a node than stands where something is sent to it."""
        only_named = node.role in _LEAVES or (node.reason == MISSING.reason and node.key in self._pointed)
        return bool(self._out[node.key]) or not only_named

    def _whole(self, node: Node, filter_: str = "") -> _Line:
        """A node with everything below it, which stands nowhere else."""
        self._shown.add(node.key)
        members = [self._graph.by_key[key] for key in self._members.get(node.key, ())]
        lines = [self._whole(member) for member in members if member.key not in self._shown]
        for edge in self._out[node.key]:
            target = self._graph.by_key[edge.target]
            if node.group and node.group == target.group:
                continue
            reads = edge.meaning == "reads from" and target.role in _NESTED and node.role not in _NESTED
            if reads and target.key not in self._shown:
                lines.append(self._whole(target, edge.text))
            else:
                lines.append(_leaf(edge, target, told=self._has_block(target)))
        suffix = f"  [{filter_}]" if filter_ else ""
        detail = f"  {node.detail}" if node.detail else ""
        reason = [node.reason] if node.reason else []
        return _Line(f"{MARKS[node.state]}{node.heading}{suffix}{detail}", reason, lines)


def _leaf(edge: Edge, target: Node, *, told: bool) -> _Line:
    """Where something goes; why the target is broken, unless a block of its own tells it."""
    if target.role == "dead letters":
        return _Line(f"dead letters kept in {edge.text}")
    remark = f" ({edge.text})" if edge.text else ""
    mark, reason = (MARKS[target.state], f": {target.reason}") if target.state == "broken" else ("", "")
    return _Line(f"{mark}{_VERBS[edge.meaning]} {target.title}{remark}{'' if told else reason}")


def _drawn(line: _Line, first: str = "", rest: str = "") -> Iterator[str]:
    yield first + one_line(line.text)
    for note in line.notes:
        yield f"{rest}{'│ ' if line.below else '  '} {one_line(note)}"
    for index, below in enumerate(line.below):
        last = index == len(line.below) - 1
        yield from _drawn(below, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))
