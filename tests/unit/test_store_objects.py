"""The rules of a store, by themselves: whatever is called in whatever order, some things always hold."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from eventing.errors import Conflict, EventingError, Gone, Invalid, NotFound
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Resource
from eventing.kinds.registry import parse
from eventing.store import Change
from eventing.store.history import History
from eventing.store.objects import Given, Objects, Prepared

NAMES = ("a", "b", "c", "d")
names = st.sampled_from(NAMES)


def subscription(
    name: str, to: str = "one", finalizers: tuple[str, ...] = (), owners: tuple[str, ...] = ()
) -> Resource:
    references = [
        {"apiVersion": "messaging.knative.dev/v1", "kind": "Subscription", "name": one, "uid": one} for one in owners
    ]
    metadata = {"name": name, "uid": name, "finalizers": [*finalizers], "ownerReferences": references}
    channel = {"apiVersion": "messaging.knative.dev/v1", "kind": "Channel", "name": "c1"}
    spec = {"channel": channel, "subscriber": {"uri": f"http://{to}"}}
    return parse({"apiVersion": "messaging.knative.dev/v1", "kind": "Subscription", "metadata": metadata, "spec": spec})


def key(name: str) -> Key:
    return key_of(subscription(name))


objects_ = st.builds(
    subscription,
    names,
    st.sampled_from(("one", "two")),
    st.sampled_from(((), (), ("example.com/x",))),
    st.lists(names, max_size=2).map(tuple),
)
calls = st.one_of(
    st.tuples(st.sampled_from(("create", "update", "apply")), objects_),
    st.tuples(st.just("status"), names, st.integers(0, 2)),
    st.tuples(st.just("delete"), names, st.booleans()),
)


@dataclass
class Watched:
    """Objects, and somebody who knows them by their changes alone."""

    objects: Objects = field(default_factory=Objects)
    replayed: dict[Key, Resource] = field(default_factory=dict)
    history: History = field(default_factory=lambda: History(kept=10))
    told: list[Change] = field(default_factory=list)

    def do(self, call: tuple[Any, ...]) -> tuple[Change, ...]:
        """One call; its changes, none where it was refused."""
        try:
            prepared = self.prepared(*call)
        except (Conflict, NotFound, Invalid):
            return ()
        self.objects.commit(prepared.changes)
        self.history.add(prepared.changes)
        self.told += prepared.changes
        for change in prepared.changes:
            if change.type == "DELETED":
                del self.replayed[key_of(change.resource)]
            else:
                self.replayed[key_of(change.resource)] = change.resource
        return prepared.changes

    def prepared(self, what: str, *arguments: Any) -> Prepared:
        server = Given("2026-11-25T12:00:00Z")
        match what:
            case "create":
                return self.objects.create(*arguments, server)
            case "update":
                return self.objects.update(*arguments, server)
            case "apply":
                return self.objects.apply(*arguments, server)
            case "status":
                return self.objects.set_status(key(arguments[0]), {"n": arguments[1]}, "")
        return self.objects.delete(key(arguments[0]), "", "", server, orphan=arguments[1])


@given(st.lists(calls, max_size=40))
@settings(max_examples=100)
def test_who_replays_the_changes_knows_what_a_list_tells(made: list[tuple[Any, ...]]) -> None:
    watched = Watched()
    for call in made:
        watched.do(call)
        assert tuple(watched.replayed[one] for one in sorted(watched.replayed)) == watched.objects.list()


@given(st.lists(calls, max_size=40))
@settings(max_examples=100)
def test_each_change_has_the_next_revision_tells_it_and_what_was_before(made: list[tuple[Any, ...]]) -> None:
    watched = Watched()
    for call in made:
        before = {key_of(one): one for one in watched.objects.list()}
        for change in watched.do(call):
            place = key_of(change.resource)
            assert change.resource.metadata.resource_version == str(change.revision)
            assert change.before == before.get(place)
            assert (change.type == "ADDED") == (change.before is None)
            if change.type == "DELETED":
                del before[place]
            else:
                before[place] = change.resource
    assert [change.revision for change in watched.told] == [*range(1, watched.objects.revision + 1)]


@given(st.lists(calls, max_size=40))
@settings(max_examples=100)
def test_nobody_is_left_behind_by_the_last_of_its_owners(made: list[tuple[Any, ...]]) -> None:
    watched = Watched()
    for call in made:
        orphans = call[0] == "delete" and call[2]
        there = {one.metadata.uid for one in watched.objects.list()}
        gone = {one.resource.metadata.uid for one in watched.do(call) if one.type == "DELETED"}
        for one in watched.objects.list():
            owners = {owner.uid for owner in one.metadata.owner_references}
            if owners & gone & there and not orphans:
                assert one.metadata.finalizers
                assert one.metadata.deletion_timestamp


@given(st.lists(calls, max_size=40))
@settings(max_examples=100)
def test_a_generation_grows_with_the_spec_and_an_objects_uid_stays(made: list[tuple[Any, ...]]) -> None:
    watched = Watched()
    for call in made:
        for change in watched.do(call):
            old, new = change.before, change.resource
            if old is not None:
                grown = new.metadata.generation - old.metadata.generation
                assert grown == (0 if old.spec == new.spec else 1)
                assert new.metadata.uid == old.metadata.uid
                assert not old.metadata.deletion_timestamp or new.metadata.deletion_timestamp


@given(st.lists(calls, max_size=40))
@settings(max_examples=100)
def test_an_object_with_finalizers_never_goes(made: list[tuple[Any, ...]]) -> None:
    watched = Watched()
    for call in made:
        for change in watched.do(call):
            assert change.type != "DELETED" or not change.resource.metadata.finalizers


@given(st.lists(calls, max_size=40), st.integers(0, 40))
@settings(max_examples=100)
def test_history_tells_all_that_came_after_a_revision_or_that_it_does_not_know(
    made: list[tuple[Any, ...]], since: int
) -> None:
    watched = Watched()
    for call in made:
        watched.do(call)
    later = tuple(change for change in watched.told if change.revision > since)
    try:
        found = watched.history.after(since)
    except Gone:
        assert since > watched.objects.revision or len(later) > 10
    else:
        assert found == later
        assert len(later) <= 10


@given(st.lists(calls, max_size=20), calls)
def test_what_is_prepared_or_refused_changes_nothing(made: list[tuple[Any, ...]], last: tuple[Any, ...]) -> None:
    watched = Watched()
    for call in made:
        watched.do(call)
    before, revision = watched.objects.list(), watched.objects.revision
    with contextlib.suppress(EventingError):
        watched.prepared(*last)
    assert (watched.objects.copy().list(), watched.objects.revision) == (before, revision)


def test_a_long_line_of_owners_goes_from_the_first_to_the_last() -> None:
    line = [subscription("n0"), *(subscription(f"n{n}", owners=(f"n{n - 1}",)) for n in range(1, 3_000))]
    objects = Objects(line)
    gone = objects.delete(key("n0"), "", "", Given("2026-11-25T12:00:00Z"), orphan=False).changes
    assert [change.resource.metadata.name for change in gone] == [f"n{n}" for n in range(3_000)]
