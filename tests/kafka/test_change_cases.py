"""B39, B40, B41: a Subscription that goes, changes or comes back while its events are under way."""

from __future__ import annotations

import asyncio

import pytest
from answering import delivery, groups, members, send_many, shared_out, within
from raw_http import OK, RawServer, late, never, until
from stack import CHANNEL, UNORDERED, Stack, good, ids, running

pytestmark = pytest.mark.kafka


async def test_b39_a_deleted_subscription_sends_nothing_more_and_leaves_no_group_and_no_socket(kafka: str) -> None:
    async with RawServer(never) as subscriber, running(kafka) as stack:
        await stack.channel()
        await stack.subscription(subscriber.url, more=delivery(timeout="PT10M"), annotations=UNORDERED)
        group = (await stack.egress()).group
        await send_many(stack, [{"id": f"e{number}"} for number in range(200)])
        await until(lambda: len(subscriber.requests) >= 100)
        await stack.remove("s1")
        deleted = asyncio.get_running_loop().time()
        await until(lambda: not stack.dispatcher.egresses, 2)
        asked = len(subscriber.requests)

        async def left() -> bool:
            return not await members(kafka, group)

        async def gone() -> bool:
            return group not in await groups(kafka)

        await within(left, 10)
        await until(lambda: not subscriber.open, 10)
        await within(gone, 30 - (asyncio.get_running_loop().time() - deleted))
        assert len(subscriber.requests) == asked


async def test_b39_what_was_deleted_while_no_dispatcher_ran_does_not_come_back_with_one(kafka: str) -> None:
    async with RawServer() as subscriber, RawServer() as other, running(kafka) as stack:
        await stack.channel()
        await stack.subscription(subscriber.url)
        await stack.subscription(other.url, "other")
        group = (await stack.egress()).group
        await stack.stop_dispatcher()
        await send_many(stack, [{"id": f"e{number}"} for number in range(20)])
        await stack.remove("s1")

        async def gone() -> bool:
            return group not in await groups(kafka)

        await within(gone)
        async with stack.another_dispatcher():
            await stack.caught_up("other")
            assert len(other.requests) == 20
            assert await gone()
        assert subscriber.requests == []


async def test_b40_a_changed_subscriber_gets_everything_but_what_was_under_way(kafka: str) -> None:
    """Ten keys, so ten at most are under way; a hundred events a second flow before, during and after the change."""
    async with RawServer(late(OK, 0.02)) as old, RawServer() as new, running(kafka) as stack:
        await stack.channel()
        await stack.subscription(old.url)
        sent = [f"e{number}" for number in range(120)]
        at_ready = 0
        for number, id_ in enumerate(sent):
            await stack.send(good(id_, partitionkey=f"key {number % 10}"))
            if number == 40:
                await stack.subscription(new.url)
                at_ready = len(old.requests)
        await stack.caught_up()
        got = [*ids(old.requests), *ids(new.requests)]
        assert set(got) == set(sent)
        assert len(got) == len(sent)
        assert len(old.requests) - at_ready <= 10
        assert set(sent[60:]) <= set(ids(new.requests))


async def test_b40_a_subscriber_that_vanishes_is_not_ready_and_its_events_wait(kafka: str) -> None:
    async with RawServer() as subscriber, RawServer() as dead_letters:
        services: dict[str, str] = {}
        async with running(kafka, resolve={"services": services}) as stack:
            services[f"{stack.ns}/w"] = subscriber.url
            await stack.channel()
            await _refers(stack, dead_letters)
            await stack.ready("Subscription", "s1")
            await stack.send(good("before"))
            await until(lambda: len(subscriber.requests) == 1)

            del services[f"{stack.ns}/w"]
            await until(lambda: _unresolved(stack), 10)
            assert "subscriberUri" not in stack.status("Subscription", "s1").get("physicalSubscription", {})
            await until(lambda: not stack.dispatcher.egresses, 5)
            for number in range(5):
                await stack.send(good(f"e{number}", partitionkey="k"))

            services[f"{stack.ns}/w"] = subscriber.url
            await stack.ready("Subscription", "s1")
            await stack.caught_up()
            assert ids(subscriber.requests) == ["before", *(f"e{number}" for number in range(5))]
            assert dead_letters.requests == []
            assert await stack.buried() == []


