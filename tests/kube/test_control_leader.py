"""Two controllers of one installation, as processes: one works, the other goes on where it was cut off."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from answering import KANAL, groups, within
from cluster_stack import in_cluster, named, prepared
from kube_server import ApiServer
from raw_http import RawServer, free_port, until
from stack import good, ids
from store_stand import place

from eventing.feed.topic import TopicFeed
from eventing.http import Response
from eventing.http.lean import LeanSender
from eventing.settings import Ingress, Kafka, Names, Settings
from eventing.telemetry import Telemetry
from kanal.roles.channel import ingress
from kanal.roles.common import clients
from kanal.roles.dispatcher import dispatching

pytestmark = pytest.mark.kafka
PATIENCE_S = 90.0
BROKER = {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "metadata": {"name": "b1"}, "spec": {}}


@dataclass
class Candidate:
    """A controller in a process of its own."""

    process: asyncio.subprocess.Process
    port: int
    log: Path

    async def asked(self, path: str) -> Response | None:
        """What it answers; None where nobody does."""
        sender = LeanSender()
        try:
            return await sender.post(f"http://127.0.0.1:{self.port}{path}", [], b"", timeout_s=5)
        except OSError:
            return None
        finally:
            await sender.aclose()

    def says(self, text: str) -> bool:
        return text in self.log.read_text(encoding="utf-8")

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()


class Place:
    """An installation: its namespace, its part of Kafka, and a namespace of its user."""

    def __init__(self, kafka: str, kube: ApiServer, folder: Path) -> None:
        self.kafka, self.kube, self.folder = kafka, kube, folder
        self.system, self.ns = named("kanal"), named("test")
        self.plan_topic = f"{self.system}.plan"
        self.port = free_port()

    @asynccontextmanager
    async def candidate(self, name: str, **more: object) -> AsyncIterator[Candidate]:
        own = in_cluster(self.kube, self.system, self.port)
        chosen = {
            "kafka__bootstrap": self.kafka,
            "names__plan_topic": self.plan_topic,
            "kubernetes__kubeconfig": own.kubeconfig,
            "kubernetes__namespace": own.namespace,
            "kubernetes__channel_url": own.channel_url,
            "kubernetes__broker_url": own.broker_url,
            "control__probe_urls": f"http://127.0.0.1:{self.port}",
            "control__delete_topics": "true",
            **more,
        }
        environment = {f"KANAL_{key.upper()}": str(value) for key, value in chosen.items()}
        port, log = free_port(), self.folder / f"{name}.log"
        with log.open("wb") as out:
            words = (KANAL, "controller", "--kubernetes", "--port", str(port), "--host", "127.0.0.1")
            process = await asyncio.create_subprocess_exec(
                *words, env={**os.environ, **environment}, stdout=out, stderr=out
            )
        try:
            yield Candidate(process, port, log)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

    def put(self, document: dict[str, Any]) -> None:
        answer = self.kube.ask("POST", place(document["kind"], self.ns), document)
        assert answer.status == 201, answer.message

    def is_ready(self, kind: str, name: str) -> bool:
        found = self.kube.ask("GET", f"{place(kind, self.ns)}/{name}").body
        status = found.get("status") or {}
        ready = [one["status"] for one in status.get("conditions", ()) if one["type"] == "Ready"]
        return ready == ["True"] and status.get("observedGeneration") == found["metadata"]["generation"]

    def holder(self) -> str:
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.system}/leases/kanal-controller"
        return str((self.kube.ask("GET", path).body.get("spec") or {}).get("holderIdentity", ""))


@asynccontextmanager
async def data_plane(installed: Place) -> AsyncIterator[None]:
    """An ingress and a dispatcher on the plan that comes through Kafka."""
    settings = Settings(
        kafka=Kafka(bootstrap=installed.kafka),
        ingress=Ingress(port=installed.port),
        names=Names(plan_topic=installed.plan_topic),
    )
    async with AsyncExitStack() as stack:
        own = await stack.enter_async_context(clients(settings))
        feed = TopicFeed(settings.kafka, installed.plan_topic, own.appender, own.admin)
        stack.push_async_callback(feed.aclose)
        telemetry = Telemetry()
        await stack.enter_async_context(ingress(settings, feed, own.appender, telemetry))
        await stack.enter_async_context(dispatching(settings, feed, own.appender, own.admin, telemetry))
        yield


def trigger(name: str, url: str) -> dict[str, Any]:
    spec = {"broker": "b1", "subscriber": {"uri": url}}
    return {"apiVersion": "eventing.knative.dev/v1", "kind": "Trigger", "metadata": {"name": name}, "spec": spec}


@pytest.mark.timeout(300)
async def test_when_the_leader_is_killed_the_other_goes_on_and_nothing_is_done_twice(
    kafka: str, kube: ApiServer, tmp_path: Path
) -> None:
    here = Place(kafka, kube, tmp_path)
    await asyncio.to_thread(prepared, kube, here.system)
    kube.ask("POST", "/api/v1/namespaces", {"metadata": {"name": here.ns}})
    async with RawServer() as subscriber, data_plane(here), here.candidate("first") as first:
        here.put(BROKER)
        here.put(trigger("t1", subscriber.url))
        await until(lambda: here.is_ready("Trigger", "t1"), PATIENCE_S)
        leader = here.holder()
        async with here.candidate("second") as second:
            await until(lambda: second.says("stands by") and second.says(leader), PATIENCE_S)
            answer = await second.asked("/operations")
            assert answer is not None
            assert (answer.status, leader in orjson.loads(answer.body)["message"]) == (503, True)
            await send(here, "before")
            await until(lambda: ids(subscriber.requests) == ["before"], PATIENCE_S)

            await first.kill()
            # What happens while nobody leads: somebody else's to do, and what was the first one's to tidy.
            here.put(trigger("t2", subscriber.url))
            path = f"{place('Trigger', here.ns)}/t1"
            kube.ask("DELETE", path)
            await until(lambda: here.is_ready("Trigger", "t2"), PATIENCE_S)
            assert here.holder() not in ("", leader)

            async def tidy() -> bool:
                return f"knative-trigger-{here.ns}-t1" not in await groups(kafka)

            await within(tidy, PATIENCE_S)
            await send(here, "after")
            await until(lambda: len(subscriber.requests) == 2, PATIENCE_S)
            assert ids(subscriber.requests) == ["before", "after"]
            for name in ("b1", "t2"):
                kube.ask("DELETE", f"{place('Broker' if name == 'b1' else 'Trigger', here.ns)}/{name}")

            second.process.terminate()
            assert await second.process.wait() == 0
            assert here.holder() == "", "a clean end gives the lease back"


async def send(here: Place, id_: str) -> None:
    sender = LeanSender()
    try:
        pairs = [(name.encode(), value.encode()) for name, value in good(id_).items()]
        url = f"http://127.0.0.1:{here.port}/{here.ns}/b1"
        answer = await sender.post(url, pairs, b"{}", timeout_s=10)
        assert answer.status == 202, answer
    finally:
        await sender.aclose()
