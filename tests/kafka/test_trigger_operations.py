"""The verbs for subscriptions, typed for triggers: lag, trace, pause, dead letters and replay, with filters in between."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from answering import status
from raw_http import Peer, RawServer, Request, until
from shell import Shell, shell
from stack import PATIENCE_S, Stack, good, ids, running

pytestmark = pytest.mark.kafka

BROKER = """
apiVersion: v1
kind: ConfigMap
metadata: {{name: b1, namespace: {ns}}}
data: {{default.topic.partitions: "1", default.topic.replication.factor: "1"}}
---
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: {{name: b1, namespace: {ns}, annotations: {{eventing.knative.dev/broker.class: Kafka}}}}
spec: {{config: {{apiVersion: v1, kind: ConfigMap, name: b1}}}}
"""
TRIGGER = """
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {{name: {name}, namespace: {ns}}}
spec:
  broker: b1
  filters: [{{exact: {{type: {type}}}}}]
  subscriber: {{uri: "{subscriber}"}}
  delivery: {{retry: 0}}
"""
REPLY = b"HTTP/1.1 200 OK\r\nce-specversion: 1.0\r\nce-type: reply\r\nce-source: /r\r\nce-id: r1\r\nContent-Length: 2\r\n\r\n{}"


class Subscriber(RawServer):
    """A subscriber that answers 202, or 400 while it is not `well`; with an event of its own where it `replies`."""

    def __init__(self, *, well: bool = True, replies: bool = False) -> None:
        super().__init__(self._say)
        self.well = well
        self._replies = replies

    async def _say(self, peer: Peer, _: Request) -> None:
        await peer.send(REPLY if self._replies and self.well else status(202 if self.well else 400))


async def applied(stack: Stack, **triggers: tuple[str, Subscriber]) -> None:
    """A broker with these triggers, each by name with the type that it wants and its subscriber, all Ready."""
    stack._texts["broker"] = BROKER.format(ns=stack.ns)
    for name, (type_, subscriber) in triggers.items():
        stack._texts[name] = TRIGGER.format(name=name, ns=stack.ns, type=type_, subscriber=subscriber.url)
    await stack._apply_all()
    await stack.ready("Broker", "b1")
    for name in triggers:
        await stack.ready("Trigger", name)


@asynccontextmanager
async def desk(kafka: str) -> AsyncIterator[tuple[Stack, Shell]]:
    own = {"outcome_topic": f"outcomes-{uuid.uuid4().hex[:10]}"}
    async with running(kafka, names=own, outcomes={"interval_s": 0.1}) as stack, shell(stack) as kanal:
        yield stack, kanal


async def fed(stack: Stack, *types: str) -> None:
    """Send an event of each type, with the ids e0, e1 and so on."""
    for number, type_ in enumerate(types):
        await stack.send(good(f"e{number}", type=type_), channel="b1")


def row(printed: str, name: str) -> list[str]:
    return next(line.split() for line in printed.splitlines() if name in line.split()[:3])


async def test_a_trace_tells_each_triggers_part_and_lag_counts_what_filters_passed_over_as_done(kafka: str) -> None:
    async with Subscriber(replies=True) as answering, Subscriber() as idle, desk(kafka) as (stack, kanal):
        await applied(stack, wants=("t.a", answering), ignores=("t.b", idle))
        await fed(stack, "t.a", *["t.c"] * 20)
        told = await kanal.until("trace", "e0", says="replied")
        assert f"by Broker {stack.ns}/b1: topic knative-broker-{stack.ns}-b1, partition 0, offset 0" in told
        replied, refused = told.splitlines()[2:]
        assert replied.split()[:3] == ["Trigger", f"{stack.ns}/wants", "replied"]
        assert refused.split(maxsplit=2)[:2] == ["Trigger", f"{stack.ns}/ignores"]
        assert 'filtered out  exact: type must be "t.b"; type is "t.a"' in refused
        for name in ("wants", "ignores"):
            await stack.caught_up(name)
            assert row(await kanal("lag", f"trigger/{name}"), name)[:4] == [stack.ns, "Trigger", name, "0"]
        assert (len(answering.requests), len(idle.requests)) == (1, 0)
        assert stack.counted("filtered", "ignores", "Trigger") == 22
        [reply] = json.loads(await kanal("trace", "r1", "-o", "json"))["found"]
        assert reply["ingresses"] == [f"Broker {stack.ns}/b1"]


async def test_a_paused_trigger_gets_nothing_and_goes_on_where_it_was(kafka: str) -> None:
    async with Subscriber() as subscriber, Subscriber() as beside, desk(kafka) as (stack, kanal):
        await applied(stack, rests=("t.a", subscriber), runs=("t.a", beside))
        assert await kanal("pause", "trigger/rests") == f"Trigger {stack.ns}/rests paused\n"
        await kanal.until("lag", "rests", says="paused")
        await fed(stack, "t.a", "t.b", "t.a")
        await until(lambda: ids(beside.requests) == ["e0", "e2"], PATIENCE_S)
        assert row(await kanal("lag", "rests"), "rests")[3] == "3"
        told = row(await kanal("trace", "e0"), f"{stack.ns}/rests")
        assert " ".join(told[2:]) == "queued the delivery is paused"
        told = row(await kanal("trace", "e1"), f"{stack.ns}/rests")
        assert " ".join(told[2:]).startswith(
            "queued the delivery is paused; the filters will pass it over: exact: type"
        )
        assert subscriber.requests == []
        assert await kanal("resume", "rests") == f"Trigger {stack.ns}/rests resumed\n"
        await until(lambda: ids(subscriber.requests) == ["e0", "e2"], PATIENCE_S)


async def test_the_dead_letters_of_a_trigger_are_listed_and_redelivered_whatever_its_filters_say_by_then(
    kafka: str,
) -> None:
    async with Subscriber(well=False, replies=True) as subscriber, desk(kafka) as (stack, kanal):
        await applied(stack, t1=("t.a", subscriber))
        await fed(stack, "t.a", "t.b", "t.a")
        await kanal.until("deadletters", says="2     0")
        assert [line.split()[4] for line in (await kanal("deadletters", "t1")).splitlines()[1:]] == ["e0", "e2"]
        shown = await kanal("deadletters", "show", "trigger/t1", "0")
        assert "kanalreason: subscriber answered 400" in shown
        assert len((await kanal("deadletters", "export", "trigger/t1")).splitlines()) == 2
        assert "kept" in await kanal("trace", "e2")

        subscriber.well = True
        await applied(stack, t1=("t.other", subscriber))
        before = len(subscriber.requests)
        told = await kanal("deadletters", "redeliver", "trigger/t1", "--all")
        assert f"redelivery of dead letters of Trigger {stack.ns}/t1: 2 of 2 done" in told
        assert told.endswith("0 open dead letters now\n")
        assert ids(subscriber.requests[before:]) == ["e0", "e2"]
        assert "redelivered since: replied" in await kanal("trace", "e0")
        assert "accepted" in await kanal("trace", "r1")


async def test_a_replay_for_a_trigger_delivers_what_its_filters_want_of_the_span(kafka: str) -> None:
    async with Subscriber() as subscriber, desk(kafka) as (stack, kanal):
        await applied(stack, t1=("t.a", subscriber))
        await fed(stack, "t.a", "t.b", "t.a", "t.b", "t.a")
        await until(lambda: ids(subscriber.requests) == ["e0", "e2", "e4"], PATIENCE_S)
        await stack.caught_up("t1")
        told = await kanal("replay", "trigger/t1", "--from", "1", "--to", "4", "--as-new-group")
        assert f"replay for Trigger {stack.ns}/t1: 3 of 3 done" in told
        assert ids(subscriber.requests[3:]) == ["e2"]
        told = await kanal("replay", "t1", "--from", "0:3", "--yes")
        assert told.startswith(f"Trigger {stack.ns}/t1 delivers 2 events again, as far as its filters want them")
        await until(lambda: ids(subscriber.requests[4:]) == ["e4"], PATIENCE_S)
