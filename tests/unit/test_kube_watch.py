"""A watch tells every change in order, from where the client says, and ends as the client expects."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from kube_stand import MERGE, SUBSCRIPTIONS, TABLE, Answer, Kube, subscription
from raw_http import until

from eventing.store.history import History
from kanal.api.kube import watching

ONE = f"{SUBSCRIPTIONS}/s1"
WATCH = f"{SUBSCRIPTIONS}?watch=1"


def told(answer: Answer) -> list[tuple[str, str]]:
    return [(one["type"], one["object"]["metadata"].get("name", "")) for one in answer.lines]


async def test_what_is_there_comes_first_and_then_every_change() -> None:
    kube = Kube()
    await kube("POST", SUBSCRIPTIONS, subscription("s0"))
    async with kube.watching(WATCH) as seen:
        await until(lambda: len(seen.lines) == 1)
        await kube("POST", SUBSCRIPTIONS, subscription())
        await kube("PATCH", ONE, {"spec": {"delivery": {"retry": 4}}}, sort=MERGE)
        await kube("PATCH", f"{ONE}/status", {"status": {"observedGeneration": 2}}, sort=MERGE)
        await kube("DELETE", ONE)
        await until(lambda: len(seen.lines) == 5)
    changes = [("ADDED", "s1"), ("MODIFIED", "s1"), ("MODIFIED", "s1"), ("DELETED", "s1")]
    assert told(seen) == [("ADDED", "s0"), *changes]
    versions = [int(one["object"]["metadata"]["resourceVersion"]) for one in seen.lines]
    assert versions == sorted(set(versions))
    assert seen.lines[3]["object"]["status"] == {"observedGeneration": 2}


async def test_a_watch_goes_on_where_a_list_ended() -> None:
    kube = Kube()
    await kube("POST", SUBSCRIPTIONS, subscription("s0"))
    version = (await kube("GET", SUBSCRIPTIONS)).document["metadata"]["resourceVersion"]
    await kube("POST", SUBSCRIPTIONS, subscription())
    answer = await kube("GET", f"{WATCH}&resourceVersion={version}&timeoutSeconds=1")
    assert told(answer) == [("ADDED", "s1")]


async def test_what_begins_to_fit_a_selector_is_added_and_what_no_longer_does_is_deleted() -> None:
    kube = Kube()
    await kube("POST", SUBSCRIPTIONS, subscription())
    async with kube.watching(f"{WATCH}&labelSelector=a%3Db") as seen:
        for labels in ({"a": "b"}, {"a": "b", "c": "d"}, {"a": "x"}, {"a": "y"}):
            await kube("PATCH", ONE, {"metadata": {"labels": labels}}, sort=MERGE)
        await kube("POST", SUBSCRIPTIONS, subscription("other"))
        await kube("PATCH", ONE, {"metadata": {"labels": {"a": "b"}}}, sort=MERGE)
        await until(lambda: len(seen.lines) == 4)
    assert [type_ for type_, _ in told(seen)] == ["ADDED", "MODIFIED", "DELETED", "ADDED"]
    assert {name for _, name in told(seen)} == {"s1"}
    assert [one["object"]["metadata"]["resourceVersion"] for one in seen.lines] == ["2", "3", "4", "7"]


async def test_one_object_can_be_watched_by_its_name() -> None:
    kube = Kube()
    async with kube.watching(f"{WATCH}&fieldSelector=metadata.name%3Ds1") as seen:
        await kube("POST", SUBSCRIPTIONS, subscription("s0"))
        await kube("POST", SUBSCRIPTIONS, subscription())
        await until(lambda: seen.lines)
    assert told(seen) == [("ADDED", "s1")]


async def test_other_kinds_and_other_namespaces_are_not_told() -> None:
    kube = Kube()
    async with kube.watching(WATCH) as seen:
        channel = {"apiVersion": "messaging.knative.dev/v1", "kind": "Channel", "metadata": {"name": "c1"}}
        await kube("POST", SUBSCRIPTIONS.replace("subscriptions", "channels"), channel)
        await kube("POST", SUBSCRIPTIONS.replace("default", "other"), subscription())
        await kube("POST", SUBSCRIPTIONS, subscription("s9"))
        await until(lambda: seen.lines)
    assert told(seen) == [("ADDED", "s9")]


@pytest.mark.parametrize("version", ["1", "99"])
async def test_a_version_that_is_not_kept_ends_the_watch_with_expired(version: str) -> None:
    kube = Kube()
    kube.store._history = History(kept=2)
    for number in range(5):
        await kube("POST", SUBSCRIPTIONS, subscription(f"s{number}"))
    (event,) = (await kube("GET", f"{WATCH}&resourceVersion={version}&timeoutSeconds=1")).lines
    assert (event["type"], event["object"]["kind"]) == ("ERROR", "Status")
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")


async def test_a_version_that_is_no_number_is_an_error_event() -> None:
    (event,) = (await Kube()("GET", f"{WATCH}&resourceVersion=new")).lines
    assert (event["type"], event["object"]["code"]) == ("ERROR", 400)


async def test_bookmarks_come_to_those_who_want_them_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "BOOKMARK_S", 0.01)
    kube = Kube()
    await kube("POST", SUBSCRIPTIONS, subscription())
    async with kube.watching(f"{WATCH}&resourceVersion=1") as silent:
        async with kube.watching(f"{WATCH}&resourceVersion=1&allowWatchBookmarks=true") as seen:
            await until(lambda: len(seen.lines) >= 2)
    assert silent.lines == []
    bookmark = seen.lines[0]
    assert (bookmark["type"], bookmark["object"]["kind"]) == ("BOOKMARK", "Subscription")
    assert bookmark["object"]["metadata"]["resourceVersion"] == "1"


async def test_a_bookmark_ends_the_initial_events_where_a_client_streams_its_list() -> None:
    kube = Kube()
    await kube("POST", SUBSCRIPTIONS, subscription())
    streaming = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    answer = await kube("GET", f"{WATCH}&{streaming}&timeoutSeconds=1")
    first, last = answer.lines[:2]
    assert (first["type"], last["type"]) == ("ADDED", "BOOKMARK")
    assert last["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_a_watch_of_tables_names_its_columns_once() -> None:
    kube = Kube()
    await kube("POST", SUBSCRIPTIONS, subscription("s0"))
    async with kube.watching(WATCH, accept=TABLE) as seen:
        await kube("POST", SUBSCRIPTIONS, subscription())
        await until(lambda: len(seen.lines) == 2)
    first, second = (one["object"] for one in seen.lines)
    assert (first["kind"], second["kind"]) == ("Table", "Table")
    assert first["columnDefinitions"]
    assert not second.get("columnDefinitions")
    assert [one["rows"][0]["cells"][0] for one in (first, second)] == ["s0", "s1"]


async def test_a_client_that_goes_ends_its_watch_in_the_store_too() -> None:
    kube = Kube()
    changes = kube.store.changes
    begun: list[Any] = []

    def counted(since: int) -> Any:
        begun.append(changes(since))
        return begun[-1]

    kube.store.changes = counted
    async with kube.watching(WATCH):
        await until(lambda: begun and begun[0].ag_running)
    assert begun[0].ag_frame is None
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_server_that_ends_ends_its_watches() -> None:
    kube = Kube()
    await kube("POST", SUBSCRIPTIONS, subscription())
    async with asyncio.timeout(10), kube.watching(WATCH) as seen:
        await until(lambda: seen.lines)
        kube.ending.set()
        await until(lambda: seen.ended)
    assert told(seen) == [("ADDED", "s1")]
