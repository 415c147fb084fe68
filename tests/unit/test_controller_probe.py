"""The prober against real HTTP servers: a route that is there, and each way in which it may not be."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from controller.probe import Prober
from eventing.plan.model import Ingress
from eventing.plan.options import Problem

A = Ingress("uid-a", "KafkaChannel", "default", "a", "t", "/default/a")
B = Ingress("uid-b", "KafkaChannel", "default", "b", "u", "/default/b")
Answer = Callable[[str, str], tuple[int, str | None]]
"""From path and K-Network-Hash to status and the hash of the answer."""


def kanal(*known: Ingress) -> Answer:
    routes = {one.path: one.uid for one in known}
    return lambda path, uid: (200, uid) if routes.get(path) == uid else (404, None)


@contextmanager
def serving(
    answer: Answer, place: str = "127.0.0.1", port: int = 0, hosts: list[str | None] | None = None
) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """The base URL of a server that answers like this, and what it was asked: method, path and probe header."""
    asked: list[tuple[str, str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if hosts is not None:
                hosts.append(self.headers.get("Host"))
            asked.append((self.command, self.path, self.headers.get("K-Network-Probe", "")))
            status, uid = answer(self.path, self.headers.get("K-Network-Hash", ""))
            self.send_response(status)
            if uid is not None:
                self.send_header("K-Network-Hash", uid)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((place, port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def babbling(line: bytes) -> Iterator[str]:
    """The base URL of a server that reads a request, answers this line and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(line)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            thread.join()


def unused() -> str:
    """The base URL of a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def told(found: Problem | None) -> tuple[str, str]:
    assert found is not None
    return found.reason, found.message


async def test_routes_that_every_ingress_knows_are_well() -> None:
    with serving(kanal(A, B)) as (one, asked), serving(kanal(A, B)) as (other, asked_too):
        assert await Prober([one, other]).probe([A, B]) == {"uid-a": None, "uid-b": None}
        assert asked == asked_too == [("GET", "/default/a", "probe"), ("GET", "/default/b", "probe")]


async def test_a_route_that_one_ingress_does_not_know_yet_is_told_with_its_url() -> None:
    with serving(kanal(A, B)) as (one, _), serving(kanal(B)) as (other, _):
        found = await Prober([one, other]).probe([A, B])
        assert told(found["uid-a"]) == ("ProbeFailed", f"{other} answers the probe of /default/a with 404")
        assert found["uid-b"] is None


async def test_a_server_that_says_200_to_anything_is_no_ingress() -> None:
    with serving(lambda _path, _uid: (200, None)) as (base, _):
        assert told((await Prober([base]).probe([A]))["uid-a"]) == ("ProbeFailed", f"{base} is no Kanal ingress")


async def test_an_ingress_that_still_has_the_predecessor_of_that_name_is_not_well() -> None:
    with serving(lambda _path, _uid: (200, "uid-of-before")) as (base, _):
        assert told((await Prober([base]).probe([A]))["uid-a"])[0] == "ProbeFailed"


async def test_an_ingress_that_does_not_answer_is_told_apart_for_every_route() -> None:
    base = unused()
    found = await Prober([base]).probe([A, B])
    assert {told(one)[0] for one in found.values()} == {"IngressUnreachable"}
    assert set(found) == {"uid-a", "uid-b"}
    assert base in told(found["uid-a"])[1]


async def test_one_ingress_that_is_away_makes_the_route_not_well_whatever_the_others_say() -> None:
    with serving(kanal(A)) as (base, _):
        for bases in ([base, unused()], [unused(), base]):
            assert told((await Prober(bases).probe([A]))["uid-a"])[0] == "IngressUnreachable"


@pytest.mark.parametrize("line", [b"", b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"])
async def test_a_server_that_breaks_off_or_speaks_something_else_is_told_and_ends_nothing(line: bytes) -> None:
    with babbling(line) as base:
        reason, message = told((await Prober([base]).probe([A]))["uid-a"])
        assert reason == "IngressUnreachable"
        assert base in message


@pytest.mark.parametrize(
    "base", ["http://127.0.0.1:abc", "http://[::1", f"http://{'x' * 64}.example", "http://127.0.0.1:99999", "nonsense"]
)
async def test_a_base_url_that_can_never_work_is_told_and_ends_nothing(base: str) -> None:
    reason, message = told((await Prober([base]).probe([A]))["uid-a"])
    assert reason == "IngressUnreachable"
    assert message.startswith(base)


async def test_a_path_in_the_base_url_stays_in_front() -> None:
    with serving(lambda _path, uid: (200, uid)) as (base, asked):
        assert await Prober([f"{base}/events/"]).probe([A]) == {"uid-a": None}
        assert asked == [("GET", "/events/default/a", "probe")]


async def test_without_routes_nobody_is_asked() -> None:
    assert await Prober([unused()]).probe([]) == {}


@pytest.fixture
def replicas(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that stands for two addresses, as a headless Service does."""
    ask = socket.getaddrinfo

    def found(host: str, *arguments: Any, **more: Any) -> Any:
        if host != "ingresses.test":
            return ask(host, *arguments, **more)
        port = arguments[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, port)) for place in ("127.0.0.2", "127.0.0.1")] * 2

    monkeypatch.setattr(socket, "getaddrinfo", found)


async def test_every_address_of_a_name_is_an_ingress_and_is_told_the_name(replicas: None) -> None:
    hosts: list[str | None] = []
    with serving(kanal(A), hosts=hosts) as (one, _):
        port = one.rpartition(":")[2]
        base = f"http://ingresses.test:{port}"
        with serving(kanal(A), "127.0.0.2", int(port), hosts=hosts):
            assert await Prober([base]).probe([A]) == {"uid-a": None}
        assert hosts == [f"ingresses.test:{port}"] * 2
        with serving(kanal(), "127.0.0.2", int(port)):
            found = told((await Prober([base]).probe([A]))["uid-a"])
        assert found == ("ProbeFailed", f"{base} (127.0.0.2) answers the probe of /default/a with 404")


async def test_a_route_is_gone_only_when_no_ingress_knows_it() -> None:
    paths = {one.uid: one.path for one in (A, B)}
    with serving(kanal(A)) as (one, _), serving(kanal()) as (other, _):
        assert await Prober([one, other]).unrouted(paths) == {"uid-b"}
        assert await Prober([other, unused()]).unrouted(paths) == {"uid-a", "uid-b"}
    assert await Prober([unused()]).unrouted({}) == set()


async def test_a_route_of_which_an_ingress_says_nothing_may_be_there() -> None:
    with babbling(b"") as base:
        assert await Prober([base]).unrouted({A.uid: A.path}) == set()
