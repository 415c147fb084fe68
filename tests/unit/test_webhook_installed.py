"""What is filled in follows the ConfigMaps of the installation while the webhook runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from raw_http import until
from structlog.testing import capture_logs
from webhook_stand import MemoryApi

from eventing.errors import Denied, Gone, Unavailable
from eventing.kinds.meta import Defaults, Features
from kanal.webhook import installed
from kanal.webhook.installed import Installation
from kanal.webhook.review import Rules

OWN, KNATIVES = (f"/api/v1/namespaces/{name}/configmaps" for name in ("ns", "knative-eventing"))
BASE = Rules(defaults=Defaults(partitions=2), features=Features(cross_namespace_event_links=True))


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "ns", "uid": "u"},
        "data": {key.replace("__", "."): text for key, text in data.items()},
    }


def topics(partitions: str) -> dict[str, Any]:
    return config_map("kafka-channel-config", default__topic__partitions=partitions)


@asynccontextmanager
async def following(api: MemoryApi) -> AsyncIterator[Installation]:
    found = Installation(api, "ns", BASE)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(found.run())
        async with asyncio.timeout(10):
            await found.known()
        yield found
        task.cancel()


async def test_what_is_there_at_the_start_counts_from_the_start() -> None:
    api = MemoryApi()
    api.put_in(f"{OWN}/kafka-channel-config", topics("5"))
    async with following(api) as found:
        assert found.rules.defaults.partitions == 5
        assert found.rules.features == BASE.features


async def test_without_any_the_settings_count() -> None:
    async with following(MemoryApi()) as found:
        assert found.rules == BASE


async def test_changes_count_as_they_come() -> None:
    api = MemoryApi()
    async with following(api) as found:
        await until(lambda: OWN in api.events)
        api.events[OWN].put_nowait({"type": "ADDED", "object": topics("5")})
        await until(lambda: found.rules.defaults.partitions == 5)
        api.events[OWN].put_nowait({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}})
        api.events[OWN].put_nowait({"type": "MODIFIED", "object": topics("6")})
        await until(lambda: found.rules.defaults.partitions == 6)
        api.events[OWN].put_nowait({"type": "ADDED", "object": config_map("somebody-elses", a="b")})
        api.events[OWN].put_nowait({"type": "DELETED", "object": topics("6")})
        await until(lambda: found.rules.defaults.partitions == 2)


@pytest.mark.parametrize("end", [None, Gone("too old")])
async def test_a_watch_that_ends_begins_again_with_what_is_there_then(end: Any) -> None:
    api = MemoryApi()
    async with following(api) as found:
        await until(lambda: OWN in api.events)
        api.put_in(f"{OWN}/kafka-channel-config", topics("5"))
        api.events[OWN].put_nowait(end)
        await until(lambda: found.rules.defaults.partitions == 5)


async def test_one_that_goes_while_nobody_watches_counts_no_longer() -> None:
    api = MemoryApi()
    api.put_in(f"{OWN}/kafka-channel-config", topics("5"))
    async with following(api) as found:
        await until(lambda: OWN in api.events)
        api.found.clear()
        api.events[OWN].put_nowait(None)
        await until(lambda: found.rules == BASE)


async def test_those_of_another_namespace_are_not_this_installations() -> None:
    api = MemoryApi()
    api.put_in(f"{KNATIVES}/kafka-channel-config", topics("7"))
    async with following(api) as found:
        assert found.rules == BASE


async def test_one_that_is_wrong_counts_for_nothing_and_is_told_once() -> None:
    api = MemoryApi()
    api.put_in(f"{OWN}/kafka-channel-config", topics("many"))
    with capture_logs() as logs:
        async with following(api) as found:
            assert found.rules == BASE
            await until(lambda: OWN in api.events)
            api.events[OWN].put_nowait({"type": "MODIFIED", "object": topics("many")})
            api.events[OWN].put_nowait({"type": "ADDED", "object": config_map("kafka-broker-config")})
            await until(lambda: not api.events[OWN].qsize())
    assert len([one for one in logs if "default.topic.partitions" in one["event"]]) == 1


async def test_what_may_not_be_read_holds_up_nothing_and_is_told() -> None:
    api = MemoryApi()
    api.fails[OWN] = Denied("forbidden")
    with capture_logs() as logs:
        async with following(api) as found:
            assert found.rules == BASE
    assert [one["event"] for one in logs] == ["forbidden"]


async def test_after_a_while_without_an_api_server_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "_AGAIN_S", 0.001)
    api = MemoryApi()
    api.fails["/"] = Unavailable("it does not answer")
    with capture_logs() as logs:
        async with following(api) as found:
            await until(lambda: len(api.calls) > 6)
            api.put_in(f"{OWN}/kafka-channel-config", topics("5"))
            api.fails.clear()
            await until(lambda: found.rules.defaults.partitions == 5)
    assert [one["event"] for one in logs] == ["it does not answer"]
