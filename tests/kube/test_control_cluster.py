"""What a cluster gets beside its resources' statuses: Services, lists of subscribers, Events, and a word on what can't be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from cluster_stack import gone
from kube_server import ApiServer
from raw_http import RawServer, until
from room import House, Room, ref
from store_stand import place

from controller.cluster import services
from controller.cluster.services import LABELS

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]
PATIENCE_S = 60.0


def service(kube: ApiServer, room: Room, name: str) -> Mapping[str, Any]:
    return kube.ask("GET", f"/api/v1/namespaces/{room.ns}/services/{name}").body


def stored(kube: ApiServer, room: Room, kind: str, name: str) -> Mapping[str, Any]:
    """An object as the API server has it."""
    return kube.ask("GET", f"{place(kind, room.ns)}/{name}").body


async def test_a_channel_has_a_service_that_stands_for_the_ingress_and_goes_with_it(
    kube: ApiServer, room: Room, house: House
) -> None:
    await room.has(room.document("Channel", "c1", {}))
    found = service(kube, room, "c1-kn-channel")
    assert found["metadata"]["labels"] == LABELS
    (owner,) = found["metadata"]["ownerReferences"]
    channel = room.resource("KafkaChannel", "c1")
    assert channel is not None
    assert (owner["kind"], owner["uid"]) == ("KafkaChannel", channel.metadata.uid)
    spec = found["spec"]
    assert spec["type"] == "ExternalName"
    assert spec["externalName"].startswith("kafka-channel-ingress.kanal-")
    assert spec["externalName"].endswith(".svc.cluster.local")
    assert [(one["name"], one["port"]) for one in spec["ports"]] == [("http", 80)]
    await room.has_not("Channel", "c1")
    await until(lambda: gone(kube, f"/api/v1/namespaces/{room.ns}/services/c1-kn-channel"), PATIENCE_S)


async def test_a_service_that_somebody_bends_or_deletes_is_set_right(
    kube: ApiServer, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "LOOK_S", 0.5)
    await room.has(room.document("KafkaChannel", "c1", {}))
    path = f"/api/v1/namespaces/{room.ns}/services/c1-kn-channel"
    target = service(kube, room, "c1-kn-channel")["spec"]["externalName"]
    kube.ask("PATCH", path, {"spec": {"externalName": "elsewhere.example"}})
    await until(lambda: service(kube, room, "c1-kn-channel")["spec"]["externalName"] == target, PATIENCE_S)
    kube.ask("DELETE", path)
    await until(lambda: not gone(kube, path), PATIENCE_S)


async def test_a_service_of_somebody_else_is_never_touched_and_the_channel_says_so(kube: ApiServer, room: Room) -> None:
    theirs = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "c1-kn-channel"}}
    path = f"/api/v1/namespaces/{room.ns}/services"
    kube.ask("POST", path, {**theirs, "spec": {"ports": [{"port": 80}], "selector": {"app": "theirs"}}})
    await room.has(room.document("KafkaChannel", "c1", {}), wait=False)

    def told() -> bool:
        ready = room.condition("KafkaChannel", "c1")
        return ready is not None and ready.reason == "ServiceTaken" and "c1-kn-channel" in (ready.message or "")

    await until(told, PATIENCE_S)
    assert service(kube, room, "c1-kn-channel")["spec"]["selector"] == {"app": "theirs"}
    kube.ask("DELETE", f"{path}/c1-kn-channel")
    await room.ready("KafkaChannel", "c1")


async def test_b41_a_channel_lists_each_subscription_once_and_forgets_those_that_go(
    kube: ApiServer, room: Room
) -> None:
    async with RawServer() as one, RawServer() as other:
        await room.has(
            room.document("Channel", "c1", {}),
            room.subscribed("s1", one, ref("Channel", "c1"), reply={"uri": other.url}),
            room.subscribed("s2", other, ref("Channel", "c1")),
        )
        await until(lambda: len(stored(kube, room, "KafkaChannel", "c1")["spec"].get("subscribers", ())) == 2)
        entries = {one["name"]: one for one in stored(kube, room, "KafkaChannel", "c1")["spec"]["subscribers"]}
        first = room.resource("Subscription", "s1")
        assert first is not None
        assert entries["s1"]["uid"] == first.metadata.uid
        assert (entries["s1"]["subscriberUri"], entries["s1"]["replyUri"]) == (one.url, other.url)
        assert entries["s2"]["subscriberUri"] == other.url
        status = stored(kube, room, "KafkaChannel", "c1")["status"]
        assert {entry["uid"]: entry["ready"] for entry in status["subscribers"]} == {
            entry["uid"]: "True" for entry in entries.values()
        }
        await room.has_not("Subscription", "s1")
        await until(
            lambda: [e["name"] for e in stored(kube, room, "KafkaChannel", "c1")["spec"]["subscribers"]] == ["s2"]
        )


async def test_what_happens_to_an_object_is_an_event_and_the_same_again_is_counted(kube: ApiServer, room: Room) -> None:
    def events() -> list[Mapping[str, Any]]:
        items = kube.ask("GET", f"/api/v1/namespaces/{room.ns}/events").body["items"]
        return [one for one in items if one["involvedObject"]["kind"] == "Trigger"]

    async with RawServer() as subscriber:
        await room.has(room.trigger("t1", subscriber), wait=False)
        await until(lambda: [one["type"] for one in events()] == ["Warning"], PATIENCE_S)
        assert "b1" in events()[0]["message"]
        for _ in range(2):
            await room.has(room.broker())
            await room.ready("Trigger", "t1")
            await room.has_not("Broker", "b1")
            await until(lambda: not room.is_ready("Trigger", "t1"), PATIENCE_S)
        wanted = {("Normal", 2), ("Warning", 3)}
        await until(lambda: {(one["type"], one["count"]) for one in events()} == wanted, PATIENCE_S)
        assert "Events:" in kube.kubectl("describe", "trigger", "t1", "-n", room.ns)


@pytest.fixture
def lax(kube: ApiServer) -> Iterator[None]:
    """Nobody looks at what is written into Triggers, as where an older definition took what ours does not."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/triggers.eventing.knative.dev"
    there = kube.ask("GET", path).body
    loose = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    versions = [{**one, "schema": loose} for one in there["spec"]["versions"]]
    kube.ask("PATCH", path, {"spec": {"versions": versions}})
    yield
    kube.ask("PATCH", path, {"spec": {"versions": there["spec"]["versions"]}})


