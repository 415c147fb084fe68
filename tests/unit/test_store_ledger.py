"""The store in a topic where Kafka fails, where somebody else writes, and where a caller is interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson
import pytest
from memory_kafka import MemoryKafka
from raw_http import until
from store_contract import changed, key, owned_by, subscription

from eventing.errors import EventingError, Gone, Invalid, TooLarge, Unavailable
from eventing.kafka import appended
from eventing.store.ledger import Ledger, Rows
from eventing.store.local import LocalStore, upon
from eventing.store.rows import WRITER, Claim, claim, encoded, row_of

TOPIC = "kanal.resources"
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


class Table:
    """Follows the topic as the real reader does: at first everything at once, then what has come since."""

    def __init__(self, kafka: Kafka, on_rows: Callable[[Rows], None]) -> None:
        self._kafka = kafka
        self._on_rows = on_rows
        self._at = 0
        self.blind = kafka.blind
        asyncio.get_running_loop().call_soon(self.tell)
        kafka.tables.append(self)

    def tell(self) -> None:
        if not self.blind:
            self.read()

    def read(self, most: int | None = None) -> None:
        """Tell of so many records, whatever else is told."""
        records = self._kafka.records(TOPIC)[self._at :][:most]
        self._at += len(records)
        self._on_rows({(one.key or b"").decode(): one.value for one in records})

    async def aclose(self) -> None:
        self._kafka.tables.remove(self)


class Kafka(MemoryKafka):
    """One topic of which tables are followed; `lost` appends are refused though the topic has them."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[Table] = []
        self.lost = 0
        self.blind = False
        self.create_topic(TOPIC, 1)
        self.client = self.appender()

    def wake(self, topic: str) -> None:
        for table in self.tables:
            asyncio.get_running_loop().call_soon(table.tell)

    def answer(self, done: Any, outcome: Any) -> None:
        if self.lost:
            self.lost -= 1
            outcome = Unavailable("Kafka does not answer")
        super().answer(done, outcome)

    async def opened(self, name: str, patience_s: float = 5.0) -> LocalStore:
        return await upon(Ledger(TOPIC, self.client, name, patience_s, partial(Table, self)), lambda: NOON)

    async def write(self, row: str, value: bytes | None) -> None:
        await appended(self.client, TOPIC, row.encode(), value, [])

    def rows(self) -> dict[str, Any]:
        """The topic as compaction would leave it, but for the writer."""
        table = {(one.key or b"").decode(): one.value for one in self.records(TOPIC)}
        return {row: orjson.loads(value)["object"] for row, value in table.items() if value and row != WRITER}


def held(store: LocalStore) -> dict[str, Any]:
    return {row_of(key(one.metadata.name)): one.document() for one in store.list()}


async def test_a_change_counts_when_kafka_has_it_and_not_before() -> None:
    kafka = Kafka()
    store = await kafka.opened("a")
    kafka.hold()
    creating = asyncio.ensure_future(store.create(subscription()))
    await until(lambda: len(kafka.rows()) == 1)
    assert (store.list(), store.revision) == ((), 0)
    kafka.release()
    made = await creating
    assert store.list() == (made,)
    assert kafka.rows() == held(store)


async def test_everything_is_there_after_a_restart_and_revisions_go_on() -> None:
    kafka = Kafka()
    first = await kafka.opened("a")
    await first.create(subscription())
    await first.set_status(key(), {"a": None})
    await first.create(subscription("s2"))
    await first.delete(key("s2"))
    second = await kafka.opened("b")
    assert (second.list(), second.revision) == (first.list(), first.revision)
    with pytest.raises(Gone):
        await anext(second.changes(first.revision - 1))
    waiting = asyncio.ensure_future(anext(second.changes(first.revision)))
    await asyncio.sleep(0)
    made = await second.create(subscription("s3"))
    assert (await waiting).resource == made
    assert made.metadata.resource_version == str(first.revision + 1)


async def test_while_kafka_is_away_everything_is_refused_and_nothing_is_half_done() -> None:
    kafka = Kafka()
    store = await kafka.opened("a")
    owner = await store.create(subscription("owner"))
    await store.create(subscription("child", **owned_by(owner)))
    before = (store.list(), store.revision)
    kafka.failure = Unavailable("Kafka does not answer")
    calls = (store.delete(key("owner")), store.create(subscription()), store.set_status(key("child"), {"a": 1}))
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(one) for one in found] == [Unavailable] * 3
    assert (store.list(), store.revision) == before
    kafka.failure = None
    await store.create(subscription())
    assert kafka.rows() == held(store)


