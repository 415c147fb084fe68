from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kind_documents import document, faults, subscription

from eventing.kinds.meta import ObjectMeta, stable_uid
from eventing.kinds.registry import KINDS, parse


@pytest.mark.parametrize("name", ["a", "orders", "a-b.c-d", "0", "a" * 253])
def test_a_dns_name_is_a_name(name: object) -> None:
    assert faults(document("Channel", name=name)) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("My_Channel", '"My_Channel" can\'t be a name; a-z, 0-9, - and . are allowed; write for instance my-channel'),
        ("-a", '"-a" can\'t be a name; a-z, 0-9, - and . are allowed; write for instance a'),
        ("a..b", '"a..b" can\'t be a name; a-z, 0-9, - and . are allowed; write for instance a-b'),
        ("a\n", '"a\\n" can\'t be a name; a-z, 0-9, - and . are allowed; write for instance a'),
        ("a" * 254, "the name is 254 characters long, 253 at most are allowed"),
        ("", "the resource has no name; add name"),
        (7, 'text is needed, and YAML reads 7 as a number; put it in quotes: "7"'),
    ],
)
def test_another_name_is_refused_with_one_that_works(name: object, message: str) -> None:
    assert faults(document("Channel", name=name)) == [f"metadata.name: {message}"]


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"namespace": "A"}, 'metadata.namespace: "A" can\'t be a namespace; 63 of a-z, 0-9 and - are allowed; write'),
        ({"labels": {"a b": "c"}}, 'metadata.labels[a b]: "a b" can\'t be a key; write name or example.com/name'),
        ({"labels": {"a": "b c"}}, "metadata.labels.a: \"b c\" can't be a label's value"),
        ({"labels": {"a": True}}, "metadata.labels.a: text is needed, and YAML reads true as true or false; put it in"),
        ({"annotations": {"x.y/z": 1}}, "metadata.annotations[x.y/z]: text is needed, and YAML reads 1 as a number"),
        ({"labels": []}, "metadata.labels: fields are needed here, not a list"),
        ({"lables": {}}, "metadata.lables: there is no such field; did you mean labels?"),
    ],
)
def test_wrong_metadata_names_its_field(metadata: dict[str, Any], message: str) -> None:
    (found,) = faults(document("Channel", **metadata))
    assert found.startswith(message)


def test_everything_that_kubectl_exports_is_taken() -> None:
    exported = document(
        "Channel",
        {},
        uid="u",
        generation=3,
        resourceVersion="12",
        creationTimestamp="2026-11-25T00:00:00Z",
        labels=None,
        annotations={"any.thing/at-all": "x y"},
        finalizers=["a/b"],
        managedFields=[{"manager": "kubectl"}],
        selfLink="/apis/x",
        ownerReferences=[{"apiVersion": "v1", "kind": "K", "name": "n", "uid": "u", "controller": True}],
    ) | {"status": {"conditions": []}}
    assert parse(exported).metadata.owner_references[0].controller is True


def test_a_uid_without_an_api_server_is_the_same_at_every_start_and_another_for_every_object() -> None:
    assert stable_uid("g", "K", "ns", "a") == "7db0a500-3e05-5bdc-a01c-bc1d79d23721"
    assert len({stable_uid("g", "K", *key) for key in (("a", "b"), ("b", "a"), ("a", "c"))}) == 3


def test_annotations_that_are_there_are_kept() -> None:
    metadata = ObjectMeta(name="a", annotations={"x": "1"}).annotated(x="2", y="3")
    assert metadata.annotations == {"x": "1", "y": "3"}


@pytest.mark.parametrize("found", [document("Channel"), document("KafkaChannel", {"numPartitions": 2}), subscription()])
def test_a_resource_printed_and_read_again_is_the_same(found: dict[str, Any]) -> None:
    resource = parse(found)
    assert parse(resource.document()) == resource


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_api_names_and_a_schema_in_which_each_field_of_the_spec_is_described(kind: Any) -> None:
    assert kind.PLURAL == f"{kind.SINGULAR}s" == f"{kind.KIND.lower()}s"
    schema = kind.model_json_schema()
    spec = schema["$defs"][kind.model_fields["spec"].annotation.__name__]
    assert all("description" in field for field in spec["properties"].values())


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_a_field_of_any_shape_is_a_finding_and_no_crash(value: object) -> None:
    for one in faults(document("Channel", {"delivery": value, "channelTemplate": value}, labels=value, name=value)):
        assert one
