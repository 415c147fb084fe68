"""Beside Knative's core: it writes `spec.subscribers` of KafkaChannels, and each entry is a way out; the rest is left alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from answering import groups, within
from cluster_stack import Held, clustered
from kube_server import ApiServer
from raw_http import RawServer, until
from room import House, Room
from stack import good, ids
from store_stand import place, put

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]
PATIENCE_S = 60.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(kafka: str, kube: ApiServer) -> AsyncIterator[House]:
    """An installation that serves KafkaChannels and Brokers of the class Kafka alone."""
    async with Held(clustered(kafka, kube, kubernetes={"serves": "kafka"})) as stack:
        yield House(stack, {})


def written(kube: ApiServer, room: Room, *entries: Mapping[str, Any]) -> None:
    """What Knative's core writes into a channel."""
    answer = kube.ask("PATCH", f"{place('KafkaChannel', room.ns)}/c1", {"spec": {"subscribers": list(entries)}})
    assert answer.status == 200, answer.message


async def test_each_subscriber_of_a_channel_is_a_way_out_until_it_is_taken_out(
    kube: ApiServer, room: Room, kafka: str
) -> None:
    async with RawServer() as one, RawServer() as other:
        await room.has(room.document("KafkaChannel", "c1", {}))
        entries = [
            {"uid": f"{room.ns}-{number}", "generation": 1, "subscriberUri": server.url}
            for number, server in enumerate((one, other))
        ]
        written(kube, room, *entries)

        def told() -> bool:
            found = room.status("KafkaChannel", "c1").get("subscribers", ())
            return {one["uid"]: one["ready"] for one in found} == {one["uid"]: "True" for one in entries}

        await until(told, PATIENCE_S)
        await room.send(good("e1"))
        await until(lambda: ids(one.requests) == ids(other.requests) == ["e1"], PATIENCE_S)
        group = f"kafka.{room.ns}.c1.{room.ns}-0"
        assert group in await groups(kafka)

        written(kube, room, entries[1])

        async def gone() -> bool:
            return group not in await groups(kafka)

        await within(gone, PATIENCE_S)
        await room.send(good("e2"))
        await until(lambda: ids(other.requests) == ["e1", "e2"], PATIENCE_S)
        assert ids(one.requests) == ["e1"]
        assert room.status("KafkaChannel", "c1")["subscribers"][0]["uid"] == entries[1]["uid"]


async def test_channels_subscriptions_and_brokers_of_others_are_left_alone(kube: ApiServer, room: Room) -> None:
    channel = {"apiVersion": "messaging.knative.dev/v1", "kind": "Channel", "metadata": {"name": "theirs"}, "spec": {}}
    put(kube, channel, room.ns)
    annotations = {"eventing.knative.dev/broker.class": "MTChannelBasedBroker"}
    broker = {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "spec": {}}
    put(kube, {**broker, "metadata": {"name": "theirs", "annotations": annotations}}, room.ns)
    async with RawServer() as subscriber:
        ours = {"eventing.knative.dev/broker.class": "Kafka"}
        await room.has(room.broker("b1", ours), room.trigger("t1", subscriber))
        await room.has(room.trigger("t2", subscriber, of="theirs"), wait=False)
        await room.send(good("e1"), channel="b1")
        await until(lambda: ids(subscriber.requests) == ["e1"], PATIENCE_S)
        for kind, name in (("Channel", "theirs"), ("Broker", "theirs"), ("Trigger", "t2")):
            assert "status" not in kube.ask("GET", f"{place(kind, room.ns)}/{name}").body
        assert (await room.post(channel="theirs")).status == 404


async def test_a_kafka_channel_that_knatives_core_made_for_a_channel_is_served_and_stays(
    kube: ApiServer, room: Room
) -> None:
    channel = {"apiVersion": "messaging.knative.dev/v1", "kind": "Channel", "metadata": {"name": "c1"}, "spec": {}}
    uid = put(kube, channel, room.ns)["metadata"]["uid"]
    owner = {"apiVersion": "messaging.knative.dev/v1", "kind": "Channel", "name": "c1", "uid": uid, "controller": True}
    made = {"apiVersion": "messaging.knative.dev/v1beta1", "kind": "KafkaChannel", "spec": {}}
    put(kube, {**made, "metadata": {"name": "c1", "ownerReferences": [owner]}}, room.ns)
    await room.ready("KafkaChannel", "c1")
    # A further round, in which it would go if it were taken for a child that nobody wants.
    await room.has(room.document("KafkaChannel", "other", {}))
    assert room.resource("KafkaChannel", "c1") is not None
    assert (await room.post(channel="c1")).status == 202
