"""A copy of a collection: whatever comes in whatever order, it ends up as the server is, and tells each change once."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from eventing.errors import Denied
from eventing.kinds.key import Key, key_of
from eventing.kinds.subscription import Subscription
from eventing.store import Change
from eventing.store.history import History
from eventing.store.kubernetes.mirror import Mirror, Unreadable
from eventing.store.objects import Objects

CHANNEL = {"apiVersion": "messaging.knative.dev/v1", "kind": "Channel", "name": "c"}


def document(name: str, version: int, uid: str = "", to: str = "http://a", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "uid": uid or f"uid-{name}", "resourceVersion": str(version)}
    spec = {"channel": CHANNEL, "subscriber": {"uri": to}}
    return {
        "apiVersion": "messaging.knative.dev/v1",
        "kind": "Subscription",
        "metadata": metadata | more,
        "spec": spec,
    }


def key(name: str) -> Key:
    return Key("messaging.knative.dev", "Subscription", "default", name)


class Copy:
    """A mirror whose changes count at once."""

    def __init__(self) -> None:
        self.objects = Objects()
        self.unreadable: dict[Key, Unreadable] = {}
        self.mirror = Mirror(Subscription, self.objects, self.unreadable)
        self.changes: list[Change] = []

    def take(self, changes: list[Change]) -> list[tuple[str, str, int]]:
        self.objects.commit(changes)
        self.changes += changes
        return [(one.type, one.resource.metadata.name, one.revision) for one in changes]

    @property
    def there(self) -> dict[str, str]:
        return {one.metadata.name: one.metadata.resource_version for one in self.objects.list()}


def test_what_was_answered_is_there_at_once_and_its_event_tells_nothing_more() -> None:
    copy = Copy()
    assert copy.take(copy.mirror.answered(document("a", 5))) == [("ADDED", "a", 5)]
    assert copy.take(copy.mirror.told("ADDED", document("a", 5))) == []
    assert copy.there == {"a": "5"}


def test_an_answer_that_comes_after_the_watch_has_told_of_the_end_brings_nothing_back() -> None:
    copy = Copy()
    copy.take(copy.mirror.told("ADDED", document("a", 5)))
    copy.take(copy.mirror.told("DELETED", document("a", 6)))
    assert copy.take(copy.mirror.answered(document("a", 5))) == []
    assert copy.there == {}


def test_an_object_that_was_made_anew_is_one_that_went_and_one_that_came() -> None:
    copy = Copy()
    copy.take(copy.mirror.told("ADDED", document("a", 5, "first")))
    told = copy.take(copy.mirror.answered(document("a", 9, "second")))
    assert told == [("DELETED", "a", 8), ("ADDED", "a", 9)]
    assert copy.take(copy.mirror.told("DELETED", document("a", 7, "first"))) == []
    assert copy.there == {"a": "9"}


def test_what_we_have_deleted_is_not_seen_again_however_late_its_news_come() -> None:
    copy = Copy()
    copy.mirror.bury("uid-a")
    assert copy.take(copy.mirror.told("ADDED", document("a", 5))) == []
    assert copy.take(copy.mirror.told("DELETED", document("a", 6))) == []
    assert copy.take(copy.mirror.told("ADDED", document("a", 7, "another"))) == [("ADDED", "a", 7)]


def test_a_list_after_a_gap_tells_what_has_come_changed_and_gone() -> None:
    copy = Copy()
    copy.take(copy.mirror.listed([document(name, 5) for name in "abc"], 5))
    copy.take(copy.mirror.answered(document("new", 30)))
    told = copy.take(copy.mirror.listed([document("a", 5), document("b", 8, to="http://b"), document("d", 9)], 20))
    assert told == [("MODIFIED", "b", 8), ("ADDED", "d", 9), ("DELETED", "c", 20)]
    assert copy.there == {"a": "5", "b": "8", "d": "9", "new": "30"}
    assert copy.take(copy.mirror.listed([document("a", 5)], 25)) == [("DELETED", "b", 25), ("DELETED", "d", 25)]


def test_a_bookmark_says_how_far_the_watch_has_come() -> None:
    copy = Copy()
    assert copy.mirror.told("BOOKMARK", {"metadata": {"resourceVersion": "40"}}) == []
    assert copy.take(copy.mirror.answered(document("a", 39))) == []
    assert copy.take(copy.mirror.answered(document("a", 41))) == [("ADDED", "a", 41)]


def test_an_object_that_the_model_refuses_is_kept_apart_until_it_can_be_read() -> None:
    copy = Copy()
    assert copy.take(copy.mirror.listed([document("a", 5, to="nowhere", generation=3), document("b", 4)], 5)) == [
        ("ADDED", "b", 4)
    ]
    found = copy.unreadable[key("a")]
    assert (found.uid, found.generation, found.version) == ("uid-a", 3, "5")
    assert str(found.error).startswith("Subscription default/a: spec.subscriber.uri: ")
    assert copy.mirror.news == [key("a")]
    copy.mirror.news.clear()
    copy.take(copy.mirror.told("MODIFIED", document("a", 6, to="nowhere", generation=3)))
    assert copy.mirror.news == []
    assert copy.take(copy.mirror.told("MODIFIED", document("a", 7))) == [("ADDED", "a", 7)]
    assert (copy.unreadable, copy.mirror.news) == ({}, [key("a")])


def test_an_object_that_becomes_unreadable_stays_as_it_was_until_it_goes() -> None:
    copy = Copy()
    copy.take(copy.mirror.told("ADDED", document("a", 5)))
    assert copy.take(copy.mirror.told("MODIFIED", document("a", 6, to="nowhere"))) == []
    assert (copy.there, list(copy.unreadable)) == ({"a": "5"}, [key("a")])
    assert copy.take(copy.mirror.told("DELETED", document("a", 7, to="nowhere"))) == [("DELETED", "a", 7)]
    assert (copy.there, copy.unreadable) == ({}, {})


def test_whatever_lies_on_the_server_only_that_object_is_left_out() -> None:
    copy = Copy()
    odd: list[dict[str, Any]] = [
        {"metadata": {"name": "x", "namespace": "default", "uid": "x", "resourceVersion": "3"}},
        document("y", 3) | {"spec": None},
        document("z", 3) | {"spec": [1]},
        document("w", 3, finalizers=7),
        document("v", 3) | {"kind": 7},
    ]
    assert copy.take(copy.mirror.listed([*odd, document("a", 2) | {"status": "odd"}], 3)) == [("ADDED", "a", 2)]
    assert {one.name for one in copy.unreadable} == set("xyzwv")
    assert copy.objects.list()[0].status == {}


def test_what_a_newer_server_adds_to_the_metadata_and_who_manages_what_is_left_out() -> None:
    copy = Copy()
    copy.take(copy.mirror.told("ADDED", document("a", 5, managedFields=[{"manager": "kubectl"}], novelty={"x": 1})))
    assert copy.objects.list()[0].metadata.managed_fields == []
    assert copy.unreadable == {}


def test_an_object_that_may_not_be_read_is_told_of_until_it_can_be_looked_for() -> None:
    copy = Copy()
    copy.mirror.refused(key("a"), Denied("no"))
    copy.mirror.refused(key("a"), Denied("no"))
    assert (list(copy.unreadable), copy.mirror.news) == ([key("a")], [key("a")])
    copy.mirror.listed([], 5)
    assert (copy.unreadable, copy.mirror.news) == ({}, [key("a"), key("a")])
    copy.take(copy.mirror.told("ADDED", document("a", 6)))
    copy.mirror.refused(key("a"), Denied("no"))
    assert (copy.unreadable, copy.there) == ({}, {"a": "6"})


def test_a_collection_that_is_of_no_interest_any_more_is_emptied() -> None:
    copy = Copy()
    copy.take(copy.mirror.listed([document("a", 5), document("b", 5, to="nowhere")], 5))
    assert copy.take(copy.mirror.emptied()) == [("DELETED", "a", 5)]
    assert (copy.there, copy.unreadable) == ({}, {})


def test_who_has_read_up_to_a_revision_misses_no_older_one_that_is_heard_of_later() -> None:
    history: History[Change] = History(10)
    made = Copy()
    made.take(made.mirror.told("ADDED", document("a", 14)))
    made.take(made.mirror.answered(document("b", 12)))
    history.add([made.changes[0]])
    place = history.place(14)
    history.add(Change(one, "ADDED", made.changes[0].resource, None) for one in (12, 15))
    assert [one.revision for one in history.since(place)] == [12, 15]
    assert [one.revision for one in history.after(14)] == [12, 15]
    assert [one.revision for one in history.after(10)] == [14, 12, 15]


WORDS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["put", "delete", "list", "answer"])), max_size=40)


@given(WORDS, st.data())
def test_after_any_history_the_copy_is_as_the_server_is(words: list[tuple[str, str]], data: st.DataObject) -> None:
    """The watch lags behind; answers to our own requests and lists come in between."""
    copy = Copy()
    there: dict[str, dict[str, Any]] = {}
    events: list[tuple[str, dict[str, Any]]] = []
    version = 0

    def deliver(count: int) -> None:
        for type_, found in events[:count]:
            copy.take(copy.mirror.told(type_, found))
        del events[:count]

    for name, word in words:
        version += 1
        if word == "list":
            # A list is newer than every event before it, which the watch that follows does not tell again.
            copy.take(copy.mirror.listed(list(there.values()), version))
            events.clear()
            continue
        if word == "delete":
            if name in there:
                gone = there.pop(name)
                events.append(("DELETED", {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(version)}}))
        else:
            uid = there[name]["metadata"]["uid"] if name in there else f"uid-{version}"
            events.append(("MODIFIED" if name in there else "ADDED", document(name, version, uid, f"http://{version}")))
            there[name] = events[-1][1]
            if word == "answer":
                copy.take(copy.mirror.answered(there[name]))
                assert copy.there[name] == str(version)
        deliver(data.draw(st.integers(0, len(events))))
    deliver(len(events))
    assert copy.there == {name: one["metadata"]["resourceVersion"] for name, one in there.items()}
    state: dict[Key, Any] = {}
    for change in copy.changes:
        assert state.get(key_of(change.resource)) == change.before
        state[key_of(change.resource)] = None if change.type == "DELETED" else change.resource
