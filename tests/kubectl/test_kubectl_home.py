"""What a person types with plain kubectl works against a laptop as against a cluster."""

from __future__ import annotations

import asyncio
import json

import pytest
import yaml
from kubectl_stand import PATIENCE_S, TOKEN, Kubectl

SUBSCRIPTION = """\
apiVersion: messaging.knative.dev/v1
kind: Subscription
metadata:
  name: s1
spec:
  channel:
    apiVersion: messaging.knative.dev/v1
    kind: Channel
    name: orders
  subscriber:
    uri: http://one.example
"""
CHANNEL = """\
apiVersion: messaging.knative.dev/v1
kind: Channel
metadata:
  name: orders
"""
RETRYING = SUBSCRIPTION + "  delivery:\n    retry: 3\n"


async def applied(kubectl: Kubectl, text: str = SUBSCRIPTION) -> str:
    path = kubectl.file("resources.yaml", text)
    await kubectl("apply", "-f", path)
    return path


async def test_apply_creates_leaves_alone_and_changes(kubectl: Kubectl) -> None:
    path = kubectl.file("all.yaml", CHANNEL + "---\n" + SUBSCRIPTION)
    assert (await kubectl("apply", "-f", path)).splitlines() == [
        "channel.messaging.knative.dev/orders created",
        "subscription.messaging.knative.dev/s1 created",
    ]
    assert (await kubectl("apply", "-f", path)).count(" unchanged") == 2
    kubectl.file("all.yaml", CHANNEL + "---\n" + RETRYING)
    assert "subscription.messaging.knative.dev/s1 configured" in await kubectl("apply", "-f", path)
    assert await kubectl("get", "sub", "s1", "-o", "jsonpath={.spec.delivery.retry} {.metadata.generation}") == "3 2"
    kubectl.file("all.yaml", CHANNEL + "---\n" + SUBSCRIPTION)
    await kubectl("apply", "-f", path)
    assert await kubectl("get", "sub", "s1", "-o", "jsonpath={.spec.delivery}") == ""


async def test_get_shows_the_columns_of_the_kind(kubectl: Kubectl) -> None:
    await applied(kubectl, CHANNEL)
    await kubectl.say_ready("Channel", "orders", url="http://laptop/default/orders")
    heading, row = (await kubectl("get", "channel", "orders")).splitlines()
    assert {"NAME", "URL", "AGE", "READY", "REASON"} == set(heading.split())
    assert {"orders", "http://laptop/default/orders", "True"} < set(row.split())
    assert "NAMESPACE" in await kubectl("get", "channels", "-A")
    wide = (await kubectl("get", "channels", "-o", "wide")).splitlines()[0].split()
    assert set(heading.split()) <= set(wide)
    assert (await kubectl("get", "ch", "-o", "name")).strip() == "channel.messaging.knative.dev/orders"
    assert "channel.messaging.knative.dev/orders" in await kubectl("get", "all")
    assert "No resources found" in await kubectl("get", "brokers")


async def test_get_prints_yaml_that_can_be_applied_again(kubectl: Kubectl) -> None:
    await applied(kubectl)
    text = await kubectl("get", "sub", "s1", "-o", "yaml")
    assert yaml.safe_load(text)["spec"]["subscriber"] == {"uri": "http://one.example"}
    assert "managedFields" not in text
    await kubectl("delete", "sub", "s1")
    path = kubectl.file("exported.yaml", text)
    assert "created" in await kubectl("create", "-f", path)
    assert "replaced" in await kubectl("replace", "-f", kubectl.file("plain.yaml", RETRYING))


async def test_get_watches(kubectl: Kubectl) -> None:
    await applied(kubectl, CHANNEL)
    process = await kubectl.start("get", "channels", "-w")
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            assert b"NAME" in await process.stdout.readline()
            assert b"orders" in await process.stdout.readline()
            await kubectl.say_ready("Channel", "orders", url="http://laptop/default/orders")
            assert b"http://laptop/default/orders" in await process.stdout.readline()
            await kubectl("apply", "-f", kubectl.file("b.yaml", CHANNEL.replace("orders", "bills")))
            assert b"bills" in await process.stdout.readline()
    finally:
        process.terminate()
        await process.communicate()


async def test_describe_ends_with_the_events_of_the_object(kubectl: Kubectl) -> None:
    await applied(kubectl)
    await kubectl.say_ready("Subscription", "s1", reason="Unresolved", message="the host does not exist")
    text = await kubectl("describe", "subscription", "s1")
    assert "Uri:  http://one.example" in text
    event = text[text.index("Events:") :]
    assert "Warning" in event
    assert "Unresolved" in event
    assert "the host does not exist" in event
    assert "the host does not exist" in await kubectl("get", "events")


