"""Following a collection: lists and watches that fail in every way, and a listener that hears it all in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from raw_http import until
from structlog.testing import capture_logs

from eventing.errors import Denied, EventingError, Gone, NotFound, Unavailable
from eventing.store.kubernetes.client import Client
from eventing.store.kubernetes.following import Following
from eventing.store.kubernetes.pauses import LONGEST_S, Pauses
from eventing.store.kubernetes.tasks import beside

Step = EventingError | list[dict[str, Any]]


def event(type_: str, name: str, version: str) -> dict[str, Any]:
    return {"type": type_, "object": {"metadata": {"name": name, "resourceVersion": version}}}


class Server:
    """Answers lists and watches as it is told, then with watches that say nothing; `asked` is what it was asked."""

    def __init__(self, lists: Sequence[Any] = (), watches: Sequence[Step] = ()) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._lists, self._watches = list(lists), list(watches)

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        self.asked.append((path, query))
        answer = self._lists.pop(0) if self._lists else {"items": [], "metadata": {"resourceVersion": "99"}}
        if isinstance(answer, EventingError):
            raise answer
        assert isinstance(answer, dict)
        return answer

    async def watch(self, path: str, **query: str) -> AsyncGenerator[dict[str, Any], None]:
        self.asked.append((f"watch {path}", query))
        if not self._watches:
            await asyncio.Event().wait()
        step = self._watches.pop(0)
        for one in step if isinstance(step, list) else ():
            yield one
        if isinstance(step, EventingError):
            raise step

    @property
    def words(self) -> list[str]:
        return [f"{path} {query.get('resourceVersion', '')}".strip() for path, query in self.asked]


class Ear:
    def __init__(self) -> None:
        self.heard: list[Any] = []

    def listed(self, documents: Sequence[Mapping[str, Any]], version: int) -> None:
        self.heard.append(([one["metadata"]["name"] for one in documents], version))

    def told(self, type_: str, document: Mapping[str, Any]) -> None:
        self.heard.append((type_, document["metadata"].get("name")))

    def failed(self, error: EventingError) -> None:
        self.heard.append(type(error).__name__)


def answer(version: str, *names: str, more: str = "") -> dict[str, Any]:
    metadata = {"resourceVersion": version} | ({"continue": more} if more else {})
    return {"items": [{"metadata": {"name": name}} for name in names], "metadata": metadata}


@asynccontextmanager
async def follow(server: Server, *paths: str, named: str = "") -> AsyncIterator[Ear]:
    ear = Ear()
    following = Following(cast(Client, server), paths or ("/a",), ear, lambda: 0.0, named=named)
    async with beside() as tasks:
        tasks.create_task(following.run())
        yield ear


def asked(server: Server, count: int) -> Callable[[], bool]:
    return lambda: len(server.asked) >= count


async def test_a_list_comes_in_chunks_and_the_watch_begins_where_it_was() -> None:
    server = Server([answer("4", "a", "b", more="next"), answer("4", "c")], [[event("ADDED", "d", "7")]])
    async with follow(server) as ear:
        await until(asked(server, 4))
    assert ear.heard == [(["a", "b", "c"], 4), ("ADDED", "d")]
    assert [query.get("continue") for _, query in server.asked[:2]] == [None, "next"]
    assert server.words == ["/a", "/a", "watch /a 4", "watch /a 7"]


async def test_a_watch_that_says_only_how_far_it_has_come_goes_on_from_there() -> None:
    server = Server([answer("4")], [[event("BOOKMARK", "", "70")]])
    async with follow(server):
        await until(asked(server, 3))
    assert server.words == ["/a", "watch /a 4", "watch /a 70"]


async def test_a_watch_that_can_not_be_continued_begins_anew_with_a_list() -> None:
    server = Server([answer("4", "a"), Gone("too old"), answer("9", "b")], [Gone("too old")])
    async with follow(server) as ear:
        await until(asked(server, 5))
    assert ear.heard == [(["a"], 4), (["b"], 9)]
    assert server.words == ["/a", "watch /a 4", "/a", "/a", "watch /a 9"]


async def test_what_fails_is_said_once_tried_again_and_goes_on_where_it_was() -> None:
    server = Server([Unavailable("away"), Unavailable("away"), answer("4")], [Unavailable("cut")])
    with capture_logs() as logs:
        async with follow(server) as ear:
            await until(asked(server, 5))
    assert ear.heard == ["Unavailable", "Unavailable", ([], 4), "Unavailable"]
    assert server.words == ["/a", "/a", "/a", "watch /a 4", "watch /a 4"]
    said = [one["error"] for one in logs if one["log_level"] == "warning"]
    assert said == ["away", "cut"]


@pytest.mark.parametrize("error", [NotFound("no such kind"), Denied("no")])
async def test_what_is_no_longer_served_or_allowed_is_listed_when_it_is_again(error: EventingError) -> None:
    server = Server([answer("4", "a"), answer("9")], [error])
    async with follow(server) as ear:
        await until(asked(server, 4))
    assert ear.heard == [(["a"], 4), type(error).__name__, ([], 9)]


async def test_a_kind_is_followed_in_the_first_version_that_the_server_has() -> None:
    server = Server([NotFound("no"), answer("4", "a")])
    async with follow(server, "/new", "/old") as ear:
        await until(asked(server, 3))
    assert server.words == ["/new", "/old", "watch /old 4"]
    assert ear.heard == [(["a"], 4)]


async def test_a_kind_that_no_version_has_is_tried_in_all_of_them_again() -> None:
    server = Server([NotFound("no"), NotFound("no"), NotFound("no"), answer("4")])
    async with follow(server, "/new", "/old") as ear:
        await until(asked(server, 5))
    assert ear.heard == ["NotFound", ([], 4)]
    assert {path for path, _ in server.asked[:4]} == {"/new", "/old"}


async def test_a_server_that_ends_each_watch_at_once_is_not_asked_without_a_pause() -> None:
    server = Server([answer("4")], [[] for _ in range(100)])
    async with follow(server):
        await until(asked(server, 3))
        assert len(server.asked) < 20


async def test_one_object_is_asked_for_by_its_name() -> None:
    server = Server([answer("4", "a")])
    async with follow(server, named="a"):
        await until(asked(server, 2))
    assert [query["fieldSelector"] for _, query in server.asked] == ["metadata.name=a"] * 2


def test_pauses_grow_with_each_failure_up_to_a_bound_and_begin_anew_after_success() -> None:
    pauses = Pauses(lambda: 0.5)
    found = [pauses.next() for _ in range(20)]
    assert found == sorted(found)
    assert found[-1] == LONGEST_S * 0.75
    pauses.reset()
    assert pauses.next() == found[0]
    assert Pauses(lambda: 0.0).next() < found[0] < Pauses(lambda: 0.99).next()


async def test_an_error_of_the_block_comes_out_as_it_was_raised_and_its_tasks_end() -> None:
    tasks_: list[asyncio.Task[Any]] = []

    async def block() -> None:
        async with beside() as tasks:
            tasks_.append(tasks.create_task(asyncio.Event().wait()))
            raise Unavailable("mine")

    with pytest.raises(Unavailable, match="mine"):
        await block()
    assert tasks_[0].cancelled()


async def test_a_task_that_breaks_ends_the_block() -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    async def block() -> None:
        async with beside() as tasks:
            tasks.create_task(broken())
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup):
        await block()
