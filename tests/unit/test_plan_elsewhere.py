"""References to what somebody else keeps: Services, Knative Services, sources, and whatever else a cluster has."""

from __future__ import annotations

import json
from typing import Any

import pytest
from control_stand import channel, condition, key, stored, subscription
from mesh_stand import CLASS, broker, mesh, trigger

from eventing.kinds.key import Key
from eventing.plan.compile import Compiled, compile_plan
from eventing.plan.options import Foreign, Observed, Options, Snapshot

CLUSTER = Options(in_cluster=True)
SERVICE, KNATIVES = Key("", "Service", "default", "w"), Key("serving.knative.dev", "Service", "default", "w")
THING, PING = Key("x.io", "Thing", "default", "t"), Key("sources.knative.dev", "PingSource", "default", "p")
S1, T1 = key("Subscription", "s1"), mesh("Trigger", "t1")
DENIED = "things.x.io may not be read; label a ClusterRole that allows it"
NEEDS = {
    "knative.dev/dependency": json.dumps({"apiVersion": "sources.knative.dev/v1", "kind": "PingSource", "name": "p"})
}


def ref(api_version: str, kind: str, name: str, more: str = "") -> str:
    return f"{{ref: {{apiVersion: {api_version}, kind: {kind}, name: {name}{more}}}}}"


A_SERVICE, A_KNATIVE = ref("v1", "Service", "w"), ref("serving.knative.dev/v1", "Service", "w")
A_THING = ref("x.io/v1", "Thing", "t")


def ready(status: str, message: str = "", **more: Any) -> dict[str, Any]:
    """A status as somebody else's controller writes it, with fields that we don't know."""
    one = {"type": "Ready", "status": status, "message": message, "observedGeneration": 3, "lastTransitionTime": None}
    return {"conditions": [{"type": "Odd"}, one], **more}


async def planned(text: str, elsewhere: dict[Key, Foreign], options: Options = CLUSTER) -> Compiled:
    store = await stored(text)
    for child in compile_plan(Snapshot(store.list(), options)).children:
        await store.apply(child)
    plan = compile_plan(Snapshot(store.list(), options, elsewhere=elsewhere)).plan
    seen = Observed(dict.fromkeys(plan.topics), dict.fromkeys(plan.egresses), dict.fromkeys(plan.ingresses))
    return compile_plan(Snapshot(store.list(), options, seen, elsewhere))


async def subscribed(to: str, elsewhere: dict[Key, Foreign], options: Options = CLUSTER) -> str:
    """Where the events of a Subscription go, or the message of its condition Ready."""
    found = await planned(channel() + subscription(to=to), elsewhere, options)
    ways = [out.subscriber for out in found.plan.egresses.values()]
    return ways[0] if ways else condition(found.statuses[S1])[2]


@pytest.mark.parametrize(("to", "where"), [(A_SERVICE, SERVICE), (A_KNATIVE, KNATIVES), (A_THING, THING)])
async def test_what_a_cluster_has_is_found_there(to: str, where: Key) -> None:
    assert await subscribed(to, {where: Foreign("http://found.there/a")}) == "http://found.there/a"


@pytest.mark.parametrize("to", [A_SERVICE, A_KNATIVE, A_THING])
async def test_b44_what_is_missing_is_named_with_a_fix_that_fits_a_cluster(to: str) -> None:
    kind = "Thing default/t" if to is A_THING else "Service default/w"
    message = f"spec.subscriber: {kind} does not exist; apply it, or correct the reference"
    assert await subscribed(to, {}) == message


async def test_a_service_of_the_cluster_wins_over_the_settings_which_count_where_it_is_missing() -> None:
    options = Options(in_cluster=True, services={"w": "http://settings"})
    assert await subscribed(A_SERVICE, {SERVICE: Foreign("http://cluster")}, options) == "http://cluster"
    assert await subscribed(A_SERVICE, {}, options) == "http://settings"
    template = Options(in_cluster=True, service_template="http://{name}.{namespace}")
    assert await subscribed(A_SERVICE, {}, template) == "http://w.default"