async def test_an_object_that_could_not_be_changed_at_first_can_be_later() -> None:
    kafka = Kafka()
    store = await kafka.opened("a")
    await store.create(subscription())
    kafka.lost = 1
    with pytest.raises(Unavailable):
        await store.apply(subscription(to="http://two"))
    await store.apply(subscription(to="http://three"))
    await store.create(subscription("s2"))
    assert kafka.rows() == held(store)
    assert "http://three" in str(kafka.rows())


@pytest.mark.parametrize("lost", range(1, 4))
async def test_what_was_refused_is_not_there_after_a_restart_though_kafka_had_taken_it(lost: int) -> None:
    kafka = Kafka()
    store = await kafka.opened("a")
    owner = await store.create(subscription("owner"))
    await store.create(subscription("child", **owned_by(owner)))
    kafka.lost = lost
    with pytest.raises(Unavailable):
        await store.delete(key("owner"))
    assert "child" not in str(kafka.rows())
    await store.create(subscription("next"))
    again = await kafka.opened("b")
    assert again.list() == store.list()
    assert [one.metadata.name for one in again.list()] == ["child", "next", "owner"]
    assert again.revision == store.revision


async def test_who_dies_while_an_owner_is_deleted_leaves_nobody_without_one() -> None:
    kafka = Kafka()
    store = await kafka.opened("a")
    owner = await store.create(subscription("owner"))
    await store.create(subscription("child", **owned_by(owner)))
    await store.delete(key("owner"))
    log = kafka.topics[TOPIC].logs[0]
    gone = [(one.key or b"").decode() for one in log if one.value is None]
    assert gone == [row_of(key("child")), row_of(key("owner"))]


async def test_what_can_not_be_read_back_does_not_count() -> None:
    kafka = Kafka()
    store = await kafka.opened("a", patience_s=0.05)
    kafka.tables[0].blind = True
    with pytest.raises(Unavailable, match="can't be read"):
        await store.create(subscription())
    assert store.list() == ()


async def test_a_topic_that_can_not_be_read_has_no_writer() -> None:
    kafka = Kafka()
    kafka.blind = True
    with pytest.raises(Unavailable, match=f"topic {TOPIC}: the topic can't be read"):
        await kafka.opened("a", patience_s=0.05)


async def test_a_write_that_the_next_writer_has_overtaken_does_not_count() -> None:
    kafka = Kafka()
    store = await kafka.opened("a")
    kafka.tables[0].blind = True
    other = await kafka.opened("b")
    kafka.tables[1].blind = True
    late = asyncio.ensure_future(store.create(subscription()))
    await until(lambda: len(kafka.rows()) == 1)
    kafka.tables[0].read()
    with pytest.raises(Unavailable, match="another Kanal keeps the resources now: b"):
        await late
    written = len(kafka.records(TOPIC))
    with pytest.raises(Unavailable, match="another Kanal keeps the resources now: b"):
        await store.create(subscription("later"))
    assert len(kafka.records(TOPIC)) == written
    kafka.tables[1].blind = False
    kafka.tables[1].tell()
    assert (await store.ousted()).fix
    await until(lambda: kafka.rows() == {})
    await other.create(subscription("s2"))
    assert kafka.rows() == held(other)


async def test_the_mark_of_a_writer_that_was_overtaken_does_not_oust_the_next() -> None:
    kafka = Kafka()
    await kafka.opened("a")
    store = await kafka.opened("b")
    await kafka.write(WRITER, Claim(1, "a", 70).encoded())
    await until(lambda: claim(kafka.records(TOPIC)[-1].value).name == "b")
    await store.create(subscription())
    assert kafka.rows() == held(store)


async def test_a_row_of_somebody_else_before_ours_is_overwritten_by_ours_alone() -> None:
    kafka = Kafka()
    store = await kafka.opened("a")
    await store.create(subscription())
    kafka.tables[0].blind = True
    await kafka.write(row_of(key()), b"{}")
    updating = asyncio.ensure_future(store.apply(subscription(to="http://two")))
    before = len(kafka.records(TOPIC))
    await until(lambda: len(kafka.records(TOPIC)) == before + 1)
    kafka.tables[0].read(1)
    kafka.tables[0].read()
    await updating
    assert len(kafka.records(TOPIC)) == before + 1
    assert kafka.rows() == held(store)


async def test_what_the_writer_before_writes_until_the_claim_is_not_lost() -> None:
    kafka = Kafka()
    kafka.blind = True
    opening = asyncio.ensure_future(kafka.opened("b"))
    await until(lambda: bool(kafka.tables))
    kafka.tables[0].read()
    for name in ("s1", "s2"):
        kafka.topics[TOPIC].append(TOPIC, row_of(key(name)).encode(), encoded(subscription(name)), [], 0)
    await until(lambda: claim(kafka.records(TOPIC)[-1].value).name == "b")
    for _ in range(3):
        kafka.tables[0].read(1)
    assert list(held(await opening)) == [row_of(key("s1")), row_of(key("s2"))]


