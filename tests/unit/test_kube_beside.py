"""What is served beside the store can be watched as well, and says of which kinds there are definitions."""

from __future__ import annotations

from datetime import timedelta

from kube_stand import MERGE, NOON, SUBSCRIPTIONS, TABLE, Kube, subscription
from raw_http import until

from kanal.roles.common import beside

NAMESPACES = "/api/v1/namespaces"
EVENTS = f"{NAMESPACES}/default/events"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def ready(status: str, reason: str = "") -> dict[str, object]:
    return {"status": {"conditions": [{"type": "Ready", "status": status, "reason": reason}]}}


async def test_a_watch_of_namespaces_tells_which_come_into_use_and_which_go_out_of_it() -> None:
    kube = Kube()
    async with kube.watching(f"{NAMESPACES}?watch=1") as seen:
        await until(lambda: len(seen.lines) == 1)
        other = SUBSCRIPTIONS.replace("default", "other")
        await kube("POST", other, subscription())
        await until(lambda: len(seen.lines) == 2)
        await kube("POST", NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "made"}})
        await kube("PATCH", f"{NAMESPACES}/made", {"metadata": {"labels": {"a": "b"}}}, sort=MERGE)
        await kube("DELETE", f"{NAMESPACES}/made")
        await kube("DELETE", f"{other}/s1")
        await until(lambda: len(seen.lines) == 6)
    told = [(one["type"], one["object"]["metadata"]["name"]) for one in seen.lines]
    made = [("ADDED", "made"), ("MODIFIED", "made"), ("DELETED", "made")]
    assert told == [("ADDED", "default"), ("ADDED", "other"), *made, ("DELETED", "other")]
    versions = [int(one["object"]["metadata"]["resourceVersion"]) for one in seen.lines]
    assert versions == sorted(set(versions))


async def test_a_watch_of_one_namespace_ends_with_it_as_kubectl_waits_for() -> None:
    kube = Kube()
    await kube("POST", NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "made"}})
    version = (await kube("GET", NAMESPACES)).document["metadata"]["resourceVersion"]
    path = f"{NAMESPACES}?watch=1&fieldSelector=metadata.name%3Dmade&resourceVersion={version}"
    async with kube.watching(path) as seen:
        await kube("DELETE", f"{NAMESPACES}/made")
        await until(lambda: seen.lines)
    assert [one["type"] for one in seen.lines] == ["DELETED"]


async def test_a_watch_of_events_tells_each_as_it_happens_and_again_when_it_repeats() -> None:
    kube = Kube()
    await kube("POST", SUBSCRIPTIONS, subscription())
    async with beside(kube.events.run()), kube.watching(f"{EVENTS}?watch=1", accept=TABLE) as seen:
        for status, reason in (("False", "Away"), ("True", ""), ("False", "Away")):
            await kube("PATCH", f"{SUBSCRIPTIONS}/s1/status", ready(status, reason), sort=MERGE)
        await until(lambda: len(seen.lines) == 3)
    assert [(one["type"], one["object"]["rows"][0]["cells"][3]) for one in seen.lines] == [
        ("ADDED", "Away"),
        ("ADDED", "Ready"),
        ("MODIFIED", "Away"),
    ]
    (first, last) = (await kube("GET", EVENTS)).document["items"]
    assert (first["reason"], last["reason"], last["count"]) == ("Ready", "Away", 2)


async def test_kinds_are_found_by_the_labels_of_their_definitions() -> None:
    kube = Kube()
    found = await kube("GET", f"{DEFINITIONS}?labelSelector=messaging.knative.dev/subscribable%3Dtrue")
    names = {one["metadata"]["name"] for one in found.document["items"]}
    assert names == {"channels.messaging.knative.dev", "kafkachannels.messaging.knative.dev"}
    one = (await kube("GET", f"{DEFINITIONS}/eventtypes.eventing.knative.dev")).document
    assert [version["served"] for version in one["spec"]["versions"]] == [True] * len(one["spec"]["versions"])
    assert one["status"]["conditions"][0]["type"] == "Established"
    assert (await kube("GET", f"{DEFINITIONS}/configmaps.")).status == 404
    assert (await kube("DELETE", f"{DEFINITIONS}/eventtypes.eventing.knative.dev")).status == 405


async def test_who_wrote_a_status_is_noted_apart_from_who_wrote_the_rest() -> None:
    kube = Kube()
    await kube("POST", f"{SUBSCRIPTIONS}?fieldManager=author", subscription())
    await kube("PATCH", f"{SUBSCRIPTIONS}/s1/status?fieldManager=checker", ready("True"), sort=MERGE)
    managed = (await kube("GET", f"{SUBSCRIPTIONS}/s1")).document["metadata"]["managedFields"]
    assert [(one["manager"], one.get("subresource")) for one in managed] == [("author", None), ("checker", "status")]
    await kube("PATCH", f"{SUBSCRIPTIONS}/s1", {"spec": {"delivery": {"retry": 2}}}, sort=MERGE)
    managed = (await kube("GET", f"{SUBSCRIPTIONS}/s1")).document["metadata"]["managedFields"]
    assert ("checker", "status") in [(one["manager"], one.get("subresource")) for one in managed]


async def test_what_is_kept_in_another_form_than_it_was_applied_in_is_no_change_when_it_is_applied_again() -> None:
    kube = Kube()
    path = "/api/v1/namespaces/default/secrets/s?fieldManager=a"
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": "v"}}
    versions = []
    for later in range(3):
        kube.now = NOON + timedelta(minutes=later)
        made = (await kube("PATCH", path, secret, sort="application/apply-patch+yaml")).document
        assert (made["data"], made.get("stringData")) == ({"k": "dg=="}, None)
        versions.append(made["metadata"]["resourceVersion"])
    assert versions == ["1", "1", "1"]
