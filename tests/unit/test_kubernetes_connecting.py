"""Which cluster, and as whom: what is found, and what is said where nothing is; and how an API server is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from eventing.errors import Denied, Gone, Invalid, NotFound, Overloaded, Unavailable
from eventing.settings import Kubernetes
from eventing.store.kubernetes.client import Client
from eventing.store.kubernetes.connecting import connected

GOOD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [{"name": "u", "user": {"token": "secret"}}],
    "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "mine"}}],
    "current-context": "x",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kubeconfig"


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


async def _client(file: Path) -> tuple[str, str]:
    async with connected(Kubernetes(kubeconfig=str(file))) as client:
        return client.server, client.namespace


async def test_a_kubeconfig_says_where_and_in_which_namespace(file: Path) -> None:
    _write(file, json.dumps(GOOD))
    assert await _client(file) == ("http://127.0.0.1:1", "mine")


async def test_the_environment_names_a_kubeconfig_of_which_the_first_that_is_there_counts(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(file, json.dumps(GOOD))
    monkeypatch.setenv("KUBECONFIG", f"{file.parent / 'nobody'}:{file}")
    async with connected(Kubernetes()) as client:
        assert client.namespace == "mine"


async def test_where_there_is_no_kubeconfig_its_name_is_said_and_what_to_do(file: Path) -> None:
    with pytest.raises(Invalid, match=re.escape(str(file))) as caught:
        await _client(file)
    assert "KUBECONFIG" in caught.value.fix


@pytest.mark.parametrize(
    "text",
    [
        "",
        "]",
        "7",
        "[]",
        json.dumps(GOOD | {"current-context": "other"}),
        json.dumps({name: value for name, value in GOOD.items() if name != "current-context"}),
        json.dumps(GOOD | {"clusters": []}),
        json.dumps(GOOD | {"users": []}),
        json.dumps(GOOD | {"clusters": [{"name": "c", "cluster": {"server": 7}}]}),
        json.dumps(GOOD | {"clusters": [{"name": "c", "cluster": {"certificate-authority": "/nowhere"}}]}),
        json.dumps(GOOD | {"users": [{"name": "u", "user": {"auth-provider": {"name": "x"}}}]}),
    ],
)
async def test_a_kubeconfig_that_is_of_no_use_is_named(file: Path, text: str) -> None:
    _write(file, text)
    with pytest.raises(Invalid, match=re.escape(str(file))) as caught:
        await _client(file)
    assert caught.value.fix


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_a_command_fetches_the_token(file: Path, tmp_path: Path, version: str) -> None:
    answer = {"status": {"token": "fetched"}}
    command = tmp_path / "fetch"
    command.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n", encoding="utf-8")
    command.chmod(0o755)
    user = {"exec": {"apiVersion": f"client.authentication.k8s.io/{version}", "command": str(command)}}
    _write(file, json.dumps(GOOD | {"users": [{"name": "u", "user": user}]}))
    async with connected(Kubernetes(kubeconfig=str(file))) as client:
        # The command has run, so what fails is the way to the server.
        with pytest.raises(Unavailable, match=r"http://127\.0\.0\.1:1") as caught:
            await client.get("/api/v1/namespaces/default")
    assert caught.value.fix


async def test_a_command_that_fails_is_no_matter_of_the_server(file: Path) -> None:
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "false"}}
    _write(file, json.dumps(GOOD | {"users": [{"name": "u", "user": user}]}))
    async with connected(Kubernetes(kubeconfig=str(file))) as client:
        with pytest.raises(Denied):
            await client.get("/api/v1/namespaces/default")


def _answering(answer: Callable[[httpx2.Request], httpx2.Response]) -> Client:
    http = httpx2.AsyncClient(base_url="http://server", transport=httpx2.MockTransport(answer))
    return Client(http, "default", lambda: 0.0)


async def test_a_busy_server_is_asked_again_where_it_says_when() -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.method)
        if len(asked) < 3:
            return httpx2.Response(429, headers={"Retry-After": "0"}, json={"message": "busy"})
        return httpx2.Response(200, json={"kind": "Broker"})

    assert await _answering(answer).post("/apis/g/v1/brokers", {}) == {"kind": "Broker"}
    assert asked == ["POST"] * 3


async def test_a_server_that_stays_busy_is_told_of() -> None:
    answers = [httpx2.Response(429, headers={"Retry-After": "0"}, json={"message": "busy"}) for _ in range(9)]
    with pytest.raises(Overloaded, match="busy"):
        await _answering(lambda _: answers.pop()).get("/apis/g/v1/brokers")
    assert answers


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"7"])
async def test_what_is_no_answer_of_an_api_server_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(Unavailable) as caught:
        await _answering(lambda _: httpx2.Response(200, content=body)).get("/api/v1/pods")
    assert caught.value.fix
    with pytest.raises(NotFound):
        await _answering(lambda _: httpx2.Response(404, content=body)).get("/api/v1/pods")


async def test_a_body_that_no_json_can_hold_is_refused_before_it_is_sent() -> None:
    with pytest.raises(Invalid, match=r"Broker default/b: it can't be written as JSON"):
        await _answering(lambda _: httpx2.Response(200)).post(
            "/apis/g/v1/brokers", {"a": 2**70}, where="Broker default/b"
        )


async def test_a_watch_is_cut_into_events_wherever_the_bytes_end_and_its_error_is_raised() -> None:
    lines = [{"type": "ADDED", "object": {"a": 1}}, {"type": "ERROR", "object": {"code": 410, "message": "too old"}}]
    whole = b"\n".join(json.dumps(line).encode() for line in lines) + b"\n"

    async def chunks() -> Any:
        for at in range(0, len(whole), 7):
            yield whole[at : at + 7]

    client = _answering(lambda _: httpx2.Response(200, content=chunks()))
    events = client.watch("/api/v1/pods")
    assert await anext(events) == lines[0]
    with pytest.raises(Gone, match="too old"):
        await anext(events)


async def test_a_watch_that_is_refused_says_so() -> None:
    client = _answering(lambda _: httpx2.Response(403, json={"message": "no"}))
    with pytest.raises(Denied, match="no") as caught:
        await anext(client.watch("/apis/g/v1/brokers"))
    assert caught.value.fix == "grant the verb watch on brokers.g in a role"
