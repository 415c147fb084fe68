"""A store in a cluster whose API server goes away, or is reached no more: nothing is missed, and nothing hangs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from kube_server import ApiServer
from raw_http import until
from relay import Relay
from store_stand import define, kubeconfig_at, one, place, put, store_upon
from structlog.testing import capture_logs

from eventing.errors import Unavailable
from eventing.kinds.broker import Broker
from eventing.kinds.key import Key
from eventing.kinds.registry import parse
from eventing.settings import Kubernetes
from eventing.store.kubernetes.client import Client
from eventing.store.kubernetes.collection import Collection
from eventing.store.kubernetes.connecting import connected
from eventing.store.kubernetes.following import Following
from eventing.store.kubernetes.mirror import Mirror
from eventing.store.kubernetes.store import KubernetesStore

PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def cluster(kube: ApiServer) -> ApiServer:
    define(kube)
    return kube


@pytest.fixture
async def wire(cluster: ApiServer) -> AsyncIterator[Relay]:
    for name in list(_names(cluster)):
        cluster.ask("DELETE", f"{place('Broker')}/{name}")
    async with Relay(cluster.port) as relay:
        yield relay


def _names(cluster: ApiServer) -> list[str]:
    return [found["metadata"]["name"] for found in cluster.ask("GET", place("Broker")).body["items"]]


@asynccontextmanager
async def through(cluster: ApiServer, wire: Relay, folder: Path) -> AsyncIterator[tuple[Client, KubernetesStore]]:
    kubeconfig = kubeconfig_at(cluster, folder, wire.port)
    async with store_upon(cluster, [Broker], kubeconfig=kubeconfig) as found:
        yield found


def broker(name: str, **labels: str) -> dict[str, Any]:
    return one("Broker", name, {}, labels=labels)


def names(store: KubernetesStore) -> list[str]:
    return [found.metadata.name for found in store.list()]


async def do(cluster: ApiServer, method: str, name: str, body: Any = None) -> None:
    path = place("Broker") if method == "POST" else f"{place('Broker')}/{name}"
    answer = await asyncio.to_thread(cluster.ask, method, path, body)
    assert answer.status in (200, 201), answer.message


async def test_what_happens_while_the_watch_is_cut_is_told_when_it_comes_back(
    cluster: ApiServer, wire: Relay, tmp_path: Path
) -> None:
    for name in ("stays", "changes", "goes"):
        put(cluster, broker(name))
    async with through(cluster, wire, tmp_path) as (_, store):
        changes, since = [], store.revision
        wire.cut()
        await do(cluster, "PATCH", "changes", {"metadata": {"labels": {"a": "b"}}})
        await do(cluster, "DELETE", "goes")
        await do(cluster, "POST", "comes", broker("comes"))
        assert names(store) == ["changes", "goes", "stays"]
        wire.mend()
        await until(lambda: names(store) == ["changes", "comes", "stays"], PATIENCE_S)
        told = store.changes(since)
        for _ in range(3):
            change = await asyncio.wait_for(anext(told), PATIENCE_S)
            changes.append((change.type, change.resource.metadata.name))
    assert changes == [("MODIFIED", "changes"), ("DELETED", "goes"), ("ADDED", "comes")]


async def test_what_happens_while_a_watch_can_not_be_continued_is_told_as_the_difference(
    cluster: ApiServer, wire: Relay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restart an API server can't watch from what was before (410), so everything is listed anew."""
    for name in ("stays", "changes", "goes"):
        put(cluster, broker(name))
    async with through(cluster, wire, tmp_path) as (_, store):
        since = store.revision
        wire.cut()
        await do(cluster, "PATCH", "changes", {"metadata": {"labels": {"a": "b"}}})
        await do(cluster, "DELETE", "goes")
        await do(cluster, "POST", "comes", broker("comes"))
        await asyncio.to_thread(cluster.restart)
        lists = []
        listed = Mirror.listed
        monkeypatch.setattr(Mirror, "listed", lambda *words: lists.append(words) or listed(*words))
        wire.mend()
        await until(lambda: names(store) == ["changes", "comes", "stays"], PATIENCE_S)
        told = store.changes(since)
        found = [await asyncio.wait_for(anext(told), PATIENCE_S) for _ in range(3)]
        assert {(change.type, change.resource.metadata.name) for change in found} == {
            ("MODIFIED", "changes"),
            ("DELETED", "goes"),
            ("ADDED", "comes"),
        }
        assert len(lists) == 1


