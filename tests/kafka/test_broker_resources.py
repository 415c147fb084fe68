"""Brokers and Triggers on a real Kafka: YAML from Knative's documentation, topics of others, more replicas than brokers."""

from __future__ import annotations

import asyncio

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from mesh_stand import broker, config, config_map, trigger
from raw_http import RawServer, until
from stack import Stack, good, ids, running

pytestmark = pytest.mark.kafka
EXTERNAL = "kafka.eventing.knative.dev/external.topic"


def to(subscriber: RawServer) -> str:
    return f"{{uri: '{subscriber.url}'}}"


def topic_ready(stack: Stack) -> tuple[str, str, str]:
    found = stack.condition("Broker", "b1", "TopicReady")
    return ("", "", "") if found is None else (found.status, found.reason, found.message)


async def test_yaml_that_names_knatives_own_config_map_applies_unchanged_and_delivers(kafka: str) -> None:
    async with RawServer() as subscriber, running(kafka) as stack:
        known = config("kafka-broker-config", "knative-eventing")
        await stack.apply(broker(namespace=stack.ns, spec=known) + trigger(namespace=stack.ns, to=to(subscriber)))
        await stack.ready("Broker", "b1")
        await stack.ready("Trigger", "t1")
        state = await stack.admin.topic(f"knative-broker-{stack.ns}-b1")
        assert state is not None
        assert state.partitions == 10
        await stack.send(good("first"), channel="b1")
        await until(lambda: ids(subscriber.requests) == ["first"], 10)
        await stack.caught_up("t1")
        assert (await stack.egress("t1")).group == f"knative-trigger-{stack.ns}-t1"


async def test_a_trigger_that_is_taken_from_the_files_takes_its_group_and_leaves_the_topic(kafka: str) -> None:
    async with RawServer() as subscriber, running(kafka) as stack:
        hub = broker(namespace=stack.ns)
        await stack.apply(hub + trigger(namespace=stack.ns, to=to(subscriber)))
        await stack.ready("Trigger", "t1")
        group, topic = f"knative-trigger-{stack.ns}-t1", f"knative-broker-{stack.ns}-b1"
        assert await stack.admin.marks(group, topic)
        await stack.apply(hub)
        async with asyncio.timeout(20):
            while await stack.admin.marks(group, topic):
                await asyncio.sleep(0.1)
        assert stack.is_ready("Broker", "b1")
        await stack.send(good(), channel="b1")
        await stack.apply("")
        await until(lambda: stack.resource("Broker", "b1") is None, 10)
        assert len(await stack.records(topic)) == 1


async def test_a_topic_of_somebody_else_is_waited_for_and_never_made(kafka: str) -> None:
    async with RawServer() as subscriber, running(kafka) as stack:
        name = f"theirs-{stack.ns}"
        hub = broker(namespace=stack.ns, **{EXTERNAL: name})
        await stack.apply(hub + trigger(namespace=stack.ns, to=to(subscriber)))
        await until(lambda: topic_ready(stack)[0] == "False", 10)
        assert f"{name}: there is no such topic" in topic_ready(stack)[2]
        assert await stack.admin.topic(name) is None
        admin = AdminClient({"bootstrap.servers": kafka})
        await asyncio.to_thread(lambda: admin.create_topics([NewTopic(name, 2, 1)])[name].result(10))
        await stack.ready("Trigger", "t1")
        await stack.send(good("first"), channel="b1")
        await until(lambda: ids(subscriber.requests) == ["first"], 10)
        assert len(await stack.records(name)) == 1


@pytest.mark.parametrize("most", [0, 1])
async def test_b58_three_replicas_on_one_kafka_are_refused_with_the_place_or_become_one_where_a_setting_says(
    kafka: str, most: int
) -> None:
    async with running(kafka, kafka={"most_replicas": most}) as stack:
        data = {"default.topic.replication.factor": "3"}
        await stack.apply(
            config_map(namespace=stack.ns, **data) + broker(namespace=stack.ns, spec=config(namespace=stack.ns))
        )
        await until(lambda: topic_ready(stack)[0] in ("True", "False"), 10)
        status, reason, message = topic_ready(stack)
        if most:
            assert (status, reason) == ("True", "FewerReplicas")
            await stack.ready("Broker", "b1")
        else:
            assert (status, reason) == ("False", "Invalid")
            assert "replication factor 3 > 1 broker" in message
            assert f"ConfigMap {stack.ns}/topics" in message
