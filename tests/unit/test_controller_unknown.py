"""What a cluster does not tell is not taken for gone: a kind that the server does not serve, a channel that can't be read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from control_stand import NOON, ControllerStand, FakeFeed, channel, compiled, subscription
from raw_http import until
from structlog.testing import capture_logs

from controller.cluster.services import Services
from controller.cluster.surroundings import Cluster
from controller.kafka import KafkaSide
from controller.surroundings import Home
from eventing.errors import Denied, NotFound
from eventing.kinds.sequence import Sequence
from eventing.plan.options import Options
from eventing.plan.references import served_kinds
from eventing.store.kubernetes.client import Client
from eventing.store.kubernetes.elsewhere import Elsewhere
from eventing.store.kubernetes.following import Following
from eventing.store.kubernetes.pauses import Pauses
from eventing.store.kubernetes.store import KubernetesStore, opened
from eventing.store.kubernetes.tasks import beside


class Server:
    """An API server by collections: lists of documents; what is not in it is not served. Watches say nothing."""

    def __init__(self, **collections: list[dict[str, Any]]) -> None:
        self.collections = collections

    async def get(self, path: str, **_query: str) -> dict[str, Any]:
        plural = path.rpartition("/")[2]
        if plural not in self.collections:
            raise NotFound(f"the API server does not know {plural}")
        return {"items": self.collections[plural], "metadata": {"resourceVersion": "9"}}

    async def watch(self, _path: str, **_query: str) -> AsyncGenerator[dict[str, Any], None]:
        await asyncio.Event().wait()
        yield {}


def everything(**more: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {kind.PLURAL: [] for kind in served_kinds("everything")} | more


@asynccontextmanager
async def cluster(server: Server) -> AsyncIterator[tuple[Cluster, KubernetesStore]]:
    client = cast(Client, server)
    kinds = served_kinds("everything")
    async with opened(client, kinds, system_namespace="kanal", jitter=lambda: 0.0) as store:
        services, elsewhere = cast(Services, None), cast(Elsewhere, None)
        yield Cluster(store, elsewhere, services, "everything", lambda: NOON, lambda: 0.0), store


async def test_nothing_counts_as_gone_while_a_kind_that_has_groups_is_not_served() -> None:
    server = Server(**everything())
    del server.collections["triggers"]
    async with cluster(server) as (around, _):
        assert not around.whole()
        server.collections["triggers"] = []
        await until(around.whole, 5.0)


async def test_flows_that_are_not_served_hold_nothing_up_but_what_they_own_stays() -> None:
    owner = {"apiVersion": "flows.knative.dev/v1", "kind": "Sequence", "name": "s", "uid": "u1", "controller": True}
    made = {
        "metadata": {"name": "k", "namespace": "n", "uid": "u2", "resourceVersion": "3", "ownerReferences": [owner]}
    }
    server = Server(**everything(kafkachannels=[{**made, "spec": {}}]))
    del server.collections[Sequence.PLURAL]
    async with cluster(server) as (around, store):
        assert around.whole()
        assert store.unlisted == {Sequence}
        assert around.hidden() == {"u1"}
    server.collections[Sequence.PLURAL] = []
    async with cluster(server) as (around, _):
        assert around.hidden() == frozenset()


class Hiding(Home):
    """Surroundings in which one object can't be read."""

    def __init__(self, uid: str) -> None:
        self.uid = uid

    def hidden(self) -> frozenset[str]:
        return frozenset({self.uid})


class Stand(ControllerStand):
    """A controller that starts where a channel with one subscriber was told of, and the channel can't be read."""

    async def begin(self, options: Options) -> str:
        plan = (await compiled(channel() + subscription())).plan
        (uid,), (out,) = plan.ingresses, plan.egresses.values()
        for spec in plan.topics.values():
            await self.admin.create_topic(spec)
        self.admin.groups.add((out.group, out.topic))
        self.options, self.feed, self.told = options, FakeFeed(plan), plan
        side = KafkaSide(self.admin, delete_topics=True)
        self.controller = self.controlling(side, surroundings=Hiding(uid))
        return out.group


async def test_subscribers_that_stand_in_a_channel_that_can_not_be_read_keep_their_groups_and_go_on() -> None:
    stand = Stand()
    group = await stand.begin(Options(serves="kafka"))
    for _ in range(3):
        await stand.round()
    assert {name for name, _ in stand.admin.groups} == {group}
    assert stand.feed.plan.egresses.keys() == stand.told.egresses.keys()
    assert stand.feed.plan.ingresses.keys() == stand.told.ingresses.keys()


async def test_a_subscription_that_was_deleted_goes_though_its_channel_can_not_be_read() -> None:
    stand = Stand()
    await stand.begin(Options())
    for _ in range(3):
        await stand.round()
    assert stand.admin.groups == set()
    assert stand.feed.plan.egresses == {}


class ListsOnly:
    """A server where a role allows list and not watch."""

    async def get(self, _path: str, **_query: str) -> dict[str, Any]:
        return {"items": [], "metadata": {"resourceVersion": "9"}}

    async def watch(self, _path: str, **_query: str) -> AsyncGenerator[dict[str, Any], None]:
        raise Denied("not allowed", fix="grant the verb watch")
        yield {}


class Deaf:
    def listed(self, *_: Any) -> None: ...

    def told(self, *_: Any) -> None: ...

    def failed(self, *_: Any) -> None: ...


async def test_who_may_list_and_not_watch_waits_longer_and_longer_and_says_so_once() -> None:
    following = Following(cast(Client, ListsOnly()), ["/a"], Deaf(), lambda: 0.0)
    failures: list[float] = []

    class Counted(Pauses):
        def next(self) -> float:
            failures.append(super().next())
            return 0.0

    following._pauses = Counted(lambda: 0.0)
    with capture_logs() as logs:
        async with beside() as tasks:
            tasks.create_task(following.run())
            await until(lambda: len(failures) > 4, 5.0)
    assert failures[:4] == sorted(set(failures[:4]))
    assert len(logs) == 1
