"""Kanal in the place of Knative's Kafka data plane: on topics and groups as that leaves them, no event is lost and none repeated."""

from __future__ import annotations

import uuid
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import knative_stand as knative
import pytest
import yaml
from answering import extension, members, within
from knative_kafka import KnativeDispatcher, Left, named
from raw_http import RawServer, Request, until
from stack import PATIENCE_S, Stack, good, ids, running

from eventing.kinds.key import key_of
from eventing.kinds.registry import parse
from eventing.settings import Kafka, Settings
from kanal.migrate.report import Report, document
from kanal.migrate.run import examined

pytestmark = pytest.mark.kafka
Documents = list[dict[str, Any]]


@pytest.fixture
def namespace() -> str:
    return f"mig-{uuid.uuid4().hex[:10]}"


async def examination(kafka: str, folder: Path, documents: Documents) -> Report:
    """What `kanal migrate --dry-run --kafka ... FILE` makes of these documents."""
    file = folder / "knative.yaml"
    file.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": documents}), encoding="utf-8")
    return await examined(replace(Settings(), kafka=Kafka(bootstrap=kafka)), [file], "knative-eventing")


async def taken_over(stack: Stack, documents: Documents) -> None:
    """The resources are there with their statuses, as in a cluster's API server, before Kanal's controller sees them."""
    for one in documents:
        resource = parse(one)
        if resource.GROUP:
            await stack.store.create(resource)
            await stack.store.set_status(key_of(resource), one.get("status", {}))


async def is_ready(stack: Stack, documents: Documents) -> None:
    """Ready, and by Kanal: the status that came along says Ready from the beginning, and has no other condition."""
    stack.ns = documents[0]["metadata"]["namespace"]
    for one in documents:
        kind, name = one["kind"], one["metadata"]["name"]
        await until(lambda kind=kind, name=name: len(stack.status(kind, name)["conditions"]) > 1, PATIENCE_S)
        await stack.ready(kind, name)


def first_offsets(requests: list[Request]) -> dict[int, int]:
    """The lowest offset of each partition that a subscriber got."""
    found: dict[int, list[int]] = defaultdict(list)
    for one in requests:
        partition, offset = extension(one, "knativekafkapartition"), extension(one, "knativekafkaoffset")
        assert partition is not None
        assert offset is not None
        found[int(partition)].append(int(offset))
    return {partition: min(offsets) for partition, offsets in found.items()}


async def test_a_trigger_and_a_subscription_go_on_exactly_where_knatives_dispatchers_stopped(
    kafka: str, namespace: str, tmp_path: Path
) -> None:
    left = Left(kafka)
    topic, bills = f"knative-broker-{namespace}-orders", f"knative-messaging-kafka.{namespace}.bills"
    await left.topic(topic, {0: named("a", 10), 1: named("b", 10), 2: named("c", 5)})
    await left.topic(bills, {0: named("x", 7), 1: named("y", 3), 2: []})
    async with RawServer() as pay, RawServer() as prints:
        documents = [
            knative.broker(namespace),
            knative.trigger(namespace, subscriber=pay.url),
            *knative.channel(namespace),
            knative.subscription(namespace, subscriber=prints.url),
        ]
        uid = documents[-1]["metadata"]["uid"]
        await left.committed(f"knative-trigger-{namespace}-pay", topic, {0: 4, 1: 10, 2: 0})
        await left.committed(f"kafka.{namespace}.bills.{uid}", bills, {0: 7, 1: 1, 2: 0})
        report = await examination(kafka, tmp_path, [*knative.installation(), *documents])
        assert report.problems == []
        assert {row["group"]: row["lag"] for row in document(report)["groups"]} == {
            f"kafka.{namespace}.bills.{uid}": 2,
            f"knative-trigger-{namespace}-pay": 11,
        }
        async with running(kafka) as stack:
            await taken_over(stack, documents)
            await is_ready(stack, documents)
            await stack.send(good("new-order"), channel="orders")
            await stack.send(good("new-bill"), channel="bills")
            await until(lambda: len(pay.requests) == 12 and len(prints.requests) == 3)
            for name in ("pay", "print"):
                await stack.caught_up(name)
        assert sorted(ids(pay.requests)) == sorted([*named("a", 10, 4), *named("c", 5), "new-order"])
        assert sorted(ids(prints.requests)) == ["new-bill", "y1", "y2"]


async def test_names_that_are_recorded_or_as_old_as_uids_are_kept(kafka: str, namespace: str, tmp_path: Path) -> None:
    left = Left(kafka)
    topic = f"legacy.{namespace}"
    await left.topic(topic, {0: named("a", 6)})
    async with RawServer() as pay:
        hub, old = knative.broker(namespace, topic=topic), knative.trigger(namespace, group=None, subscriber=pay.url)
        uid = old["metadata"]["uid"]
        await left.committed(uid, topic, {0: 4})
        report = await examination(kafka, tmp_path, [*knative.installation(), hub, old])
        (problem,) = report.problems
        assert problem.object == f"Trigger {namespace}/pay"
        assert f"its group is {uid} (uid), and Kanal would take knative-trigger-{namespace}-pay" in problem.message
        assert (
            'patch triggers.eventing.knative.dev pay --subresource=status --type=merge -p \'{"status":' in problem.fix
        )

        old["status"]["annotations"]["group.id"] = uid  # what the fix does
        assert (await examination(kafka, tmp_path, [*knative.installation(), hub, old])).problems == []
        async with running(kafka) as stack:
            await taken_over(stack, [hub, old])
            await is_ready(stack, [hub, old])
            await stack.send(good("new"), channel="orders")
            await until(lambda: len(pay.requests) == 3)
            await stack.caught_up("pay")
        assert ids(pay.requests) == ["a4", "a5", "new"]


