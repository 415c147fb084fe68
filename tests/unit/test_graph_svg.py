"""The SVG: well-formed whatever stands in it, readable without colours, alone in the world, found by its data."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from graph_documents import drawn, resource, town, trigger
from graph_strategies import NASTY, few, graphs, hostile
from hypothesis import given

from kanal.graph.model import Graph
from kanal.graph.render.svg import svg

SVG = "{http://www.w3.org/2000/svg}"
KNOWN = {"svg", "title", "desc", "style", "rect", "g", "path", "text"}


def parsed(graph: Graph) -> ET.Element:
    return ET.fromstring(svg(graph))


def of_class(root: ET.Element, name: str) -> list[ET.Element]:
    return [one for one in root.iter() if name in (one.get("class") or "").split()]


@few
@given(hostile)
def test_whatever_resources_are_called_the_svg_is_well_formed_and_holds_nothing_but_shapes_and_text(
    graph: Graph,
) -> None:
    root = parsed(graph)
    assert {one.tag.removeprefix(SVG) for one in root.iter()} <= KNOWN
    assert len(of_class(root, "node")) == len(graph.nodes)


@few
@given(graphs())
def test_any_graph_is_drawn_whole(graph: Graph) -> None:
    root = parsed(graph)
    assert {one.tag.removeprefix(SVG) for one in root.iter()} <= KNOWN
    assert [one.get("data-key") for one in of_class(root, "node") if one.get("data-key") not in graph.by_key] == []
    assert len([one for one in of_class(root, "edge") if one.get("data-source")]) == len(graph.edges)
    assert len(of_class(root, "frame")) == len(graph.groups)


@pytest.mark.parametrize("text", NASTY)
def test_the_svg_is_ascii_so_that_no_encoding_harms_it(text: str) -> None:
    drawing = svg(drawn(resource("Broker", text or "x"), trigger("t", text)))
    assert drawing.isascii()
    assert "<script" not in drawing


def test_nodes_edges_and_groups_are_found_by_their_data() -> None:
    root = parsed(drawn(*town()))
    nodes = {one.get("data-key"): one for one in of_class(root, "node")}
    shipping = nodes["Trigger/default/shipping"]
    assert (shipping.get("data-state"), shipping.get("data-role")) == ("broken", "trigger")
    edges = {
        (one.get("data-source"), one.get("data-meaning"), one.get("data-target")) for one in of_class(root, "edge")
    }
    assert ("Broker/default/mesh", "reads from", "Trigger/default/shipping") in edges
    assert "type = com.example.order.created" in [one.get("data-text") for one in of_class(root, "edge")]
    assert {one.get("data-group") for one in of_class(root, "frame")} == {
        "Sequence/default/enrich",
        "Parallel/default/split",
    }


def test_what_is_broken_says_so_in_words_in_the_box_its_title_and_the_description() -> None:
    root = parsed(drawn(*town()))
    (lost,) = [one for one in of_class(root, "node") if one.get("data-key") == "Trigger/default/lost"]
    texts = [one.text or "" for one in lost.iter(f"{SVG}text")]
    assert "✗ lost" in texts
    assert texts[-2:] == ["broken: BrokerDoesNotExist: Broker", "default/nowhere does not exist"]
    assert (lost.findtext(f"{SVG}title") or "").startswith("Trigger default/lost is broken: BrokerDoesNotExist")
    assert "Trigger default/lost: BrokerDoesNotExist" in (root.findtext(f"{SVG}desc") or "")


def test_edges_are_told_in_a_sentence_and_a_filter_stands_at_its_trigger() -> None:
    root = parsed(drawn(resource("Broker", "mesh"), trigger("t", filter={"attributes": {"type": "a"}})))
    assert {one.findtext(f"{SVG}title") for one in of_class(root, "edge")} >= {
        "Trigger default/t reads from Broker default/mesh (type = a)",
        "Trigger default/t: sends to Service default/worker",
        "Trigger default/t: reply to Broker default/mesh",
        "Trigger default/t: dead letter to kept dead letters of Broker default/mesh (kept-trigger.default.t)",
    }
    assert [one.text for one in of_class(root, "label")] == ["type = a"]


def test_it_is_named_and_described_for_who_does_not_see_it() -> None:
    root = parsed(drawn(resource("Broker", "mesh")))
    named = (root.get("aria-labelledby") or "").split()
    assert [one.get("id") for one in (root.find(f"{SVG}title"), root.find(f"{SVG}desc")) if one is not None] == named
    assert root.findtext(f"{SVG}desc") == "1 nodes, 0 connections. Nothing is broken."


def test_it_stands_alone_and_looks_right_in_light_and_dark() -> None:
    drawing = svg(drawn(*town()))
    assert [word for word in ("href", "url(", "@import", "<image", "onload") if word in drawing] == []
    assert "@media (prefers-color-scheme: dark)" in drawing
    rules = re.findall(r"^(\.[^{\n]*)\{ ", drawing, re.MULTILINE)
    assert rules
    assert [rule for rule in rules if not all(one.strip().startswith(".kanal-graph") for one in rule.split(","))] == []


def test_letters_of_any_script_are_held_to_the_width_that_was_reckoned_with() -> None:
    root = parsed(drawn(resource("Channel", "注文"), resource("Channel", "plain")))
    held = {one.text: one.get("textLength") for one in of_class(root, "name")}
    assert (held["注文"] is not None, held["plain"]) == (True, None)


def test_a_picture_of_nothing_says_so() -> None:
    assert "nothing to draw" in [one.text for one in parsed(Graph()).iter(f"{SVG}text")]