async def test_an_object_that_can_not_be_read_is_told_so_and_holds_up_nobody(
    kube: ApiServer, room: Room, lax: None
) -> None:
    written = {"apiVersion": "eventing.knative.dev/v1", "kind": "Trigger", "metadata": {"name": "t1"}}
    # A definition that is changed is not in force at once.
    await until(
        lambda: kube.ask("POST", place("Trigger", room.ns), {**written, "spec": {"broker": 7}}).status == 201,
        PATIENCE_S,
    )

    def ready() -> list[Mapping[str, Any]]:
        status = stored(kube, room, "Trigger", "t1").get("status") or {}
        return [one for one in status.get("conditions", ()) if one["type"] == "Ready"]

    await until(ready, PATIENCE_S)
    assert (ready()[0]["status"], ready()[0]["reason"]) == ("False", "NotUnderstood")
    assert "spec.broker" in ready()[0]["message"]
    async with RawServer() as subscriber:
        await room.has(room.broker(), room.trigger("other", subscriber))


async def test_a_child_that_the_server_refuses_is_told_at_its_owner_and_holds_up_nobody(
    kube: ApiServer, room: Room
) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"count/kafkachannels.messaging.knative.dev": "0"}}}
    path = f"/api/v1/namespaces/{room.ns}/resourcequotas"
    kube.ask("POST", path, quota)
    await until(lambda: "hard" in (kube.ask("GET", f"{path}/none").body.get("status") or {}), PATIENCE_S)
    await room.has(room.document("Channel", "c1", {}), wait=False)

    def told() -> bool:
        ready = room.condition("Channel", "c1")
        return ready is not None and ready.reason == "ChildNotMade" and "quota" in (ready.message or "")

    await until(told, PATIENCE_S)
    await room.has(room.broker())
    kube.ask("DELETE", f"{path}/none")
    await room.ready("Channel", "c1")


@pytest.mark.parametrize("kind", ["Channel", "KafkaChannel"])
async def test_conformance_b_the_definition_of_a_channel_says_what_it_is(
    kube: ApiServer, room: Room, kind: str
) -> None:
    """CRD; spec.subscribers: namespaced, labels, category, and the array that others write."""
    plural = f"{kind.lower()}s"
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural}.messaging.knative.dev"
    found = kube.ask("GET", path).body
    assert found["spec"]["scope"] == "Namespaced"
    labels = found["metadata"]["labels"]
    assert labels["messaging.knative.dev/subscribable"] == labels["duck.knative.dev/addressable"] == "true"
    assert "channel" in found["spec"]["names"]["categories"]
    for version in found["spec"]["versions"]:
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        assert spec["subscribers"]["type"] == "array"


@pytest.mark.parametrize("kind", ["Channel", "KafkaChannel"])
async def test_conformance_b_a_channel_that_is_ready_shows_all_that_it_promises(
    kube: ApiServer, room: Room, kind: str
) -> None:
    """Annotation; Status; Address; DLS status."""
    async with RawServer() as letters:
        spec = {"delivery": {"deadLetterSink": {"uri": letters.url}}}
        await room.has(room.document(kind, "c1", spec))
        found = stored(kube, room, kind, "c1")
        assert found["metadata"]["annotations"]["messaging.knative.dev/subscribable"] == "v1"
        status = found["status"]
        assert status["observedGeneration"] == found["metadata"]["generation"]
        assert all(one["lastTransitionTime"] and one["status"] == "True" for one in status["conditions"])
        assert status["address"]["url"] == room.url("c1")
        assert status["deadLetterSinkUri"] == letters.url


async def test_b43_a_reference_to_a_service_leads_to_its_name_in_the_cluster(kube: ApiServer, room: Room) -> None:
    """Of Kubernetes' own Service, in another namespace; a Service that is not there is named within ten seconds (B44)."""
    other = f"{room.ns}-2"
    kube.ask("POST", "/api/v1/namespaces", {"metadata": {"name": other}})
    to = {"ref": {"apiVersion": "v1", "kind": "Service", "namespace": other, "name": "w"}, "uri": "/in"}
    trigger = room.trigger("t1", to).replace('"kind": "Service", "namespace"', '"kind":"Service","namespace"')
    await room.has(room.broker(), trigger, wait=False)

    def missing() -> bool:
        ready = room.condition("Trigger", "t1")
        return ready is not None and ready.status == "False" and f"Service {other}/w" in (ready.message or "")

    await until(missing, 10)
    spec = {"metadata": {"name": "w"}, "spec": {"ports": [{"port": 80}]}}
    assert kube.ask("POST", f"/api/v1/namespaces/{other}/services", spec).status == 201
    await room.ready("Trigger", "t1")
    assert room.status("Trigger", "t1")["subscriberUri"] == f"http://w.{other}.svc.cluster.local/in"
