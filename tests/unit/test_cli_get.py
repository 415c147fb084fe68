import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from eventing.errors import EventingError, Invalid, NotFound, Unavailable
from eventing.kafka.embedded.process import free_port
from eventing.kinds.key import key_of
from eventing.kinds.registry import parse
from eventing.store.memory import MemoryStore
from kanal import cli
from kanal.api.app import api
from kanal.cli.get import get
from kanal.serve import serving

GROUP = "messaging.knative.dev"
READY = {"conditions": [{"type": "Ready", "status": "True"}], "address": {"url": "http://127.0.0.1:8080/default/a"}}
SUBSCRIPTION = {
    "apiVersion": f"{GROUP}/v1",
    "kind": "Subscription",
    "metadata": {"name": "s"},
    "spec": {
        "channel": {"apiVersion": f"{GROUP}/v1", "kind": "Channel", "name": "a"},
        "subscriber": {"uri": "http://sink"},
    },
}


def channel(name: str, namespace: str = "default") -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": f"{GROUP}/v1", "kind": "Channel", "metadata": metadata, "spec": {}}


@asynccontextmanager
async def controller(*documents: dict[str, Any]) -> AsyncIterator[str]:
    """The URL of an API that holds these; channels are ready, nothing else has been looked at."""
    store = MemoryStore(lambda: datetime.now(UTC))
    for document in documents:
        stored = await store.apply(parse(document))
        if stored.KIND == "Channel":
            await store.set_status(key_of(stored), READY)
    app = api(store, ready=lambda: True, metrics=lambda: (b"text/plain", b""))
    async with serving(app, "127.0.0.1", 0, what="test") as port:
        yield f"http://127.0.0.1:{port}"


async def shown(server: str, capsys: pytest.CaptureFixture[str], kind: str = "all", **more: Any) -> str:
    await asyncio.to_thread(get, kind, **{"name": None, "namespace": None, "output": "table", "server": server} | more)
    return capsys.readouterr().out


async def failure(server: str, kind: str = "all", **more: Any) -> EventingError:
    with pytest.raises(EventingError) as caught:
        await asyncio.to_thread(
            get, kind, **{"name": None, "namespace": None, "output": "table", "server": server} | more
        )
    return caught.value


@pytest.mark.parametrize("word", ["channel", "channels", "ch", "Channel", "CHANNELS", f"channels.{GROUP}"])
async def test_a_kind_goes_by_every_name_that_it_has_in_any_case(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    async with controller(channel("a"), SUBSCRIPTION) as server:
        lines = (await shown(server, capsys, word)).splitlines()
    assert lines[0].split() == ["NAMESPACE", "NAME", "READY", "REASON", "URL", "AGE"]
    assert [line.split()[:4] for line in lines[1:]] == [["default", "a", "True", "http://127.0.0.1:8080/default/a"]]


async def test_without_a_kind_every_kind_is_shown_under_its_heading(capsys: pytest.CaptureFixture[str]) -> None:
    async with controller(channel("a"), SUBSCRIPTION) as server:
        text = await shown(server, capsys)
    assert [block.splitlines()[0] for block in text.split("\n\n")] == ["Channel", "Subscription"]


async def test_a_config_map_is_shown_when_it_is_asked_for_and_not_among_all(capsys: pytest.CaptureFixture[str]) -> None:
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "topics"}, "data": {"k": "v"}}
    async with controller(channel("a"), config_map) as server:
        assert "topics" not in await shown(server, capsys)
        assert "topics" in await shown(server, capsys, "cm")
        assert yaml.safe_load(await shown(server, capsys, "cm", name="topics", output="yaml"))["data"] == {"k": "v"}


async def test_a_namespace_narrows_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    async with controller(channel("a", "one"), channel("b", "two")) as server:
        lines = (await shown(server, capsys, "channels", namespace="two")).splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["two", "b"]]


@pytest.mark.parametrize(("output", "reader"), [("yaml", yaml.safe_load), ("json", json.loads)])
async def test_a_named_object_is_printed_whole_for_a_script(
    output: str, reader: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    async with controller(channel("a"), channel("b")) as server:
        document = reader(await shown(server, capsys, "channel", name="a", output=output))
    assert (document["kind"], document["metadata"]["name"], document["status"]) == ("Channel", "a", READY)


async def test_several_objects_are_a_list_for_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    async with controller(channel("a"), SUBSCRIPTION) as server:
        document = json.loads(await shown(server, capsys, output="json"))
    assert (document["apiVersion"], document["kind"]) == ("v1", "List")
    assert [item["kind"] for item in document["items"]] == ["Channel", "Subscription"]


async def test_nothing_there_is_said_to_a_person_and_an_empty_list_to_a_script(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with controller() as server:
        assert await shown(server, capsys) == "no resources found\n"
        assert await shown(server, capsys, namespace="x") == "no resources found in namespace x\n"
        assert json.loads(await shown(server, capsys, output="json"))["items"] == []


async def test_an_object_that_does_not_exist_is_not_found_by_its_name() -> None:
    async with controller(channel("a", "one")) as server:
        error = await failure(server, "channel", name="a", namespace="two")
    assert isinstance(error, NotFound)
    assert str(error) == "Channel two/a: does not exist; see kanal get"


async def test_an_unknown_kind_is_told_the_nearest_one() -> None:
    error = await failure("http://127.0.0.1:1", "chanels")
    assert isinstance(error, Invalid)
    assert error.fix == "did you mean channels?"


async def test_an_unknown_format_is_told_the_known_ones() -> None:
    error = await failure("http://127.0.0.1:1", output="xml")
    assert str(error) == "--output: 'xml' is no format; use one of table, wide, yaml, json"


async def test_where_nothing_listens_the_error_names_the_flag_and_how_to_start() -> None:
    server = f"http://127.0.0.1:{free_port('127.0.0.1')}"
    error = await failure(server)
    assert isinstance(error, Unavailable)
    assert str(error) == (
        f"{server}: no controller answers: Connection refused; start it with: kanal up FILE; or name another with --server"
    )


async def test_an_answer_that_is_no_api_is_said_so() -> None:
    async def other(scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"hi"})

    async with serving(other, "127.0.0.1", 0, what="test") as port:
        error = await failure(f"http://127.0.0.1:{port}")
    assert isinstance(error, Unavailable)
    assert error.message == "what answers there is no Kanal controller"


async def test_a_refusal_of_the_api_is_told_in_its_words() -> None:
    async with controller() as server:
        error = await failure(f"{server}/elsewhere")
    assert error.message == "Not Found"


@pytest.mark.parametrize("server", ["http://127.0.0.1:abc", "http://[::1", "ftp://127.0.0.1", "http://", "//", ""])
async def test_a_server_that_is_no_url_is_the_users_to_mend(server: str) -> None:
    error = await failure(server)
    assert isinstance(error, Invalid)
    assert (error.where, error.message) == ("--server", f"{server!r} is no URL")


async def test_a_server_may_come_without_scheme_and_with_a_slash_at_its_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with controller(channel("a")) as server:
        assert "default" in await shown(server.removeprefix("http://") + "/", capsys)


def test_the_command_takes_the_server_from_the_environment_and_ends_with_the_errors_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = f"http://127.0.0.1:{free_port('127.0.0.1')}"
    monkeypatch.setenv("KANAL_SERVER", server)
    monkeypatch.setattr(sys, "argv", ["kanal", "get"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr()
    assert (ended.value.code, told.out) == (Unavailable.exit_code, "")
    assert told.err.startswith(f"kanal: {server}: no controller answers")
    assert told.err.count("\n") == 1
