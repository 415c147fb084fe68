"""YAML as it is written for a cluster with Knative applies unchanged on a laptop: one Kafka broker, no cluster, no change.

`documents/` holds what people have, in all the fields of behaviour §7, §9 and §10; each file alone, as `kanal up FILE` has it.
The Services have the address that `resolve.service_template` gives them.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from raw_http import RawServer, until
from room import House, Room
from room import room as room_in
from stack import good, running

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]
FILES = sorted((Path(__file__).parent / "documents").glob("*.yaml"))
TEXTS = {file.stem: file.read_text(encoding="utf-8") for file in FILES}
PLACE = "{namespace}.{name}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def services() -> AsyncIterator[RawServer]:
    """All Services; the path says which one was meant."""
    async with RawServer() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def laptop(kafka: str, services: RawServer) -> AsyncIterator[House]:
    """A stack as `kanal up` makes it; its topics have a prefix, because other tests are in the same Kafka."""
    own = f"documents-{uuid.uuid4().hex[:8]}"
    kinds = {"broker_topic": "broker", "channel_topic": "channel", "dead_letter_topic": "letters"}
    names = {name: f"{own}.{kind}.{PLACE}" for name, kind in kinds.items()}
    names |= {"trigger_group": f"{own}.trigger.{PLACE}", "trigger_dead_letter_topic": f"{own}.trigger-letters.{PLACE}"}
    names |= {"subscription_group": f"{own}.subscription.{{namespace}}.{{channel}}.{{uid}}"}
    template = f"{services.url}{{namespace}}/{{name}}"
    async with running(kafka, kafka={"most_replicas": 1}, names=names, resolve={"service_template": template}) as stack:
        yield House(stack, {})


@pytest_asyncio.fixture(loop_scope="module")
async def room(laptop: House) -> AsyncIterator[Room]:
    async with room_in(laptop.stack) as found:
        # The documents name the namespace default, or none.
        found.ns = "default"
        yield found


@pytest.mark.parametrize("name", TEXTS)
async def test_a_document_applies_unchanged_and_all_in_it_becomes_ready(room: Room, name: str) -> None:
    await room.has(TEXTS[name])
    mine = [one for one in room.store.list() if one.metadata.namespace == "default" and one.DEPENDENTS]
    assert mine
    # What the documents ask to be made is Ready as well: backing channels, the channels and subscriptions of flows.
    for one in mine:
        await room.ready(one.KIND, one.metadata.name)


async def test_the_topic_of_a_broker_is_as_its_config_map_says_as_far_as_one_broker_can(room: Room) -> None:
    await room.has(TEXTS["broker-kafka"])
    topic = room.status("Broker", "kafka-mesh")["annotations"]["default.topic"]
    assert len(await room.admin.spans(topic)) == 10
    assert (await room.plan()).topics[topic].replication_factor == 1
    assert room.status("Broker", "kafka-mesh")["deadLetterSinkUri"].endswith("/default/lost-orders")
    parsed, ready = (room.condition("Broker", "kafka-mesh", one) for one in ("ConfigParsed", "TopicReady"))
    assert parsed is not None
    assert ready is not None
    assert "bootstrap.servers is not obeyed" in (parsed.message or "")
    assert "3" in (ready.message or "")


async def test_each_dialect_of_the_filters_document_takes_its_events(room: Room, services: RawServer) -> None:
    await room.has(TEXTS["trigger-filters"])
    services.requests.clear()
    await room.send(good("e1", type="com.example.order.placed", source="/shop", region="eu"), channel="filters-mesh")
    await room.send(good("e2", type="com.example.refund", source="/bank", region="us"), channel="filters-mesh")
    dialects = ["exact", "prefix", "suffix", "all", "any", "not", "cesql"]
    await room.quiet(*(f"by-{dialect}" for dialect in dialects))
    got = {(one.line.split()[1].decode(), one.header(b"ce-id")[0].decode()) for one in services.requests}
    first = {(f"/default/by-{dialect}", "e1") for dialect in dialects}
    assert got == first | {("/default/by-prefix", "e2"), ("/default/by-any", "e2")}


async def test_an_event_goes_through_the_documented_sequence_and_parallel(room: Room, services: RawServer) -> None:
    await room.has(TEXTS["sequence"], TEXTS["parallel"])
    services.requests.clear()
    await room.send(good("e1"), channel="refine-kn-sequence-0")
    await room.send(good("e2"), channel="odd-even-kn-parallel")
    await until(lambda: len(services.requests) == 4)
    got = {(one.line.split()[1].decode(), one.header(b"ce-id")[0].decode()) for one in services.requests}
    # Nobody answers with an event, so the sequence ends after its first step, and filters let nothing through.
    asked = {("/default/is-even", "e2"), ("/default/is-odd", "e2"), ("/default/every", "e2")}
    assert got == asked | {("/default/first", "e1")}