async def test_a_watch_from_a_version_that_is_too_old_begins_anew_with_a_list(cluster: ApiServer) -> None:
    heard: list[list[str]] = []

    class Ear:
        def listed(self, documents: Any, version: int) -> None:
            heard.append([found["metadata"]["name"] for found in documents])

        def told(self, type_: str, document: Any) -> None:
            pass

        def failed(self, error: Exception) -> None:
            raise AssertionError(error)

    put(cluster, broker("old"))
    async with connected(Kubernetes(kubeconfig=str(cluster.kubeconfig))) as client:
        following = Following(client, [place("Broker")], Ear(), lambda: 0.0)
        following._since = "1"
        task = asyncio.ensure_future(following.run())
        await until(lambda: heard, PATIENCE_S)
        task.cancel()
    assert "old" in heard[0]


async def test_a_connection_that_fell_silent_is_given_up_and_nothing_is_missed(
    cluster: ApiServer, wire: Relay, tmp_path: Path
) -> None:
    async with through(cluster, wire, tmp_path) as (client, store):
        # Heard from the next watch on: the one that runs began with the longer patience.
        client.silence_s = 1.0
        wire.cut()
        wire.mend()
        await do(cluster, "POST", "before", broker("before"))
        await until(lambda: names(store) == ["before"], PATIENCE_S)
        wire.silence()
        await do(cluster, "POST", "silent", broker("silent"))
        await until(lambda: names(store) == ["before", "silent"], PATIENCE_S)


async def test_a_server_that_was_away_for_a_while_is_followed_again_by_itself(
    cluster: ApiServer, wire: Relay, tmp_path: Path
) -> None:
    put(cluster, broker("there"))
    with capture_logs() as logs:
        async with through(cluster, wire, tmp_path) as (_, store):
            key = Key("eventing.knative.dev", "Broker", "default", "there")
            with await asyncio.to_thread(_gone, cluster) as back:
                await until(lambda: any(log["log_level"] == "warning" for log in logs), PATIENCE_S)
                with pytest.raises(Unavailable) as caught:
                    await store.set_status(key, {"a": 1})
                assert f":{wire.port}" in str(caught.value)
                assert names(store) == ["there"]
                await asyncio.to_thread(back)
            made = await store.create(parse(broker("new")))
            assert names(store) == ["new", "there"]
            await do(cluster, "DELETE", "there")
            await until(lambda: names(store) == ["new"], PATIENCE_S)
            assert await store.set_status(Key(*key[:3], "new"), {"a": 1}, version=made.metadata.resource_version)
    assert len([log for log in logs if log["log_level"] == "warning"]) < 20


class _gone:  # noqa: N801 - used as a function
    """The API server is away from here on, until it is brought back or the block ends."""

    def __init__(self, cluster: ApiServer) -> None:
        self._cluster = cluster
        self._away = True
        cluster.stop()

    def __enter__(self) -> Any:
        return self.back

    def back(self) -> None:
        if self._away:
            self._cluster.start()
            self._away = False

    def __exit__(self, *_: object) -> None:
        self.back()


async def test_what_was_asked_to_go_is_gone_even_if_the_watch_does_not_say_so(
    cluster: ApiServer, wire: Relay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventing.store.kubernetes.store._PATIENCE_S", 0.2)
    put(cluster, broker("goes"))
    async with through(cluster, wire, tmp_path) as (_, store):
        monkeypatch.setattr(Collection, "told", lambda *_: None)
        gone = await store.delete(Key("eventing.knative.dev", "Broker", "default", "goes"))
        assert gone is not None
        assert names(store) == []
