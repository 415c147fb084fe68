"""Where things stand: nothing overlaps, every edge ends at its boxes, and the same graph gives the same picture."""

from __future__ import annotations

import random
import re
from itertools import combinations
from typing import NamedTuple

import pytest
from graph_documents import drawn, ref, resource, subscription, town, trigger
from graph_strategies import few, graphs
from hypothesis import given

from kanal.graph.layout import laid_out
from kanal.graph.layout.boxes import PADDING, SIZES
from kanal.graph.layout.layers import columns, turned
from kanal.graph.layout.measure import fitted, width_of, wrapped
from kanal.graph.layout.picture import Box, Frame, Picture, Route
from kanal.graph.model import Edge, Graph, Node

CLOSE = 0.06


class Area(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Area) -> bool:
        across = self.left < other.right - CLOSE and other.left < self.right - CLOSE
        return across and self.top < other.bottom - CLOSE and other.top < self.bottom - CLOSE


def area(thing: Box | Frame) -> Area:
    return Area(thing.x, thing.y, thing.x + thing.width, thing.y + thing.height)


def labels(picture: Picture) -> list[Area]:
    found = [route.label for route in picture.routes if route.label]
    lefts = [(one, one.x - one.width if one.ends else one.x) for one in found]
    return [Area(left, one.y - 9, left + one.width, one.y + 2) for one, left in lefts]


def is_on_border(box: Box, point: tuple[float, float]) -> bool:
    x, y = point
    inside = box.x - CLOSE <= x <= box.x + box.width + CLOSE and box.y - CLOSE <= y <= box.y + box.height + CLOSE
    sides = (x - box.x, x - box.x - box.width, y - box.y, y - box.y - box.height)
    return inside and min(map(abs, sides)) <= CLOSE


def levels(route: Route) -> list[Area]:
    """The level pieces of a route's path."""
    found, x, y = [], 0.0, 0.0
    for command, text in re.findall(r"([MLHVC])([^MLHVC]*)", route.path):
        values = [float(value) for value in text.split()]
        before = (x, y)
        x = values[0] if command == "H" else x if command == "V" else values[-2]
        y = values[0] if command == "V" else y if command == "H" else values[-1]
        if command in "HL" and y == before[1]:
            found.append(Area(min(x, before[0]), y, max(x, before[0]), y))
    return found


def check(graph: Graph) -> None:
    picture = laid_out(graph)
    assert sorted(box.node.key for box in picture.boxes) == sorted(node.key for node in graph.nodes)
    assert sorted(map(repr, (route.edge for route in picture.routes))) == sorted(map(repr, graph.edges))
    assert not [(a, b) for a, b in combinations(picture.boxes, 2) if area(a).meets(area(b))]
    for box in picture.boxes:
        assert min(box.x, box.y) >= -CLOSE
        assert box.x + box.width <= picture.width + CLOSE
        assert box.y + box.height <= picture.height + CLOSE
        for row in box.rows:
            assert width_of(row.text, SIZES[row.look]) <= box.width - 2 * PADDING + CLOSE
            assert row.baseline <= box.height
    for frame in picture.frames:
        whole = area(frame)
        for box in picture.boxes:
            if box.node.group == frame.group.key:
                assert (whole.left, whole.top) <= (box.x, box.y)
                assert box.x + box.width <= whole.right
                assert box.y + box.height <= whole.bottom
            else:
                assert not whole.meets(area(box))
    by_key = {box.node.key: box for box in picture.boxes}
    for route in picture.routes:
        assert is_on_border(by_key[route.edge.source], route.start)
        assert is_on_border(by_key[route.edge.target], route.tip)
        if route.label:
            left = route.label.x - route.label.width if route.label.ends else route.label.x
            under = [piece for piece in levels(route) if 0 < piece.top - route.label.y < 6]
            assert any(one.left <= left + CLOSE and left + route.label.width <= one.right + CLOSE for one in under)
        for piece in levels(route):
            assert not [box for box in picture.boxes if piece.meets(area(box))], route.path
    texts = labels(picture)
    assert not [(a, b) for a, b in combinations(texts, 2) if a.meets(b)]
    assert not [box for box in picture.boxes for text in texts if text.meets(area(box))]


@few
@given(graphs())
def test_in_any_graph_nothing_overlaps_and_edges_end_at_their_boxes_and_pass_none(graph: Graph) -> None:
    check(graph)


@pytest.mark.parametrize("children", [False, True])
def test_the_same_holds_for_real_resources(children: bool) -> None:
    check(drawn(*town(), children=children))


def test_the_same_holds_for_a_hundred_triggers_of_one_broker_and_for_long_chains() -> None:
    many = [trigger(f"t{n}", to=f"s{n % 9}", filter={"attributes": {"type": f"com.example.{n}"}}) for n in range(100)]
    check(drawn(resource("Broker", "mesh"), *many))
    chain = [resource("Channel", f"c{n}") for n in range(15)]
    links = [subscription(f"s{n}", channel=f"c{n}", reply=ref("Channel", f"c{(n + 1) % 15}")) for n in range(15)]
    check(drawn(*chain, *links))


