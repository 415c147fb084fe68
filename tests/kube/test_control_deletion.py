"""Deleting in whatever order, with Kafka or without: the object is gone at once, and what it had in Kafka goes later.

Conformance J: BrokerDeletedRecreated; config map deleted first, absent; bogus config; external topic absent. Unreachable Kafka: `test_control_outage`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from answering import groups, within
from cluster_stack import Held, clustered, gone
from kube_server import ApiServer
from raw_http import RawServer, until
from room import House, Room, ref
from stack import good, ids
from store_stand import place

from eventing.plan.model import TopicSpec

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]
PATIENCE_S = 60.0
EXTERNAL = "kafka.eventing.knative.dev/external.topic"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(kafka: str, kube: ApiServer) -> AsyncIterator[House]:
    """An installation that deletes topics."""
    async with Held(clustered(kafka, kube, control={"delete_topics": True, "resync_s": 1.0})) as stack:
        yield House(stack, {})


async def deleted(kube: ApiServer, room: Room, kind: str, name: str) -> None:
    """Delete as a person does, who waits until it is gone; nothing holds it up."""
    plural = place(kind, room.ns).rpartition("/")[2]
    await asyncio.to_thread(kube.kubectl, "delete", plural, name, "-n", room.ns, "--timeout=20s")
    assert gone(kube, f"{place(kind, room.ns)}/{name}")


async def no_topic(room: Room, topic: str) -> None:
    async def away() -> bool:
        return await room.admin.topic(topic) is None

    await within(away, PATIENCE_S)


async def test_a_broker_goes_with_its_topic_and_comes_back_empty(kube: ApiServer, room: Room, kafka: str) -> None:
    topic = f"knative-broker-{room.ns}-b1"
    async with RawServer() as subscriber:
        await room.has(room.broker(), room.trigger("t1", subscriber))
        group = (await room.egress("t1")).group
        await room.send(good("old"), channel="b1")
        await room.quiet("t1")
        await deleted(kube, room, "Trigger", "t1")
        await deleted(kube, room, "Broker", "b1")
        await no_topic(room, topic)
        assert group not in await groups(kafka)
        assert (await room.post(good("nobody"), channel="b1")).status == 404
        await room.has(room.broker(), room.trigger("t1", subscriber))
        await room.send(good("new"), channel="b1")
        await room.quiet("t1")
        assert ids(subscriber.requests) == ["old", "new"]


async def test_a_broker_whose_config_map_went_first_leaves_nothing_behind(kube: ApiServer, room: Room) -> None:
    topic = f"knative-broker-{room.ns}-b1"
    await room.has(
        room.config_map("topics", default__topic__partitions="2", default__topic__replication__factor="1"),
        room.broker(config=ref("ConfigMap", "topics", room.ns)),
    )
    assert (await room.admin.spans(topic)).keys() == {0, 1}
    await asyncio.to_thread(kube.kubectl, "delete", "configmap", "topics", "-n", room.ns)
    await until(lambda: not room.is_ready("Broker", "b1"), PATIENCE_S)
    assert await room.admin.topic(topic) is not None
    await deleted(kube, room, "Broker", "b1")
    await no_topic(room, topic)


@pytest.mark.parametrize("wrong", ["no such config map", "bogus config", "no such external topic", "no such secret"])
async def test_a_broker_that_was_never_ready_is_gone_at_once(kube: ApiServer, room: Room, wrong: str) -> None:
    config = ref("ConfigMap", "topics", room.ns)
    data = {"default__topic__partitions": "1", "default__topic__replication__factor": "1"}
    documents = {
        "no such config map": [room.broker(config=config)],
        "bogus config": [
            room.config_map("topics", **{**data, "default__topic__partitions": "many"}),
            room.broker(config=config),
        ],
        "no such external topic": [room.broker("b1", {EXTERNAL: f"{room.ns}-nowhere"})],
        "no such secret": [
            room.config_map("topics", **data, auth__secret__ref__name="nowhere"),
            room.broker(config=config),
        ],
    }
    await room.has(*documents[wrong], wait=False)
    await until(lambda: room.condition("Broker", "b1") is not None, PATIENCE_S)
    await deleted(kube, room, "Broker", "b1")
    await no_topic(room, f"knative-broker-{room.ns}-b1")


async def test_a_topic_of_somebody_else_stays(kube: ApiServer, room: Room) -> None:
    topic = f"{room.ns}-theirs"
    await room.admin.create_topic(TopicSpec(topic))
    await room.has(room.broker("b1", {EXTERNAL: topic}), room.broker("ours"))
    await deleted(kube, room, "Broker", "b1")
    await deleted(kube, room, "Broker", "ours")
    await no_topic(room, f"knative-broker-{room.ns}-ours")
    assert await room.admin.topic(topic) is not None


async def test_a_channel_whose_topic_went_first_is_gone_at_once(kube: ApiServer, room: Room, kafka: str) -> None:
    topic = f"knative-messaging-kafka.{room.ns}.c1"
    async with RawServer() as subscriber:
        await room.has(room.document("Channel", "c1", {}), room.subscribed("s1", subscriber, ref("Channel", "c1")))
        group = (await room.egress("s1")).group
        await asyncio.gather(deleted(kube, room, "Channel", "c1"), room.admin.delete_topic(topic))
        await deleted(kube, room, "Subscription", "s1")

        async def tidy() -> bool:
            return group not in await groups(kafka) and await room.admin.topic(topic) is None

        await within(tidy, PATIENCE_S)


async def test_a_namespace_goes_with_all_that_is_in_it(kube: ApiServer, room: Room, kafka: str) -> None:
    async with RawServer() as subscriber:
        await room.has(
            room.broker(),
            room.trigger("t1", subscriber),
            room.document("Sequence", "s", {"steps": [{"uri": subscriber.url}, {"uri": subscriber.url}]}),
        )
        await asyncio.to_thread(kube.ask, "DELETE", f"/api/v1/namespaces/{room.ns}")
        await until(lambda: gone(kube, f"/api/v1/namespaces/{room.ns}"), PATIENCE_S)

        async def tidy() -> bool:
            return not [one for one in await groups(kafka) if room.ns in one]

        await within(tidy, PATIENCE_S)
        await no_topic(room, f"knative-broker-{room.ns}-b1")
        await no_topic(room, f"knative-messaging-kafka.{room.ns}.s-kn-sequence-1")
