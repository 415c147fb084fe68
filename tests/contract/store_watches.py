"""What every home of resources must tell: snapshots to who wants the whole, changes to who wants each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from store_contract import Home, changed, key, owned_by, soon, subscription

from eventing.errors import Gone
from eventing.kinds.meta import Resource
from eventing.store import Change, Store
from eventing.store.history import KEPT


def names(found: tuple[Resource, ...]) -> list[str]:
    return [one.metadata.name for one in found]


def told(changes: list[Change]) -> list[tuple[str, str]]:
    return [(one.type, one.resource.metadata.name) for one in changes]


def _revision(resource: Resource) -> int:
    return int(resource.metadata.resource_version)


async def quiet(found: AsyncIterator[Any]) -> bool:
    """Whether a reader that has caught up is told nothing: a call has woken whom it wakes when it returns."""
    task = asyncio.ensure_future(anext(found))
    for _ in range(5):
        await asyncio.sleep(0)
    done = task.done()
    task.cancel()
    await asyncio.wait([task])
    return not done


async def following(store: Store, since: int, count: int) -> list[Change]:
    changes = store.changes(since)
    return [await soon(changes) for _ in range(count)]


class WatchingCases(Home):
    async def test_a_reader_has_the_objects_at_once_and_again_after_each_change(self, store: Store) -> None:
        await store.create(subscription())
        found = store.snapshots()
        assert names(await soon(found)) == ["s1"]
        waiting = asyncio.ensure_future(anext(found))
        await asyncio.sleep(0)
        await store.create(subscription("s2"))
        assert names(await asyncio.wait_for(waiting, 30)) == ["s1", "s2"]
        await store.delete(key())
        assert names(await soon(found)) == ["s2"]

    async def test_changes_while_the_reader_is_busy_are_not_missed(self, store: Store) -> None:
        found = store.snapshots()
        await soon(found)
        for name in ("s1", "s2"):
            await store.create(subscription(name))
        assert names(await soon(found)) == ["s1", "s2"]

    async def test_what_changes_nothing_or_a_status_alone_wakes_no_reader_of_snapshots(self, store: Store) -> None:
        await store.create(subscription())
        found = store.snapshots()
        await soon(found)
        await store.apply(subscription())
        await store.set_status(key(), {"a": 1})
        await store.delete(key("nobody"))
        await self.caught_up(store)
        assert await quiet(found)

    async def test_a_label_or_a_mark_of_deletion_wakes_a_reader_of_snapshots(self, store: Store) -> None:
        made = await store.create(subscription(finalizers=["example.com/a"]))
        found = store.snapshots()
        await soon(found)
        await store.update(changed(made, labels={"a": "b"}))
        assert (await soon(found))[0].metadata.labels == {"a": "b"}
        await store.delete(key())
        assert (await soon(found))[0].metadata.deletion_timestamp

    async def test_every_change_is_told_in_order_with_what_was_before(self, store: Store) -> None:
        since = store.revision
        made = await store.create(subscription())
        newer = await store.update(changed(made, "http://other"))
        with_status = await store.set_status(key(), {"a": 1})
        gone = await store.delete(key())
        assert with_status is not None
        assert gone is not None
        told = [
            Change(_revision(made), "ADDED", made, None),
            Change(_revision(newer), "MODIFIED", newer, made),
            Change(_revision(with_status), "MODIFIED", with_status, newer),
            Change(_revision(gone), "DELETED", gone, with_status),
        ]
        for earlier, later in pairwise([since, *(one.revision for one in told)]):
            self.check_next(later, earlier)
        assert await following(store, since, 4) == told
        assert await following(store, told[2].revision, 1) == told[3:]

    async def test_a_watch_that_has_caught_up_is_told_of_the_next_change(self, store: Store) -> None:
        watch = store.changes(store.revision)
        waiting = asyncio.ensure_future(anext(watch))
        await asyncio.sleep(0)
        assert not waiting.done()
        await store.create(subscription())
        assert (await asyncio.wait_for(waiting, 30)).type == "ADDED"
        await self.caught_up(store)
        assert await quiet(watch)

    async def test_an_owner_is_told_of_before_those_that_go_with_it(self, store: Store) -> None:
        owner = await store.create(subscription("owner"))
        await store.create(subscription("child", **owned_by(owner)))
        since = store.revision
        await store.delete(key("owner"))
        assert told(await following(store, since, 2)) == [("DELETED", "owner"), ("DELETED", "child")]

    async def test_the_last_finalizer_is_told_of_as_the_end(self, store: Store) -> None:
        await store.create(subscription(finalizers=["example.com/a"]))
        since = store.revision
        marked = await store.delete(key())
        assert marked is not None
        await store.update(changed(marked, finalizers=[]))
        assert told(await following(store, since, 2)) == [("MODIFIED", "s1"), ("DELETED", "s1")]

    async def test_a_watch_of_what_is_no_longer_known_is_refused(self, store: Store) -> None:
        since = store.revision
        first = await store.apply(subscription(labels={"n": "first"}))

        async def change(name: str) -> None:
            for number in range(KEPT // 8):
                await store.apply(subscription(name, labels={"n": str(number)}))

        await asyncio.gather(*(change(f"s{number}") for number in range(8)))
        with pytest.raises(Gone) as caught:
            await following(store, since, 1)
        assert (caught.value.http_status, caught.value.reason) == (410, "Expired")
        assert caught.value.fix
        assert len(await following(store, int(first.metadata.resource_version), KEPT)) == KEPT

    async def test_a_watch_from_a_revision_that_has_not_been_is_refused(self, store: Store) -> None:
        with pytest.raises(Gone):
            await following(store, store.revision + 1, 1)
