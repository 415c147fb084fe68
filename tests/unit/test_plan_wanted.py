"""What has to be looked up on a cluster before a plan can be made: every reference to what is not held here."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eventing.kinds.key import Key
from eventing.kinds.meta import Defaults, Resource
from eventing.kinds.registry import parse
from eventing.plan.references import Reference, config_maps, wanted

GROUPS = {
    "Channel": "messaging.knative.dev/v1",
    "KafkaChannel": "messaging.knative.dev/v1beta1",
    "Subscription": "messaging.knative.dev/v1",
    "Broker": "eventing.knative.dev/v1",
    "Trigger": "eventing.knative.dev/v1",
    "EventType": "eventing.knative.dev/v1beta2",
    "Sequence": "flows.knative.dev/v1",
    "Parallel": "flows.knative.dev/v1",
}


def ref(name: str, kind: str = "Thing", version: str = "x.io/v1", **more: str) -> dict[str, Any]:
    return {"ref": {"apiVersion": version, "kind": kind, "name": name, **more}}


def sink(name: str) -> dict[str, Any]:
    return {"deadLetterSink": ref(name)}


def resource(kind: str, spec: dict[str, Any], **annotations: str) -> Resource:
    meta = {"name": "one", "namespace": "ns1", "annotations": annotations}
    return parse({"apiVersion": GROUPS[kind], "kind": kind, "metadata": meta, "spec": spec})


CHANNEL = {"apiVersion": "messaging.knative.dev/v1", "kind": "Channel", "name": "c1"}
EVERYWHERE = [
    ("Channel", {"delivery": sink("a")}, {"a"}),
    ("KafkaChannel", {"delivery": sink("a")}, {"a"}),
    (
        "KafkaChannel",
        {"subscribers": [{"uid": "u", "subscriberUri": "http://s", "delivery": sink("a")}]},
        {"a"},
    ),
    ("Broker", {"delivery": sink("a")}, {"a"}),
    ("Trigger", {"broker": "b", "subscriber": ref("a"), "delivery": sink("b")}, {"a", "b"}),
    (
        "Subscription",
        {"channel": CHANNEL, "subscriber": ref("a"), "reply": ref("b"), "delivery": sink("c")},
        {"a", "b", "c"},
    ),
    (
        "Sequence",
        {"steps": [ref("a"), {**ref("b"), "delivery": sink("c")}], "reply": ref("d")},
        {"a", "b", "c", "d"},
    ),
    (
        "Parallel",
        {
            "branches": [
                {"filter": ref("a"), "subscriber": ref("b"), "reply": ref("c"), "delivery": sink("d")},
                {"subscriber": ref("e")},
            ],
            "reply": ref("f"),
        },
        {"a", "b", "c", "d", "e", "f"},
    ),
    ("EventType", {"type": "t", "reference": ref("a")["ref"]}, {"a"}),
]


@pytest.mark.parametrize(("kind", "spec", "names"), EVERYWHERE)
def test_every_place_that_can_hold_a_reference_is_looked_at(kind: str, spec: dict[str, Any], names: set[str]) -> None:
    one = resource(kind, spec)
    expected = {Reference("x.io/v1", "Thing", "ns1", name) for name in names}
    assert wanted([one]) == wanted([one.defaulted(Defaults())]) == expected


def test_a_dependency_is_looked_up_in_the_namespace_of_its_trigger() -> None:
    needed = {"apiVersion": "sources.knative.dev/v1", "kind": "PingSource", "name": "p"}
    spec = {"broker": "b", "subscriber": {"uri": "http://s"}}
    one = resource("Trigger", spec, **{"knative.dev/dependency": json.dumps(needed)})
    assert wanted([one]) == {Reference("sources.knative.dev/v1", "PingSource", "ns1", "p")}


def test_b43_the_namespace_of_a_reference_wins_over_that_of_the_object() -> None:
    one = resource("Trigger", {"broker": "b", "subscriber": ref("a", namespace="ns2")})
    assert {found.namespace for found in wanted([one])} == {"ns2"}


def test_services_of_both_sorts_are_looked_up() -> None:
    steps = [ref("a", "Service", "v1"), ref("a", "Service", "serving.knative.dev/v1")]
    assert {found.key for found in wanted([resource("Sequence", {"steps": steps})])} == {
        Key("", "Service", "ns1", "a"),
        Key("serving.knative.dev", "Service", "ns1", "a"),
    }


def test_a_group_alone_leaves_the_version_to_the_server() -> None:
    by_group = {"ref": {"group": "serving.knative.dev", "kind": "Service", "name": "a"}}
    (found,) = wanted([resource("Trigger", {"broker": "b", "subscriber": by_group})])
    assert found == Reference("serving.knative.dev/", "Service", "ns1", "a")
    assert found.key == Key("serving.knative.dev", "Service", "ns1", "a")


def test_what_is_held_here_need_not_be_looked_up_and_a_uri_neither() -> None:
    steps = [ref("c1", "Channel", GROUPS["Channel"]), ref("b", "Broker", GROUPS["Broker"]), {"uri": "http://s"}]
    assert wanted([resource("Sequence", {"steps": steps})]) == frozenset()


def test_beside_knatives_core_its_kinds_are_looked_up_and_its_objects_not_read() -> None:
    to_channel = resource("Trigger", {"broker": "b", "subscriber": ref("c1", "Channel", GROUPS["Channel"])})
    to_kafka = resource("Trigger", {"broker": "b", "subscriber": ref("k1", "KafkaChannel", GROUPS["KafkaChannel"])})
    theirs = resource("Sequence", {"steps": [ref("a")]})
    found = wanted([to_channel, to_kafka, theirs], "kafka")
    assert found == {Reference(GROUPS["Channel"], "Channel", "ns1", "c1")}


def test_the_config_maps_that_brokers_name_are_told() -> None:
    here = {"apiVersion": "v1", "kind": "ConfigMap", "name": "topics"}
    brokers = [
        resource("Broker", {"config": here}),
        resource("Broker", {"config": {**here, "namespace": "ns2"}}),
        resource("Broker", {"config": {**here, "apiVersion": "x.io/v1"}}),
        resource("Broker", {}),
    ]
    assert config_maps(brokers) == {Key("", "ConfigMap", "ns1", "topics"), Key("", "ConfigMap", "ns2", "topics")}
