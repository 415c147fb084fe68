import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from kanal.listing import age, shown
from kanal.table import columns, ready_condition, target

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def resource(name: str, kind: str = "Channel", **status: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "creationTimestamp": "2026-11-25T11:55:00Z"}
    return {"apiVersion": "messaging.knative.dev/v1", "kind": kind, "metadata": metadata, "status": status}


def conditions(**kinds: tuple[str, str, str]) -> list[dict[str, str]]:
    return [{"type": k, "status": s, "reason": r, "message": m} for k, (s, r, m) in kinds.items()]


def test_a_ready_object_shows_its_address_and_no_reason() -> None:
    document = resource("a", conditions=conditions(Ready=("True", "", "")), address={"url": "http://x/default/a"})
    assert shown([document], "table", NOW).splitlines() == [
        "NAMESPACE  NAME  READY  REASON  URL                 AGE",
        "default    a     True           http://x/default/a  5m",
    ]


def test_a_paused_object_is_ready_and_says_that_it_is_paused() -> None:
    document = resource("a", conditions=conditions(Paused=("True", "Paused", "resting"), Ready=("True", "", "")))
    assert shown([document], "table", NOW).splitlines()[1].split() == ["default", "a", "True", "Paused", "5m"]


def test_an_object_that_is_not_ready_shows_the_reason() -> None:
    document = resource("a", conditions=conditions(Ready=("False", "NoTopic", "Kafka says no")))
    assert shown([document], "table", NOW).splitlines()[1].split() == ["default", "a", "False", "NoTopic", "5m"]


def test_an_object_without_status_is_unknown_because_nobody_looked() -> None:
    document = resource("a")
    del document["status"]
    assert ready_condition(document)["status"] == "Unknown"
    assert "Unknown  not looked at yet" in shown([document], "table", NOW)


def other_broker(**fields: Any) -> dict[str, Any]:
    document = {**resource("b", "Broker"), "apiVersion": "eventing.knative.dev/v1", **fields}
    document["metadata"] = {
        **document["metadata"],
        "annotations": {"eventing.knative.dev/broker.class": "RabbitMQBroker"},
    }
    return document


def test_b44_a_broker_of_a_class_that_nobody_serves_says_so() -> None:
    assert "nobody has taken the class RabbitMQBroker yet" in shown([other_broker(status={})], "table", NOW)
    taken = other_broker(status={"conditions": conditions(Ready=("True", "", ""))})
    assert "nobody" not in shown([taken], "table", NOW)


def test_an_object_of_a_kind_without_conditions_is_neither_ready_nor_not() -> None:
    document = {**resource("a", "ConfigMap"), "apiVersion": "v1"}
    assert ready_condition(document)["status"] == ""
    assert shown([document], "table", NOW).splitlines()[1].split() == ["default", "a", "5m"]


def test_the_target_of_a_trigger_is_its_subscriber() -> None:
    assert target(resource("t", "Trigger", subscriberUri="http://sink")) == "http://sink"


def test_the_target_is_the_address_else_the_subscriber_else_nothing() -> None:
    assert target(resource("a", address={"url": "http://x"})) == "http://x"
    assert target(resource("s", physicalSubscription={"subscriberUri": "http://sink"})) == "http://sink"
    assert target(resource("a", address=None)) == ""


def test_each_kind_has_its_own_heading_and_table_when_there_are_several() -> None:
    text = shown([resource("a"), resource("s", "Subscription"), resource("b")], "table", NOW)
    blocks = [block.splitlines() for block in text.split("\n\n")]
    assert [(block[0], len(block)) for block in blocks] == [("Channel", 4), ("Subscription", 3)]


def test_wide_adds_every_condition_and_the_topic_under_its_object() -> None:
    document = resource(
        "a",
        conditions=conditions(Ready=("False", "NoTopic", "no"), TopicReady=("False", "NoTopic", "Kafka says no")),
        annotations={"kafka/topic": "t1"},
    )
    lines = shown([document, resource("b")], "wide", NOW).splitlines()
    assert lines[2:5] == [
        "  Ready       False  NoTopic  no",
        "  TopicReady  False  NoTopic  Kafka says no",
        "  kafka/topic: t1",
    ]
    assert lines[5].split()[:2] == ["default", "b"]


@pytest.mark.parametrize(("how", "reader"), [("yaml", yaml.safe_load), ("json", json.loads)])
def test_a_script_gets_the_object_that_it_named_as_it_is_and_everything_else_as_a_list(how: str, reader: Any) -> None:
    one, two = resource("ä"), resource("b")
    assert reader(shown([one], how, NOW, one=True)) == one
    assert reader(shown([one], how, NOW)) == {"apiVersion": "v1", "kind": "List", "items": [one]}
    assert "ä" in shown([one], how, NOW)
    assert reader(shown([one, two], how, NOW)) == {"apiVersion": "v1", "kind": "List", "items": [one, two]}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (60, "1m"), (3_599, "59m"), (3_600, "1h"), (86_399, "23h"), (200_000, "2d"), (-5, "0s")],
)
def test_an_age_is_told_in_its_largest_unit(seconds: int, text: str) -> None:
    assert age((NOW - timedelta(seconds=seconds)).isoformat(), NOW) == text


@pytest.mark.parametrize("created", ["", "yesterday", "2026-11-25T11:00:00"])
def test_an_age_that_nobody_can_tell_is_left_out(created: str) -> None:
    assert age(created, NOW) == ""


def test_columns_are_as_wide_as_their_widest_cell_and_lines_end_without_spaces() -> None:
    assert columns([("A", "B"), ("long", ""), ("", "x")]) == ["A     B", "long", "      x"]
    assert columns([]) == []
