"""Namespaces and Events: kinds of Kubernetes' own that clients count on."""

from __future__ import annotations

from typing import Any

from kube_stand import MERGE, SUBSCRIPTIONS, TABLE, Kube, subscription
from raw_http import until

from kanal.roles.common import beside

PATH = "/api/v1/namespaces"
ONE = f"{SUBSCRIPTIONS}/s1"


def namespace(name: str, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **metadata}}


async def names(kube: Kube) -> list[str]:
    return [one["metadata"]["name"] for one in (await kube("GET", PATH)).document["items"]]


async def test_a_namespace_is_there_once_it_is_used_and_default_always_is() -> None:
    kube = Kube()
    assert await names(kube) == ["default"]
    await kube("POST", SUBSCRIPTIONS.replace("default", "used"), subscription())
    assert await names(kube) == ["default", "used"]
    assert (await kube("GET", f"{PATH}/used")).document["status"] == {"phase": "Active"}
    assert (await kube("GET", f"{PATH}/nowhere")).document["reason"] == "NotFound"


async def test_a_namespace_can_be_made_and_labelled() -> None:
    kube = Kube()
    assert (await kube("POST", PATH, namespace("mine", labels={"a": "b"}))).status == 201
    assert (await kube("POST", PATH, namespace("mine"))).document["reason"] == "AlreadyExists"
    assert (await kube("POST", PATH, namespace("default"))).document["reason"] == "AlreadyExists"
    patched = await kube(
        "PATCH", f"{PATH}/mine", {"metadata": {"labels": {"c": "d"}, "annotations": {"e": "f"}}}, sort=MERGE
    )
    labels = patched.document["metadata"]["labels"]
    assert labels == {"a": "b", "c": "d", "kubernetes.io/metadata.name": "mine"}
    assert patched.document["metadata"]["annotations"] == {"e": "f"}
    replaced = await kube("PUT", f"{PATH}/mine", namespace("mine"))
    assert replaced.document["metadata"]["labels"] == {"kubernetes.io/metadata.name": "mine"}
    chosen = await kube("GET", f"{PATH}?labelSelector=kubernetes.io/metadata.name%3Dmine")
    assert [one["metadata"]["name"] for one in chosen.document["items"]] == ["mine"]


async def test_a_name_that_can_be_no_namespace_is_refused() -> None:
    answer = await Kube()("POST", PATH, namespace("No_Good"))
    assert (answer.status, answer.document["details"]["causes"][0]["field"]) == (422, "metadata.name")


async def test_a_dry_run_makes_and_deletes_no_namespace() -> None:
    kube = Kube()
    assert (await kube("POST", f"{PATH}?dryRun=All", namespace("mine"))).status == 201
    assert await names(kube) == ["default"]
    await kube("POST", PATH, namespace("mine"))
    assert (await kube("DELETE", f"{PATH}/mine?dryRun=All")).status == 200
    assert await names(kube) == ["default", "mine"]


async def test_a_namespace_takes_what_is_in_it_along() -> None:
    kube = Kube()
    await kube("POST", PATH, namespace("used"))
    await kube("POST", SUBSCRIPTIONS.replace("default", "used"), subscription())
    await kube("POST", SUBSCRIPTIONS, subscription())
    assert (await kube("DELETE", f"{PATH}/used")).document["status"] == "Success"
    assert [one.metadata.namespace for one in kube.store.list()] == ["default"]
    assert await names(kube) == ["default"]


async def test_the_namespace_default_cannot_be_deleted() -> None:
    kube = Kube()
    await kube("POST", SUBSCRIPTIONS, subscription())
    answer = await kube("DELETE", f"{PATH}/default")
    assert (answer.status, answer.document["reason"]) == (403, "Forbidden")
    assert len(kube.store.list()) == 1


def ready(status: str, reason: str = "", message: str = "") -> dict[str, Any]:
    return {"status": {"conditions": [{"type": "Ready", "status": status, "reason": reason, "message": message}]}}


async def test_what_becomes_of_ready_is_told_in_events() -> None:
    kube = Kube()
    async with beside(kube.events.run()):
        await kube("POST", SUBSCRIPTIONS, subscription())
        await kube("PATCH", f"{ONE}/status", ready("Unknown"), sort=MERGE)
        await kube("PATCH", f"{ONE}/status", ready("False", "Unresolved", "no such host"), sort=MERGE)
        await kube("PATCH", ONE, {"metadata": {"labels": {"a": "b"}}}, sort=MERGE)
        await kube("PATCH", f"{ONE}/status", ready("True"), sort=MERGE)
        await until(lambda: len(kube.events.all()) == 2)
    query = "fieldSelector=involvedObject.name%3Ds1,involvedObject.kind%3DSubscription"
    found = (await kube("GET", f"/api/v1/namespaces/default/events?{query}")).document["items"]
    assert [(one["type"], one["reason"], one["message"]) for one in found] == [
        ("Warning", "Unresolved", "no such host"),
        ("Normal", "Ready", "it is ready"),
    ]
    assert [one["count"] for one in found] == [1, 1]
    assert (await kube("GET", "/api/v1/events?fieldSelector=type%3DWarning")).document["items"] == found[:1]
    assert (await kube("GET", "/api/v1/namespaces/other/events")).document["items"] == []
    name = found[0]["metadata"]["name"]
    assert (await kube("GET", f"/api/v1/namespaces/default/events/{name}")).document == found[0]
    assert (await kube("GET", "/api/v1/namespaces/default/events/no")).status == 404
    table = (await kube("GET", "/api/v1/events", accept=TABLE)).document
    assert [row["cells"][-1] for row in table["rows"]] == ["no such host", "it is ready"]


async def test_what_happens_again_is_counted() -> None:
    kube = Kube()
    async with beside(kube.events.run()):
        await kube("POST", SUBSCRIPTIONS, subscription())
        for status in ("True", "False", "True", "False"):
            await kube("PATCH", f"{ONE}/status", ready(status, "R"), sort=MERGE)
        await until(lambda: [one["count"] for one in kube.events.all()] == [2, 2])
    assert [one["type"] for one in kube.events.all()] == ["Normal", "Warning"]
