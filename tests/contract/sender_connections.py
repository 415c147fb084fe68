"""The sender contract, part two: which connection a request takes, and what becomes of stale ones."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
from raw_http import (
    OK,
    RawServer,
    free_port,
    never,
    reply,
    reply_and_close,
    reply_and_reset,
    until,
    when,
)
from sender_contract import SenderCases, fails, idle_connections, post, with_body

from eventing.http import Sender, SendFailed

KEPT_10 = b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"


class KeepAliveCases(SenderCases):
    @pytest.mark.parametrize(("raw", "connections"), [(OK, 1), (KEPT_10, 1)], ids=["1.1", "1.0 kept"])
    async def test_a_connection_is_kept(self, sender: Sender, raw: bytes, connections: int) -> None:
        """Requests one after another share a connection."""
        async with RawServer(reply(raw)) as server:
            for _ in range(5):
                await post(sender, server.url)
            assert server.connections == connections

    @pytest.mark.parametrize(
        "raw", [with_body(b"", b"Connection: close"), with_body(b"").replace(b"/1.1", b"/1.0")], ids=["close", "1.0"]
    )
    async def test_a_connection_is_closed_when_told(self, sender: Sender, raw: bytes) -> None:
        """`Connection: close`, and HTTP/1.0 without keep-alive, end a connection from our side."""
        async with RawServer(reply(raw)) as server:
            for _ in range(2):
                await post(sender, server.url)
            await until(lambda: not server.open)
            assert server.connections == 2

    async def test_an_idle_connection_is_closed_in_time(self, make: Callable[..., Sender]) -> None:
        """An unused connection is closed by the sender after its limit, and no request takes it after that."""
        sender = make(idle_connection_s=0.1)
        async with RawServer() as server:
            await idle_connections(sender, server, 3)
            await until(lambda: not server.open)
            await post(sender, server.url)
            assert server.connections == 4

    async def test_an_unasked_answer_closes_the_connection(self, sender: Sender) -> None:
        """Bytes behind an answer, or on an idle connection, never become the answer to the next request."""
        evil = with_body(b"evil")
        for first in (reply(OK + evil), reply(OK, evil, apart_s=0.05)):
            async with RawServer(first, reply(with_body(b"good"))) as server:
                assert (await post(sender, server.url)).status == 202
                await until(lambda server=server: not server.open)
                assert (await post(sender, server.url)).body == b"good"


class StaleCases(SenderCases):
    async def test_a_peer_that_closes_after_each_answer_gets_everything_once(self, sender: Sender) -> None:
        """B29, first form: closed 0 to 20 ms after each answer without saying so; each request arrives once."""
        script = [reply_and_close(OK, after_s=(7 * n % 21) / 1_000) for n in range(200)]
        async with RawServer(*script) as server:
            for n in range(100):
                assert (await post(sender, server.url, b"%d" % n)).status == 202
            assert server.bodies == [b"%d" % n for n in range(100)]

    async def test_events_at_the_rhythm_of_the_peers_limit_arrive(self, sender: Sender) -> None:
        """B29, second form: the peer closes idle connections exactly when the next request comes; each arrives once."""
        limit_s = 0.05
        async with RawServer(keep_alive_s=limit_s) as server:
            loop = asyncio.get_running_loop()
            for n in range(40):
                next_one = loop.create_future()
                loop.call_later(limit_s, next_one.set_result, None)  # the rhythm is what is tested
                assert (await post(sender, server.url, b"%d" % n)).status == 202
                await next_one
            assert server.bodies == [b"%d" % n for n in range(40)]
            assert server.connections > 1

    async def test_a_restart_of_the_peer_fails_what_is_in_flight_and_nothing_after(self, sender: Sender) -> None:
        """B29, third form: RST on 50 requests in flight fails each at once; after the restart each succeeds."""
        async with RawServer(*[reply(OK)] * 20, never) as server:
            await asyncio.gather(*(post(sender, server.url) for _ in range(20)))
            posts = [asyncio.ensure_future(post(sender, server.url)) for _ in range(50)]
            await until(lambda: len(server.requests) == 70)
            server.reset_all()
            # Those on kept-alive connections are sent once more, and wait.
            await until(lambda: sum(one.done() for one in posts) + len(server.open) == 50)
            server.reset_all()
            results = await asyncio.gather(*posts, return_exceptions=True)
            assert all(isinstance(result, SendFailed) for result in results)
        async with RawServer(port=server.port) as server:
            answers = await asyncio.gather(*(post(sender, server.url) for _ in range(50)))
            assert [answer.status for answer in answers] == [202] * 50

    async def test_a_stale_request_is_sent_once_more_and_only_once(self, sender: Sender) -> None:
        """A reset on a kept-alive connection is made good on a fresh one; a reset there is a failure."""
        async with RawServer(reply(OK), reply_and_reset(), reply_and_reset()) as server:
            await post(sender, server.url)
            await fails(sender, server.url)
            assert [request.connection for request in server.requests] == [1, 1, 2]

    async def test_a_stale_request_takes_a_fresh_connection(self, sender: Sender) -> None:
        """Where one kept-alive connection is dead the others may be too."""
        hold = asyncio.Event()
        async with RawServer(when(hold), when(hold), reply_and_reset(), reply(OK)) as server:
            posts = [asyncio.ensure_future(post(sender, server.url)) for _ in range(2)]
            await until(lambda: len(server.requests) == 2)
            hold.set()
            await asyncio.gather(*posts)
            assert (await post(sender, server.url)).status == 202
            assert server.requests[-1].connection == 3

    async def test_a_fresh_connection_that_fails_is_a_failure(self, sender: Sender) -> None:
        """Only a kept-alive connection has the excuse of being stale."""
        async with RawServer(reply_and_reset()) as server:
            await fails(sender, server.url)
            assert len(server.requests) == 1

    async def test_a_request_whose_answer_began_is_not_sent_again(self, sender: Sender) -> None:
        """After the first byte of an answer the peer has acted on the request."""
        async with RawServer(reply(OK), reply_and_close(b"HTTP/1.1 ", after_s=0.02)) as server:
            await post(sender, server.url)
            await fails(sender, server.url)
            assert len(server.requests) == 2

    async def test_a_time_out_is_not_sent_again(self, sender: Sender) -> None:
        """A slow peer may well have acted on the request."""
        async with RawServer(reply(OK), never) as server:
            await post(sender, server.url)
            await fails(sender, server.url, "no whole answer within 0.2 s", timeout_s=0.2)
            assert len(server.requests) == 2

    async def test_both_sendings_share_one_time_out(self, sender: Sender) -> None:
        """The second sending gets what the first left over."""
        async with RawServer(reply(OK), reply_and_reset(after_s=0.3), never) as server:
            await post(sender, server.url)
            took = await fails(sender, server.url, "within 0.5 s", timeout_s=0.5)
            assert len(server.requests) == 3
            assert took < 0.75


class PoolCases(SenderCases):
    async def test_300_posts_share_100_connections(self, make: Callable[..., Sender]) -> None:
        """More requests than connections wait their turn, and all are answered."""
        hold = asyncio.Event()
        sender = make(connections_per_host=100)
        async with RawServer(*[when(hold)] * 100, reply(OK)) as server:
            posts = [asyncio.ensure_future(post(sender, server.url, b"%d" % n, 60)) for n in range(300)]
            await until(lambda: len(server.requests) == 100)
            hold.set()
            assert {answer.status for answer in await asyncio.gather(*posts)} == {202}
            assert sorted(map(int, server.bodies)) == list(range(300))
            assert (server.connections, server.most_open) == (100, 100)

    async def test_who_waits_longest_is_next(self, make: Callable[..., Sender]) -> None:
        """The queue for a connection is served in order of arrival."""
        sender = make(connections_per_host=1)
        async with RawServer() as server:
            await asyncio.gather(*(post(sender, server.url, b"%d" % n) for n in range(10)))
            assert server.bodies == [b"%d" % n for n in range(10)]
            assert server.connections == 1

    async def test_each_host_has_a_bound_of_its_own(self, make: Callable[..., Sender]) -> None:
        """A host that hangs holds up no other."""
        sender = make(connections_per_host=1)
        async with RawServer(never) as hanging, RawServer() as healthy:
            posts = [asyncio.ensure_future(post(sender, hanging.url)) for _ in range(3)]
            await until(lambda: hanging.requests)
            assert (await post(sender, healthy.url)).status == 202
            for one in posts:
                one.cancel()
            await asyncio.gather(*posts, return_exceptions=True)

    async def test_failures_give_their_place_back(self, make: Callable[..., Sender]) -> None:
        """Refused, broken and cut answers all leave room for the next request."""
        sender = make(connections_per_host=1, max_response_bytes=10)
        port = free_port()
        results = await asyncio.gather(
            *(post(sender, f"http://127.0.0.1:{port}/") for _ in range(3)), return_exceptions=True
        )
        assert all(isinstance(result, SendFailed) for result in results)
        script = [
            reply_and_reset(),
            reply(b"garbage"),
            reply(with_body(b"x" * 50)),
            reply_and_close(b"HTTP"),
            reply(OK),
        ]
        async with RawServer(*script, port=port) as server:
            results = await asyncio.gather(*(post(sender, server.url) for _ in range(5)), return_exceptions=True)
        assert [isinstance(result, SendFailed) for result in results] == [True, True, False, True, False]

    async def test_a_refused_connection_says_where(self, sender: Sender) -> None:
        """The failure names the URL."""
        port = free_port()
        await fails(sender, f"http://127.0.0.1:{port}/x", f"http://127.0.0.1:{port}/x")

    async def test_an_unknown_name_is_a_failure(self, sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
        """A name that can't be resolved may be resolvable later."""

        def unknown(*_: Any, **__: Any) -> Any:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        await fails(sender, "http://subscriber.invalid/", timeout_s=20)

    async def test_a_name_is_resolved_for_each_connection(
        self, sender: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A subscriber that moved is found as soon as a new connection is needed."""
        addresses = ["127.0.0.1", "127.0.0.2"]
        async with (
            RawServer(reply(with_body(b"old", b"Connection: close")), host=addresses[0]) as old,
            RawServer(reply(with_body(b"new")), host=addresses[1], port=old.port),
        ):

            def resolve(host: Any, port: Any, *_: Any, **__: Any) -> Any:
                return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (addresses.pop(0), old.port))]

            monkeypatch.setattr(socket, "getaddrinfo", resolve)
            url = f"http://subscriber.test:{old.port}/"
            assert [(await post(sender, url)).body for _ in range(3)] == [b"old", b"new", b"new"]