async def test_a_reader_that_starts_over_is_taken_for_nobody_else() -> None:
    kafka = Kafka()
    store = await kafka.opened("a")
    for name in ("s1", "s2"):
        await store.create(subscription(name))
    await store.delete(key("s1"))
    before = len(kafka.records(TOPIC))
    kafka.tables[0]._at = 0
    kafka.tables[0].read()
    await store.create(subscription("s3"))
    assert len(kafka.records(TOPIC)) == before + 1


async def test_who_is_overtaken_while_it_opens_the_topic_says_so() -> None:
    kafka = Kafka()
    kafka.blind = True
    opening = asyncio.ensure_future(kafka.opened("a", patience_s=0.5))
    await until(lambda: bool(kafka.tables))
    table = kafka.tables[0]
    table.read()
    await until(lambda: len(kafka.records(TOPIC)) == 1)
    await kafka.write(WRITER, Claim(1, "b").encoded())
    table.read()
    with pytest.raises(Unavailable, match="another Kanal keeps the resources now: b"):
        await opening


async def test_an_object_that_is_too_large_is_refused_alone_and_by_name() -> None:
    kafka = Kafka()
    kafka.topics[TOPIC].max_record_bytes = 2_000
    store = await kafka.opened("a")
    huge = subscription("huge", annotations={"a": "x" * 2_000})
    calls = [store.create(one) for one in (subscription("s1"), huge, subscription("s2"))]
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(found[1], TooLarge)
    assert str(found[1]).startswith("Subscription default/huge: ")
    assert [one.metadata.name for one in store.list()] == ["s1", "s2"]
    assert [int(one.metadata.resource_version) for one in store.list()] == [1, 2]
    assert kafka.rows() == held(store)


@pytest.mark.parametrize("unwritable", ["\ud800", 2**70])
async def test_what_no_json_can_hold_is_refused_alone_and_by_name(unwritable: object) -> None:
    kafka = Kafka()
    store = await kafka.opened("a")
    await store.create(subscription())
    calls = (store.create(subscription("s2")), store.set_status(key(), {"a": unwritable}), store.delete(key("s1")))
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(found[1], Invalid)
    assert str(found[1]).startswith("Subscription default/s1: it can't be written as JSON")
    assert [one.metadata.name for one in store.list()] == ["s2"]
    assert kafka.rows() == held(store)


async def test_a_caller_that_is_interrupted_takes_nobody_along() -> None:
    kafka = Kafka()
    store = await kafka.opened("a")
    await store.create(subscription())
    kafka.hold()
    first = asyncio.ensure_future(store.update(changed(subscription(), "http://other")))
    await until(lambda: "http://other" in str(kafka.rows()))
    second = asyncio.ensure_future(store.create(subscription("s2")))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    assert first.cancelled()
    kafka.release()
    await second
    assert kafka.rows() == held(store)
    assert "http://other" not in str(kafka.rows())


async def test_who_is_interrupted_for_others_leaves_their_wishes_to_the_next() -> None:
    kafka = Kafka()
    store = await kafka.opened("a")
    kafka.hold()
    calls = [asyncio.ensure_future(store.create(subscription(f"s{n}"))) for n in range(4)]
    await until(lambda: len(kafka.rows()) == 1)
    kafka.release()
    await calls[0]
    kafka.hold()
    await until(lambda: len(kafka.rows()) == 4)
    assert not calls[1].done()
    calls[1].cancel()
    await asyncio.wait([calls[1]])
    kafka.release()
    await asyncio.gather(*calls[2:])
    assert [one.metadata.name for one in store.list()] == ["s0", "s2", "s3"]
    assert kafka.rows() == held(store)


async def test_those_that_wait_behind_one_that_fails_are_tried_by_themselves() -> None:
    kafka = Kafka()
    store = await kafka.opened("a")
    kafka.hold()
    kafka.lost = 1
    first = asyncio.ensure_future(store.create(subscription()))
    await until(lambda: len(kafka.rows()) == 1)
    others = [asyncio.ensure_future(store.create(subscription(f"t{n}"))) for n in range(3)]
    await asyncio.sleep(0)
    kafka.release()
    with pytest.raises(EventingError):
        await first
    await asyncio.gather(*others)
    assert [one.metadata.name for one in store.list()] == ["t0", "t1", "t2"]
    assert kafka.rows() == held(store)