async def test_b43_a_service_of_another_namespace_is_not_taken() -> None:
    there = {SERVICE._replace(namespace="ns2"): Foreign("http://there")}
    assert "Service default/w does not exist" in await subscribed(A_SERVICE, there)
    assert await subscribed(ref("v1", "Service", "w", ", namespace: ns2"), there) == "http://there"


@pytest.mark.parametrize(("to", "where"), [(A_SERVICE, SERVICE), (A_KNATIVE, KNATIVES), (A_THING, THING)])
async def test_what_could_not_be_looked_up_says_why_and_what_to_do(to: str, where: Key) -> None:
    kind = f"{where.kind} default/{where.name}"
    assert (
        await subscribed(to, {where: Foreign(problem=DENIED)})
        == f"spec.subscriber: {kind} can't be looked up: {DENIED}"
    )


async def test_an_address_that_was_found_once_is_used_whatever_happens_to_looking_it_up() -> None:
    known = Foreign("http://before", problem="the API server does not answer")
    assert await subscribed(A_THING, {THING: known}) == "http://before"


@pytest.mark.parametrize(("to", "where"), [(A_KNATIVE, KNATIVES), (A_THING, THING)])
async def test_what_is_there_and_has_no_address_is_said(to: str, where: Key) -> None:
    message = await subscribed(to, {where: Foreign()})
    assert message.startswith(f"spec.subscriber: {where} has no address")


async def test_a_relative_uri_stands_on_what_was_found() -> None:
    to = A_THING.replace("}}", "}, uri: /x}")
    assert await subscribed(to, {THING: Foreign("http://t/a/b")}) == "http://t/x"


async def test_a_reference_may_ask_for_one_of_several_addresses_by_its_name() -> None:
    addresses = [{"name": "http", "url": "http://t"}, {"name": "https", "url": "https://t"}, {"name": "odd"}, "odd"]
    thing = Foreign("http://t", {"addresses": addresses})
    assert await subscribed(ref("x.io/v1", "Thing", "t", ", address: https"), {THING: thing}) == "https://t"
    missing = await subscribed(ref("x.io/v1", "Thing", "t", ", address: odd"), {THING: thing})
    assert "Thing default/t has no address that is called odd; its addresses are called http, https" in missing
    nothing = await subscribed(ref("x.io/v1", "Thing", "t", ", address: odd"), {THING: Foreign("http://t")})
    assert nothing.endswith("has no address that is called odd; take address out of the reference")


@pytest.mark.parametrize(("name", "end"), [("http", "/default/c1"), ("https", "its addresses are called http")])
async def test_a_channel_has_one_address_and_its_name_is_http(name: str, end: str) -> None:
    to = ref("messaging.knative.dev/v1", "Channel", "c1", f", address: {name}")
    assert (await subscribed(to, {})).endswith(end)


async def test_a_dead_letter_sink_and_a_reply_are_found_there_too() -> None:
    more = f"reply: {A_THING}, delivery: {{deadLetterSink: {A_SERVICE}}}"
    there = {THING: Foreign("http://t"), SERVICE: Foreign("http://w")}
    found = await planned(channel() + subscription(more=more), there)
    (out,) = found.plan.egresses.values()
    assert (out.reply, out.dead_letter) == ("http://t", "http://w")


async def test_a_trigger_waits_for_a_source_that_only_the_cluster_knows() -> None:
    async def dependency(elsewhere: dict[Key, Foreign]) -> tuple[str, str, str]:
        found = await planned(broker() + trigger(**NEEDS), elsewhere)
        return condition(found.statuses[T1], "DependencyReady")

    missing = "PingSource default/p does not exist; apply it, or correct the reference"
    assert await dependency({}) == ("False", "DependencyDoesNotExist", missing)
    denied = f"PingSource default/p can't be looked up: {DENIED}"
    assert await dependency({PING: Foreign(problem=DENIED)}) == ("False", "DependencyUnknown", denied)
    assert (await dependency({PING: Foreign(status=ready("True"))}))[0] == "True"
    assert await dependency({PING: Foreign(status=ready("False", "no sink"))}) == (
        "False",
        "",
        "PingSource default/p: no sink",
    )
    assert await dependency({PING: Foreign()}) == ("Unknown", "", "PingSource default/p: is not ready yet")