async def _refers(stack: Stack, dead_letters: RawServer) -> None:
    """Apply s1 with a reference to a Service as its subscriber."""
    ref = "{ref: {apiVersion: v1, kind: Service, name: w}}"
    text = (
        CHANNEL.format(name="c1", ns=stack.ns, partitions=3)
        + f"""
---
apiVersion: messaging.knative.dev/v1
kind: Subscription
metadata: {{name: s1, namespace: {stack.ns}}}
spec:
  channel: {{apiVersion: messaging.knative.dev/v1, kind: Channel, name: c1}}
  subscriber: {ref}
  {delivery(dead_letters)}
"""
    )
    await stack.apply(text)
    assert stack.problems == []


def _unresolved(stack: Stack) -> bool:
    ready = stack.condition("Subscription", "s1")
    resolved = stack.condition("Subscription", "s1", "ReferencesResolved")
    return ready is not None and resolved is not None and (ready.status, resolved.status) == ("False", "False")


async def test_b40_and_b41_an_annotation_or_a_delivery_that_changes_restarts_no_consumer_and_repeats_nothing(
    kafka: str,
) -> None:
    async with RawServer() as subscriber, running(kafka) as stack:
        await stack.channel()
        await stack.subscription(subscriber.url)
        group = (await stack.egress()).group
        await shared_out(kafka, group, 1, 3)
        before = await members(kafka, group)
        sent = []
        for number in range(60):
            sent.append(f"e{number}")
            await stack.send(good(sent[-1]))
            if number % 3 == 0:
                await stack.subscription(
                    subscriber.url,
                    more=delivery(retry=number, backoffDelay="PT0.1S"),
                    annotations=f"touched: n{number}",
                    wait=False,
                )
        await stack.ready("Subscription", "s1")
        assert (await stack.egress()).policy.retry == 57
        await stack.caught_up()
        assert sorted(ids(subscriber.requests)) == sorted(sent)
        assert await members(kafka, group) == before
        assert len(stack.status("KafkaChannel", "c1")["subscribers"]) == 1


async def test_b41_a_subscription_that_is_deleted_and_made_again_ten_times_is_one(kafka: str) -> None:
    async with RawServer() as subscriber, running(kafka) as stack:
        await stack.channel()
        for _ in range(10):
            await stack.subscription(subscriber.url, wait=False)
            await stack.remove("s1")
        await stack.subscription(subscriber.url)
        for number in range(10):
            await stack.send(good(f"e{number}"))
        await stack.caught_up()
        assert sorted(ids(subscriber.requests)) == [f"e{number}" for number in range(10)]
        (entry,) = stack.status("KafkaChannel", "c1")["subscribers"]
        assert entry["uid"] == _uid(stack)


async def test_b41_the_same_file_twice_changes_nothing(kafka: str) -> None:
    async with RawServer() as subscriber, running(kafka) as stack:
        await stack.channel()
        await stack.subscription(subscriber.url)
        group, uid = (await stack.egress()).group, _uid(stack)
        await shared_out(kafka, group, 1, 3)
        before = await members(kafka, group)
        await stack.subscription(subscriber.url)
        await stack.channel()
        await stack.send(good("once"))
        await stack.caught_up()
        assert ids(subscriber.requests) == ["once"]
        assert _uid(stack) == uid
        assert await members(kafka, group) == before
        assert [entry["uid"] for entry in stack.status("KafkaChannel", "c1")["subscribers"]] == [uid]


def _uid(stack: Stack) -> str:
    resource = stack.resource("Subscription", "s1")
    assert resource is not None
    return resource.metadata.uid
