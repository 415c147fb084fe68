"""EventTypes in another of their versions, as an API server asks for them: whole lists, and nothing may be lost."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kind_strategies import documents

from eventing.errors import Invalid
from eventing.kinds.eventattributes import ATTRIBUTES_ANNOTATION
from eventing.kinds.eventtype import EventType
from eventing.kinds.registry import InvalidResource, parse
from kanal.webhook.conversion import UNREAD_ANNOTATION, conversion, converted

GROUP = "eventing.knative.dev"
OLDER, OLDEST, NEWER = (f"{GROUP}/{version}" for version in ("v1beta2", "v1beta1", "v1beta3"))
VERSIONS = [OLDEST, OLDER, NEWER]
Document = dict[str, Any]
METADATA = {
    "name": "x",
    "namespace": "n",
    "uid": "u",
    "labels": {"a": "b"},
    "annotations": {"own": "1"},
    "finalizers": ["a.b/c"],
    "managedFields": [{"manager": "kubectl"}],
}
STATUS = {"conditions": [{"type": "Ready", "status": "True"}], "odd": 1}


def entry(api_version: str, spec: Any, **annotations: str) -> Document:
    metadata = copy.deepcopy(METADATA)
    metadata["annotations"] |= annotations
    return {"apiVersion": api_version, "kind": "EventType", "metadata": metadata, "spec": spec, "status": STATUS}


def asked(wanted: str, *objects: Any) -> Document:
    request = {"uid": "u-1", "desiredAPIVersion": wanted, "objects": list(objects)}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": request}


def sound(found: Document) -> EventType | None:
    try:
        read = parse(found)
    except InvalidResource:
        return None
    assert isinstance(read, EventType)
    return read


def test_a_list_is_converted_as_a_whole_in_its_order() -> None:
    entries = [entry(OLDER, {"type": f"t.{n}", "source": "/s"}) for n in range(3)]
    answer = conversion(asked(NEWER, *entries))
    assert (answer["kind"], answer["apiVersion"]) == ("ConversionReview", "apiextensions.k8s.io/v1")
    response = answer["response"]
    assert (response["uid"], response["result"]) == ("u-1", {"status": "Success"})
    types = [one["spec"]["attributes"][0]["value"] for one in response["convertedObjects"]]
    assert types == ["t.0", "t.1", "t.2"]
    assert {one["apiVersion"] for one in response["convertedObjects"]} == {NEWER}


def test_an_empty_list_is_one_too() -> None:
    assert conversion(asked(NEWER))["response"]["convertedObjects"] == []


def test_only_the_spec_is_written_in_another_way() -> None:
    found = converted(entry(OLDER, {"type": "t"}), NEWER)
    assert (found["metadata"], found["status"]) == (METADATA, STATUS)


def test_between_the_older_two_nothing_but_the_name_changes() -> None:
    odd = {"type": "t", "broker": "b", "schemaData": "{", "later": 1}
    assert converted(entry(OLDEST, odd), OLDER) == entry(OLDER, odd)


def test_what_the_older_version_has_no_field_for_comes_back() -> None:
    attributes = [
        {"name": "type", "required": True, "value": "t"},
        {"name": "source", "required": True, "value": "/s"},
        {"name": "specversion", "required": True, "value": "1.0"},
        {"name": "id", "required": True},
        {"name": "tenant"},
    ]
    there = converted(entry(NEWER, {"attributes": attributes, "description": "d"}), OLDER)
    assert there["spec"] == {"type": "t", "source": "/s", "description": "d"}
    assert json.loads(there["metadata"]["annotations"][ATTRIBUTES_ANNOTATION]) == attributes
    assert converted(there, NEWER) == entry(NEWER, {"attributes": attributes, "description": "d"})


UNREADABLE = [
    (OLDER, {"type": "t", "source": "/s", "schemaData": "{", "reference": {"kind": "Broker"}}),
    (OLDER, {"source": "/s"}),
    (OLDER, {}),
    (OLDER, None),
    (NEWER, {"attributes": [{"name": "type", "value": "t"}], "description": "d"}),
    (NEWER, {"attributes": [{"name": "type", "value": 5}, "x", {"name": ""}]}),
    (NEWER, {"attributes": {}}),
    (NEWER, {}),
]


@pytest.mark.parametrize(("own", "spec"), UNREADABLE)
def test_an_entry_that_can_not_be_read_holds_up_no_list_and_comes_back_as_it_was(own: str, spec: Any) -> None:
    """An API server lists every kind before it lets a namespace go."""
    other = NEWER if own == OLDER else OLDER
    one = entry(own, spec)
    assert sound(one) is None
    response = conversion(asked(other, one, entry(own, spec)))["response"]
    assert response["result"]["status"] == "Success"
    there = response["convertedObjects"][0]
    assert UNREAD_ANNOTATION in there["metadata"]["annotations"]
    assert converted(there, own) == one


def test_what_can_be_told_of_it_is_told() -> None:
    there = converted(entry(OLDER, {"type": "t", "source": "/s", "schemaData": "{", "description": "d"}), NEWER)
    values = {one["name"]: one.get("value") for one in there["spec"]["attributes"]}
    assert (values["type"], values["source"], there["spec"]["description"]) == ("t", "/s", "d")
    there = converted(entry(NEWER, {"attributes": [{"name": "type", "value": "t"}]}), OLDER)
    assert there["spec"] == {"type": "t"}


def test_mending_it_in_the_other_version_counts() -> None:
    there = converted(entry(NEWER, {"attributes": [{"name": "type", "value": "t"}]}), OLDER)
    there["spec"]["source"] = "/mended"
    back = converted(there, NEWER)
    assert {"name": "source", "required": True, "value": "/mended"} in back["spec"]["attributes"]
    assert UNREAD_ANNOTATION not in back["metadata"]["annotations"]


@pytest.mark.parametrize("text", ["{", "5", "[]", "{}", '{"apiVersion": 5}', '{"apiVersion": "v1beta2", "spec": 1}'])
def test_an_annotation_that_somebody_else_wrote_counts_for_nothing(text: str) -> None:
    found = converted(entry(NEWER, {"attributes": []}, **{UNREAD_ANNOTATION: text}), OLDER)
    assert found["metadata"]["annotations"].keys() == {"own", UNREAD_ANNOTATION}
    assert found["spec"] == {}


@pytest.mark.parametrize("own", VERSIONS)
@pytest.mark.parametrize("other", VERSIONS)
def test_there_and_back_nothing_is_lost(own: str, other: str) -> None:
    counted = []

    @settings(max_examples=30, deadline=None)
    @given(documents(EventType, own.rpartition("/")[2]))
    def holds(found: Document) -> None:
        one = entry(own, found["spec"])
        kept = copy.deepcopy(one)
        there = converted(one, other)
        back = converted(there, own)
        assert one == kept
        before, after = sound(one), sound(back)
        if before is None:
            assert back == one
            return
        counted.append(found)
        assert after is not None
        assert (after.meaning(), after.metadata) == (before.meaning(), before.metadata)
        between = sound(there)
        assert between is not None
        assert between.meaning() == before.meaning()

    holds()
    assert counted


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.integers(-5, 2**63) | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["attributes", "name", "value", "type", "reference"]), inner, max_size=3)
        ),
        max_leaves=10,
    )
)
def test_whatever_is_stored_is_converted(spec: Any) -> None:
    for own, other in ((OLDER, NEWER), (NEWER, OLDER)):
        assert converted(entry(own, spec), other)["apiVersion"] == other


@pytest.mark.parametrize(
    ("wanted", "one", "says"),
    [
        (f"{GROUP}/v1", entry(OLDER, {}), f"EventType of {OLDER} can't be written as {GROUP}/v1"),
        (NEWER, {**entry(OLDER, {}), "kind": "Broker"}, "only EventTypes are converted"),
        (NEWER, None, "can't be written"),
        (NEWER, 5, "can't be written"),
    ],
)
def test_what_is_no_event_type_or_no_version_of_it_is_refused(wanted: str, one: Any, says: str) -> None:
    result = conversion(asked(wanted, one))["response"]["result"]
    assert (result["status"], result["kind"]) == ("Failure", "Status")
    assert says in result["message"]


@pytest.mark.parametrize("review", [None, {}, {"request": {}}, {**asked(NEWER), "apiVersion": "v1"}])
def test_what_is_no_review_is_a_wrong_request(review: Any) -> None:
    with pytest.raises(Invalid, match="no ConversionReview"):
        conversion(review)
