"""What the registry means to the plan: references that exist, schemas that brokers ask for."""

from __future__ import annotations

import json

import pytest
from control_stand import channel, compiled, condition, well
from control_stand import resources as read
from registry_stand import SCHEMA, broker, entry, event_type, trigger

from eventing.feed import wire
from eventing.plan import eventtypes
from eventing.plan.compile import Compiled
from eventing.plan.options import Options

OTHER = {"type": "integer"}


def schemas(found: Compiled, name: str = "mesh") -> dict[str, str]:
    [route] = [one for one in found.plan.ingresses.values() if one.name == name]
    return dict(route.schemas)


async def test_an_entry_is_ready_where_what_it_refers_to_exists() -> None:
    found = await compiled(
        broker() + channel() + event_type("a") + event_type("b", at=("Channel", "c1")) + event_type("c", at=None)
    )
    statuses = [found.statuses[entry(name)] for name in ("a", "b", "c")]
    assert [condition(one)[0] for one in statuses] == ["True"] * 3
    assert condition(statuses[0], "ReferenceExists") == ("True", "", "")
    assert condition(statuses[2], "ReferenceExists")[:2] == ("True", "ReferenceNotSet")


async def test_a_reference_into_nothing_names_the_missing_object_and_the_nearest() -> None:
    found = await compiled(broker() + event_type("a", at=("Broker", "mehs")) + event_type("b", place="other"))
    assert condition(found.statuses[entry("a")]) == (
        "False", "ResourceDoesNotExist", "Broker default/mehs does not exist; did you mean mesh?"
    )  # fmt: skip
    assert condition(found.statuses[entry("b")], "ReferenceExists") == (
        "False", "ResourceDoesNotExist", "Broker other/mesh does not exist; apply it, or correct the reference"
    )  # fmt: skip


async def test_a_service_exists_where_its_url_is_known() -> None:
    options = Options(services={"sink": "http://127.0.0.1:9001"})
    text = event_type("a", at=("Service", "sink")) + event_type("b", at=("Service", "sunk"))
    found = await compiled(text, options)
    assert [condition(found.statuses[entry(name)])[0] for name in ("a", "b")] == ["True", "False"]


async def test_a_trigger_exists_too_though_nobody_sends_to_it() -> None:
    ref = '{"apiVersion": "eventing.knative.dev/v1", "kind": "Trigger", "name": "t1"}'
    text = broker() + trigger() + event_type().replace('{"apiVersion": "eventing.knative.dev/v1", ', "{")
    text = text.replace('{"kind": "Broker", "name": "mesh"}', ref)
    assert condition((await compiled(text)).statuses[entry()]) == ("True", "", "")


async def test_a_broker_asks_for_schemas_only_where_it_is_told_to() -> None:
    for annotation, asked in (("true", {"t.a": json.dumps(SCHEMA)}), ("TRUE", {"t.a": json.dumps(SCHEMA)}), ("", {})):
        found = await compiled(broker(validate=annotation) + event_type(schema=SCHEMA) + event_type("e2", "t.b"))
        assert schemas(found) == asked


async def test_an_enforced_schema_shows_in_the_status_of_its_entry() -> None:
    found = await compiled(broker(validate="true") + event_type(schema=SCHEMA) + event_type("e2"))
    conditions = {one["type"]: one for one in found.statuses[entry()]["conditions"]}
    assert conditions["SchemaEnforced"] == {"type": "SchemaEnforced", "status": "True", "severity": "Info"}
    assert "SchemaEnforced" not in {one["type"] for one in found.statuses[entry("e2")]["conditions"]}


async def test_of_several_schemas_for_one_type_any_may_fit() -> None:
    text = broker(validate="true") + event_type("a", schema=SCHEMA, source="/a")
    text += event_type("b", schema=OTHER, source="/b") + event_type("c", schema=SCHEMA, source="/c")
    assert json.loads(schemas(await compiled(text))["t.a"]) == [SCHEMA, OTHER]


async def test_another_namespace_does_not_decide_what_a_broker_takes() -> None:
    text = broker(validate="true") + broker("calm") + event_type(namespace="other", place="default", schema=SCHEMA)
    found = await compiled(text + event_type("e2", at=("Broker", "calm"), schema=SCHEMA))
    assert (schemas(found), schemas(found, "calm")) == ({}, {})


async def test_schemas_that_fill_a_plan_are_left_out_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventtypes, "MOST_BYTES", 2 * len(json.dumps(SCHEMA)))
    text = broker(validate="true") + event_type("a", "t.a", schema=SCHEMA) + event_type("b", "t.b", schema=SCHEMA)
    found = await compiled(text)
    assert list(schemas(found)) == ["t.a"]
    state, reason, message = condition(found.statuses[entry("b")], "SchemaEnforced")
    assert (state, reason) == ("False", "TooManySchemas")
    assert "Broker default/mesh exceed" in message
    assert condition(found.statuses[entry("b")])[0] == "True"


def test_schemas_and_limits_travel_to_the_data_plane() -> None:
    annotations = "annotations: {kanal.dev/validate: 'true', kanal.dev/ttl: '5'}"
    text = broker().replace("namespace: default", f"namespace: default, {annotations}") + event_type(schema=SCHEMA)
    plan = well(read(text)).plan
    [route] = plan.ingresses.values()
    assert (route.ttl, dict(route.schemas)) == (5, {"t.a": json.dumps(SCHEMA)})
    assert wire.plan(wire.rows(plan)) == plan