ODD: list[dict[str, Any]] = [
    {"conditions": 3},
    {"conditions": [3]},
    {"conditions": None},
    {"conditions": [{"type": "Ready", "status": "Perhaps"}]},
    {"conditions": [{"type": 1, "status": "True"}]},
    {"address": "odd"},
]


@pytest.mark.parametrize("status", ODD)
async def test_a_status_that_makes_no_sense_ends_nothing(status: dict[str, Any]) -> None:
    found = await planned(broker() + trigger(**NEEDS), {PING: Foreign(status=status)})
    assert condition(found.statuses[T1], "DependencyReady")[0] == "Unknown"
    served = {mesh("Broker", "b1"): status}
    store = await stored(broker(**{CLASS: "Other"}) + channel() + subscription(to=to_broker()))
    await store.set_status(mesh("Broker", "b1"), served[mesh("Broker", "b1")])
    left = compile_plan(Snapshot(store.list(), Options(in_cluster=True, any_broker_class=False)))
    assert "Broker default/b1 has no address" in condition(left.statuses[S1])[2]


def to_broker() -> str:
    return ref("eventing.knative.dev/v1", "Broker", "b1")


async def test_a_broker_that_somebody_else_serves_is_reached_where_its_status_says() -> None:
    options = Options(any_broker_class=False)
    store = await stored(broker(**{CLASS: "Other"}) + channel() + subscription(to=to_broker()))
    await store.set_status(mesh("Broker", "b1"), {"address": {"url": "http://other/b1"}})
    for child in compile_plan(Snapshot(store.list(), options)).children:
        await store.apply(child)
    (out,) = compile_plan(Snapshot(store.list(), options)).plan.egresses.values()
    assert out.subscriber == "http://other/b1"


EVENT_TYPE = """---
apiVersion: eventing.knative.dev/v1beta2
kind: EventType
metadata: {name: e}
spec: {type: t, reference: {apiVersion: x.io/v1, kind: Thing, name: t}}
"""


@pytest.mark.parametrize(
    ("elsewhere", "expected"),
    [
        ({}, ("False", "ResourceDoesNotExist")),
        ({THING: Foreign()}, ("True", "")),
        ({THING: Foreign(problem=DENIED)}, ("False", "ResourceUnknown")),
    ],
)
async def test_an_event_type_may_refer_to_what_the_cluster_has(
    elsewhere: dict[Key, Foreign], expected: tuple[str, str]
) -> None:
    found = await planned(EVENT_TYPE, elsewhere)
    status = condition(found.statuses[mesh("EventType", "e")], "ReferenceExists")
    assert status[:2] == expected
    assert (DENIED in status[2]) == (expected[1] == "ResourceUnknown")


SERVICES = """---
apiVersion: v1
kind: Service
metadata: {{name: w, annotations: {annotations}}}
spec: {spec}
"""


async def at_home(annotations: str, spec: str, **options: Any) -> str:
    text = SERVICES.format(annotations=annotations, spec=spec) + channel() + subscription(to=A_SERVICE)
    found = await planned(text, {}, Options(**options))
    ways = [out.subscriber for out in found.plan.egresses.values()]
    return ways[0] if ways else condition(found.statuses[S1])[2]


async def test_a_service_at_home_is_where_its_annotation_says_else_where_the_command_line_does() -> None:
    given, outside = "{kanal.dev/url: 'http://127.0.0.1:9000'}", "{type: ExternalName, externalName: w.example}"
    table = {"services": {"w": "http://line:1"}}
    assert await at_home(given, "{}", **table) == "http://127.0.0.1:9000"
    assert await at_home("{}", outside, **table) == "http://line:1"
    assert await at_home("{}", outside, service_template="http://{name}.svc") == "http://w.example"
    assert await at_home("{}", "{}", service_template="http://{name}.svc") == "http://w.svc"


async def test_a_service_at_home_without_a_url_says_how_to_give_it_one() -> None:
    message = await at_home("{}", "{}")
    assert message == (
        "spec.subscriber: nothing says where Service default/w is reached from here; "
        "annotate it with kanal.dev/url, or name it with --service w=http://HOST:PORT"
    )
