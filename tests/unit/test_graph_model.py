"""What the picture holds: nodes, edges and states, from documents as the API gives them."""

from __future__ import annotations

import random
from typing import Any

import pytest
from graph_documents import BASE, READY, drawn, edges_of, ref, resource, subscription, town, trigger

from kanal.graph.filtertext import filter_text
from kanal.graph.model import Graph, Node
from kanal.graph.narrow import narrowed

BROKER = resource("Broker", "mesh")
CHANNEL = resource("Channel", "orders")


def node(graph: Graph, title: str) -> Node:
    (found,) = [one for one in graph.nodes if one.title == title]
    return found


def test_a_trigger_reads_from_its_broker_sends_to_its_subscriber_and_replies_into_the_broker() -> None:
    edges = edges_of(drawn(BROKER, trigger("t")))
    assert edges == {
        ("Broker default/mesh", "reads from", "Trigger default/t"),
        ("Trigger default/t", "sends to", "Service default/worker"),
        ("Trigger default/t", "reply", "Broker default/mesh"),
        ("Trigger default/t", "dead letter", "kept dead letters of Broker default/mesh"),
    }


def test_a_trigger_may_name_its_broker_by_a_reference_into_another_namespace() -> None:
    far = resource("Broker", "mesh", namespace="far")
    reference = {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "name": "mesh", "namespace": "far"}
    edges = edges_of(drawn(far, resource("Trigger", "t", brokerRef=reference, subscriber=ref("Service", "worker"))))
    assert ("Broker far/mesh", "reads from", "Trigger default/t") in edges


def test_a_subscription_reads_from_its_channel_and_replies_only_where_it_says_so() -> None:
    answers = resource("Channel", "answers")
    without = edges_of(drawn(CHANNEL, subscription("s")))
    assert not [edge for edge in without if edge[1] == "reply"]
    edges = edges_of(drawn(CHANNEL, answers, subscription("s", reply=ref("Channel", "answers"))))
    assert ("Channel default/orders", "reads from", "Subscription default/s") in edges
    assert ("Subscription default/s", "reply", "Channel default/answers") in edges


def test_whatever_has_a_sink_is_a_source() -> None:
    graph = drawn(BROKER, resource("PingSource", "tick", sink=ref("Broker", "mesh")))
    assert node(graph, "PingSource default/tick").role == "source"
    assert ("PingSource default/tick", "sends to", "Broker default/mesh") in edges_of(graph)


def test_the_nearest_dead_letter_sink_counts_and_without_any_the_letters_are_kept() -> None:
    hub = resource("Broker", "mesh", delivery={"deadLetterSink": ref("Service", "theirs")})
    graph = drawn(hub, trigger("own", delivery={"deadLetterSink": ref("Service", "mine")}), trigger("heir"))
    letters = {edge for edge in edges_of(graph) if edge[1] == "dead letter"}
    assert letters == {
        ("Trigger default/own", "dead letter", "Service default/mine"),
        ("Trigger default/heir", "dead letter", "Service default/theirs"),
    }
    assert [edge.text for edge in graph.edges if edge.meaning == "dead letter"] == ["inherited", ""]
    (topic,) = [edge.text for edge in drawn(BROKER, trigger("t")).edges if edge.meaning == "dead letter"]
    assert topic == "kept-trigger.default.t"


def test_a_dead_letter_sink_that_nobody_inherits_is_drawn_from_its_hub_so_that_a_wrong_one_is_seen() -> None:
    graph = drawn(resource("Channel", "c", delivery={"deadLetterSink": ref("Channel", "nowhere")}))
    assert edges_of(graph) == {("Channel default/c", "dead letter", "Channel default/nowhere")}
    assert node(graph, "Channel default/nowhere").state == "broken"


@pytest.mark.parametrize("url", [f"{BASE}/default/orders", f"{BASE}/default/orders/", f"HTTP{BASE[4:]}/default/orders"])
def test_a_url_that_is_the_address_of_a_resource_is_drawn_to_the_resource(url: str) -> None:
    edges = edges_of(drawn(CHANNEL, BROKER, trigger("t", subscriber={"uri": url})))
    assert ("Trigger default/t", "sends to", "Channel default/orders") in edges


