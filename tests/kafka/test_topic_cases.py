"""B23: a topic that grows, that is deleted and made again, or that is deleted and stays away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from answering import own_kafka, send_many, within
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from raw_http import RawServer, until
from stack import Stack, good, ids, running

from eventing.errors import EventingError

pytestmark = pytest.mark.kafka
BRISK = {"session_timeout_s": 3.0, "properties": {"topic.metadata.refresh.interval.ms": "1000"}}


async def test_b23_partitions_added_to_a_live_topic_are_read_from_their_beginning(kafka: str) -> None:
    async with RawServer() as subscriber, running(kafka, kafka=BRISK) as stack:
        topic = await stack.channel()
        await stack.subscription(subscriber.url)
        await send_many(stack, [{"id": f"before{number}", "partitionkey": f"{number}"} for number in range(30)])
        await stack.caught_up()
        admin = AdminClient({"bootstrap.servers": kafka})
        await asyncio.to_thread(lambda: admin.create_partitions([NewPartitions(topic, 6)])[topic].result(10))
        sent: list[str] = []

        async def on_a_new_one() -> bool:
            """Sixty events at least, until the producer knows the new partitions too."""
            sent.extend(new := [f"e{len(sent) + number}" for number in range(60)])
            await send_many(stack, [{"id": id_, "partitionkey": id_} for id_ in new])
            try:
                spans = await stack.admin.spans(topic)
            except EventingError:  # the new partitions have no leader yet
                return False
            return len(spans) == 6 and all(span.end for span in spans.values())

        await within(on_a_new_one, 20, every_s=0.5)
        wanted = {*sent, *(f"before{number}" for number in range(30))}
        await until(lambda: set(ids(subscriber.requests)) == wanted, 60)
        await stack.caught_up()
        assert len(subscriber.requests) == len(wanted)


async def test_b23_a_topic_that_is_deleted_and_made_again_delivers_what_it_takes(kafka: str) -> None:
    """Its offsets begin at 0 again, far below what the group has committed."""
    async with RawServer() as subscriber, running(kafka, kafka=BRISK) as stack:
        topic = await stack.channel(partitions=1)
        await stack.subscription(subscriber.url)
        await send_many(stack, [{"id": f"before{number}"} for number in range(50)])
        await stack.caught_up()
        await _delete(kafka, topic)
        await _make(kafka, topic)
        await _accepted_and_delivered(stack, subscriber, 10)
        assert ids(subscriber.requests).count("before0") == 1


async def test_b23_a_topic_that_is_deleted_comes_back_as_declared_and_not_as_the_brokers_default(
    tmp_path: Path,
) -> None:
    """The broker would make it with seven partitions, were it asked for metadata in the usual way."""
    async with own_kafka(tmp_path, auto_create_topics_enable="true", num_partitions="7") as broker:
        async with (
            RawServer() as subscriber,
            running(broker.bootstrap, kafka=BRISK, control={"resync_s": 3.0}) as stack,
        ):
            topic = await stack.channel()
            await stack.subscription(subscriber.url)
            await stack.send(good("before"))
            await stack.caught_up()
            before = await stack.admin.topic(topic)
            assert before is not None
            await _delete(broker.bootstrap, topic)

            async def there_again() -> bool:
                """Whoever posts meanwhile is told to come again, and makes nothing."""
                answer = await stack.post(good("meanwhile"))
                assert answer.status in (202, 503)
                found = await stack.admin.topic(topic)
                return found is not None and found.id != before.id

            await within(there_again)
            await _accepted_and_delivered(stack, subscriber, 10)
            found = await stack.admin.topic(topic)
            assert found is not None
            assert found.partitions == 3


async def _accepted_and_delivered(stack: Stack, subscriber: RawServer, count: int) -> None:
    """Each event is accepted in the end, and each that was accepted is delivered."""
    for number in range(count):

        async def accepted(number: int = number) -> bool:
            answer = await stack.post(good(f"after{number}"))
            assert answer.status in (202, 503), answer
            return answer.status == 202

        await within(accepted)
    await until(lambda: {f"after{number}" for number in range(count)} <= set(ids(subscriber.requests)), 30)
    await stack.ready("Subscription", "s1")
    await stack.caught_up()


async def _delete(kafka: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    await asyncio.to_thread(lambda: admin.delete_topics([topic])[topic].result(10))


async def _make(kafka: str, topic: str) -> None:
    """Make the topic with one partition; the controller, which wants one too, may be faster."""
    admin = AdminClient({"bootstrap.servers": kafka})

    async def made() -> bool:
        future = admin.create_topics([NewTopic(topic, 1, 1)])[topic]
        try:
            await asyncio.to_thread(future.result, 10)
        except KafkaException as error:
            return error.args[0].name() == "TOPIC_ALREADY_EXISTS"
        return True

    await within(made)
