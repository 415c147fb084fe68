"""The ways in which a verb of kubectl can be asked for work as on a cluster."""

from __future__ import annotations

import asyncio
import json

import pytest
from kubectl_stand import PATIENCE_S, Kubectl

CHANNEL = "apiVersion: messaging.knative.dev/v1\nkind: Channel\nmetadata: {name: %s}\n"
OWNED = """\
apiVersion: messaging.knative.dev/v1
kind: Channel
metadata:
  name: owned
  ownerReferences: [{apiVersion: messaging.knative.dev/v1, kind: Channel, name: owner, uid: %s}]
"""


async def applied(kubectl: Kubectl, *texts: str) -> str:
    path = kubectl.file("resources.yaml", "---\n".join(texts))
    await kubectl("apply", "-f", path)
    return path


def names(kubectl: Kubectl) -> list[str]:
    return [one.metadata.name for one in kubectl.store.list()]


@pytest.mark.parametrize(
    ("mode", "left"),
    [("background", []), ("foreground", []), ("orphan", ["owned"]), ("true", []), ("false", ["owned"])],
)
async def test_delete_takes_along_what_is_owned_unless_it_is_orphaned(
    kubectl: Kubectl, mode: str, left: list[str]
) -> None:
    await applied(kubectl, CHANNEL % "owner")
    uid = await kubectl("get", "channel", "owner", "-o", "jsonpath={.metadata.uid}")
    await kubectl("apply", "-f", kubectl.file("owned.yaml", OWNED % uid))
    await kubectl("delete", "channel", "owner", f"--cascade={mode}")
    assert names(kubectl) == left
    if left:
        assert await kubectl("get", "channel", "owned", "-o", "jsonpath={.metadata.ownerReferences}") == ""


async def test_delete_need_not_wait_and_may_be_tried(kubectl: Kubectl) -> None:
    held = "apiVersion: messaging.knative.dev/v1\nkind: Channel\nmetadata: {name: a, finalizers: [example.com/hold]}\n"
    path = await applied(kubectl, held)
    assert "deleted (server dry run)" in await kubectl("delete", "-f", path, "--dry-run=server")
    assert await kubectl("get", "channel", "a", "-o", "jsonpath={.metadata.deletionTimestamp}") == ""
    assert "deleted" in await kubectl("delete", "-f", path, "--wait=false")
    assert names(kubectl) == ["a"]
    await kubectl("patch", "channel", "a", "--type=json", "-p", '[{"op": "remove", "path": "/metadata/finalizers"}]')
    assert names(kubectl) == []


async def test_delete_by_label_takes_those_alone(kubectl: Kubectl) -> None:
    await applied(kubectl, CHANNEL % "a", CHANNEL % "b")
    await kubectl("label", "channel", "a", "team=blue")
    await kubectl("delete", "channels", "-l", "team=blue")
    assert names(kubectl) == ["b"]


@pytest.mark.parametrize("verb", [("create",), ("apply",), ("apply", "--server-side"), ("replace",)])
async def test_a_write_can_be_tried_without_being_done(kubectl: Kubectl, verb: tuple[str, ...]) -> None:
    if verb == ("replace",):
        await applied(kubectl, CHANNEL % "a")
    before = kubectl.store.revision
    said = await kubectl(*verb, "-f", kubectl.file("a.yaml", CHANNEL % "a"), "--dry-run=server", "-o", "json")
    assert json.loads(said)["spec"]["channelTemplate"]["kind"] == "KafkaChannel"
    assert kubectl.store.revision == before


async def test_replace_by_force_makes_the_object_anew(kubectl: Kubectl) -> None:
    path = await applied(kubectl, CHANNEL % "a")
    await kubectl("label", "channel", "a", "team=blue")
    assert "replaced" in await kubectl("replace", "--force", "-f", path)
    assert await kubectl("get", "channel", "a", "-o", "jsonpath={.metadata.labels}") == ""


async def test_create_makes_what_is_not_there_and_refuses_what_is(kubectl: Kubectl) -> None:
    path = kubectl.file("a.yaml", CHANNEL % "a")
    assert "created" in await kubectl("create", "-f", path)
    assert "already exists" in await kubectl("create", "-f", path, code=1)


async def test_objects_are_got_by_category_in_every_namespace_and_in_parts(kubectl: Kubectl) -> None:
    await applied(kubectl, *(CHANNEL % f"c{number}" for number in range(5)))
    await kubectl("apply", "-n", "other", "-f", kubectl.file("o.yaml", CHANNEL % "elsewhere"))
    assert "channel.messaging.knative.dev/c0" in await kubectl("get", "knative", "-o", "name")
    rows = (await kubectl("get", "channels", "-A", "--chunk-size=2", "--no-headers")).splitlines()
    assert [row.split()[:2] for row in rows] == [*(["default", f"c{n}"] for n in range(5)), ["other", "elsewhere"]]
    chosen = await kubectl("get", "channels", "-A", "--field-selector", "metadata.namespace=other", "-o", "name")
    assert chosen.split() == ["channel.messaging.knative.dev/elsewhere"]
    assert "can't be chosen" in await kubectl("get", "channels", "--field-selector", "spec.x=1", code=1)


async def test_output_takes_every_form(kubectl: Kubectl) -> None:
    await applied(kubectl, CHANNEL % "a")
    await kubectl.say_ready("Channel", "a", url="http://laptop/default/a")
    assert json.loads(await kubectl("get", "channels", "-o", "json"))["items"][0]["metadata"]["name"] == "a"
    url = "{.items[0].status.address.url}"
    assert await kubectl("get", "channels", "-o", f"jsonpath={url}") == "http://laptop/default/a"
    columns = "custom-columns=NAME:.metadata.name,URL:.status.address.url"
    assert "http://laptop/default/a" in await kubectl("get", "channels", "-o", columns)
    assert (await kubectl("get", "channels", "-L", "team")).splitlines()[0].split()[-1] == "TEAM"
    assert "managedFields" in await kubectl("get", "channel", "a", "-o", "yaml", "--show-managed-fields")


async def test_events_of_an_object_are_listed_and_watched(kubectl: Kubectl) -> None:
    await applied(kubectl, CHANNEL % "a")
    await kubectl.say_ready("Channel", "a", reason="Away", message="Kafka is away")
    said = ""
    async with asyncio.timeout(PATIENCE_S):
        while "Kafka is away" not in said:
            said = await kubectl("events", "--for", "channel/a")
    process = await kubectl.start("get", "events", "-w")
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            assert b"LAST SEEN" in await process.stdout.readline()
            assert b"Kafka is away" in await process.stdout.readline()
            await kubectl.say_ready("Channel", "a")
            assert b"it is ready" in await process.stdout.readline()
    finally:
        process.terminate()
        await process.communicate()