async def test_kanal_begins_in_each_partition_where_the_report_says(kafka: str, namespace: str, tmp_path: Path) -> None:
    """Without a commit: at the newest event, or at the first where the partition was added behind the others."""
    left = Left(kafka)
    topic, group = f"knative-broker-{namespace}-orders", f"knative-trigger-{namespace}-pay"
    await left.topic(topic, {0: named("a", 5), 1: named("b", 5), 2: named("c", 5), 3: named("d", 5)})
    await left.committed(group, topic, {0: 2, 2: 5})
    async with RawServer() as pay:
        documents = [knative.broker(namespace), knative.trigger(namespace, subscriber=pay.url)]
        report = await examination(kafka, tmp_path, [*knative.installation(), *documents])
        assert [one.message.partition(":")[0] for one in report.problems] == [
            f"the group {group} has committed nothing for partition 1 of {topic}"
        ]
        starts = {int(key): offset for key, offset in document(report)["groups"][0]["starts"].items()}
        assert starts == {0: 2, 1: 5, 2: 5, 3: 0}
        async with running(kafka) as stack:
            await taken_over(stack, documents)
            await is_ready(stack, documents)
            await left.more(topic, {number: [f"new{number}"] for number in range(4)})
            await until(lambda: len(pay.requests) == 3 + 5 + 4)
            await stack.caught_up("pay")
        assert first_offsets(pay.requests) == starts


async def test_a_start_that_is_said_as_the_report_advises_loses_nothing(
    kafka: str, namespace: str, tmp_path: Path
) -> None:
    left = Left(kafka)
    topic, group = f"knative-broker-{namespace}-orders", f"knative-trigger-{namespace}-pay"
    await left.topic(topic, {0: named("a", 3), 1: named("b", 3)})
    await left.committed(group, topic, {1: 3})
    async with RawServer() as pay:
        documents = [knative.broker(namespace), knative.trigger(namespace, subscriber=pay.url)]
        (problem,) = (await examination(kafka, tmp_path, [*knative.installation(), *documents])).problems
        assert problem.fix.endswith(f"--group {group} --topic {topic}:0 --reset-offsets --to-earliest --execute")
        await left.committed(group, topic, {0: 0})  # what that command does
        assert (await examination(kafka, tmp_path, [*knative.installation(), *documents])).problems == []
        async with running(kafka) as stack:
            await taken_over(stack, documents)
            await is_ready(stack, documents)
            await until(lambda: len(pay.requests) == 3)
            await stack.caught_up("pay")
        assert ids(pay.requests) == ["a0", "a1", "a2"]


async def test_while_knatives_dispatcher_is_a_member_kanal_delivers_nothing_and_then_goes_on_behind_its_last_commit(
    kafka: str, namespace: str, tmp_path: Path
) -> None:
    left = Left(kafka)
    topic, group = f"knative-broker-{namespace}-orders", f"knative-trigger-{namespace}-pay"
    await left.topic(topic, {0: named("a", 4)})
    await left.committed(group, topic, {0: 1})
    theirs = KnativeDispatcher(kafka, group, topic)
    async with RawServer() as pay:
        documents = [knative.broker(namespace), knative.trigger(namespace, subscriber=pay.url)]
        try:
            assert await theirs.read(1) == ["a1"]
            report = await examination(kafka, tmp_path, [*knative.installation(), *documents])
            assert report.problems == []
            assert list(report.waiting) == [group]
            async with running(kafka) as stack:
                await taken_over(stack, documents)
                await is_ready(stack, documents)
                assert await theirs.read(1) == ["a2"]
                assert len(await members(kafka, group)) == 1
                assert pay.requests == []
                await theirs.stop()
                await within(lambda: _only(kafka, group))
                await until(lambda: len(pay.requests) == 1)
                await stack.send(good("new"), channel="orders")
                await until(lambda: len(pay.requests) == 2)
                await stack.caught_up("pay")
        finally:
            await theirs.stop()
        assert ids(pay.requests) == ["a3", "new"]
        assert list((await examination(kafka, tmp_path, documents)).waiting) == []


async def _only(kafka: str, group: str) -> bool:
    return len(await members(kafka, group)) == 1


async def test_on_the_way_back_knatives_dispatcher_goes_on_behind_what_kanal_has_finished(
    kafka: str, namespace: str
) -> None:
    left = Left(kafka)
    topic, group = f"knative-broker-{namespace}-orders", f"knative-trigger-{namespace}-pay"
    await left.topic(topic, {0: named("a", 3)})
    await left.committed(group, topic, {0: 1})
    async with RawServer() as pay:
        documents = [knative.broker(namespace), knative.trigger(namespace, subscriber=pay.url)]
        async with running(kafka) as stack:
            await taken_over(stack, documents)
            await is_ready(stack, documents)
            await until(lambda: len(pay.requests) == 2)
            await stack.caught_up("pay")
        assert ids(pay.requests) == ["a1", "a2"]
    await left.more(topic, {0: ["back"]})
    theirs = KnativeDispatcher(kafka, group, topic)
    try:
        assert await theirs.read(1) == ["back"]
    finally:
        await theirs.stop()
