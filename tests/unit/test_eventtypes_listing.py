"""What `kanal eventtypes` prints, and the Trigger that it makes of an entry."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from control_stand import resources as read
from registry_stand import SCHEMA, event_type, trigger

from eventing.errors import Invalid, NotFound
from eventing.kinds.trigger import Trigger
from kanal import eventtypes
from kanal.eventtypes import chosen, shown


def documents(text: str, **more: dict[str, Any]) -> list[dict[str, Any]]:
    """The documents as an API gives them; `more` adds to the metadata of those with these names."""
    found = [one.document() for one in read(text)]
    for one in found:
        one["metadata"] |= more.get(one["metadata"]["name"], {})
    return found


def rows(found: list[dict[str, Any]]) -> list[list[str]]:
    return [[cell for cell in line.split("  ") if cell] for line in shown(found, "table").splitlines()]


def test_a_row_tells_type_source_schema_place_sender_and_meaning() -> None:
    text = event_type("a", "t.a", source="/s", schema=SCHEMA, description="orders come in")
    text += event_type("b", "t.b", at=("Channel", "c1"), schema=None, place="other")
    source = {
        "ownerReferences": [{"apiVersion": "sources.knative.dev/v1", "kind": "PingSource", "name": "p", "uid": "u"}]
    }
    seen = {"annotations": {"kanal.dev/seen-at": "Trigger default/t1"}}
    found = [[cell.strip() for cell in row] for row in rows(documents(text, a=source, b=seen))]
    assert found == [
        ["NAMESPACE", "TYPE", "SOURCE", "SCHEMA", "WHERE", "SENT BY", "DESCRIPTION"],
        ["default", "t.a", "/s", "JSON schema", "Broker mesh", "PingSource p", "orders come in"],
        ["default", "t.b", "any", "Channel other/c1", "reply of Trigger default/t1"],
    ]


def test_who_sends_is_not_the_broker_that_owns_the_entry() -> None:
    owner = {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "name": "mesh", "uid": "u"}
    more = {"ownerReferences": [owner], "annotations": {"kanal.dev/seen-at": "Broker default/mesh"}}
    assert rows(documents(event_type("a"), a=more))[1][-1].strip() == "a sender"


def test_a_reference_into_nothing_shows() -> None:
    [one] = documents(event_type())
    one["status"] = {"conditions": [{"type": "Ready", "status": "False"}]}
    assert "Broker mesh (missing)" in shown([one], "table")


def test_what_strangers_wrote_can_not_reach_into_the_terminal() -> None:
    [one] = documents(event_type(description="x\x1b[2Jy"))
    assert "\x1b" not in shown([one], "table")


def test_the_schema_of_one_type_is_printed_once_below() -> None:
    found = documents(event_type("a", schema=SCHEMA, source="/a") + event_type("b", schema=SCHEMA, source="/b"))
    table, schema = shown(found, "table", schemas=True).split("\n\n")
    assert len(table.splitlines()) == 3
    assert json.loads(schema) == SCHEMA


@pytest.mark.parametrize(("how", "reader"), [("yaml", yaml.safe_load), ("json", json.loads)])
def test_a_script_gets_the_objects(how: str, reader: Any) -> None:
    found = documents(event_type())
    assert reader(shown(found, how)) == {"apiVersion": "v1", "kind": "List", "items": found}


def test_a_type_and_a_broker_choose() -> None:
    text = event_type("a", "t.b") + event_type("b", "t.a") + event_type("c", "t.a", at=("Broker", "other"))
    text += event_type("d", "t.a", at=("Channel", "mesh"))
    found = documents(text)

    def names(type_: str | None, broker: str | None) -> list[str]:
        return [one["metadata"]["name"] for one in chosen(found, type_, broker)]

    assert names(None, "mesh") == ["b", "a"]
    assert sorted(names("t.a", None)) == ["b", "c", "d"]
    assert names("t.a", "other") == ["c"]
    assert chosen([], None, None) == []


@pytest.mark.parametrize(
    ("type_", "broker", "reason"),
    [
        ("order.creatd", None, "order.creatd: is not registered; did you mean order.created?"),
        ("zzz", None, "zzz: is not registered; the types are invoice.paid and order.created"),
        ("zzz", "mesh", "zzz: is not registered at broker mesh; the types at broker mesh are invoice.paid and order."),
        ("zzz", "none", "zzz: is not registered at broker none; see kanal eventtypes"),
    ],
)
def test_an_unknown_type_is_told_the_nearest(type_: str, broker: str | None, reason: str) -> None:
    found = documents(event_type("a", "order.created") + event_type("b", "invoice.paid"))
    with pytest.raises(NotFound) as caught:
        chosen(found, type_, broker)
    assert str(caught.value).startswith(reason)


def made(text: str, subscriber: str | None = "http://sink:9001/in") -> Trigger:
    """The Trigger for these entries, read as `kanal up` reads it."""
    [found] = read(eventtypes.trigger(documents(text), subscriber))
    assert isinstance(found, Trigger)
    return found


def test_a_trigger_for_a_type_of_one_source_asks_for_both() -> None:
    found = made(event_type(type_="com.example/Order Created", source="/s"))
    assert (found.metadata.name, found.metadata.namespace) == ("com-example-order-created", "default")
    document = found.document()["spec"]
    assert document["broker"] == "mesh"
    assert document["filters"] == [{"exact": {"type": "com.example/Order Created", "source": "/s"}}]
    assert document["subscriber"] == {"uri": "http://sink:9001/in"}


def test_a_trigger_for_a_type_of_several_sources_asks_for_the_type() -> None:
    found = made(event_type("a", source="/a") + event_type("b", source="/b"))
    assert found.document()["spec"]["filters"] == [{"exact": {"type": "t.a"}}]


def test_a_trigger_stands_beside_its_broker() -> None:
    assert made(event_type(place="other")).metadata.namespace == "other"
    old = event_type(at=None).replace('"type"', '"broker": "mesh", "type"')
    assert made(old).document()["spec"]["broker"] == "mesh"


@pytest.mark.parametrize(
    ("subscriber", "ref"),
    [
        ("orders", {"kind": "Service", "name": "orders", "apiVersion": "v1", "namespace": "shop"}),
        ("other/orders", {"kind": "Service", "name": "orders", "apiVersion": "v1", "namespace": "other"}),
        (None, {"kind": "Service", "name": "event-display", "apiVersion": "v1", "namespace": "default"}),
    ],
)
def test_a_subscriber_may_be_a_service(subscriber: str | None, ref: dict[str, str]) -> None:
    found = made(event_type(namespace="shop"), subscriber)
    assert found.document()["spec"]["subscriber"]["ref"] == ref


def test_a_trigger_without_a_subscriber_says_what_to_put_in() -> None:
    assert eventtypes.trigger(documents(event_type()), None).startswith("# Put your own subscriber in; ")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (event_type(at=None), "t.a: its events are at no broker, and a Trigger needs a broker; give it a reference"),
        (
            event_type(at=("Channel", "c1")),
            "t.a: its events are at Channel default/c1, and a Trigger needs a broker; apply a Subscription",
        ),
        (
            event_type("a") + event_type("b", at=("Broker", "other")),
            "t.a: it is at the brokers default/mesh and default/other; choose one with --broker and --namespace",
        ),
    ],
)
def test_where_no_trigger_can_be_made_it_says_why(text: str, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        eventtypes.trigger(documents(text), None)
    assert str(caught.value).startswith(reason)


def test_the_trigger_that_is_printed_is_what_a_person_would_write() -> None:
    [by_hand] = read(trigger("t-a").replace("broker: mesh,", "broker: mesh, filters: [{exact: {type: t.a}}],"))
    assert made(event_type(), "http://sink:9001") == by_hand