def test_a_box_grows_until_the_labels_of_all_its_edges_have_room() -> None:
    nodes = [
        Node("S/n/s", "source", "S", "n", "s", "s"),
        *(Node(f"H/n/{n}", "broker", "H", "n", str(n), "h") for n in range(12)),
    ]
    edges = [Edge("S/n/s", f"H/n/{n}", "sends to", f"/path/{n}") for n in range(12)]
    graph = Graph(tuple(nodes), tuple(edges))
    check(graph)
    assert len([route for route in laid_out(graph).routes if route.label]) == 12


def test_edges_of_one_meaning_that_come_to_one_target_from_far_end_as_one_line() -> None:
    chain = [resource("Channel", f"c{n}") for n in range(4)]
    sink = {"deadLetterSink": ref("Channel", "c3")}
    links = [
        subscription(f"s{n}", channel=f"c{n}", subscriber=ref("Channel", f"c{n + 1}"), delivery=sink) for n in range(3)
    ]
    picture = laid_out(drawn(*chain, *links))
    letters = [
        r for r in picture.routes if r.edge.meaning == "dead letter" and r.edge.source != "Subscription/default/s2"
    ]
    assert len(letters) == 2
    assert len({route.tip for route in letters}) == 1
    assert len({route.path.split("L")[0] for route in letters}) == 1


def test_events_go_from_left_to_right_and_replies_back() -> None:
    picture = laid_out(
        drawn(resource("Broker", "mesh"), trigger("t"), resource("PingSource", "p", sink=ref("Broker", "mesh")))
    )
    x = {box.node.key: box.x for box in picture.boxes}
    assert x["PingSource/default/p"] < x["Broker/default/mesh"] < x["Trigger/default/t"] < x["Service/default/worker"]
    headings = {route.edge.meaning: route.heading for route in picture.routes}
    assert headings == {"sends to": "right", "reads from": "right", "reply": "left", "dead letter": "right"}


def test_the_members_of_a_group_stand_below_each_other_in_their_order() -> None:
    picture = laid_out(drawn(resource("Sequence", "q", steps=[ref("Service", name) for name in "abc"])))
    inside = [box for box in picture.boxes if box.node.group]
    assert [box.node.label for box in sorted(inside, key=lambda box: box.y)] == ["q", "step 1", "step 2", "step 3"]
    assert len({box.x for box in inside}) == 1


def test_edges_that_can_be_drawn_without_crossing_are() -> None:
    """Sources in the reverse order of their brokers: unsorted, every edge would cross every other."""
    nodes = [Node(f"S/n/{n}", "source", "S", "n", str(n), str(n)) for n in range(6)]
    nodes += [Node(f"B/n/{n}", "broker", "B", "n", str(n), str(n)) for n in range(6)]
    nodes.append(Node("H/n/h", "subscriber", "H", "n", "h", "h"))
    edges = [Edge(f"S/n/{n}", f"B/n/{5 - n}", "sends to") for n in range(6)]
    edges += [Edge(f"B/n/{n}", "H/n/h", "sends to") for n in range(6)]
    picture = laid_out(Graph(tuple(nodes), tuple(edges)))
    y = {box.node.key: box.y for box in picture.boxes}
    assert [n for n in range(6) if abs(y[f"S/n/{n}"] - y[f"B/n/{5 - n}"]) > 1] == []


def test_what_closes_a_cycle_is_turned_and_nothing_else() -> None:
    arcs = [(0, 1), (1, 2), (2, 0), (0, 2), (3, 3)]
    back = turned(4, arcs)
    assert back == {2, 4}
    level = columns(4, [arc for index, arc in enumerate(arcs) if index not in back])
    assert level == [0, 1, 2, 0]


def test_what_nothing_leads_to_stands_next_to_its_target() -> None:
    assert columns(4, [(0, 1), (1, 2), (3, 2)]) == [0, 1, 2, 1]


def test_a_chain_of_thousands_needs_no_recursion() -> None:
    arcs = [(n, n + 1) for n in range(5_000)]
    assert turned(5_001, arcs) == set()
    assert columns(5_001, arcs)[-1] == 5_000


def test_the_same_graph_gives_the_same_picture_whatever_the_order_of_the_documents() -> None:
    documents = town()
    before = laid_out(drawn(*documents))
    random.Random(3).shuffle(documents)
    assert laid_out(drawn(*documents)) == before


def test_a_text_is_cut_to_what_fits_and_wrapped_at_spaces_where_there_are_some() -> None:
    assert fitted("short", 10, 100) == "short"
    assert width_of(fitted("W" * 50, 10, 100), 10) <= 100
    assert wrapped("one two three", 10, 60, 3) == ["one two", "three"]
    assert "".join(wrapped("x" * 30, 10, 60, 9)) == "x" * 30
    assert wrapped("one two three four", 10, 30, 2) == ["one", fitted("two three four", 10, 30)]
