"""Graphviz: every line is one of the few that we write, whatever stands in the labels."""

from __future__ import annotations

import re

from graph_documents import drawn, resource, town, trigger
from graph_strategies import TEXTS, few, graphs, hostile
from hypothesis import given

from kanal.graph.model import Graph
from kanal.graph.render.dot import dot, quoted

_TEXT = r'"(?:[^"\\]|\\["\\n])*"'
_PART = rf"[a-z]+=(?:[\w.-]+|{_TEXT})"
_LIST = rf"\[{_PART}(?:, {_PART})*\]"
LINE = re.compile(
    rf"\s*(?:digraph kanal \{{|\}}|subgraph cluster_\d+ \{{|{_PART};|n\d+ {_LIST};|n\d+ -> n\d+ {_LIST};|(?:node|edge) {_LIST};)"
)


def check(graph: Graph) -> None:
    lines = dot(graph).splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert len([line for line in lines if " -> n" in line.split("[")[0]]) == len(graph.edges)
    assert lines[-1] == "}"


@few
@given(hostile)
def test_whatever_resources_are_called_every_line_is_one_of_ours(graph: Graph) -> None:
    check(graph)


@few
@given(graphs())
def test_any_graph_is_drawn_with_all_its_edges(graph: Graph) -> None:
    check(graph)


@few
@given(TEXTS)
def test_a_label_read_back_is_the_text(text: str) -> None:
    inner = quoted(text)[1:-1]
    assert "&" not in inner.replace("&amp;", "")
    back = re.sub(r"\\(.)", r"\1", inner).replace("&amp;", "&")
    if text.isprintable() and len(text) <= 160:
        assert back == text


def test_flows_are_clusters_and_what_is_broken_says_so() -> None:
    text = dot(drawn(*town()))
    assert re.search(r'subgraph cluster_\d+ \{\n    label="Sequence default/enrich";', text)
    assert re.search(
        r'n\d+ \[shape=box, color="#b00020", label="Trigger default/lost\\n✗ broken: BrokerDoesNotExist', text
    )


def test_a_filter_stands_on_the_edge_to_its_trigger_and_a_reply_does_not_turn_the_picture_round() -> None:
    text = dot(drawn(resource("Broker", "mesh"), trigger("t", filter={"attributes": {"type": 'a"b'}})))
    assert 'n0 -> n1 [style=solid, label="type = a\\"b"];' in text
    assert 'n1 -> n0 [style=dashed, constraint=false, label="reply"];' in text
