"""What an API server is answered about a change: filled in, allowed, or refused as at home."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kind_strategies import documents
from webhook_stand import SERVICE, SPECS, VERSIONS, patched, review, sent

from eventing.errors import Invalid
from eventing.kinds.meta import BrokerDefault, Defaults, Features, Resource
from eventing.kinds.registry import KINDS, InvalidResource, find, parse
from kanal.api.kube.reading import resource_of
from kanal.webhook.review import Rules, defaulting, validation

RULES = Rules()
OURS = [(kind, version) for kind in KINDS if kind.GROUP for version in kind.VERSIONS]
Document = dict[str, Any]


def operations(answer: Document) -> list[Document]:
    found: list[Document] = json.loads(base64.b64decode(answer["response"].get("patch", "W10=")))
    return found


def refused(answer: Document) -> Document:
    response: Document = answer["response"]
    assert not response["allowed"]
    status: Document = response["status"]
    return status


@pytest.mark.parametrize("kind", SPECS)
def test_an_object_is_filled_in_as_at_home_and_a_second_time_nothing_is(kind: str) -> None:
    one = sent(kind)
    once = patched(one, defaulting(review(one), RULES))
    assert parse(once) == parse(one).defaulted(Defaults())
    again = defaulting(review(once), RULES)["response"]
    assert again == {"uid": "u-1", "allowed": True}


@pytest.mark.parametrize(("kind", "version"), OURS, ids=lambda one: one if isinstance(one, str) else one.KIND)
def test_whatever_the_models_take_is_filled_in_as_at_home(kind: type[Resource], version: str) -> None:
    @settings(max_examples=30, deadline=None)
    @given(documents(kind, version))
    def holds(found: Document) -> None:
        found = {**found, "metadata": {"name": "x", "namespace": "default"}}
        answer = defaulting(review(found), RULES)
        try:
            home, _ = resource_of(found, strictness="Ignore", features=Features(), defaults=Defaults())
        except InvalidResource as error:
            faults = [one.message for one in error.errors]
        else:
            faults = []
        if faults:
            assert all(fault in refused(answer)["message"] for fault in faults)
            return
        done = patched(found, answer)
        assert resource_of(done, strictness="Ignore", features=Features(), defaults=Defaults())[0] == home
        assert operations(defaulting(review(done), RULES)) == []
        assert validation(review(done), RULES)["response"]["allowed"]

    holds()


def test_the_patch_holds_only_what_was_filled_in() -> None:
    one = sent("Trigger", {"broker": "b", "subscriber": {"ref": SERVICE}}, labels={"a": "b"})
    assert operations(defaulting(review(one), RULES)) == [
        {"op": "add", "path": "/metadata/labels/eventing.knative.dev~1broker", "value": "b"},
        {"op": "add", "path": "/spec/filter", "value": {}},
        {"op": "add", "path": "/spec/subscriber/ref/namespace", "value": "default"},
    ]


def test_what_a_person_wrote_out_stays_written_out() -> None:
    spec = {"numPartitions": 1, "replicationFactor": 1, "retentionDuration": "PT168H"}
    done = patched(one := sent("KafkaChannel", spec), defaulting(review(one), RULES))
    assert done["spec"] == spec


def test_an_object_without_a_spec_gets_one() -> None:
    one = sent("Channel")
    del one["spec"]
    done = patched(one, defaulting(review(one), RULES))
    assert done["spec"]["channelTemplate"]["kind"] == "KafkaChannel"
    nothing = {**one, "spec": None}
    assert patched(nothing, defaulting(review(nothing), RULES))["spec"] == done["spec"]


def test_an_item_of_a_list_is_filled_in_where_it_stands() -> None:
    one = sent("Sequence")
    assert {"op": "add", "path": "/spec/steps/1/ref/namespace", "value": "default"} in operations(
        defaulting(review(one), RULES)
    )


def test_a_reference_gets_its_namespace_in_every_version() -> None:
    attributes = [{"name": "source"}, {"name": "type", "value": "t"}, {"name": "id"}, {"name": "specversion"}]
    one = sent("EventType", {"attributes": attributes, "reference": SPECS["EventType"]["reference"]}, "v1beta3")
    assert operations(defaulting(review(one), RULES)) == [
        {"op": "add", "path": "/spec/reference/namespace", "value": "default"}
    ]


def test_the_namespace_is_that_of_the_request_where_the_object_does_not_say_it() -> None:
    one = sent("Subscription", namespace="")
    done = patched(one, defaulting(review(one, namespace="elsewhere"), RULES))
    assert done["spec"]["subscriber"]["ref"]["namespace"] == "elsewhere"


def test_the_defaults_of_the_installation_are_filled_in() -> None:
    rules = Rules(defaults=Defaults(partitions=7, replication_factor=3))
    done = patched(one := sent("KafkaChannel"), defaulting(review(one), rules))
    assert (done["spec"]["numPartitions"], done["spec"]["replicationFactor"]) == (7, 3)


def test_a_name_that_is_yet_to_be_made_is_no_fault() -> None:
    one = sent("Broker", name="", generateName="b-")
    assert validation(review(one), RULES)["response"]["allowed"]


WRONG: list[tuple[str, Document, str, str]] = [
    ("Broker", {"delivery": {"retry": -1}}, "spec.delivery.retry", "-1 is less than 0, the least that works"),
    ("Trigger", {**SPECS["Trigger"], "broker": ""}, "spec.broker", "the Trigger names no broker; add broker: NAME"),
    (
        "Trigger",
        {**SPECS["Trigger"], "filters": [{"cesql": "type = "}]},
        "spec.filters[0].cesql",
        "write for instance type = 'com.example.created'",
    ),
    (
        "Channel",
        {"subscribers": [{"uid": "u", "subscriberUri": "http://a"}]},
        "spec.subscribers",
        "a Channel does not list its subscribers; take it out and apply a Subscription for each subscriber",
    ),
    ("KafkaChannel", {"numPartitions": 0}, "spec.numPartitions", "0 is less than 1, the least that works"),
    ("Subscription", {"channel": SPECS["Subscription"]["channel"]}, "spec.subscriber", ""),
    ("Sequence", {"steps": []}, "spec.steps", ""),
    ("Parallel", {"branches": [{}]}, "spec.branches[0].subscriber", ""),
    ("EventType", {"type": "t", "schemaData": "{"}, "spec.schemaData", "the schema is no JSON"),
]


@pytest.mark.parametrize("ask", [defaulting, validation])
@pytest.mark.parametrize(("kind", "spec", "field", "says"), WRONG, ids=[f"{row[0]}-{row[2]}" for row in WRONG])
def test_a_wrong_field_is_refused_with_its_fix(ask: Any, kind: str, spec: Document, field: str, says: str) -> None:
    status = refused(ask(review(sent(kind, spec)), RULES))
    assert (status["code"], status["reason"]) == (422, "Invalid")
    assert status["message"].startswith(f'{kind} "x" is invalid: {field}')
    [cause] = [one for one in status["details"]["causes"] if one["field"] == field]
    assert says in cause["message"]
    [group, _] = VERSIONS[kind].split("/")
    assert {name: status["details"][name] for name in ("name", "group", "kind")} == {
        "name": "x",
        "group": group,
        "kind": kind,
    }


def test_every_fault_is_told_at_once() -> None:
    status = refused(validation(review(sent("Trigger", {"broker": "", "subscriber": {}, "filtr": 1})), RULES))
    assert [one["field"] for one in status["details"]["causes"]] == ["spec.subscriber"]
    status = refused(validation(review(sent("KafkaChannel", {"numPartitions": 0, "replicationFactor": 0})), RULES))
    assert [one["field"] for one in status["details"]["causes"]] == ["spec.numPartitions", "spec.replicationFactor"]


@pytest.mark.parametrize("ask", [defaulting, validation])
@pytest.mark.parametrize(
    ("kind", "old", "new", "says"),
    [
        ("Trigger", {}, {"broker": "c"}, 'spec.broker: can\'t be changed once the resource is there: it is "b", not "c"'),
        ("KafkaChannel", {}, {"numPartitions": 2}, "spec.numPartitions: can't be changed"),
        ("Channel", {"delivery": {"retry": 1}}, {"delivery": {"retry": 2}}, "spec.delivery.retry: can't be changed"),
        ("EventType", {}, {"description": "d"}, 'spec.description: can\'t be changed once the resource is there: it is unset, not "d"'),
        ("Subscription", {}, {"channel": {**SPECS["Subscription"]["channel"], "name": "d"}}, "spec.channel.name: can't be changed"),
    ],
)  # fmt: skip
def test_a_change_of_what_stays_is_refused_in_the_words_of_home(
    ask: Any, kind: str, old: Document, new: Document, says: str
) -> None:
    before, after = (sent(kind, {**SPECS[kind], **spec}) for spec in (old, new))
    assert f'{kind} "x" is invalid: {says}' in refused(ask(review(after, before), RULES))["message"]
    assert ask(review(before, before), RULES)["response"]["allowed"]


def test_writing_a_default_out_is_no_change() -> None:
    before = sent("KafkaChannel")
    after = sent("KafkaChannel", {"numPartitions": 1, "replicationFactor": 1})
    assert validation(review(after, before), RULES)["response"]["allowed"]


def test_another_default_does_not_change_what_is_there() -> None:
    """Else nobody could touch an object that was made before somebody changed a default of the installation."""
    config = {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "namespace": "n"}
    rules = Rules(defaults=Defaults(partitions=10, broker_default=BrokerDefault(config=config)))
    before = sent("Broker")
    after = sent("Broker", labels={"a": "b"})
    answer = defaulting(review(after, before), rules)
    assert "config" not in patched(after, answer)["spec"]
    assert patched(one := sent("Broker"), defaulting(review(one), rules))["spec"]["config"] == config
    before, after = sent("KafkaChannel", {"numPartitions": 3}), sent("KafkaChannel")
    assert patched(after, defaulting(review(after, before), rules))["spec"]["numPartitions"] == 3


def test_an_object_on_its_way_out_may_go_whatever_it_looks_like() -> None:
    before = sent("Trigger", {"broker": ""}, finalizers=["a.b/c"], deletionTimestamp="2026-11-26T12:00:00Z")
    after = copy.deepcopy(before)
    del after["metadata"]["finalizers"]
    for ask in (defaulting, validation):
        assert ask(review(after, before), RULES)["response"] == {"uid": "u-1", "allowed": True}


@pytest.mark.parametrize(
    "asked",
    [
        review(None, sent("Trigger"), "DELETE"),
        review(sent("Trigger", {}), sent("Trigger"), subResource="status"),
        review({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}}),
        review({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "d"}, "data": 1}),
        review(sent("Trigger", {}), operation="CONNECT"),
    ],
    ids=["delete", "status", "foreign", "core", "connect"],
)
def test_what_is_none_of_ours_to_judge_is_let_through(asked: Document) -> None:
    for ask in (defaulting, validation):
        assert ask(asked, RULES)["response"] == {"uid": "u-1", "allowed": True}


def test_what_was_wrong_before_may_stay_wrong_and_is_told() -> None:
    wrong = {**SPECS["Trigger"], "filters": [{"cesql": "type = "}]}
    before = sent("Trigger", wrong)
    after = sent("Trigger", wrong, labels={"a": "b"})
    for ask in (defaulting, validation):
        response = ask(review(after, before), RULES)["response"]
        assert response["allowed"]
        assert "patch" not in response
        assert response["warnings"][0].startswith("spec.filters[0].cesql: ")
        worse = sent("Trigger", {**wrong, "broker": ""})
        assert not ask(review(worse, before), RULES)["response"]["allowed"]


def test_an_object_that_could_not_be_read_before_may_be_mended() -> None:
    assert validation(review(sent("Trigger"), sent("Trigger", {"broker": "c"})), RULES)["response"]["allowed"]


def test_what_a_status_says_does_not_count() -> None:
    one = {**sent("Broker"), "status": "odd"}
    answer = defaulting(review(one, sent("Broker")), RULES)["response"]
    assert (answer["allowed"], answer.get("warnings")) == (True, None)


def test_a_field_that_only_a_newer_definition_knows_is_left_to_the_api_server() -> None:
    one = sent("Broker", {"later": {"a": 1}})
    done = patched(one, defaulting(review(one), RULES))
    assert done["spec"]["later"] == {"a": 1}


def test_a_feature_of_the_installation_decides_what_is_valid() -> None:
    one = sent("Trigger", {"brokerRef": {"name": "b", "namespace": "other"}, "subscriber": {"uri": "http://a"}})
    assert "control.cross_namespace_links" in refused(validation(review(one), RULES))["message"]
    allowed = Rules(features=Features(cross_namespace_event_links=True))
    assert validation(review(one), allowed)["response"]["allowed"]


def test_a_document_that_is_nested_without_end_is_refused() -> None:
    deep: Any = {}
    for _ in range(200):
        deep = {"a": deep}
    one = sent("Channel", {"channelTemplate": {"apiVersion": "a/v1", "kind": "Odd", "spec": deep}})
    assert "nested deeper" in refused(defaulting(review(one), RULES))["message"]


@pytest.mark.parametrize(
    "asked",
    [
        None,
        [],
        {},
        {"request": {}},
        {**review(sent("Broker")), "apiVersion": "admission.k8s.io/v1beta1"},
        {"request": 1},
    ],
)
def test_what_is_no_review_is_a_wrong_request(asked: Any) -> None:
    for ask in (defaulting, validation):
        with pytest.raises(Invalid, match="no AdmissionReview"):
            ask(asked, RULES)


@settings(max_examples=50, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["metadata", "spec", "name", "labels", "steps", "ref"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_is_asked_about_gets_an_answer(found: Any) -> None:
    for kind in SPECS:
        head = {"apiVersion": VERSIONS[kind], "kind": kind}
        one = {**(found if isinstance(found, dict) else {"spec": found}), **head}
        resource = find(head["apiVersion"], kind)
        assert resource is not None
        asked = review(
            sent(kind), resource={"group": resource.GROUP, "version": resource.VERSIONS[0], "resource": resource.PLURAL}
        )
        asked["request"] |= {"object": one, "oldObject": found, "operation": "UPDATE"}
        for ask in (defaulting, validation):
            assert "allowed" in ask(asked, RULES)["response"]
