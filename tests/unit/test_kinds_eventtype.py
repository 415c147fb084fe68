"""EventType: two ways to write one entry of the registry."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kind_documents import faults

from eventing.kinds.eventattributes import ATTRIBUTES_ANNOTATION
from eventing.kinds.eventtype import EventType
from eventing.kinds.meta import Defaults
from eventing.kinds.registry import check_update, parse

BROKER = {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "name": "mesh"}
SCHEMA = '{"type": "object"}'
NEEDED = [
    {"name": "type", "required": True, "value": "t.a"},
    {"name": "source", "required": True, "value": "/s"},
    {"name": "specversion", "required": True},
    {"name": "id", "required": True},
]


def document(version: str = "v1beta2", annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    metadata = {"name": "x", **({} if annotations is None else {"annotations": annotations})}
    api_version = f"eventing.knative.dev/{version}"
    return {"apiVersion": api_version, "kind": "EventType", "metadata": metadata, "spec": spec}


def stored(found: dict[str, Any]) -> EventType:
    resource = parse(found)
    assert isinstance(resource, EventType)
    return resource


def by_attributes(*attributes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return document("v1beta3", attributes=[*attributes], **more)


@pytest.mark.parametrize("version", ["v1beta1", "v1beta2"])
def test_the_older_versions_are_written_alike_and_become_v1beta2(version: str) -> None:
    spec = {
        "type": "t.a", "source": "/s", "schema": "https://e.com/a.json", "schemaData": SCHEMA, "reference": BROKER,
        "description": "d",
    }  # fmt: skip
    found = stored(document(version, **spec))
    assert found.api_version == "eventing.knative.dev/v1beta2"
    assert found.spec.document() == spec
    assert found.document_in("v1beta1")["apiVersion"] == "eventing.knative.dev/v1beta1"


def test_attributes_become_fields() -> None:
    found = stored(by_attributes(*NEEDED, {"name": "schemadata", "value": "https://e.com/a.json"}, reference=BROKER))
    spec, reference = found.spec, found.refers_to
    assert (spec.type, spec.source, spec.data_schema, spec.schema_data) == ("t.a", "/s", "https://e.com/a.json", None)
    assert reference is not None
    assert reference.name == "mesh"
    assert found.metadata.annotations == {}


def test_a_json_schema_among_the_attributes_is_one() -> None:
    given = [*NEEDED, {"name": "schemadata", "value": SCHEMA}, {"name": "dataschema", "value": "https://e.com/a.json"}]
    found = stored(by_attributes(*given))
    assert (found.spec.data_schema, found.spec.schema_data) == ("https://e.com/a.json", SCHEMA)
    assert found.document_in("v1beta3")["spec"]["attributes"] == given


def test_what_v1beta2_has_no_field_for_survives_in_an_annotation() -> None:
    given = [{**NEEDED[0], "required": False}, *NEEDED[1:3], {**NEEDED[3], "value": "a-{n}"}, {"name": "tenant"}]
    given[0].pop("required")
    found = stored(by_attributes(*given))
    assert json.loads(found.metadata.annotations[ATTRIBUTES_ANNOTATION]) == given
    back = found.document_in("v1beta3")
    assert back["spec"] == {"attributes": given}
    assert "annotations" not in back["metadata"]


@pytest.mark.parametrize("text", ["{", "5", "[5]", '[{"nam": "type"}]', '[{"name": "type", "value": "other"}]'])
def test_an_annotation_that_tells_something_else_counts_for_nothing(text: str) -> None:
    found = stored(document(annotations={ATTRIBUTES_ANNOTATION: text}, type="t.a", source="/s"))
    assert found.document_in("v1beta3")["spec"]["attributes"] == NEEDED


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip)


@given(
    type_=TEXTS,
    source=st.none() | TEXTS,
    schema=st.none() | st.just("https://e.com/a.json"),
    data=st.none() | st.sampled_from([SCHEMA, "true", ' {"type": "string"}']),
    reference=st.none() | st.just(BROKER),
)
def test_nothing_is_lost_on_the_way_to_v1beta3_and_back(type_: str, **fields: Any) -> None:
    names = {"source": "source", "schema": "schema", "data": "schemaData", "reference": "reference"}
    spec = {names[name]: value for name, value in fields.items() if value is not None}
    found = stored(document(type=type_, **spec)).defaulted(Defaults())
    assert parse(found.document_in("v1beta3")) == found


def test_broker_is_the_older_word_for_a_reference() -> None:
    old = stored(document("v1beta1", type="t.a", broker="mesh"))
    assert old.refers_to == stored(document(type="t.a", reference=BROKER)).refers_to
    assert old.document_in("v1beta3")["spec"]["reference"] == {**BROKER, "namespace": "default"}
    assert check_update(old, parse(old.document_in("v1beta3"))) == []


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (document(source="/s"), "spec.type: the field is missing; add type: the type of the events"),
        (document(type="t", schemaData="{"), "spec.schemaData: the schema is no JSON: "),
        (
            document(type="t", schemaData='{"$ref": "https://e.com/a"}'),
            "spec.schemaData: the schema refers to https://e.com/a, and nothing is ever fetched",
        ),
        (
            document(type="t", broker="other", reference=BROKER),
            'spec.broker: the Broker "other" is not what spec.reference names; take spec.broker out',
        ),
        (document("v1beta3", type="t"), "spec.attributes: the field is missing"),
        (document(type="t", attributes=[]), "spec.attributes: there is no such field"),
        (
            by_attributes(*NEEDED[:2]),
            "spec.attributes: specversion and id must be among the attributes; add - name: specversion",
        ),
        (by_attributes({"name": "type"}, *NEEDED[1:]), "spec.attributes[0].value: the type has no value"),
        (
            by_attributes(*NEEDED, {"name": "schemadata", "value": '{"type": 3}'}),
            "spec.attributes[4].value: it is no JSON schema: at /type: 3 fits none",
        ),
        (
            document("v1", type="t"),
            'apiVersion: "eventing.knative.dev/v1" is not served for EventType; write eventing.knative.dev/v1beta2',
        ),
    ],
)
def test_what_is_no_entry_says_why_where_it_was_written(found: dict[str, Any], message: str) -> None:
    assert [one for one in faults(found) if one.startswith(message)], faults(found)


def test_an_attribute_stands_in_the_list_once() -> None:
    found = faults(by_attributes(*NEEDED, {"name": "id"}))
    assert found == [f'spec.attributes[{n}].name: "id" stands here more than once; keep one' for n in (3, 4)]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "t.b"}, "spec.type"),
        ({"schemaData": "true"}, "spec.schemaData"),
        ({"description": "other"}, "spec.description"),
        ({"reference": {**BROKER, "name": "other"}}, "spec.reference.name"),
    ],
)
def test_the_spec_does_not_change(change: dict[str, Any], field: str) -> None:
    spec = {"type": "t.a", "source": "/s", "reference": BROKER}
    [found] = check_update(parse(document(**spec)), parse(document(**{**spec, **change})))
    assert found.field == field
    assert "can't be changed" in found.message


def test_attributes_do_not_change_either() -> None:
    old, new = (parse(by_attributes(*NEEDED, {"name": name})) for name in ("tenant", "region"))
    assert [one.field for one in check_update(old, new)] == ["spec.attributes"]
    assert check_update(old, old) == []