def test_a_url_of_nobody_is_a_node_of_its_own_and_several_references_share_it() -> None:
    graph = drawn(BROKER, *(trigger(name, subscriber={"uri": "http://elsewhere/x"}) for name in "ab"))
    assert node(graph, "http://elsewhere/x").key == "URL//http://elsewhere/x"


def test_the_path_behind_a_reference_stands_on_its_edge() -> None:
    graph = drawn(BROKER, trigger("t", subscriber=ref("Service", "worker", uri="/v2")))
    assert [edge.text for edge in graph.edges if edge.meaning == "sends to"] == ["/v2"]


def test_a_broker_a_channel_or_a_flow_that_does_not_exist_is_a_broken_node() -> None:
    graph = drawn(trigger("t", subscriber=ref("Sequence", "gone")), subscription("s"))
    assert {(one.title, one.reason) for one in graph.in_state("broken")} == {
        ("Broker default/mesh", "does not exist"),
        ("Channel default/orders", "does not exist"),
        ("Sequence default/gone", "does not exist"),
    }


def test_a_service_is_broken_only_where_a_condition_says_that_it_does_not_exist() -> None:
    complaint = ("False", "SubscriberMissing", "spec.subscriber: Service default/gone does not exist; name it")
    graph = drawn(BROKER, trigger("a", to="gone", ready=complaint), trigger("b", to="there"))
    assert node(graph, "Service default/gone").state == "broken"
    assert node(graph, "Service default/there").state == "ok"


