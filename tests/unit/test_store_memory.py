"""The store in memory: uids and generations, what wakes a reader, and what goes with its owner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from control_stand import NOON, PATIENCE_S, channel, kafka_channel, key, resources, status_of, stored, subscription

from eventing.errors import Invalid
from eventing.kinds.meta import Resource, stable_uid
from eventing.store.memory import MemoryStore

S1, C1 = key("Subscription", "s1"), key("Channel", "c1")


def names(found: tuple[Resource, ...]) -> list[str]:
    return [one.metadata.name for one in found]


async def following(found: AsyncIterator[Any]) -> Any:
    return await asyncio.wait_for(anext(found), PATIENCE_S)


async def quiet(found: AsyncIterator[Any]) -> bool:
    """Whether a reader that has caught up is told nothing. Nothing else runs in this loop, so a few turns decide."""
    task = asyncio.ensure_future(anext(found))
    for _ in range(5):
        await asyncio.sleep(0)
    done = task.done()
    task.cancel()
    await asyncio.wait([task])
    return not done


async def test_a_new_object_gets_a_uid_a_generation_and_its_time() -> None:
    (one,) = (await stored(channel())).list()
    assert one.metadata.uid == stable_uid(*C1)
    assert one.metadata.generation == 1
    assert one.metadata.creation_timestamp == "2026-11-25T12:00:00Z"


async def test_the_uid_is_the_same_in_the_next_process_and_another_for_another_object() -> None:
    first, second = [await stored(channel() + channel("c2") + channel(namespace="ns2")) for _ in range(2)]
    uids = [one.metadata.uid for one in first.list()]
    assert uids == [one.metadata.uid for one in second.list()]
    assert len(set(uids)) == 3


async def test_the_generation_grows_with_the_spec_and_with_nothing_else() -> None:
    store = await stored(subscription())

    def generation() -> int:
        return store.list()[0].metadata.generation

    await stored(subscription(), store)
    await stored(subscription(meta="labels: {a: b}"), store)
    await store.set_status(S1, {"conditions": []})
    assert generation() == 1
    await stored(subscription(to="{uri: 'http://other'}"), store)
    assert generation() == 2
    assert store.list()[0].metadata.labels == {}


async def test_an_update_keeps_uid_time_and_status() -> None:
    times = [NOON, NOON + timedelta(days=1)]
    store = MemoryStore(lambda: times.pop(0))
    (made,) = (await stored(subscription(), store)).list()
    await store.set_status(S1, {"a": 1})
    (changed,) = (await stored(subscription(to="{uri: 'http://other'}"), store)).list()
    assert changed.metadata.uid == made.metadata.uid
    assert changed.metadata.creation_timestamp == made.metadata.creation_timestamp
    assert changed.status == {"a": 1}


async def test_a_field_that_may_not_change_is_refused_and_the_old_object_stays() -> None:
    store = await stored(subscription())
    with pytest.raises(Invalid, match=r"Subscription default/s1: spec\.channel\.name: ") as caught:
        await stored(subscription(of="c2"), store)
    assert caught.value.fix
    assert store.list()[0].spec == resources(subscription())[0].spec


async def test_objects_are_listed_by_key() -> None:
    store = await stored(subscription("b") + subscription("a") + channel("z") + subscription("a", "a"))
    found = [(one.KIND, one.metadata.namespace, one.metadata.name) for one in store.list()]
    assert found == sorted(found)
    assert len(found) == 4


async def test_a_reader_has_the_objects_at_once_and_again_after_each_change() -> None:
    store = await stored(channel())
    found = store.snapshots()
    assert names(await following(found)) == ["c1"]
    assert await quiet(found)
    found = store.snapshots()
    assert names(await following(found)) == ["c1"]
    waiting = asyncio.ensure_future(anext(found))
    await asyncio.sleep(0)
    await stored(channel("c2"), store)
    assert names(await asyncio.wait_for(waiting, PATIENCE_S)) == ["c1", "c2"]
    await store.delete(C1)
    assert names(await following(found)) == ["c2"]


async def test_a_change_while_the_reader_is_busy_is_not_missed() -> None:
    store = await stored(channel())
    found = store.snapshots()
    await following(found)
    await stored(channel("c2") + channel("c3"), store)
    assert names(await following(found)) == ["c1", "c2", "c3"]


async def test_what_changes_nothing_wakes_nobody() -> None:
    store = await stored(channel())
    found = store.snapshots()
    await following(found)
    await stored(channel(), store)
    await store.set_status(C1, {"a": 1})
    await store.delete(key("Channel", "nobody"))
    assert await quiet(found)


async def test_an_object_that_is_gone_takes_what_it_owns_along() -> None:
    store = await stored(channel())
    owner = f"{{apiVersion: messaging.knative.dev/v1, kind: Channel, name: c1, uid: {stable_uid(*C1)}}}"
    await stored(kafka_channel("child", meta=f"ownerReferences: [{owner}]") + kafka_channel("other"), store)
    await store.delete(C1)
    assert names(store.list()) == ["other"]


async def test_the_status_is_replaced_as_a_whole_and_one_for_nobody_is_forgotten() -> None:
    store = await stored(channel())
    await store.set_status(C1, {"a": 1})
    await store.set_status(C1, {"b": 2})
    await store.set_status(key("Channel", "nobody"), {"a": 1})
    assert status_of(store, "Channel", "c1") == {"b": 2}
    assert names(store.list()) == ["c1"]


async def test_what_is_applied_says_nothing_of_the_status() -> None:
    store = await stored(channel())
    await store.set_status(C1, {"a": 1})
    await store.apply(resources(channel())[0].model_copy(update={"status": {"b": 2}}))
    assert status_of(store, "Channel", "c1") == {"a": 1}


async def test_an_object_that_comes_again_begins_anew() -> None:
    store = await stored(subscription())
    await stored(subscription(to="{uri: 'http://other'}"), store)
    await store.set_status(S1, {"a": 1})
    await store.delete(S1)
    (one,) = (await stored(subscription(), store)).list()
    assert (one.metadata.generation, one.status) == (1, {})
