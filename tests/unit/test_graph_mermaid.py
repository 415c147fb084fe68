"""Mermaid: every line is one of the few that we write, whatever stands in the labels."""

from __future__ import annotations

import re

import pytest
from graph_documents import drawn, resource, town, trigger
from graph_strategies import NASTY, TEXTS, few, graphs, hostile
from hypothesis import given

from kanal.graph.model import Graph
from kanal.graph.render.mermaid import escaped, mermaid

_LABEL = r"\"(?:[^\W_]|[ \-_,./]|#\d+;|<br/>)*\""
_NODE = rf"n\d+(?:\(\[{_LABEL}\]\)|\[\[{_LABEL}\]\]|\[\({_LABEL}\)\]|\{{\{{{_LABEL}\}}\}}|\[{_LABEL}\]|\({_LABEL}\)|\[/{_LABEL}/\])"
_EDGE = rf"n\d+ (?:-->|-\.->|--x)(?:\|{_LABEL}\|)? n\d+"
_REST = rf"flowchart LR|subgraph g\d+\[{_LABEL}\]|end|classDef [a-z]+ [\w#:, -]+|class n\d+(?:,n\d+)* [a-z]+"
LINE = re.compile(rf"\s*(?:{_NODE}|{_EDGE}|{_REST})")


def check(graph: Graph) -> None:
    lines = mermaid(graph).splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert len([line for line in lines if re.match(r"\s+n\d+ -", line)]) == len(graph.edges)


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
    back = re.sub(r"#(\d+);", lambda match: chr(int(match[1])), escaped(text))
    assert back.isprintable()
    if text.isprintable() and len(text) <= 160:
        assert back == text


@pytest.mark.parametrize("text", NASTY)
def test_no_label_holds_what_mermaid_or_markdown_would_read(text: str) -> None:
    found = escaped(text)
    assert not re.search(r"[\"`<>|\[\]{}()*~&%:\\]|^\d+\.|^[-+]|www\.|//", re.sub(r"#\d+;", "", found))


def test_flows_are_subgraphs_and_what_is_broken_has_its_class_and_reason() -> None:
    text = mermaid(drawn(*town()))
    assert re.search(r"subgraph g\d+\[\"Sequence default/enrich\"\]", text)
    (node,) = re.findall(r"(n\d+)\[\"Trigger default/lost<br/>#10007; broken#58; BrokerDoesNotExist", text)
    (broken,) = re.findall(r"class (\S+) broken", text)
    assert node in broken.split(",")
    assert re.search(r"class n\d+ paused", text)


def test_a_filter_stands_on_the_edge_to_its_trigger_and_each_meaning_has_its_arrow() -> None:
    text = mermaid(drawn(resource("Broker", "mesh"), trigger("t", filter={"attributes": {"type": "a"}})))
    assert re.search(r'n0 -->\|"type #61; a"\| n1', text)
    assert 'n1 -.->|"reply"| n0' in text
    assert re.search(r'n1 --x\|"dead letter kept-trigger.default.t"\| n\d', text)


def test_a_picture_of_nothing_says_so() -> None:
    assert mermaid(Graph()) == 'flowchart LR\n  n0["nothing to draw"]\n'
