"""The topic changes under running roles: more partitions, or another topic of the same name."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from chaos_account import account
from chaos_load import Load
from chaos_processes import until
from chaos_stand import stand
from chaos_subscriber import Subscriber
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from reading import watermarks

A_MINUTE_S = 60


async def test_b23a_events_on_partitions_that_were_added_are_delivered_within_a_minute(
    kafka: str, tmp_path: Path
) -> None:
    async with Subscriber() as subscriber, stand(tmp_path, kafka, {"s1": subscriber.url}) as roles:
        async with Load(roles.url, rate=200, keys=20, count=5, seed=roles.seed) as load:
            await load.finished(20)
        client = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
        client.create_partitions([NewPartitions(roles.topic, 6)])[roles.topic].result(20)
        added = time.monotonic()
        async with Load(roles.url, rate=60, keys=60, count=1, prefix="new", seed=roles.seed) as after:
            await asyncio.to_thread(write, kafka, roles.topic, after)
            await after.finished(20)
        left_s = A_MINUTE_S - (time.monotonic() - added)
        came = await account(roles, subscriber, load, after, patience_s=left_s)
        came.check(0)
        assert len(after.ids) == 66


def write(bootstrap: str, topic: str, load: Load) -> None:
    """One event on each of six partitions, as a sender does that has heard of them already."""
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "log_level": 0})
    for partition in range(6):
        headers = load.adopt(f"direct{partition}", 1)
        producer.produce(topic, b"{}", headers=headers, partition=partition)
    assert producer.flush(20) == 0


@pytest.mark.parametrize("again", [True, False], ids=["made again", "left deleted"])
async def test_b23_a_topic_that_was_deleted_never_takes_an_event_that_nobody_gets(
    kafka: str, tmp_path: Path, *, again: bool
) -> None:
    async with Subscriber() as subscriber, stand(tmp_path, kafka, {"s1": subscriber.url}) as roles:
        async with Load(roles.url, rate=100, keys=20, count=3, seed=roles.seed) as load:
            await load.finished(20)
        (await account(roles, subscriber, load)).check(0)
        client = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
        client.delete_topics([roles.topic])[roles.topic].result(20)
        if again:
            await make(client, NewTopic(roles.topic, 1, 1))
        async with Load(roles.url, rate=30, keys=30, prefix="new", seed=roles.seed) as after:
            await until(lambda: after.taken >= 90, A_MINUTE_S, "senders are answered 202 again")
        came = await account(roles, subscriber, load, after, patience_s=A_MINUTE_S)
        # Whoever deletes a topic under its readers has no claim on order: they may see its successor in its middle first.
        assert (came.lost, came.invented, came.strange, came.lag) == ([], [], [], 0), f"\n{came}"
        await roles.ready("channels", "c1")
        assert len(await asyncio.to_thread(ends, kafka, roles.topic)) in ({1, 3} if again else {3})
        await roles.settled()


async def make(client: AdminClient, topic: NewTopic) -> None:
    """Make the topic, unless the controller was quicker."""
    try:
        await asyncio.to_thread(client.create_topics([topic])[topic.topic].result, 20)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise


def ends(bootstrap: str, topic: str) -> list[int]:
    """How many records each partition has ever taken."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "chaos-reads", "log_level": 0})
    try:
        return [end for _, end in watermarks(consumer, topic).values()]
    finally:
        consumer.close()
