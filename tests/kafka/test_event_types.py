"""The registry on a real Kafka (conformance G, EventTypeAutoCreate): filled by what is sent and replied, used for what is refused."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from raw_http import RawServer, reply, until
from stack import PATIENCE_S, Stack, good, ids, running

from eventing.kafka.librdkafka.scanner import KafkaScanner
from eventing.kinds.eventtype import EventType
from kanal.api.app import api
from kanal.roles.common import Clients
from kanal.roles.insight import looking
from kanal.serve import serving

KANAL = str(Path(sys.executable).parent / "kanal")
BROKER = """
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: {{name: mesh, namespace: {ns}, annotations: {{{annotations}}}}}
"""
TRIGGER = """
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {{name: t1, namespace: {ns}}}
spec:
  broker: mesh
  filters: [{{exact: {{type: t.question}}}}]
  subscriber: {{uri: "{url}"}}
"""
ENTRY = """
---
apiVersion: eventing.knative.dev/v1beta3
kind: EventType
metadata: {{name: orders, namespace: {ns}}}
spec:
  reference: {{apiVersion: eventing.knative.dev/v1, kind: Broker, name: mesh}}
  description: An order was placed
  attributes:
    - {{name: type, required: true, value: order.placed}}
    - {{name: source, required: true, value: /shop}}
    - {{name: specversion, required: true}}
    - {{name: id, required: true}}
    - {{name: schemadata, value: '{schema}'}}
"""
SCHEMA = json.dumps({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})
ANSWER = (
    b"HTTP/1.1 200 OK\r\nce-specversion: 1.0\r\nce-id: r1\r\nce-type: t.answer\r\nce-source: /sub\r\n"
    b"ce-dataschema: https://e.com/answer.json\r\nContent-Length: 0\r\n\r\n"
)


@asynccontextmanager
async def registering(kafka: str, *, on: bool = True, topic: str = "") -> AsyncIterator[Stack]:
    names = {"event_types_topic": topic or f"eventtypes-{uuid.uuid4().hex[:10]}"}
    async with running(kafka, names=names, control={"event_type_auto_create": on}) as stack:
        yield stack


async def mesh(stack: Stack, more: str = "", annotations: str = "", **facts: str) -> None:
    """Apply the broker, and what else is given, and wait until all of it is Ready."""
    text = BROKER.format(ns=stack.ns, annotations=annotations) + more.format(ns=stack.ns, **facts)
    await stack.apply(text)
    assert stack.problems == []
    await stack.ready("Broker", "mesh")
    if "name: t1" in more:
        await stack.ready("Trigger", "t1")


def registered(stack: Stack) -> dict[str, EventType]:
    """The EventTypes of this stack's namespace by type."""
    found = [one for one in stack.store.list() if isinstance(one, EventType) and one.metadata.namespace == stack.ns]
    return {one.spec.type: one for one in found}


async def has(stack: Stack, *types: str) -> dict[str, EventType]:
    await until(lambda: set(registered(stack)) >= set(types), PATIENCE_S)
    return registered(stack)


async def run(server: str, *words: str) -> tuple[int, str, str]:
    """A command in a process of its own: exit code, standard output, standard error."""
    pipe = asyncio.subprocess.PIPE
    command = await asyncio.create_subprocess_exec(KANAL, *words, "--server", server, stdout=pipe, stderr=pipe)
    out, err = await command.communicate()
    return command.returncode or 0, out.decode(), err.decode()


@asynccontextmanager
async def desk(stack: Stack) -> AsyncIterator[str]:
    """The address at which the command line asks this stack's controller."""
    scanner = KafkaScanner(stack.settings.kafka)
    try:
        router = looking(stack.settings, stack.controller, Clients(stack.appender, stack.admin, scanner))
        app = api(stack.store, ready=lambda: True, metrics=stack.telemetry.exposition, routers=[router])
        async with serving(app, "127.0.0.1", 0, what="test") as port:
            yield f"http://127.0.0.1:{port}"
    finally:
        await scanner.aclose()


async def test_a_type_is_registered_from_what_is_sent_to_a_broker(kafka: str) -> None:
    async with registering(kafka) as stack:
        await mesh(stack)
        await stack.send(good(type="t.sent", dataschema="https://e.com/sent.json"), channel="mesh")
        entry = (await has(stack, "t.sent"))["t.sent"]
        reference = entry.refers_to
        assert reference is not None
        assert (reference.kind, reference.name) == ("Broker", "mesh")
        assert (entry.spec.source, entry.spec.data_schema) == ("/s", "https://e.com/sent.json")
        await stack.ready("EventType", entry.metadata.name)


async def test_a_type_is_registered_from_a_triggers_reply(kafka: str) -> None:
    async with registering(kafka) as stack, RawServer(reply(ANSWER)) as subscriber:
        await mesh(stack, TRIGGER, url=subscriber.url)
        await stack.send(good(type="t.question"), channel="mesh")
        entry = (await has(stack, "t.question", "t.answer"))["t.answer"]
        reference = entry.refers_to
        assert reference is not None
        assert (reference.kind, reference.name) == ("Broker", "mesh")
        assert entry.metadata.annotations == {"kanal.dev/seen-at": f"Trigger {stack.ns}/t1"}


async def test_a_type_is_registered_from_what_is_sent_to_a_channel(kafka: str) -> None:
    async with registering(kafka) as stack:
        await stack.channel()
        await stack.send(good(type="t.sent"))
        reference = (await has(stack, "t.sent"))["t.sent"].refers_to
        assert reference is not None
        assert (reference.kind, reference.name) == ("Channel", "c1")