@pytest.mark.parametrize(
    ("sort", "patch"),
    [
        ("merge", '{"spec": {"delivery": {"retry": 5}}}'),
        ("json", '[{"op": "add", "path": "/spec/delivery", "value": {"retry": 5}}]'),
        ("strategic", '{"spec": {"delivery": {"retry": 5}}}'),
    ],
)
async def test_patch_changes_a_part(kubectl: Kubectl, sort: str, patch: str) -> None:
    await applied(kubectl)
    assert "patched" in await kubectl("patch", "sub", "s1", "--type", sort, "-p", patch)
    spec = json.loads(await kubectl("get", "sub", "s1", "-o", "json"))["spec"]
    assert (spec["delivery"], spec["subscriber"]) == ({"retry": 5}, {"uri": "http://one.example"})


async def test_patch_can_change_the_status(kubectl: Kubectl) -> None:
    await applied(kubectl)
    patch = '{"status": {"observedGeneration": 7}}'
    await kubectl("patch", "sub", "s1", "--subresource=status", "--type=merge", "-p", patch)
    assert await kubectl("get", "sub", "s1", "-o", "jsonpath={.status.observedGeneration}") == "7"


async def test_edit_opens_an_editor_and_applies_what_it_leaves(kubectl: Kubectl) -> None:
    await applied(kubectl, RETRYING)
    editor = "sed -i 's/retry: 3/retry: 8/'"
    assert "edited" in await kubectl("edit", "sub", "s1", EDITOR=editor)
    assert await kubectl("get", "sub", "s1", "-o", "jsonpath={.spec.delivery.retry}") == "8"


async def test_delete_takes_what_it_is_told(kubectl: Kubectl) -> None:
    path = kubectl.file("all.yaml", CHANNEL + "---\n" + SUBSCRIPTION)
    await kubectl("apply", "-f", path)
    assert 'subscription.messaging.knative.dev "s1" deleted' in await kubectl("delete", "sub", "s1")
    assert "NotFound" in await kubectl("get", "sub", "s1", code=1)
    assert "not found" in await kubectl("delete", "sub", "s1", code=1)
    await kubectl("delete", "-f", path, "--ignore-not-found")
    await kubectl("apply", "-f", path)
    await kubectl("delete", "channels,subscriptions", "--all")
    assert kubectl.store.list() == ()


async def test_delete_waits_for_finalizers(kubectl: Kubectl) -> None:
    await applied(kubectl, SUBSCRIPTION.replace("  name: s1\n", "  name: s1\n  finalizers: [example.com/hold]\n"))
    process = await kubectl.start("delete", "sub", "s1")
    await kubectl("wait", "--for=jsonpath={.metadata.deletionTimestamp}", "sub/s1", f"--timeout={PATIENCE_S:.0f}s")
    await kubectl("patch", "sub", "s1", "--type=merge", "-p", '{"metadata": {"finalizers": null}}')
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    assert (process.returncode, kubectl.store.list()) == (0, ()), (out, err)


async def test_wait_returns_once_the_condition_holds(kubectl: Kubectl) -> None:
    await applied(kubectl, CHANNEL)
    words = ("wait", "--for=condition=Ready", "channel/orders")
    assert "timed out" in await kubectl(*words, "--timeout=1s", code=1)
    process = await kubectl.start(*words, f"--timeout={PATIENCE_S:.0f}s")
    await kubectl.say_ready("Channel", "orders")
    out, _ = await process.communicate()
    assert out.decode().strip() == "channel.messaging.knative.dev/orders condition met"
    process = await kubectl.start("wait", "--for=delete", "channel/orders", f"--timeout={PATIENCE_S:.0f}s")
    await kubectl("delete", "channel", "orders")
    await process.communicate()
    assert process.returncode == 0


async def test_explain_tells_fields_of_every_depth(kubectl: Kubectl) -> None:
    text = await kubectl("explain", "subscription.spec.delivery")
    assert "backoffPolicy" in text
    assert "Attempts after the first one" in text
    assert "FIELD: retry <integer>" in await kubectl("explain", "subscription.spec.delivery.retry")
    assert "ownerReferences" in await kubectl("explain", "channel.metadata")
    assert "binaryData" in await kubectl("explain", "configmap")
    beta = await kubectl("explain", "eventtype.spec", "--api-version=eventing.knative.dev/v1beta3")
    assert "attributes" in beta


async def test_diff_shows_what_would_change(kubectl: Kubectl) -> None:
    path = await applied(kubectl)
    assert await kubectl("diff", "-f", path) == ""
    text = await kubectl("diff", "-f", kubectl.file("new.yaml", RETRYING), code=1)
    assert "+    retry: 3" in text
    assert await kubectl("get", "sub", "s1", "-o", "jsonpath={.spec.delivery}") == ""
    assert "+  name: orders" in await kubectl("diff", "-f", kubectl.file("c.yaml", CHANNEL), code=1)


