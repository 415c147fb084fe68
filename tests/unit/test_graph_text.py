"""The listing for a terminal."""

from __future__ import annotations

import re
from dataclasses import replace

from graph_documents import drawn, ref, resource, subscription, town, trigger
from graph_strategies import few, graphs, hostile
from hypothesis import given

from kanal.graph.model import Graph
from kanal.graph.render.text import text


def test_readers_stand_below_what_they_read_and_where_things_go_below_them() -> None:
    graph = drawn(
        resource("Broker", "mesh"),
        trigger("a", filter={"attributes": {"type": "x"}}),
        trigger("b", to="gone", ready=("False", "SubscriberMissing", "Service default/gone does not exist")),
        resource("PingSource", "tick", sink=ref("Broker", "mesh")),
    )
    assert text(graph).splitlines() == [
        "PingSource default/tick",
        "└─ sends to Broker default/mesh",
        "",
        "Broker default/mesh  http://127.0.0.1:8080/default/mesh",
        "├─ Trigger default/a  [type = x]",
        "│  ├─ sends to Service default/worker",
        "│  ├─ reply to Broker default/mesh",
        "│  └─ dead letters kept in kept-trigger.default.a",
        "└─ ✗ Trigger default/b",
        "   │  SubscriberMissing: Service default/gone does not exist",
        "   ├─ ✗ sends to Service default/gone: does not exist",
        "   ├─ reply to Broker default/mesh",
        "   └─ dead letters kept in kept-trigger.default.b",
        "",
        "✗ 2 broken",
    ]


def test_steps_stand_below_their_flow_in_order() -> None:
    graph = drawn(
        resource("Sequence", "q", steps=[ref("Service", "a"), ref("Service", "b")], reply=ref("Channel", "c")),
        resource("Channel", "c"),
        running=False,
    )
    assert text(graph).splitlines()[2:] == [
        "Sequence default/q  http://127.0.0.1:8080/default/q",
        "├─ step 1",
        "│  ├─ sends to Service default/a",
        "│  └─ dead letters kept in kept-subscription.default.q-kn-sequence-0",
        "└─ step 2",
        "   ├─ sends to Service default/b",
        "   ├─ reply to Channel default/c",
        "   └─ dead letters kept in kept-subscription.default.q-kn-sequence-1",
        "",
        "nothing is broken",
    ]


def test_the_last_line_counts_what_is_not_well() -> None:
    assert text(drawn(*town())).splitlines()[-1] == "✗ 6 broken, ? 1 unknown, ‖ 1 paused"


def test_a_cycle_of_channels_ends() -> None:
    channels = [resource("Channel", name) for name in "ab"]
    links = [subscription(f"{a}{b}", channel=a, subscriber=ref("Channel", b)) for a, b in ("ab", "ba")]
    lines = text(drawn(*channels, *links)).splitlines()
    assert [line for line in lines if "sends to" in line] == [
        "   ├─ sends to Channel default/b",
        "   ├─ sends to Channel default/a",
    ]


@few
@given(hostile)
def test_nothing_that_a_terminal_would_obey_comes_through_and_every_node_is_there(graph: Graph) -> None:
    lines = text(graph).split("\n")
    assert [line for line in lines if not line.isprintable()] == []


@few
@given(graphs())
def test_every_edge_that_leaves_a_group_stands_there_once_whatever_the_cycles(graph: Graph) -> None:
    text(graph)
    hubs = tuple(replace(node, role="broker", reason="") for node in graph.nodes)
    plain = replace(graph, nodes=hubs)
    group = {node.key: node.group for node in hubs}
    leaving = [e for e in graph.edges if not group[e.source] or group[e.source] != group[e.target]]
    lines = text(plain).splitlines()
    verbs = ("read by K ", "sends to K ", "reply to K ", "dead letter to K ")
    assert sum(line.lstrip("│├└─ ✗").startswith(verbs) for line in lines) == len(leaving)
    assert sum(bool(re.match(r"[│├└─ ✗?‖]*K ns/\d+$", line)) for line in lines) == len(hubs)


def test_subscriptions_that_read_each_other_by_mistake_are_told_too() -> None:
    wrong = [
        resource("Subscription", a, channel=ref("Subscription", b)["ref"], subscriber=ref("Service", "worker"))
        for a, b in ("ab", "ba")
    ]
    lines = text(drawn(*wrong)).splitlines()
    assert [line for line in lines if line.startswith("Subscription")] == [
        "Subscription default/a",
        "Subscription default/b",
    ]


def test_nothing_to_draw_is_said() -> None:
    assert text(Graph()) == "nothing to draw\n"