def test_services_of_two_groups_that_have_one_name_are_two_nodes() -> None:
    serving = {"ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "worker"}}
    graph = drawn(BROKER, trigger("a"), trigger("b", subscriber=serving))
    assert {one.title for one in graph.nodes if one.role == "subscriber"} == {
        "Service default/worker",
        "Service.serving.knative.dev default/worker",
    }


@pytest.mark.parametrize(
    ("ready", "running", "state", "reason"),
    [
        (READY, True, "ok", ""),
        (("False", "NoTopic", "Kafka says no"), True, "broken", "NoTopic: Kafka says no"),
        (("False", "", ""), True, "broken", "is not ready"),
        (("Unknown", "NotYetObserved", "wait"), True, "unknown", "NotYetObserved: wait"),
        (None, True, "unknown", "not looked at yet"),
        (("Unknown", "NotYetObserved", "wait"), False, "ok", ""),
        (None, False, "ok", ""),
        (("False", "Missing", "gone"), False, "broken", "Missing: gone"),
    ],
)
def test_the_state_is_that_of_ready_and_where_nothing_runs_unknown_says_nothing(
    ready: tuple[str, str, str] | None, running: bool, state: str, reason: str
) -> None:
    (one,) = drawn(resource("Channel", "c", ready=ready), running=running).nodes
    assert (one.state, one.reason) == (state, reason)


def test_a_status_older_than_the_last_change_is_unknown() -> None:
    document = resource("Channel", "c")
    document["metadata"]["generation"] = 2
    assert drawn(document).nodes[0].state == "unknown"


def test_a_paused_subscription_is_paused_unless_it_is_broken_too() -> None:
    paused = {"type": "Paused", "status": "True", "message": "rests"}
    resting, broken = subscription("resting"), subscription("torn", ready=("False", "R", ""))
    for document in (resting, broken):
        document["status"]["conditions"].append(paused)
    graph = drawn(CHANNEL, resting, broken)
    assert node(graph, "Subscription default/resting").state == "paused"
    assert node(graph, "Subscription default/torn").state == "broken"


def test_the_kafkachannel_behind_a_channel_is_the_channel_and_shown_only_when_asked_for() -> None:
    behind = resource("KafkaChannel", "orders", owner=("Channel", "orders"))
    reader = subscription("s", channel="orders")
    reader["spec"]["channel"] = ref("KafkaChannel", "orders")["ref"]
    folded = drawn(CHANNEL, behind, reader)
    assert [one.title for one in folded.nodes if one.role == "channel"] == ["Channel default/orders"]
    assert ("Channel default/orders", "reads from", "Subscription default/s") in edges_of(folded)
    parts = edges_of(drawn(CHANNEL, behind, reader, children=True))
    assert ("Channel default/orders", "sends to", "KafkaChannel default/orders") in parts
    assert ("KafkaChannel default/orders", "reads from", "Subscription default/s") in parts


def test_a_sequence_is_a_group_with_its_steps_in_order() -> None:
    graph = drawn(*town())
    (group,) = [one for one in graph.groups if one.key == "Sequence/default/enrich"]
    assert [graph.by_key[key].label for key in group.members] == ["enrich", "step 1", "step 2", "step 3"]
    one, two, three = (f"step {number} of Sequence default/enrich" for number in (1, 2, 3))
    assert edges_of(graph) >= {
        ("Sequence default/enrich", "reads from", one),
        (one, "sends to", "Service default/one"),
        (one, "reply", two),
        (two, "reply", three),
        (three, "reply", "Broker default/mesh"),
        (two, "dead letter", "Service default/graveyard"),
        (three, "dead letter", "kept dead letters of Sequence default/enrich"),
    }
    assert [one.title for one in graph.nodes if one.kind == "KafkaChannel"] == []


def test_a_sequence_of_twelve_steps_keeps_their_order() -> None:
    graph = drawn(resource("Sequence", "q", steps=[ref("Service", f"s{index}") for index in range(12)]))
    assert [graph.by_key[key].label for key in graph.groups[0].members[1:]] == [f"step {n}" for n in range(1, 13)]


def test_a_step_has_the_state_of_its_child_subscription_and_of_the_channel_that_it_reads() -> None:
    graph = drawn(*town())
    two = node(graph, "step 2 of Sequence default/enrich")
    assert (two.key, two.state) == ("Subscription/default/enrich-kn-sequence-1", "broken")
    broken = ("False", "NoTopic", "Kafka says no")
    flow = resource("Sequence", "q", steps=[ref("Service", "a"), ref("Service", "b")])
    children = [resource("Subscription", f"q-kn-sequence-{n}", owner=("Sequence", "q")) for n in range(2)]
    channels = [
        resource("KafkaChannel", f"q-kn-sequence-{n}", owner=("Sequence", "q"), ready=broken if n else READY)
        for n in range(2)
    ]
    graph = drawn(flow, *children, *channels)
    assert [one.title for one in graph.in_state("broken")] == ["step 2 of Sequence default/q"]


def test_a_step_whose_child_is_not_there_is_unknown_where_something_runs() -> None:
    flow = resource("Sequence", "q", steps=[ref("Service", "a")])
    assert node(drawn(flow), "step 1 of Sequence default/q").state == "unknown"
    assert node(drawn(flow, running=False), "step 1 of Sequence default/q").state == "ok"


def test_a_parallel_is_a_group_with_its_filters_and_branches() -> None:
    graph = drawn(*town())
    (group,) = [one for one in graph.groups if one.key == "Parallel/default/split"]
    assert [graph.by_key[key].label for key in group.members] == ["split", "filter 1", "branch 1", "branch 2"]
    sieve, first, second = (f"{what} of Parallel default/split" for what in ("filter 1", "branch 1", "branch 2"))
    assert edges_of(graph) >= {
        ("Parallel default/split", "reads from", sieve),
        (sieve, "sends to", "Service default/is-red"),
        (sieve, "reply", first),
        (first, "sends to", "Service default/red"),
        (first, "reply", "Channel default/orders"),
        ("Parallel default/split", "reads from", second),
        (second, "reply", "Channel default/answers"),
    }


def test_a_reference_to_a_channel_inside_a_flow_leads_to_the_step_that_reads_it() -> None:
    reader = subscription("s", reply=ref("KafkaChannel", "enrich-kn-sequence-2"))
    edges = edges_of(drawn(*town(), reader))
    assert ("Subscription default/s", "reply", "step 3 of Sequence default/enrich") in edges
    entry = subscription("s", reply={"uri": f"{BASE}/default/enrich-kn-sequence-0"})
    assert ("Subscription default/s", "reply", "Sequence default/enrich") in edges_of(drawn(*town(), entry))


def test_children_of_flows_are_drawn_as_they_are_when_asked_for() -> None:
    graph = drawn(*town(), children=True)
    assert graph.groups == ()
    assert ("Sequence default/enrich", "sends to", "KafkaChannel default/enrich-kn-sequence-0") in edges_of(graph)
    assert ("Parallel default/split", "sends to", "KafkaChannel default/split-kn-parallel") in edges_of(graph)
    assert node(graph, "Subscription default/enrich-kn-sequence-1").state == "broken"


def test_one_namespace_keeps_what_it_touches_elsewhere_and_nothing_more() -> None:
    far = resource("Channel", "far", namespace="b")
    beyond = subscription("beyond", channel="far", namespace="b", to="beyond")
    graph = narrowed(drawn(BROKER, trigger("t", subscriber={"uri": f"{BASE}/b/far"}), far, beyond), "default")
    assert {one.title for one in graph.nodes} == {
        "Broker default/mesh",
        "Trigger default/t",
        "Channel b/far",
        "kept dead letters of Broker default/mesh",
    }
    assert narrowed(drawn(BROKER), "elsewhere").nodes == ()


def test_a_flow_that_another_namespace_touches_is_there_with_all_its_steps() -> None:
    flow = resource("Sequence", "q", namespace="b", steps=[ref("Service", "x"), ref("Service", "y")])
    graph = narrowed(drawn(flow, BROKER, trigger("t", subscriber={"uri": f"{BASE}/b/q"})), "default")
    assert [one.label for one in graph.nodes if one.group] == ["q", "step 1", "step 2"]
    assert ("step 1 of Sequence b/q", "reply", "step 2 of Sequence b/q") in edges_of(graph)


def test_the_order_of_the_documents_does_not_matter() -> None:
    documents = town()
    before = drawn(*documents)
    random.Random(7).shuffle(documents)
    assert drawn(*documents) == before


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"kind": "Trigger", "metadata": {"name": "t"}},
        {"kind": "Trigger", "metadata": {"name": "t"}, "spec": {"subscriber": [], "filters": 3, "delivery": "x"}},
        {"kind": "Trigger", "metadata": {"name": "t"}, "spec": {"brokerRef": {}, "subscriber": {"ref": {}}}},
        {"kind": "Sequence", "metadata": {"name": "q"}, "spec": {"steps": [None, 1, {}]}},
        {"kind": "Parallel", "metadata": {"name": "p", "ownerReferences": [3]}, "spec": {"branches": {}}},
        {"kind": "Channel", "metadata": {"name": "c"}, "status": {"conditions": ["x"], "address": 3, "addresses": [1]}},
        {"kind": "PingSource", "metadata": {"name": "p"}, "spec": {"sink": {"uri": "http://[:x"}}},
        {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {}},
    ],
)
def test_a_document_of_an_unexpected_shape_is_drawn_as_far_as_it_goes(document: dict[str, Any]) -> None:
    drawn(document)
    drawn(document, children=True)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({}, ""),
        ({"filter": {}}, ""),
        ({"filter": {"attributes": {"type": "a", "source": ""}}}, "type = a and has source"),
        ({"filters": [], "filter": {"attributes": {"type": "a"}}}, "type = a"),
        ({"filters": [{"exact": {"type": "a"}}], "filter": {"attributes": {"type": "b"}}}, "type = a"),
        (
            {"filters": [{"prefix": {"type": "a"}}, {"suffix": {"type": "z"}}]},
            "type starts with a and type ends with z",
        ),
        (
            {"filters": [{"any": [{"exact": {"type": "a"}}, {"exact": {"type": "b"}}]}, {"cesql": "x > 1"}]},
            "(type = a or type = b) and x > 1",
        ),
        ({"filters": [{"not": {"all": [{"exact": {"type": "a"}}]}}]}, "not (type = a)"),
        ({"filters": [{"new": [1]}, 3]}, "new [1] and 3"),
    ],
)
def test_a_filter_is_told_in_words(spec: dict[str, Any], text: str) -> None:
    assert filter_text(spec) == text


def test_a_filter_that_is_nested_without_end_is_cut() -> None:
    deep: dict[str, Any] = {"exact": {"type": "a"}}
    for _ in range(100):
        deep = {"not": deep}
    assert filter_text({"filters": [deep]}).startswith("not (not (")
    assert "…" in filter_text({"filters": [deep]})
