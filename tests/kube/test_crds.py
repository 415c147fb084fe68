"""A real API server takes our definitions, and with them what the models take; what it refuses, it refuses as they do."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from kind_strategies import documents
from kube_server import Answer, ApiServer

from eventing.kinds.crd import crd
from eventing.kinds.meta import Defaults, Resource
from eventing.kinds.registry import KINDS, InvalidResource, check_update, find, parse
from kanal.crds import text

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").rglob("*.yaml"))
DEFINED = [kind for kind in KINDS if kind.GROUP]
SERVED = [(kind, one["name"]) for kind in DEFINED for one in crd(kind)["spec"]["versions"] if one["served"]]
CHANNEL = {"apiVersion": "messaging.knative.dev/v1", "kind": "Channel", "name": "c"}
SINK = {"uri": "http://sink"}
TEMPLATE = {"apiVersion": "messaging.knative.dev/v1beta1", "kind": "KafkaChannel"}


@pytest.fixture(scope="module")
def cluster(kube: ApiServer) -> ApiServer:
    """The API server with our definitions."""
    kube.kubectl("apply", "-f", "-", given=text(DEFINED, "yaml"))
    names = [f"crd/{kind.PLURAL}.{kind.GROUP}" for kind in DEFINED]
    kube.kubectl("wait", "--for=condition=Established", "--timeout=30s", *names)
    return kube


@pytest.fixture
def place(cluster: ApiServer) -> Iterator[None]:
    """Whatever a test left of our kinds is gone afterwards."""
    yield
    for kind in DEFINED:
        cluster.ask("DELETE", _path({"apiVersion": kind.full_version(kind.VERSIONS[0]), "kind": kind.KIND}))


def written(kind: str, spec: dict[str, Any] | None = None, version: str = "", name: str = "x") -> dict[str, Any]:
    model = next(one for one in KINDS if kind == one.KIND)
    head = {"apiVersion": model.full_version(version or model.VERSIONS[0]), "kind": kind, "metadata": {"name": name}}
    return head if spec is None else {**head, "spec": spec}


def _path(found: dict[str, Any]) -> str:
    kind = find(found["apiVersion"], found["kind"])
    assert kind is not None
    return f"/apis/{found['apiVersion']}/namespaces/default/{kind.PLURAL}"


def created(cluster: ApiServer, found: dict[str, Any], query: str = "") -> Answer:
    return cluster.ask("POST", f"{_path(found)}?fieldValidation=Strict{query}", found)


def updated(cluster: ApiServer, before: dict[str, Any], after: dict[str, Any]) -> Answer:
    """What becomes of writing `after` over `before`, which is there then and gone afterwards; nothing is kept of `after`."""
    there = created(cluster, before)
    assert there.status == 201, there.message
    one = f"{_path(before)}/{before['metadata']['name']}"
    wanted = copy.deepcopy(after)
    wanted["metadata"]["resourceVersion"] = there.body["metadata"]["resourceVersion"]
    try:
        return cluster.ask("PUT", f"{one}?dryRun=All&fieldValidation=Strict", wanted)
    finally:
        cluster.ask("DELETE", one)


def taken(found: dict[str, Any]) -> Resource | None:
    try:
        return parse(found)
    except InvalidResource:
        return None


@pytest.mark.parametrize("kind", DEFINED, ids=lambda kind: kind.KIND)
def test_a_definition_is_established_and_nothing_is_wrong_with_it(cluster: ApiServer, kind: type[Resource]) -> None:
    found = cluster.ask("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind.PLURAL}.{kind.GROUP}")
    conditions = {one["type"]: one["status"] for one in found.body["status"]["conditions"]}
    assert conditions == {"Established": "True", "NamesAccepted": "True"}
    assert found.body["status"]["storedVersions"] == [kind.VERSIONS[0]]


def test_kubectl_knows_the_names_the_fields_and_the_columns(cluster: ApiServer, place: None) -> None:
    cluster.kubectl(
        "apply", "-f", "-", given=json.dumps(written("Subscription", {"channel": CHANNEL, "subscriber": SINK}))
    )
    header, row = cluster.kubectl("get", "subs").splitlines()
    assert header.split()[0] == "NAME"
    assert {
        column.name.upper()
        for column in find("messaging.knative.dev/v1", "Subscription").PRINTER_COLUMNS
        if not column.priority
    } <= set(header.split())  # type: ignore[union-attr]
    assert row.split()[0] == "x"
    assert "Attempts after the first one" in cluster.kubectl("explain", "subscription.spec.delivery.retry")
    assert cluster.kubectl("get", "knative", "-o", "name").splitlines() == ["subscription.messaging.knative.dev/x"]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_kubectl_applies_every_example(cluster: ApiServer, place: None, file: Path) -> None:
    documents_ = [one for one in yaml.safe_load_all(file.read_text(encoding="utf-8")) if one]
    printed = cluster.kubectl("apply", "-f", str(file))
    assert printed.count("created") == len(documents_)
    assert cluster.kubectl("apply", "-f", str(file)).count("unchanged") == len(documents_)
    kept = [one for one in documents_ if one["kind"] == "ConfigMap"]
    if kept:
        cluster.kubectl("delete", "-f", "-", given=yaml.safe_dump_all(kept))


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (written("Subscription", {"subscriber": SINK}), "spec.channel"),
        (written("Subscription", {"channel": CHANNEL, "subscriber": {}}), "it leads nowhere; write a ref"),
        (written("Subscription", {"channel": CHANNEL, "subscriber": {"uri": "ftp://sink"}}), "spec.subscriber.uri"),
        (written("Subscription", {"channel": {**CHANNEL, "address": "a"}, "subscriber": SINK}), "is read from"),
        (written("Subscription", {"channel": {"kind": "Channel", "name": "c"}, "subscriber": SINK}), "no apiVersion"),
        (
            written("Subscription", {"channel": CHANNEL, "subscriber": SINK, "reply": {"audience": "a"}}),
            "leads nowhere",
        ),
        (
            written("Subscription", {"channel": CHANNEL, "subscriber": SINK, "delivery": {"retry": -1}}),
            "spec.delivery.retry",
        ),
        (
            written("Subscription", {"channel": CHANNEL, "subscriber": SINK, "delivery": {"timeout": "5s"}}),
            "delivery.timeout",
        ),
        (
            written("Subscription", {"channel": CHANNEL, "subscriber": SINK, "delivry": {}}),
            'unknown field "spec.delivry"',
        ),
        (written("Trigger", {"subscriber": SINK}), "the Trigger names no broker; add broker: NAME"),
        (written("Trigger", {"broker": "a", "brokerRef": {"name": "b"}, "subscriber": SINK}), "keep one of the two"),
        (written("Trigger", {"broker": "a", "subscriber": SINK, "filters": [{}]}), "spec.filters[0]"),
        (
            written(
                "Trigger", {"broker": "a", "subscriber": SINK, "filters": [{"exact": {"a": "b"}, "cesql": "TRUE"}]}
            ),
            "spec.filters[0]",
        ),
        (written("Trigger", {"broker": "a", "subscriber": SINK, "filters": [{"is": {"a": "b"}}]}), "filters[0].is"),
        (
            written("Channel", {"subscribers": [{"uid": "u", "subscriberUri": "http://a"}]}),
            "a Channel does not list its subscribers",
        ),
        (written("KafkaChannel", {"numPartitions": 0}), "spec.numPartitions"),
        (written("KafkaChannel", {"subscribers": [{"uid": "u"}]}), "the subscriber has no address"),
        (written("Sequence", {"steps": []}), "spec.steps"),
        (written("Sequence", {"steps": [{"delivery": {"retry": 1}}]}), "it leads nowhere"),
        (written("Parallel", {"branches": [{"filter": SINK}]}), "spec.branches[0].subscriber"),
        (written("EventType", {"source": "/s"}), "spec.type"),
        (
            written(
                "EventType", {"type": "t", "broker": "b", "reference": {"kind": "Broker", "name": "c", "group": "g"}}
            ),
            "spec.reference is the newer word",
        ),
    ],
    ids=lambda one: one if isinstance(one, str) else one["kind"],
)
def test_what_the_models_refuse_the_api_server_refuses_at_the_field(cluster: ApiServer, found: Any, says: str) -> None:
    assert taken(found) is None
    answer = created(cluster, found, "&dryRun=All")
    assert answer.status in (400, 422)
    assert says in answer.message


CHANGES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (
        written("Subscription", {"channel": CHANNEL, "subscriber": SINK}),
        written("Subscription", {"channel": {**CHANNEL, "name": "d"}, "subscriber": SINK}),
        "can't be changed once the resource is there; apply a second Subscription",
    ),
    (
        written("Subscription", {"channel": CHANNEL, "subscriber": SINK}),
        written(
            "Subscription", {"channel": {**CHANNEL, "namespace": "default"}, "subscriber": {"uri": "http://other"}}
        ),
        "",
    ),
    (
        written("Trigger", {"broker": "a", "subscriber": SINK}),
        written("Trigger", {"broker": "b", "subscriber": SINK}),
        "the broker can't be changed",
    ),
    (
        written("Trigger", {"broker": "a", "subscriber": SINK}),
        written("Trigger", {"brokerRef": {"name": "a"}, "subscriber": {"uri": "http://other"}}),
        "",
    ),
    (
        written("Broker", {"config": {"apiVersion": "v1", "kind": "ConfigMap", "name": "a"}}),
        written("Broker", {"config": {"apiVersion": "v1", "kind": "ConfigMap", "name": "b"}}),
        "spec.config",
    ),
    (
        written("Broker"),
        written("Broker", {"config": {"apiVersion": "v1", "kind": "ConfigMap", "name": "b"}}),
        "spec.config",
    ),
    (
        written("Broker", {"config": {"apiVersion": "v1", "kind": "ConfigMap", "name": "b"}}),
        written("Broker"),
        "spec.config",
    ),
    (written("Broker"), written("Broker", {"delivery": {"retry": 4}}), ""),
    (written("Channel"), written("Channel", {"channelTemplate": TEMPLATE}), ""),
    (
        written("Channel", {"channelTemplate": {**TEMPLATE, "spec": {"numPartitions": 1}}}),
        written("Channel", {"channelTemplate": {**TEMPLATE, "spec": {"numPartitions": 2}}}),
        "spec.channelTemplate",
    ),
    (written("Channel", {"delivery": {"retry": 1}}), written("Channel", {"delivery": {"retry": 2}}), "spec.delivery"),
    (written("Channel"), written("Channel", {"delivery": {"retry": 2}}), "spec.delivery"),
    (written("KafkaChannel"), written("KafkaChannel", {"numPartitions": 1, "delivery": {"retry": 1}}), ""),
    (
        written("KafkaChannel", {"numPartitions": 1}),
        written("KafkaChannel", {"numPartitions": 2}),
        "spec.numPartitions",
    ),
    (
        written("KafkaChannel", {"replicationFactor": 1}),
        written("KafkaChannel", {"replicationFactor": 2}),
        "spec.replicationFactor",
    ),
    (written("KafkaChannel", {}), written("KafkaChannel", {"retentionDuration": "PT24H"}), "spec.retentionDuration"),
    (written("KafkaChannel", {}), written("KafkaChannel", {"retentionDuration": "P7D"}), ""),
    (
        written("Sequence", {"steps": [SINK], "channelTemplate": TEMPLATE}),
        written("Sequence", {"steps": [SINK], "channelTemplate": {**TEMPLATE, "kind": "Mine"}}),
        "spec.channelTemplate",
    ),
    (
        written("Sequence", {"steps": [SINK]}),
        written("Sequence", {"steps": [SINK, SINK], "channelTemplate": TEMPLATE}),
        "",
    ),
    (written("EventType", {"type": "t"}), written("EventType", {"type": "u"}), "spec.type"),
    (written("EventType", {"type": "t"}), written("EventType", {"type": "t", "source": "/s"}), "spec.source"),
    (
        written("EventType", {"type": "t", "broker": "b"}),
        written(
            "EventType",
            {"type": "t", "reference": {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "name": "b"}},
        ),
        "",
    ),
]


@pytest.mark.parametrize(
    ("before", "after", "says"), CHANGES, ids=[f"{one['kind']}-{says[:24]}" for one, _, says in CHANGES]
)
def test_a_change_is_refused_where_the_models_refuse_it(cluster: ApiServer, before: Any, after: Any, says: str) -> None:
    assert bool(check_update(parse(before), parse(after))) == bool(says)
    answer = updated(cluster, before, after)
    assert answer.status == (422 if says else 200), answer.message
    assert says in answer.message


# As many that count: what the models refuse is passed over, and none at all fails.
LOOSE = settings(
    max_examples=20,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)


@pytest.mark.parametrize(("kind", "version"), SERVED, ids=lambda one: one if isinstance(one, str) else one.KIND)
def test_the_api_server_never_refuses_what_the_models_take(
    cluster: ApiServer, kind: type[Resource], version: str
) -> None:
    @LOOSE
    @given(documents(kind, version))
    def never(found: dict[str, Any]) -> None:
        assume(taken(found) is not None)
        answer = created(cluster, found, "&dryRun=All")
        assert answer.status == 201, answer.message

    never()


@pytest.mark.parametrize("kind", DEFINED, ids=lambda kind: kind.KIND)
def test_the_api_server_never_refuses_a_change_that_the_models_take(cluster: ApiServer, kind: type[Resource]) -> None:
    """Among them the filling in of defaults, by a webhook or by hand, and leaving them out again."""
    counted = []
    one_of_a_kind = documents(kind, kind.VERSIONS[0])

    @LOOSE
    @given(one_of_a_kind, one_of_a_kind, st.data())
    def never(before: dict[str, Any], other: dict[str, Any], data: st.DataObject) -> None:
        old = taken(before)
        assume(old is not None)
        assert old is not None
        filled = old.defaulted(Defaults()).document_in(kind.VERSIONS[0])
        plain = {**filled, "metadata": before["metadata"]}
        fields = sorted({*before["spec"], *other["spec"]})
        mixed = copy.deepcopy(before)
        for name in data.draw(st.lists(st.sampled_from(fields), max_size=2)) if fields else ():
            mixed["spec"].pop(name, None)
            mixed["spec"] |= {name: other["spec"][name]} if name in other["spec"] else {}
        for was, now in ((before, plain), (plain, before), (before, mixed)):
            new, base = taken(now), taken(was)
            if new is not None and base is not None and not check_update(base, new):
                counted.append(now)
                answer = updated(cluster, was, now)
                assert answer.status == 200, (was, now, answer.message)

    never()
    assert counted


def test_a_status_is_written_apart_and_may_hold_more_than_the_schema_names(cluster: ApiServer, place: None) -> None:
    found = created(cluster, written("Broker"))
    path = f"{_path(found.body)}/x"
    status = {"conditions": [{"type": "Ready", "status": "True"}], "observedGeneration": 1, "laterField": {"a": 1}}
    assert cluster.ask("PATCH", f"{path}/status", {"status": status}).status == 200
    again = cluster.ask("GET", path).body
    assert (again["status"], again["metadata"]["generation"]) == (status, 1)
    assert cluster.ask("PATCH", path, {"status": {"laterField": {"a": 2}}}).body["status"] == status


def test_an_object_is_the_same_in_every_version_that_is_served(cluster: ApiServer, place: None) -> None:
    cluster.kubectl("apply", "-f", "-", given=json.dumps(written("KafkaChannel", {"numPartitions": 3}, "v1")))
    both = [
        json.loads(cluster.kubectl("get", f"kafkachannels.{one}.messaging.knative.dev", "x", "-o", "json"))
        for one in ("v1", "v1beta1")
    ]
    assert both[0]["spec"] == both[1]["spec"] == {"numPartitions": 3}