async def test_a_controller_that_starts_anew_knows_what_was_seen_before(kafka: str) -> None:
    topic = f"eventtypes-{uuid.uuid4().hex[:10]}"
    async with registering(kafka, topic=topic) as stack:
        await mesh(stack)
        await stack.send(good(type="t.sent"), channel="mesh")
        [before] = (await has(stack, "t.sent")).values()
        namespace = stack.ns
    async with registering(kafka, topic=topic) as stack:
        stack.ns = namespace
        await mesh(stack)
        [after] = (await has(stack, "t.sent")).values()
        assert after.metadata.uid == before.metadata.uid
        assert after.spec == before.spec


async def test_nothing_is_registered_unless_that_is_asked_for(kafka: str) -> None:
    async with registering(kafka, on=False) as stack, RawServer(reply(ANSWER)) as subscriber:
        await mesh(stack, TRIGGER, url=subscriber.url)
        await stack.send(good(type="t.question"), channel="mesh")
        await until(lambda: bool(subscriber.requests), PATIENCE_S)
        topics = await stack.admin.topic(stack.settings.names.event_types_topic)
        assert (registered(stack), topics) == ({}, None)


async def test_a_person_who_wrote_an_entry_keeps_it(kafka: str) -> None:
    async with registering(kafka) as stack:
        await mesh(stack, ENTRY, schema=SCHEMA)
        written = registered(stack)["order.placed"]
        await stack.send(good(type="order.placed", source="/shop"), channel="mesh")
        await stack.send(good(type="t.sent"), channel="mesh")
        found = await has(stack, "t.sent")
        assert found["order.placed"].metadata == written.metadata
        assert len(found) == 2


async def test_a_broker_that_validates_refuses_what_does_not_fit(kafka: str) -> None:
    async with registering(kafka, on=False) as stack:
        await mesh(stack, ENTRY, annotations='kanal.dev/validate: "true"', schema=SCHEMA)
        await stack.ready("EventType", "orders")
        headers = good(type="order.placed", source="/shop")
        response = await stack.post(headers, b'{"n":"many"}', channel="mesh")
        reason = b'data: it does not fit the schema of its type: at /n: the value is not of type "integer"\n'
        assert (response.status, response.body) == (400, reason)
        await stack.send(headers, b'{"n":1}', channel="mesh")
        await stack.send(good(type="t.other"), b"anything", channel="mesh")
        assert len(await stack.records(f"knative-broker-{stack.ns}-mesh")) == 2


async def test_an_event_that_goes_in_a_circle_is_stopped_at_the_door(kafka: str) -> None:
    async with registering(kafka, on=False) as stack:
        await mesh(stack, annotations='kanal.dev/ttl: "2"')
        for left, status in (("3", 202), ("2", 202), ("1", 400)):
            response = await stack.post(good(knativebrokerttl=left), channel="mesh")
            assert response.status == status, response
        assert b"passed through brokers too often" in response.body


async def test_the_command_line_shows_the_registry_and_makes_a_trigger_that_works(kafka: str) -> None:
    async with registering(kafka, on=False) as stack, RawServer() as subscriber, desk(stack) as server:
        await mesh(stack, ENTRY, schema=SCHEMA)
        code, out, err = await run(server, "eventtypes", "-n", stack.ns, "--broker", "mesh")
        assert (code, err) == (0, "")
        assert "order.placed  /shop   JSON schema  Broker mesh" in out
        code, out, err = await run(server, "eventtypes", "order.plced")
        assert (code, err) == (2, "kanal: order.plced: is not registered; did you mean order.placed?\n")
        code, out, err = await run(
            server, "eventtypes", "order.placed", "-n", stack.ns, "--trigger", "--subscriber", subscriber.url
        )
        assert (code, err) == (0, "")
        await mesh(stack, f"{ENTRY}---\n{out.replace('{', '{{').replace('}', '}}')}", schema=SCHEMA)
        await stack.ready("Trigger", "order-placed")
        await stack.send(good("one", type="order.placed", source="/shop"), channel="mesh")
        await stack.send(good("two", type="order.placed", source="/other"), channel="mesh")
        await stack.send(good("three", type="order.placed", source="/shop"), channel="mesh")
        await until(lambda: len(subscriber.requests) >= 2, PATIENCE_S)
        assert sorted(ids(subscriber.requests)) == ["one", "three"]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["-d", '{"n": 1}'], 0, "1 of 1 event accepted"),
        (["-d", '{"n": "many"}'], 2, 'at /n: the value is not of type "integer"; correct it, or send it all the same'),
        (["-d", '{"n": "many"}', "--no-check"], 0, "1 of 1 event accepted"),
        (["-d", "hello", "--content-type", "text/plain"], 2, "text/plain can't be checked"),
    ],
)
async def test_kanal_send_holds_its_data_against_the_schema(kafka: str, words: list[str], code: int, told: str) -> None:
    async with registering(kafka, on=False) as stack, desk(stack) as server:
        await mesh(stack, ENTRY, schema=SCHEMA)
        found = await run(server, "send", stack.url("mesh"), "--type", "order.placed", *words)
        assert found[0] == code, found
        assert told in (found[2] if code else found[1])


async def test_kanal_send_does_not_need_a_controller(kafka: str) -> None:
    async with registering(kafka, on=False) as stack:
        await mesh(stack)
        found: Any = await run("http://127.0.0.1:1", "send", stack.url("mesh"))
        assert (found[0], found[1]) == (0, "1 of 1 event accepted (1 x 202)\n")
        assert found[2].startswith("kanal: the data is not checked: http://127.0.0.1:1: no controller answers")
