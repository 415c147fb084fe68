import asyncio
import http.client
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from eventing.kinds.key import key_of
from eventing.kinds.registry import parse
from eventing.store.memory import MemoryStore
from eventing.telemetry import Telemetry
from kanal.api.app import api
from kanal.serve import serving

GROUP = "messaging.knative.dev"
NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def channel(name: str, namespace: str = "default") -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": f"{GROUP}/v1", "kind": "Channel", "metadata": metadata, "spec": {}}


async def store_with(*documents: dict[str, Any]) -> MemoryStore:
    store = MemoryStore(lambda: NOON)
    for document in documents:
        await store.apply(parse(document))
    return store


async def ask(
    store: MemoryStore,
    path: str,
    *,
    method: str = "GET",
    ready: bool = True,
    metrics: Callable[[], tuple[bytes, bytes]] = lambda: (b"text/plain", b""),
) -> tuple[http.client.HTTPResponse, bytes]:
    def blocking(port: int) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    app = api(store, ready=lambda: ready, metrics=metrics)
    async with serving(app, "127.0.0.1", 0, what="test") as port:
        return await asyncio.to_thread(blocking, port)


async def asked(store: MemoryStore, path: str, **more: Any) -> tuple[int, Any]:
    response, body = await ask(store, path, **more)
    return response.status, json.loads(body)


async def test_a_list_over_all_namespaces_holds_every_object_of_the_kind() -> None:
    store = await store_with(channel("a", "one"), channel("b", "two"))
    status, document = await asked(store, f"/apis/{GROUP}/v1/channels")
    assert status == 200
    assert (document["apiVersion"], document["kind"]) == (f"{GROUP}/v1", "ChannelList")
    assert [item["metadata"]["name"] for item in document["items"]] == ["a", "b"]


async def test_a_list_in_a_namespace_leaves_the_others_out() -> None:
    store = await store_with(channel("a", "one"), channel("b", "two"))
    _, document = await asked(store, f"/apis/{GROUP}/v1/namespaces/two/channels")
    assert [item["metadata"]["name"] for item in document["items"]] == ["b"]


async def test_a_namespace_with_nothing_in_it_is_an_empty_list() -> None:
    status, document = await asked(await store_with(), f"/apis/{GROUP}/v1/namespaces/two/channels")
    assert (status, document["items"]) == (200, [])


async def test_one_object_comes_whole_with_what_the_store_and_the_controller_added() -> None:
    store = await store_with(channel("a"))
    await store.set_status(key_of(store.list()[0]), {"address": {"url": "http://x/default/a"}})
    _, document = await asked(store, f"/apis/{GROUP}/v1/namespaces/default/channels/a")
    assert (document["apiVersion"], document["kind"]) == (f"{GROUP}/v1", "Channel")
    assert document["metadata"]["creationTimestamp"] == "2026-11-25T12:00:00Z"
    assert document["metadata"]["uid"]
    assert document["status"] == {"address": {"url": "http://x/default/a"}}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (f"/apis/{GROUP}/v1/namespaces/default/channels/nope", f'channels.{GROUP} "nope" not found'),
        (f"/apis/{GROUP}/v9/channels", f"/apis/{GROUP}/v9/channels is not served"),
        (f"/apis/{GROUP}/v9", f"{GROUP}/v9 is not served"),
        ("/apis/brooms.example", "brooms.example is not served"),
        (
            f"/apis/{GROUP}/v1/namespaces/default/brooms/x",
            f"/apis/{GROUP}/v1/namespaces/default/brooms/x is not served",
        ),
        ("/nowhere", "Not Found"),
    ],
)
async def test_what_is_not_there_is_a_kubernetes_status_with_404(path: str, message: str) -> None:
    status, document = await asked(await store_with(), path)
    assert status == 404
    document.pop("details", None)
    assert document == {
        "apiVersion": "v1",
        "kind": "Status",
        "status": "Failure",
        "message": message,
        "reason": "NotFound",
        "code": 404,
    }


async def test_without_a_token_the_api_is_read_only_and_says_which_method_is_allowed() -> None:
    response, body = await ask(await store_with(), f"/apis/{GROUP}/v1/channels", method="DELETE")
    assert (response.status, response.getheader("allow")) == (405, "GET")
    document = json.loads(body)
    assert (document["kind"], document["reason"], document["code"]) == ("Status", "MethodNotAllowed", 405)


async def test_a_fault_of_ours_is_a_status_too_and_tells_nothing_of_the_inside(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> tuple[bytes, bytes]:
        raise RuntimeError("secret")

    with caplog.at_level(logging.CRITICAL):
        status, document = await asked(await store_with(), "/metrics", metrics=broken)
    assert status == 500
    assert (document["kind"], document["message"], document["code"]) == ("Status", "Internal Server Error", 500)


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
async def test_it_is_ready_once_the_controller_has_finished_a_round(ready: bool, status: int) -> None:
    response, _ = await ask(await store_with(), "/readyz", ready=ready)
    assert response.status == status


async def test_it_is_healthy_before_it_is_ready() -> None:
    response, _ = await ask(await store_with(), "/healthz", ready=False)
    assert response.status == 200


async def test_metrics_are_the_exposition_of_the_telemetry() -> None:
    telemetry = Telemetry()
    response, body = await ask(await store_with(), "/metrics", metrics=telemetry.exposition)
    assert response.getheader("content-type") == telemetry.exposition()[0].decode()
    assert b"process_cpu_seconds_total" in body


async def test_what_is_in_the_core_group_has_a_path_without_a_group() -> None:
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}}
    store = await store_with(document)
    status, found = await asked(store, "/api/v1/configmaps")
    assert (status, found["apiVersion"], found["kind"]) == (200, "v1", "ConfigMapList")
    assert [(one["apiVersion"], one["data"]) for one in found["items"]] == [("v1", {"k": "v"})]
    assert (await asked(store, "/api/v1/namespaces/default/configmaps"))[1]["items"] == found["items"]
    assert (await asked(store, "/api/v1/namespaces/other/configmaps"))[1]["items"] == []
    assert (await asked(store, "/api/v1/namespaces/default/configmaps/a"))[1]["data"] == {"k": "v"}
    status, found = await asked(store, "/api/v1/pods?group=messaging.knative.dev")
    assert (status, found["message"]) == (404, "/api/v1/pods is not served")
