"""The schemas of the CRDs: structural, and in agreement with the models that they are made from."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kind_documents import faults, flow, subscription
from kind_strategies import documents
from structural import OPEN, RULES, breaches, closed, without_nulls

from eventing.kinds.meta import Defaults, Resource
from eventing.kinds.registry import KINDS, find, parse
from eventing.kinds.schema import schema
from eventing.kinds.typeparts import fields, model_of
from eventing.plan.compile import compile_plan
from eventing.plan.options import Options, Snapshot

ROOT = Path(__file__).parents[2]
DEFINED = [kind for kind in KINDS if kind.GROUP]
SHAPES = list(dict.fromkeys(shape for kind in DEFINED for shape in (kind, *kind.SHAPES.values())))
VERSIONS = [(kind, version) for kind in DEFINED for version in kind.VERSIONS]
EXAMPLES = [
    one
    for file in sorted((ROOT / "examples").rglob("*.yaml"))
    for one in yaml.safe_load_all(file.read_text(encoding="utf-8"))
    if one and one["kind"] != "ConfigMap"
]
EVENT_TYPE = {
    "apiVersion": "eventing.knative.dev/v1beta2",
    "kind": "EventType",
    "metadata": {"name": "x"},
    "spec": {
        "type": "t",
        "source": "/s",
        "schemaData": "{}",
        "reference": {"kind": "Broker", "name": "b", "group": "g"},
    },
}
ATTRIBUTES = [{"name": name, "required": True, "value": "x"} for name in ("type", "source", "specversion", "id")]
FULL = [
    *EXAMPLES,
    subscription(
        reply={"ref": {"apiVersion": "v1", "kind": "Service", "name": "a"}, "uri": "/b"},
        delivery={
            "retry": 3,
            "timeout": "PT1S",
            "backoffPolicy": "linear",
            "backoffDelay": "PT0.1S",
            "format": "json",
            "retryAfterMax": "PT0S",
            "deadLetterSink": {"uri": "https://a", "audience": "x"},
        },
    ),
    subscription(reply={}),
    flow(
        "Sequence",
        {
            "steps": [{"uri": "http://a", "delivery": {"retry": 1}}],
            "channelTemplate": {"apiVersion": "v1", "kind": "Mine"},
        },
    ),
    flow("Parallel", {"branches": [{"filter": {"uri": "http://f"}, "subscriber": {"uri": "http://a"}, "reply": {}}]}),
    {
        **flow("Trigger", {"brokerRef": {"name": "b"}, "filters": [{"all": [{"not": {"exact": {"type": "a"}}}]}]}),
        "apiVersion": "eventing.knative.dev/v1",
    },
    EVENT_TYPE,
    {**EVENT_TYPE, "apiVersion": "eventing.knative.dev/v1beta3", "spec": {"attributes": ATTRIBUTES}},
    {
        **flow("KafkaChannel", {"numPartitions": 3, "replicationFactor": 1, "retentionDuration": "P1D"}),
        "apiVersion": "messaging.knative.dev/v1",
    },
]
FULL[-4]["spec"]["subscriber"] = {"uri": "http://a"}


def shape_of(found: dict[str, Any]) -> type[Resource]:
    kind = find(found["apiVersion"], found["kind"])
    assert kind is not None
    return kind.SHAPES.get(found["apiVersion"].rpartition("/")[2], kind)


_VALIDATORS: dict[type[Resource], Any] = {}


def taken(found: dict[str, Any]) -> bool:
    """Whether an API server with these schemas takes the document, CEL apart."""
    shape = shape_of(found)
    if shape not in _VALIDATORS:
        _VALIDATORS[shape] = jsonschema_rs.validator_for(closed(schema(shape)))
    return bool(_VALIDATORS[shape].is_valid(without_nulls(found)))


def everywhere(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every schema in a schema."""
    yield found
    for word, inner in found.items():
        if word == "properties":
            for one in inner.values():
                yield from everywhere(one)
        elif word in ("items", "additionalProperties"):
            yield from everywhere(inner)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_a_schema_is_structural(shape: type[Resource]) -> None:
    assert list(breaches(schema(shape))) == []


def test_the_check_for_structure_finds_what_an_api_server_would_refuse() -> None:
    text = {"type": "string"}
    for wrong in (
        {"type": "object", "properties": {"a": text}, "additionalProperties": text},
        {"type": "object", "properties": {"a": {}}},
        {"type": "object", "properties": {"a": {"$ref": "#/b", "type": "string"}}},
        {"type": "object", "properties": {"a": {"type": "object"}}},
        {"type": "object", "properties": {"a": {"type": "string", "pattern": "(?!a)"}}},
        {"type": "object", "properties": {"a": text}, "anyOf": [{"properties": {"b": {"pattern": "x"}}}]},
        {"type": "object", "properties": {"a": text}, "anyOf": [{"properties": {"a": {"type": "string"}}}]},
        {"type": "object", "properties": {"a": text}, "required": ["b"]},
        {"type": "object", "properties": {"a": text}, RULES: [{"rule": "true", "message": "m", "fieldPath": ".b"}]},
        {"type": "array"},
    ):
        assert list(breaches(wrong)), wrong


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_a_schema_is_the_same_each_time_and_is_plain_json(shape: type[Resource]) -> None:
    assert json.dumps(schema(shape)) == json.dumps(schema(shape))
    assert json.loads(json.dumps(schema(shape))) == schema(shape)


