"""What every home of resources must do when something goes: finalizers, owners, orphans."""

from __future__ import annotations

import pytest
from store_contract import TIME, Home, changed, key, owned_by, soon, subscription

from eventing.errors import Conflict, Invalid
from eventing.kinds.meta import Resource
from eventing.store import Store


def names(store: Store) -> list[str]:
    return [one.metadata.name for one in store.list()]


def found(store: Store, name: str) -> Resource:
    there = store.get(key(name))
    assert there is not None
    return there


def owners(store: Store, name: str) -> list[str]:
    return [owner.name for owner in found(store, name).metadata.owner_references]


class DeletionCases(Home):
    async def test_an_object_goes_and_one_that_is_not_there_is_fine(self, store: Store) -> None:
        made = await store.create(subscription())
        gone = await store.delete(key())
        assert gone is not None
        assert gone.metadata.uid == made.metadata.uid
        assert gone.metadata.resource_version == str(store.revision)
        assert (store.get(key()), store.list()) == (None, ())
        before = store.revision
        assert await store.delete(key()) is None
        assert store.revision == before

    async def test_an_object_that_comes_again_begins_anew(self, store: Store) -> None:
        made = await store.create(subscription())
        await store.update(changed(made, "http://other"))
        await store.set_status(key(), {"a": 1})
        await store.delete(key())
        again = await store.create(subscription())
        assert (again.metadata.generation, again.status) == (1, {})

    async def test_one_that_is_not_the_one_that_is_meant_stays(self, store: Store) -> None:
        made = await store.create(subscription())
        with pytest.raises(Conflict):
            await store.delete(key(), uid="another")
        with pytest.raises(Conflict):
            await store.delete(key(), version="another")
        assert store.list() == (made,)
        await store.delete(key(), uid=made.metadata.uid, version=made.metadata.resource_version)
        assert store.list() == ()

    async def test_an_object_stays_until_its_last_finalizer_is_removed(self, store: Store) -> None:
        await store.create(subscription(finalizers=["example.com/a", "example.com/b"]))
        marked = await store.delete(key())
        assert marked is not None
        assert TIME.fullmatch(marked.metadata.deletion_timestamp or "")
        assert store.list() == (marked,)
        assert await store.delete(key()) == marked
        left = await store.update(changed(marked, finalizers=["example.com/b"]))
        assert left.metadata.deletion_timestamp == marked.metadata.deletion_timestamp
        assert names(store) == ["s1"]
        await store.update(changed(left, finalizers=[]))
        assert names(store) == []

    async def test_an_object_that_is_being_deleted_is_not_called_back(self, store: Store) -> None:
        await store.create(subscription(finalizers=["example.com/a"]))
        marked = await store.delete(key())
        assert marked is not None
        kept = await store.update(changed(marked, deletion_timestamp=None))
        assert kept.metadata.deletion_timestamp == marked.metadata.deletion_timestamp
        with pytest.raises(Invalid, match=r"metadata.finalizers: .*; leave out example.com/b"):
            await store.update(changed(marked, finalizers=["example.com/a", "example.com/b"]))

    async def test_what_an_object_owns_goes_with_it_and_what_that_owns_too(self, store: Store) -> None:
        owner = await store.create(subscription("owner"))
        child = await store.create(subscription("child", **owned_by(owner)))
        await store.create(subscription("grandchild", **owned_by(child)))
        await store.create(subscription("other"))
        await store.delete(key("owner"))
        await self.check_soon(lambda: names(store) == ["other"])

    async def test_what_has_another_owner_stays_until_that_goes_too(self, store: Store) -> None:
        one, two = [await store.create(subscription(name)) for name in ("one", "two")]
        await store.create(subscription("child", **owned_by(one, two)))
        await store.delete(key("one"))
        await self.check_soon(lambda: owners(store, "child") == ["two"])
        await store.delete(key("two"))
        await self.check_soon(lambda: names(store) == [])

    async def test_what_two_own_that_go_together_goes_once_and_the_rest_with_it(self, store: Store) -> None:
        root = await store.create(subscription("root"))
        one, two = [await store.create(subscription(name, **owned_by(root))) for name in ("one", "two")]
        await store.create(subscription("a-shared", **owned_by(one, two)))
        await store.create(subscription("b-last", **owned_by(two)))
        before = store.revision
        await store.delete(key("root"))
        await self.check_soon(lambda: names(store) == [])
        changes = store.changes(before)
        gone = [(await soon(changes)).resource.metadata.name for _ in range(5)]
        assert sorted(gone) == ["a-shared", "b-last", "one", "root", "two"]

    async def test_what_is_owned_stays_as_an_orphan_where_that_is_asked_for(self, store: Store) -> None:
        owner = await store.create(subscription("owner"))
        await store.create(subscription("child", **owned_by(owner)))
        await store.delete(key("owner"), orphan=True)
        await self.check_soon(lambda: names(store) == ["child"])
        assert owners(store, "child") == []

    async def test_what_is_owned_waits_for_its_own_finalizers_and_its_owner_for_nobody(self, store: Store) -> None:
        owner = await store.create(subscription("owner"))
        await store.create(subscription("child", finalizers=["example.com/a"], **owned_by(owner)))
        await store.delete(key("owner"))
        assert names(store) == ["child"]
        await self.check_soon(lambda: found(store, "child").metadata.deletion_timestamp)
        await store.update(changed(found(store, "child"), finalizers=[]))
        assert names(store) == []

    async def test_what_an_object_owns_stays_while_the_object_waits_for_its_finalizers(self, store: Store) -> None:
        owner = await store.create(subscription("owner", finalizers=["example.com/a"]))
        await store.create(subscription("child", **owned_by(owner)))
        marked = await store.delete(key("owner"))
        assert marked is not None
        assert names(store) == ["child", "owner"]
        await store.update(changed(marked, finalizers=[]))
        await self.check_soon(lambda: names(store) == [])

    async def test_owners_in_a_circle_all_go(self, store: Store) -> None:
        one = await store.create(subscription("one"))
        two = await store.create(subscription("two", **owned_by(one)))
        references = subscription(**owned_by(one, two)).metadata.owner_references
        await store.update(changed(one, owner_references=references[1:]))
        await store.delete(key("two"))
        await self.check_soon(lambda: names(store) == [])
