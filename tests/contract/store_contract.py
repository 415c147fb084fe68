"""What every home of resources behind the store port must do: cases for what is made, changed and refused.

A home's test class says in `store` how it is made, and in the hooks of `Home` where it may differ. The cases for what goes
are in `store_deletions`, those for who watches in `store_watches`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from eventing.errors import AlreadyExists, Conflict, Invalid, NotFound
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Resource, stable_uid
from eventing.kinds.registry import parse
from eventing.store import Store

PATIENCE_S = 30.0
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def subscription(name: str = "s1", to: str = "http://one", of: str = "c1", **metadata: Any) -> Resource:
    return parse(
        {
            "apiVersion": "messaging.knative.dev/v1",
            "kind": "Subscription",
            "metadata": {"name": name, **metadata} if name else metadata,
            "spec": {
                "channel": {"apiVersion": "messaging.knative.dev/v1", "kind": "Channel", "name": of},
                "subscriber": {"uri": to},
            },
        }
    )


def owned_by(*owners: Resource) -> dict[str, Any]:
    """The metadata of what these own."""
    references = [
        {"apiVersion": one.api_version, "kind": one.kind, "name": one.metadata.name, "uid": one.metadata.uid}
        for one in owners
    ]
    return {"ownerReferences": references}


def key(name: str = "s1") -> Key:
    return key_of(subscription(name))


def changed(resource: Resource, to: str = "", **metadata: Any) -> Resource:
    """The object with another subscriber or other metadata."""
    spec = subscription(to=to).spec if to else resource.spec
    return resource.model_copy(
        update={"spec": spec, "metadata": resource.metadata.model_copy(update=metadata)}
    )  # fmt: skip


async def soon(found: Any) -> Any:
    """The next of what a reader is told."""
    return await asyncio.wait_for(anext(found), PATIENCE_S)


class Home:
    """Where homes differ and may: what holds for one that does everything itself, at once."""

    keeps_what_comes = True
    """Whether it takes a uid and `managedFields` from whoever writes; a server gives its own."""

    def check_uid(self, made: Resource) -> None:
        assert made.metadata.uid == stable_uid(*key_of(made))

    def check_next(self, revision: int, before: int) -> None:
        """Whether one revision may follow upon the other."""
        assert revision == before + 1

    async def check_soon(self, holds: Callable[[], object]) -> None:
        """What others do after a call has returned; here nobody else does anything."""
        assert holds()

    async def caught_up(self, store: Store) -> None:
        """Wait until the store has heard of everything that was done so far."""


class WritingCases(Home):
    async def test_a_new_object_gets_a_uid_a_generation_a_version_and_its_time(self, store: Store) -> None:
        made = await store.create(subscription())
        self.check_uid(made)
        assert made.metadata.generation == 1
        assert made.metadata.resource_version == str(store.revision)
        assert TIME.fullmatch(made.metadata.creation_timestamp or "")
        assert store.get(key()) == made
        assert store.list() == (made,)

    async def test_a_uid_that_an_object_brings_is_kept_where_no_server_gives_one(self, store: Store) -> None:
        made = await store.create(subscription(uid="mine"))
        assert (made.metadata.uid == "mine") is self.keeps_what_comes
        if not self.keeps_what_comes:
            self.check_uid(made)

    async def test_what_only_a_server_says_is_not_taken_from_a_new_object(self, store: Store) -> None:
        brought = subscription(generation=7, resourceVersion="900", deletionTimestamp="2026-11-25T12:00:00Z")
        made = await store.create(brought.model_copy(update={"status": {"a": 1}}))
        assert (made.metadata.generation, made.metadata.deletion_timestamp, made.status) == (1, None, {})
        assert made.metadata.resource_version == str(store.revision)

    async def test_a_name_of_which_only_the_beginning_is_given_is_completed_each_time_in_another_way(
        self, store: Store
    ) -> None:
        names = {(await store.create(subscription("", generateName="s-"))).metadata.name for _ in range(3)}
        assert len(names) == 3
        assert all(re.fullmatch("s-[a-z0-9]{5}", name) for name in names)
        long = await store.create(subscription("", generateName="s" * 100))
        assert len(long.metadata.name) == 63

    async def test_a_beginning_that_makes_no_name_is_refused(self, store: Store) -> None:
        with pytest.raises(Invalid, match=r"Subscription default/-S: metadata.generateName: ") as caught:
            await store.create(subscription("", generateName="-S"))
        assert caught.value.fix

    async def test_there_is_one_object_of_a_name(self, store: Store) -> None:
        made = await store.create(subscription())
        with pytest.raises(AlreadyExists, match="Subscription default/s1") as caught:
            await store.create(subscription(to="http://other"))
        assert (caught.value.http_status, caught.value.reason) == (409, "AlreadyExists")
        assert store.list() == (made,)

    async def test_objects_are_listed_by_key(self, store: Store) -> None:
        for name, namespace in [("b", "default"), ("a", "default"), ("a", "a")]:
            await store.create(subscription(name, namespace=namespace))
        assert [key_of(one) for one in store.list()] == sorted(key_of(one) for one in store.list())
        assert [one.metadata.name for one in store.list()] == ["a", "a", "b"]

    async def test_the_generation_grows_with_the_spec_and_with_nothing_else(self, store: Store) -> None:
        made = await store.create(subscription())
        labelled = await store.update(changed(made, labels={"a": "b"}))
        assert (labelled.metadata.generation, labelled.metadata.labels) == (1, {"a": "b"})
        found = await store.set_status(key(), {"a": 1})
        assert found is not None
        assert found.metadata.generation == 1
        assert (await store.update(changed(found, "http://other"))).metadata.generation == 2

    async def test_each_change_has_the_next_revision_and_what_changes_nothing_has_none(self, store: Store) -> None:
        made = await store.create(subscription())
        first = store.revision
        assert await store.update(made) == made
        assert await store.apply(subscription()) == made
        assert await store.set_status(key(), {}) == made
        assert store.revision == first
        again = await store.update(changed(made, "http://other"))
        assert again.metadata.resource_version == str(store.revision)
        self.check_next(store.revision, first)

    async def test_an_update_keeps_what_the_server_has_said(self, store: Store) -> None:
        made = await store.create(subscription())
        await store.set_status(key(), {"a": 1})
        new = await store.update(
            subscription(to="http://other", creationTimestamp="2001-01-01T00:00:00Z", generation=9)
        )  # fmt: skip
        assert new.metadata.uid == made.metadata.uid
        assert new.metadata.creation_timestamp == made.metadata.creation_timestamp
        assert (new.metadata.generation, new.status) == (2, {"a": 1})

    async def test_an_update_of_what_is_not_there_is_refused(self, store: Store) -> None:
        with pytest.raises(NotFound, match="Subscription default/s1"):
            await store.update(subscription())

    async def test_an_update_of_an_object_that_changed_meanwhile_is_refused(self, store: Store) -> None:
        made = await store.create(subscription())
        newer = await store.update(changed(made, "http://other"))
        with pytest.raises(Conflict, match=r"Subscription default/s1: metadata.resourceVersion: ") as caught:
            await store.update(changed(made, "http://third"))
        assert (caught.value.http_status, caught.value.reason) == (409, "Conflict")
        with pytest.raises(Conflict, match=r"metadata.uid"):
            await store.update(subscription(uid="another"))
        assert store.get(key()) == newer

    async def test_who_names_no_version_or_applies_has_the_last_word(self, store: Store) -> None:
        made = await store.create(subscription())
        await store.update(changed(made, "http://other", resource_version=""))
        await store.apply(changed(made, "http://third"))
        there = store.get(key())
        assert there is not None
        assert there.spec == subscription(to="http://third").spec

    async def test_what_is_applied_keeps_the_finalizers_and_managers_of_others(self, store: Store) -> None:
        fields = [{"manager": "kubectl", "operation": "Apply"}]
        await store.create(subscription(finalizers=["example.com/a"], managedFields=fields))
        applied = await store.apply(subscription(to="http://other"))
        assert applied.metadata.finalizers == ["example.com/a"]
        assert applied.metadata.managed_fields == (fields if self.keeps_what_comes else [])

    async def test_a_field_that_may_not_change_is_refused_and_the_old_object_stays(self, store: Store) -> None:
        made = await store.create(subscription())
        for write in (store.update, store.apply):
            with pytest.raises(Invalid, match=r"Subscription default/s1: spec\.channel\.name: "):
                await write(subscription(of="c2"))
        assert store.list() == (made,)

    async def test_the_status_is_replaced_as_a_whole_and_one_for_nobody_is_forgotten(self, store: Store) -> None:
        await store.create(subscription())
        await store.set_status(key(), {"a": 1})
        there = await store.set_status(key(), {"b": {"c": None}})
        assert there is not None
        assert there.status == {"b": {"c": None}}
        assert there.metadata.resource_version == str(store.revision)
        assert await store.set_status(key("nobody"), {"a": 1}) is None
        assert store.list() == (there,)

    async def test_the_status_of_an_object_that_changed_meanwhile_is_refused(self, store: Store) -> None:
        made = await store.create(subscription())
        await store.update(changed(made, "http://other"))
        with pytest.raises(Conflict):
            await store.set_status(key(), {"a": 1}, version=made.metadata.resource_version)
        there = store.get(key())
        assert there is not None
        assert there.status == {}

    async def test_what_is_updated_or_applied_says_nothing_of_the_status(self, store: Store) -> None:
        made = await store.create(subscription())
        other = changed(made, "http://other").model_copy(update={"status": {"b": 2}})
        assert (await store.update(other)).status == {}
        assert (await store.apply(other.model_copy(update={"status": {"b": 2}}))).status == {}

    async def test_a_dry_run_answers_and_refuses_as_the_call_would_and_changes_nothing(self, store: Store) -> None:
        dry = await store.create(subscription(), dry_run=True)
        assert (dry.metadata.generation, dry.metadata.resource_version) == (1, "")
        assert store.list() == ()
        made = await store.create(subscription())
        before = store.revision
        dry = await store.update(changed(made, "http://other"), dry_run=True)
        assert dry.metadata.generation == 2
        assert dry.metadata.resource_version == made.metadata.resource_version
        with_status = await store.set_status(key(), {"a": 1}, dry_run=True)
        assert with_status is not None
        assert with_status.status == {"a": 1}
        assert await store.delete(key(), dry_run=True) == made
        with pytest.raises(AlreadyExists):
            await store.create(subscription(), dry_run=True)
        assert (store.list(), store.revision) == ((made,), before)

    async def test_calls_that_come_together_are_all_answered_one_upon_the_other(self, store: Store) -> None:
        await store.create(subscription())
        before = store.revision
        calls = [store.create(subscription(f"t{n}")) for n in range(20)]
        calls += [store.update(changed(subscription(), f"http://{n}")) for n in range(20)]
        made = await asyncio.gather(*calls)
        revisions = sorted(int(one.metadata.resource_version) for one in made)
        for earlier, later in pairwise([before, *revisions]):
            self.check_next(later, earlier)
        assert len(store.list()) == 21
        refused = await asyncio.gather(*(store.create(subscription("twice")) for _ in range(3)), return_exceptions=True)
        assert [type(one) for one in refused].count(AlreadyExists) == 2