def test_an_object_is_open_only_where_a_free_one_is_meant() -> None:
    found = Counter(
        path.removeprefix(f"{shape.__name__}.") for shape in SHAPES for path in _open(schema(shape), shape.__name__)
    )
    free = {"spec.channelTemplate.spec", "spec.subscribers.auth", "status", "status.subscribers.auth"}
    assert {path for path in found if not path.startswith("spec.filters.")} == free
    assert {path.count(".") for path in found if path.startswith("spec.filters.")} == {4}


def _open(found: dict[str, Any], path: str) -> Iterator[str]:
    if OPEN in found:
        yield path
    for name, inner in found.get("properties", {}).items():
        yield from _open(inner, f"{path}.{name}")
    if "items" in found:
        yield from _open(found["items"], path)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_every_field_of_the_spec_that_a_person_writes_has_a_description(shape: type[Resource]) -> None:
    spec = schema(shape)["properties"]["spec"]
    spec["properties"].pop("subscribers", None)
    for one in everywhere(spec):
        for name, inner in one.get("properties", {}).items():
            assert inner.get("description"), name


@pytest.mark.parametrize("found", FULL, ids=lambda found: f"{found['kind']}-{found['apiVersion'][-2:]}")
def test_what_the_models_take_the_schema_takes(found: dict[str, Any]) -> None:
    assert faults(found) == []
    assert taken(found)
    stored = parse(found).defaulted(Defaults())
    for version in stored.VERSIONS:
        assert taken(stored.document_in(version)), version


@pytest.mark.parametrize(("kind", "version"), VERSIONS, ids=lambda one: one if isinstance(one, str) else one.KIND)
@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_the_schema_never_refuses_what_the_models_take(kind: type[Resource], version: str, data: st.DataObject) -> None:
    found = data.draw(documents(kind, version))
    if not faults(found):
        assert taken(found)


@pytest.mark.parametrize(
    "beside", [{}, {"ref": {"apiVersion": "v1", "kind": "Service", "name": "a"}}], ids=["alone", "ref"]
)
@given(uri=st.one_of(st.text("aZ1:/?#[]@.-+_%\n é", max_size=6), st.text(":/?#@a[]", max_size=6).map("hTtp".__add__)))
@settings(max_examples=400)
def test_the_pattern_of_a_uri_never_refuses_what_the_models_take(beside: dict[str, Any], uri: str) -> None:
    found = subscription(subscriber={**beside, "uri": uri})
    if not faults(found):
        assert taken(found)


@given(duration=st.one_of(st.text("PT12.,YMWDHS+-", max_size=8), st.text("T12.,YMWDHS", max_size=7).map("P".__add__)))
@settings(max_examples=400)
def test_the_pattern_of_a_duration_never_refuses_what_the_models_take(duration: str) -> None:
    found = subscription(delivery={"backoffDelay": duration})
    if not faults(found):
        assert taken(found)


def places(value: Any, path: tuple[Any, ...] = ("spec",)) -> Iterator[tuple[Any, ...]]:
    yield path
    for step, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from places(inner, (*path, step))


