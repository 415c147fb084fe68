"""What users of such systems met between applying a resource and its first event; each test keeps its case's number."""

from __future__ import annotations

import asyncio
import os

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from raw_http import RawServer, until
from stack import PATIENCE_S, Stack, good, ids, running

pytestmark = pytest.mark.kafka


async def test_b13_only_what_kafka_has_is_accepted_and_too_large_is_413(kafka: str) -> None:
    async with running(kafka) as stack:
        topic = await stack.channel(partitions=1)
        sizes = {1_000_000: 202, 1_048_576: 413, 2_000_000: 413}
        small = [stack.post(good(f"small{n}")) for n in range(20)]
        large = [stack.post(good(str(size)), os.urandom(size)) for size in sizes]
        async with asyncio.timeout(5):
            answers = await asyncio.gather(*small, *large)
        assert [one.status for one in answers] == [202] * 20 + list(sizes.values())
        assert b"max.message.bytes" in answers[-1].body
        assert len(await stack.records(topic)) == 21

        await asyncio.to_thread(_set_limit, kafka, topic, 4_194_304)
        assert (await stack.post(good("large now"), os.urandom(2_000_000))).status == 202
        assert len(await stack.records(topic)) == 22


def _set_limit(kafka: str, topic: str, limit: int) -> None:
    entry = ConfigEntry("max.message.bytes", str(limit), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": kafka})
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(10)


async def test_b22_the_first_event_after_ready_is_delivered_fifty_times_out_of_fifty(kafka: str) -> None:
    async with RawServer() as subscriber, running(kafka) as stack:
        await stack.channel(partitions=6)
        for number in range(50):
            await stack.subscription(f"{subscriber.url}{number}", f"s{number}")
            await stack.send(good(f"e{number}", partitionkey=f"key {number}"))
            await until(
                lambda number=number: f"POST /{number} HTTP/1.1".encode() in [r.line for r in subscriber.requests], 10
            )
            await stack.remove(f"s{number}")
        assert set(ids(subscriber.requests)) == {f"e{number}" for number in range(50)}


async def test_b43_a_reference_into_another_namespace_goes_there_and_nowhere_else(kafka: str) -> None:
    async with RawServer() as here, RawServer() as there, RawServer() as letters:
        services = {"default/w": here.url}
        async with running(kafka, resolve={"services": services}) as stack:
            services |= {f"{stack.ns}/w": here.url, f"{stack.ns}-2/w": there.url, f"{stack.ns}-2/dls": letters.url}
            text = f"""
apiVersion: messaging.knative.dev/v1
kind: Channel
metadata: {{name: c1, namespace: {stack.ns}}}
---
apiVersion: messaging.knative.dev/v1
kind: Channel
metadata: {{name: c1, namespace: {stack.ns}-2}}
---
apiVersion: messaging.knative.dev/v1
kind: Subscription
metadata: {{name: s1, namespace: {stack.ns}}}
spec:
  channel: {{apiVersion: messaging.knative.dev/v1, kind: Channel, name: c1}}
  subscriber: {{ref: {{apiVersion: v1, kind: Service, name: w, namespace: {stack.ns}-2}}}}
  delivery:
    deadLetterSink: {{ref: {{apiVersion: v1, kind: Service, name: dls, namespace: {stack.ns}-2}}}}
---
apiVersion: messaging.knative.dev/v1
kind: Subscription
metadata: {{name: across, namespace: {stack.ns}}}
spec:
  channel: {{apiVersion: messaging.knative.dev/v1, kind: Channel, name: c1, namespace: {stack.ns}-2}}
  subscriber: {{uri: "{here.url}"}}
"""
            await stack.apply(text)
            await stack.ready("Subscription", "s1")
            assert stack.status("Subscription", "s1")["physicalSubscription"] == {
                "subscriberUri": there.url,
                "deadLetterSinkUri": letters.url,
            }
            assert len(stack.problems) == 1
            assert "spec.channel.namespace" in stack.problems[0]
            assert stack.resource("Subscription", "across") is None
            await stack.send(good("mine"))
            await stack.caught_up()
            assert ids(there.requests) == ["mine"]
            assert there.requests[0].header(b"kn-namespace") == [stack.ns.encode()]
            assert here.requests == []


async def test_b43_a_channel_of_another_namespace_works_where_the_setting_allows_it(kafka: str) -> None:
    async with RawServer() as subscriber, running(kafka, control={"cross_namespace_links": True}) as stack:
        await stack.apply(f"""
apiVersion: messaging.knative.dev/v1
kind: Channel
metadata: {{name: c1, namespace: {stack.ns}-2}}
---
apiVersion: messaging.knative.dev/v1
kind: Subscription
metadata: {{name: s1, namespace: {stack.ns}}}
spec:
  channel: {{apiVersion: messaging.knative.dev/v1, kind: Channel, name: c1, namespace: {stack.ns}-2}}
  subscriber: {{uri: "{subscriber.url}"}}
""")
        assert stack.problems == []
        await stack.ready("Subscription", "s1")
        pairs = [(name.encode(), value.encode()) for name, value in good("across").items()]
        url = f"http://127.0.0.1:{stack.port}/{stack.ns}-2/c1"
        assert (await stack.sender.post(url, pairs, b"{}", timeout_s=10)).status == 202
        await stack.caught_up()
        assert ids(subscriber.requests) == ["across"]
        assert subscriber.requests[0].header(b"kn-namespace") == [stack.ns.encode()]


async def test_b44_what_is_missing_is_named_and_comes_by_itself_once_it_is_there(kafka: str) -> None:
    async with RawServer() as subscriber, running(kafka) as stack:
        more = "delivery: {deadLetterSink: {ref: {apiVersion: v1, kind: Service, name: dls}}}"
        await stack.subscription(subscriber.url, more=more, wait=False)
        await _not_ready(stack, "c1")
        await stack.channel()
        await _not_ready(stack, "dls")


async def _not_ready(stack: Stack, name: str) -> None:
    """Ready is False, within ten seconds, and the message names the missing object."""

    def told() -> bool:
        ready = stack.condition("Subscription", "s1")
        return ready is not None and ready.status == "False" and f"{stack.ns}/{name}" in (ready.message or "")

    await until(told, 10)


async def test_b44_a_dead_letter_channel_that_comes_later_makes_ready_without_a_touch(kafka: str) -> None:
    async with RawServer() as subscriber, running(kafka) as stack:
        await stack.channel()
        ref = "{apiVersion: messaging.knative.dev/v1, kind: Channel, name: letters}"
        await stack.subscription(subscriber.url, more=f"delivery: {{deadLetterSink: {{ref: {ref}}}}}", wait=False)
        await _not_ready(stack, "letters")
        await stack.channel("letters")
        await stack.ready("Subscription", "s1")
        assert stack.status("Subscription", "s1")["physicalSubscription"]["deadLetterSinkUri"] == stack.url("letters")


async def test_b58_more_replicas_than_brokers_is_a_condition_and_no_crash(kafka: str) -> None:
    async with running(kafka) as stack:
        text = f"""
apiVersion: messaging.knative.dev/v1beta1
kind: KafkaChannel
metadata: {{name: wide, namespace: {stack.ns}}}
spec: {{numPartitions: 1, replicationFactor: 3}}
"""
        await stack.apply(text)
        await until(lambda: _says(stack, "replication factor 3 > 1 broker"), 10)
        assert (await stack.post(channel="wide")).status == 404


def _says(stack: Stack, text: str) -> bool:
    ready = stack.condition("KafkaChannel", "wide", "TopicReady")
    return ready is not None and ready.status == "False" and text in (ready.message or "")


async def test_b40_a_new_subscriber_gets_what_comes_after_and_nothing_is_lost(kafka: str) -> None:
    async with RawServer() as old, RawServer() as new, running(kafka) as stack:
        await stack.channel()
        await stack.subscription(old.url)
        for number in range(40):
            await stack.send(good(f"e{number}"))
            if number == 20:
                await stack.subscription(new.url)
        await stack.caught_up()
        assert set(ids(old.requests)) | set(ids(new.requests)) == {f"e{number}" for number in range(40)}
        assert f"e{39}" in ids(new.requests)


async def test_a_subscription_that_is_gone_leaves_no_group_behind(kafka: str) -> None:
    async with RawServer() as subscriber, running(kafka) as stack:
        await stack.channel()
        await stack.subscription(subscriber.url)
        group = next(e.group for e in stack.dispatcher.egresses)
        await stack.remove("s1")
        admin = AdminClient({"bootstrap.servers": kafka})

        async def groups() -> set[str]:
            listed = await asyncio.to_thread(lambda: admin.list_consumer_groups().result(10))
            return {one.group_id for one in listed.valid}

        async with asyncio.timeout(PATIENCE_S):
            while group in await groups():
                await asyncio.sleep(0.1)
        assert stack.dispatcher.egresses == []