async def test_api_resources_lists_every_kind_with_its_names(kubectl: Kubectl) -> None:
    rows = [line.split() for line in (await kubectl("api-resources", "--no-headers")).splitlines()]
    found = {row[0]: row[-1] for row in rows}
    assert {"brokers", "triggers", "channels", "kafkachannels", "subscriptions", "eventtypes"} < set(found)
    assert {"sequences", "parallels", "configmaps", "namespaces", "events"} < set(found)
    named = await kubectl("api-resources", "--api-group=messaging.knative.dev", "-o", "name")
    assert "channels.messaging.knative.dev" in named
    assert "messaging.knative.dev/v1beta1" in await kubectl("api-versions")


async def test_server_side_apply_guards_the_fields_of_others(kubectl: Kubectl) -> None:
    path = kubectl.file("mine.yaml", RETRYING)
    assert "serverside-applied" in await kubectl("apply", "--server-side", "-f", path)
    await kubectl("patch", "sub", "s1", "--type=merge", "-p", '{"spec": {"delivery": {"retry": 4}}}')
    refused = await kubectl("apply", "--server-side", "-f", path, code=1)
    assert ".spec.delivery.retry" in refused
    assert "--force-conflicts" in refused
    await kubectl("apply", "--server-side", "--force-conflicts", "-f", path)
    assert await kubectl("get", "sub", "s1", "-o", "jsonpath={.spec.delivery.retry}") == "3"


async def test_labels_and_annotations_are_set_and_selected_by(kubectl: Kubectl) -> None:
    await applied(kubectl)
    await applied(kubectl, CHANNEL)
    assert "labeled" in await kubectl("label", "sub", "s1", "team=blue")
    assert "annotated" in await kubectl("annotate", "sub", "s1", "example.com/note=a b")
    assert "s1" in await kubectl("get", "subs", "-l", "team in (blue, red)")
    assert "No resources found" in await kubectl("get", "subs", "-l", "team!=blue")
    assert "s1" in await kubectl("get", "subs", "--field-selector", "metadata.name=s1")
    assert "already has a value" in await kubectl("label", "sub", "s1", "team=red", code=1)
    await kubectl("label", "sub", "s1", "team-")
    assert await kubectl("get", "sub", "s1", "-o", "jsonpath={.metadata.labels}") == ""


@pytest.mark.parametrize("how", [[], ["--server-side"], ["--dry-run=server"]])
async def test_wrong_yaml_is_refused_with_every_field_and_its_fix(kubectl: Kubectl, how: list[str]) -> None:
    path = kubectl.file("wrong.yaml", SUBSCRIPTION + "  delivery:\n    retries: 3\n    backoffDelay: 5s\n")
    text = await kubectl("apply", *how, "-f", path, code=1)
    assert 'The Subscription "s1" is invalid' in text
    assert "spec.delivery.retries: there is no such field" in text
    assert "spec.delivery.backoffDelay" in text
    assert "PT5S" in text
    assert kubectl.store.list() == ()


async def test_what_may_not_change_is_refused_with_its_field(kubectl: Kubectl) -> None:
    path = await applied(kubectl)
    kubectl.file("resources.yaml", SUBSCRIPTION.replace("orders", "bills"))
    assert "spec.channel.name" in await kubectl("apply", "-f", path, code=1)


async def test_core_kinds_that_references_need_can_be_created(kubectl: Kubectl) -> None:
    assert "created" in await kubectl("create", "configmap", "c", "--from-literal=k=v")
    assert await kubectl("get", "cm", "c", "-o", "jsonpath={.data.k}") == "v"
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: w}\n"
    await kubectl("apply", "-f", kubectl.file("c.yaml", text))
    assert await kubectl("get", "cm", "c", "-o", "jsonpath={.data.k}") == "w"
    await kubectl("delete", "cm", "c")
    assert "created" in await kubectl("create", "namespace", "mine")
    await kubectl("apply", "-n", "mine", "-f", kubectl.file("s.yaml", SUBSCRIPTION))
    assert "mine" in await kubectl("get", "ns")
    assert "deleted" in await kubectl("delete", "namespace", "mine")
    assert kubectl.store.list() == ()


async def test_a_namespace_can_be_applied_from_a_file(kubectl: Kubectl) -> None:
    path = kubectl.file("ns.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: mine, labels: {a: b}}\n")
    assert "created" in await kubectl("apply", "-f", path)
    assert "unchanged" in await kubectl("apply", "-f", path)
    assert await kubectl("get", "ns", "mine", "-o", "jsonpath={.metadata.labels.a}") == "b"


async def test_without_the_token_nothing_is_told(kubectl: Kubectl) -> None:
    config = kubectl.folder / "kubeconfig"
    config.write_text(config.read_text().replace(TOKEN, "guess"))
    assert "must be logged in" in await kubectl("get", "channels", code=1)