def changed(found: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    whole = copy.deepcopy(found)
    inner = whole
    for step in path[:-1]:
        inner = inner[step]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return whole


def is_free(path: tuple[Any, ...]) -> bool:
    """Whether a place is in an object of which the schema knows nothing."""
    return path[1:3] == ("channelTemplate", "spec")


WRONG = [7, -1, 1.5, True, "no", [], ["no"], {}, {"no": 1}]


@pytest.mark.parametrize(
    "found", [one for one in FULL if "spec" in one], ids=lambda found: f"{found['kind']}-{found['apiVersion'][-2:]}"
)
def test_a_value_of_the_wrong_sort_a_missing_field_and_an_unknown_one_are_refused_by_both(
    found: dict[str, Any],
) -> None:
    for path in places(found["spec"]):
        if is_free(path):
            continue
        for value in (*WRONG, None):
            other = changed(found, path, value)
            was, sort = _at(found, path), type(value)
            if sort is type(was) or (faults(other) and not _is_shape(other, found)):
                continue
            assert taken(other) == (faults(other) == []), (path, value, faults(other))
        if isinstance(_at(found, path), dict) and path[-1] != "attributes":
            other = changed(found, (*path, "unheardOf"), {"no": 1})
            assert faults(other)
            assert not taken(other), path


@pytest.mark.parametrize(
    ("kind", "field", "sound", "wrong"),
    [
        ("KafkaChannel", "numPartitions", [1, 2**31 - 1], [0, 2**31]),
        ("KafkaChannel", "replicationFactor", [1, 2**15 - 1], [0, 2**15]),
        ("KafkaChannel", "retentionDuration", ["P7D"], ["7d", "PT", ""]),
        ("KafkaChannel", "delivery", [{"retry": 0}], [{"retry": -1}, {"retry": 2**31}, {"backoffPolicy": "fast"}]),
        ("Sequence", "steps", [[{"uri": "http://a"}]], [[]]),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_both(kind: str, field: str, sound: list[Any], wrong: list[Any]) -> None:
    whole = {"apiVersion": "flows.knative.dev/v1" if kind == "Sequence" else "messaging.knative.dev/v1beta1"}
    for value in (*sound, *wrong):
        found = {**whole, "kind": kind, "metadata": {"name": "x"}, "spec": {field: value}}
        assert taken(found) == (faults(found) == []) == (value in sound), value


def _at(found: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        found = found[step]
    return found


def _is_shape(other: dict[str, Any], found: dict[str, Any]) -> bool:
    """Whether what is wrong is something that a schema without CEL can say."""
    said = (
        " has no apiVersion",
        "apiVersion: the field is missing",
        "leads nowhere",
        "names no broker",
        "among the attributes",
        "type has no value",
        "no absolute URL",
    )
    return not any(word in one for one in faults(other) for word in said)


def test_the_status_that_the_planner_writes_is_described_field_by_field() -> None:
    manifest = [parse(one) for one in FULL if one["kind"] != "EventType"]
    there = {(one.KIND, one.metadata.name): one.defaulted(Defaults()) for one in manifest}
    resources = tuple(
        one.model_copy(update={"metadata": one.metadata.model_copy(update={"uid": f"{number}", "generation": 1})})
        for number, one in enumerate(there.values())
    )
    compiled = compile_plan(Snapshot(resources, Options()))
    children = tuple(
        one.model_copy(update={"metadata": one.metadata.model_copy(update={"uid": f"c{number}", "generation": 1})})
        for number, one in enumerate(compiled.children)
    )
    compiled = compile_plan(Snapshot((*resources, *children), Options()))
    seen = set()
    for key, status in compiled.statuses.items():
        kind = next(one for one in KINDS if (key.group, key.kind) == (one.GROUP, one.KIND))
        if not kind.GROUP:
            continue
        seen.add(kind.KIND)
        told = schema(kind)["properties"]["status"]
        shut = closed({**told, OPEN: True}) | {"additionalProperties": False}
        errors = [str(one.message) for one in jsonschema_rs.validator_for(shut).iter_errors(status)]
        assert errors == [], key
    assert seen == {kind.KIND for kind in DEFINED} - {"EventType"}


@pytest.mark.parametrize("kind", DEFINED, ids=lambda kind: kind.KIND)
def test_what_defaults_fill_in_is_marked_as_implied_so_that_cel_lets_it_be_filled_in(kind: type[Resource]) -> None:
    """Else a webhook that fills in a default would be refused as a change."""
    of_kind = [one for one in FULL if one["kind"] == kind.KIND]
    for found in of_kind:
        before = parse(found)
        after = before.defaulted(Defaults())
        for name in kind.FIXED:
            info = dict(fields(model_of(type(before).model_fields["spec"].annotation)))[name]
            _filled(before.spec, after.spec, name, info)


def _filled(before: Any, after: Any, name: str, info: Any) -> None:
    was, found = (one.document().get(name) for one in (before, after))
    if was is None and found is not None:
        assert name in type(before).IMPLIED
    model = model_of(info.annotation, listed=False)
    if model is not None and was is not None:
        python = next(key for key, one in type(before).model_fields.items() if one is info)
        for inner, field in fields(model):
            _filled(getattr(before, python), getattr(after, python), inner, field)


def test_a_rule_of_the_models_is_in_every_schema_in_which_the_model_is() -> None:
    found = schema(find("flows.knative.dev/v1", "Parallel"))["properties"]["spec"]  # type: ignore[arg-type]
    branch = found["properties"]["branches"]["items"]["properties"]
    rule, *_ = branch["subscriber"][RULES]
    assert rule["rule"] == "has(self.ref) || (has(self.uri) && self.uri != '')"
    assert "leads nowhere" in rule["message"]
    relaxed, *_ = branch["reply"][RULES]
    assert relaxed["rule"].startswith("!(has(self.ref) || has(self.uri)")
    assert relaxed["rule"].endswith(rule["rule"])
