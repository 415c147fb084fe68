"""The store in a topic: the contract of the store port on a real Kafka, restarts, and a second writer."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import pytest_asyncio
from store_contract import PATIENCE_S, WritingCases, changed, key, owned_by, subscription
from store_deletions import DeletionCases
from store_watches import WatchingCases
from structlog.testing import capture_logs

from eventing.errors import Gone, Invalid, TooLarge, Unavailable
from eventing.kafka import appended
from eventing.kafka.librdkafka.admin import KafkaAdmin
from eventing.kafka.librdkafka.appender import KafkaAppender
from eventing.kinds.key import key_of
from eventing.plan.model import TopicSpec
from eventing.settings import Kafka
from eventing.store.local import LocalStore, opened
from eventing.store.rows import row_of


class Desk:
    """Clients of the real Kafka, and the stores that are opened in one topic."""

    def __init__(self, kafka: str, topic: str, patience_s: float = 10.0) -> None:
        self.topic = topic
        self.settings = Kafka(bootstrap=kafka, request_timeout_s=patience_s)
        self.appender = KafkaAppender(self.settings, max_record_bytes=4_000_000)
        self.admin = KafkaAdmin(self.settings)
        self.stores: list[LocalStore] = []

    async def opened(self, topic: str = "") -> LocalStore:
        topic = topic or self.topic
        store = await opened(self.settings, topic, self.appender, self.admin, lambda: datetime.now(UTC))
        self.stores.append(store)
        return store

    async def write(self, row: str, value: bytes | None) -> None:
        """Write a row as somebody else would."""
        await appended(self.appender, self.topic, row.encode(), value, [])

    async def aclose(self) -> None:
        for one in [*self.stores, self.appender, self.admin]:
            await one.aclose()


@pytest.fixture
async def desk(kafka: str, topic: str) -> AsyncIterator[Desk]:
    desk = Desk(kafka, topic)
    yield desk
    await desk.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(kafka: str) -> AsyncIterator[LocalStore]:
    """One store for all cases of the contract: opening one takes a second."""
    desk = Desk(kafka, f"test-{uuid.uuid4().hex[:12]}")
    yield await desk.opened()
    await desk.aclose()


@pytest.mark.asyncio(loop_scope="module")
class TestLocalStore(WritingCases, DeletionCases, WatchingCases):
    @pytest_asyncio.fixture(loop_scope="module")
    async def store(self, shared: LocalStore) -> LocalStore:
        for one in shared.list():
            await shared.update(changed(one, finalizers=[], owner_references=[], resource_version=""))
            await shared.delete(key_of(one))
        assert shared.list() == ()
        return shared


async def test_everything_is_there_after_a_restart(desk: Desk) -> None:
    first = await desk.opened()
    made = await first.create(subscription(labels={"a": "b"}, finalizers=["example.com/a"]))
    await first.create(subscription("s2", **owned_by(made)))
    await first.set_status(key(), {"conditions": [{"type": "Ready", "status": "True", "reason": None}]})
    await first.delete(key())
    await first.aclose()
    second = await desk.opened()
    assert second.list() == first.list()
    assert second.revision == first.revision


async def test_revisions_go_on_after_a_restart_even_where_the_last_change_was_a_deletion(desk: Desk) -> None:
    first = await desk.opened()
    owner = await first.create(subscription("owner"))
    await first.create(subscription("child", **owned_by(owner)))
    await first.delete(key("owner"))
    second = await desk.opened()
    assert (second.list(), second.revision) == ((), first.revision)
    third = await desk.opened()
    made = await third.create(subscription())
    assert made.metadata.resource_version == str(first.revision + 1)


async def test_a_watch_across_a_restart_goes_on_or_is_told_to_list_anew(desk: Desk) -> None:
    first = await desk.opened()
    await first.create(subscription())
    await first.create(subscription("s2"))
    second = await desk.opened()
    with pytest.raises(Gone):
        await anext(second.changes(first.revision - 1))
    watch = second.changes(first.revision)
    await second.create(subscription("s3"))
    assert (await asyncio.wait_for(anext(watch), PATIENCE_S)).resource.metadata.name == "s3"


async def test_the_newer_of_two_writers_writes_and_the_older_is_told_of_it(desk: Desk) -> None:
    first = await desk.opened()
    made = await first.create(subscription())
    second = await desk.opened()
    error = await asyncio.wait_for(first.ousted(), PATIENCE_S)
    assert desk.topic in str(error)
    assert error.fix
    with pytest.raises(Unavailable, match="another Kanal"):
        await first.update(changed(made, "http://first"))
    assert first.list() == (made,)
    await second.update(changed(made, "http://second"))
    third = await desk.opened()
    assert third.list() == second.list()


async def test_one_of_two_writers_that_begin_together_is_the_writer(kafka: str, topic: str) -> None:
    desk = Desk(kafka, topic, patience_s=3.0)
    await (await desk.opened()).aclose()
    found: list[Any] = await asyncio.gather(desk.opened(), desk.opened(), return_exceptions=True)

    async def writes(store: LocalStore, name: str) -> bool:
        try:
            await store.create(subscription(name))
        except Unavailable:
            return False
        return True

    stores = [one for one in found if isinstance(one, LocalStore)]
    assert all(isinstance(one, LocalStore | Unavailable) for one in found)
    wrote = [await writes(store, f"s{number}") for number, store in enumerate(stores)]
    assert sum(wrote) == 1
    last = await desk.opened()
    assert len(last.list()) == 1
    await desk.aclose()


async def test_a_row_that_is_no_object_is_told_of_and_left_where_it_is(desk: Desk) -> None:
    first = await desk.opened()
    made = await first.create(subscription())
    await first.aclose()
    unknown = orjson.dumps({"object": {**made.document(), "spec": {"colour": "red"}}})
    await desk.write(row_of(key("strange")), unknown)
    await desk.write(row_of(key("broken")), b"not JSON")
    with capture_logs() as logs:
        second = await desk.opened()
    assert second.list() == (made,)
    said = " ".join(one["error"] for one in logs if "left out" in one["event"])
    assert "colour" in said
    assert "Subscription default/broken" in said


async def test_an_object_that_kafka_cannot_take_is_refused_by_name_and_those_beside_it_are_kept(desk: Desk) -> None:
    store = await desk.opened()
    huge = subscription("huge", annotations={"a": "x" * 1_100_000})
    calls = [store.create(one) for one in (subscription("s1"), huge, subscription("s2"))]
    found = await asyncio.gather(*calls, return_exceptions=True)
    refused = found[1]
    assert isinstance(refused, TooLarge)
    assert refused.where == "Subscription default/huge"
    assert desk.topic in refused.fix
    again = await desk.opened()
    assert [one.metadata.name for one in again.list()] == ["s1", "s2"]


async def test_a_topic_of_several_partitions_is_refused(desk: Desk, topic: str) -> None:
    await desk.admin.create_topic(TopicSpec(f"{topic}-wide", 2))
    with pytest.raises(Invalid, match=f"topic {topic}-wide: .*resources_topic"):
        await desk.opened(f"{topic}-wide")


async def test_a_topic_from_which_kafka_deletes_is_refused(desk: Desk, topic: str) -> None:
    await desk.admin.create_topic(TopicSpec(f"{topic}-short", 1))
    async with asyncio.timeout(PATIENCE_S):
        # Kafka knows a new topic by its settings a moment later.
        while not await desk.admin.topic_config(f"{topic}-short"):
            await asyncio.sleep(0)
    with pytest.raises(Invalid, match=f"topic {topic}-short: its cleanup.policy is delete.* set its .* to compact"):
        await desk.opened(f"{topic}-short")


async def test_where_kafka_is_away_the_store_can_not_be_opened_and_says_so(topic: str) -> None:
    away = Desk("127.0.0.1:1", topic, patience_s=1.0)
    with pytest.raises(Unavailable):
        await away.opened()
    await away.aclose()
