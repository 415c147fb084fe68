"""Graphs of any shape with any texts in them, for property tests."""

from __future__ import annotations

from typing import Any

from graph_documents import Document, drawn, ref, resource, subscription, trigger
from hypothesis import settings
from hypothesis import strategies as st

from kanal.graph.model import MEANINGS, ROLES, Edge, Graph, Group, Node

NASTY = [
    '"]; n0 --> n1; click n0 "javascript:x"', "</title><script>alert(1)</script>", "]]>", "<!--", "&amp;&#60;", "\\N\\",
    '"', "'", "`md`", "1. one", "- a", "a\nb", "\x1b[2J", "\u202e", "\ud800", "www.x.org", "style:#fff;", "classDef a:#b;",
    "end", "%%{init: {}}%%", "subgraph", "||--||", "{{x}}", "#quot;", "\u0301", "日本語" * 9, "W" * 300, "\ufffe", "a/b", "",
]  # fmt: skip
few = settings(max_examples=25, deadline=None)
"""How often a property that draws a whole picture is tried."""
TEXTS = st.one_of(st.sampled_from(NASTY), st.text(st.characters(), max_size=40))


@st.composite
def documents(draw: Any) -> list[Document]:
    """Some resources with hostile names, URLs, filters and reasons."""
    name, other, reason = draw(TEXTS), draw(TEXTS), draw(TEXTS)
    return [
        resource("Broker", name, ready=("False", reason, draw(TEXTS))),
        trigger(other, name, filters=[{"exact": {draw(TEXTS): draw(TEXTS)}}, {"cesql": draw(TEXTS)}]),
        trigger("url", name, subscriber={"uri": draw(TEXTS)}),
        trigger("path", name, subscriber=ref("Service", other, uri=draw(TEXTS))),
        subscription(other, draw(TEXTS), ready=("Unknown", reason, reason)),
        resource("Sequence", other, namespace=draw(TEXTS), steps=[ref("Service", name), {"uri": draw(TEXTS)}]),
        resource("PingSource", name, sink=ref("Broker", other)),
    ]


hostile = documents().map(lambda found: drawn(*found))


@st.composite
def graphs(draw: Any) -> Graph:
    """Graphs with any edges: cycles, loops, several between the same two, into groups and out of them."""
    count = draw(st.integers(1, 14))
    sizes = draw(st.lists(st.integers(2, 4), max_size=2))
    groups, used = [], 0
    for size in sizes:
        if used + size <= count:
            members = tuple(f"K/ns/{number}" for number in range(used, used + size))
            groups.append(Group(members[0], draw(TEXTS), members))
            used += size
    group_of = {key: group.key for group in groups for key in group.members}
    nodes = tuple(
        Node(
            key,
            draw(st.sampled_from(ROLES)),
            "K",
            "ns",
            str(number),
            draw(TEXTS),
            *draw(_states),
            "",
            group_of.get(key, ""),
        )
        for number in range(count)
        for key in [f"K/ns/{number}"]
    )
    numbers = st.integers(0, count - 1).map(lambda number: f"K/ns/{number}")
    edge = st.builds(Edge, numbers, numbers, st.sampled_from(MEANINGS), st.one_of(st.just(""), TEXTS))
    edges = draw(st.lists(edge, max_size=3 * count, unique=True))
    return Graph(nodes, tuple(edges), tuple(groups))


_states = st.one_of(
    st.just(("ok", "")), st.tuples(st.sampled_from(["broken", "unknown", "paused"]), st.one_of(st.just(""), TEXTS))
)
