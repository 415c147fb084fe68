"""Those of Kubernetes' own kinds that references need: Services, Secrets, namespaces and definitions."""

from __future__ import annotations

import asyncio

from kubectl_stand import PATIENCE_S, Kubectl

SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: shop, annotations: {kanal.dev/url: "http://127.0.0.1:9000"}}
spec:
  selector: {app: shop}
  ports: [{port: 80, targetPort: 8080}]
"""
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: kafka}\nstringData: {password: hunter2}\n"


async def test_services_are_created_applied_described_patched_and_deleted(kubectl: Kubectl) -> None:
    words = ("create", "service", "externalname", "far", "--external-name", "far.example", "--tcp=8080:8080")
    assert "created" in await kubectl(*words)
    path = kubectl.file("service.yaml", SERVICE)
    assert "created" in await kubectl("apply", "-f", path)
    assert "unchanged" in await kubectl("apply", "-f", path)
    rows = {line.split()[0]: line.split()[1:] for line in (await kubectl("get", "svc")).splitlines()}
    assert rows["far"][:3] == ["ExternalName", "far.example", "8080"]
    assert rows["shop"][:2] == ["ClusterIP", "80"]
    assert "External Name:     far.example" in await kubectl("describe", "svc", "far")
    await kubectl("patch", "svc", "shop", "-p", '{"spec": {"ports": [{"port": 80, "name": "http"}]}}')
    assert (
        await kubectl("get", "svc", "shop", "-o", "jsonpath={.spec.ports[*].name} {.spec.selector.app}") == "http shop"
    )
    assert "is no URL" in await kubectl("annotate", "--overwrite", "svc", "shop", "kanal.dev/url=shop", code=1)
    await kubectl("delete", "svc", "shop", "far")
    assert kubectl.store.list() == ()


async def test_secrets_are_kept_and_tables_show_nothing_of_them(kubectl: Kubectl) -> None:
    assert "created" in await kubectl("create", "secret", "generic", "plain", "--from-literal=k=v")
    await kubectl("apply", "-f", kubectl.file("secret.yaml", SECRET))
    for words in (("get", "secrets"), ("get", "secrets", "-o", "wide"), ("describe", "secret", "kafka")):
        said = await kubectl(*words)
        assert "kafka" in said
        assert "hunter2" not in said
        assert "aHVudGVyMg==" not in said
    assert "password:  7 bytes" in said
    assert await kubectl("get", "secret", "kafka", "-o", "jsonpath={.data.password}") == "aHVudGVyMg=="
    assert await kubectl("get", "secret", "plain", "-o", "jsonpath={.data.k} {.type}") == "dg== Opaque"
    wrong = kubectl.file(
        "wrong.yaml", SECRET.replace("stringData: {password: hunter2}", 'data: {password: "hunter2!"}')
    )
    refused = await kubectl("apply", "-f", wrong, code=1)
    assert "data.password: the value is no base64" in refused
    await kubectl("delete", "secret", "kafka", "plain")
    assert kubectl.store.list() == ()


async def test_namespaces_can_be_watched_and_waited_for(kubectl: Kubectl) -> None:
    process = await kubectl.start("get", "namespaces", "-w", "--no-headers")
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            assert b"default" in await process.stdout.readline()
            await kubectl("create", "namespace", "mine")
            assert b"mine" in await process.stdout.readline()
    finally:
        process.terminate()
        await process.communicate()
    gone = await kubectl.start("wait", "--for=delete", "namespace/mine", f"--timeout={PATIENCE_S:.0f}s")
    await kubectl("delete", "namespace", "mine")
    async with asyncio.timeout(PATIENCE_S):
        await gone.communicate()
    assert gone.returncode == 0


async def test_a_namespace_can_be_applied_on_the_servers_side(kubectl: Kubectl) -> None:
    text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: mine, labels: {%s: b}}\n"
    for label in ("a", "c"):
        said = await kubectl("apply", "--server-side", "-f", kubectl.file("ns.yaml", text % label))
        assert said.strip() == "namespace/mine serverside-applied"
    assert await kubectl("get", "ns", "mine", "-o", "jsonpath={.metadata.labels.a}{.metadata.labels.c}") == "bb"


async def test_definitions_of_the_kinds_are_shown_and_are_not_to_be_changed(kubectl: Kubectl) -> None:
    listed = await kubectl("get", "crds", "-l", "duck.knative.dev/addressable=true")
    assert "brokers.eventing.knative.dev" in listed
    assert "subscriptions.messaging.knative.dev" not in listed
    assert "Established" in await kubectl("get", "crd", "brokers.eventing.knative.dev", "-o", "yaml")
    assert "MethodNotAllowed" in await kubectl("delete", "crd", "brokers.eventing.knative.dev", code=1)
