"""The sender contract, part three: time-outs, cancellation, closing, and TLS."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from raw_http import OK, RawServer, full_backlog, late, never, reply, reply_and_close, trickle, until, when
from sender_contract import SenderCases, fails, idle_connections, post, with_body

from eventing.errors import Invalid
from eventing.http import Sender, SendFailed
from eventing.http.tls import Trust

LIMIT_S = 0.3
TEXT = "no whole answer within 0.3 s"


def in_time(took_s: float) -> bool:
    """B37 allows 0.2 s either way; the upper side is wider because test machines stall."""
    return LIMIT_S - 0.05 < took_s < LIMIT_S + 0.7


class TimeoutCases(SenderCases):
    async def test_connecting_counts(self, sender: Sender) -> None:
        """The time-out holds while the connection is not there yet."""
        with full_backlog() as port:
            assert in_time(await fails(sender, f"http://127.0.0.1:{port}/", TEXT, LIMIT_S))

    async def test_a_handshake_counts(self, sender: Sender) -> None:
        """The time-out holds while a peer accepts but speaks no TLS."""
        async with RawServer(silent=b"") as server:
            assert in_time(await fails(sender, server.url.replace("http", "https"), TEXT, LIMIT_S))
            await until(lambda: not server.open)

    async def test_writing_counts(self, sender: Sender) -> None:
        """The time-out holds while a peer takes no more bytes."""
        async with RawServer(deaf=b"") as server:
            assert in_time(await fails(sender, server.url, TEXT, LIMIT_S, bytes(32 * 1_048_576)))

    @pytest.mark.parametrize(
        "answer",
        [
            never,
            reply(b"HTTP/1.1 100 Continue\r\n\r\n"),
            reply(b"HTTP/1.1 200 OK\r\nContent-"),
            trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x", 0.05),
            trickle(b"HTTP/1.1 200 OK\r\n\r\n", b"x", 0.05),
        ],
        ids=["nothing", "continue", "half a head", "length trickled", "close trickled"],
    )
    async def test_reading_counts_to_the_last_byte(self, sender: Sender, answer: Callable[..., object]) -> None:
        """B37: the time-out covers the whole exchange, however steadily the answer drips; the connection is closed."""
        async with RawServer(answer) as server:
            assert in_time(await fails(sender, server.url, TEXT, LIMIT_S))
            await until(lambda: not server.open)

    async def test_waiting_for_a_connection_counts(self, make: Callable[..., Sender]) -> None:
        """The time-out runs from the call, and one that ran out in the queue is never sent."""
        sender = make(connections_per_host=1)
        hold = asyncio.Event()
        async with RawServer(when(hold)) as server:
            first = asyncio.ensure_future(post(sender, server.url, b"first"))
            await until(lambda: server.requests)
            assert in_time(await fails(sender, server.url, TEXT, LIMIT_S, b"second"))
            hold.set()
            await first
            await post(sender, server.url, b"third")
            assert server.bodies == [b"first", b"third"]

    async def test_a_late_answer_is_nobodys(self, sender: Sender) -> None:
        """B37: an answer after the time-out is not the answer to the next request."""
        async with RawServer(late(with_body(b"late"), LIMIT_S + 0.1), reply(with_body(b"own"))) as server:
            await fails(sender, server.url, TEXT, LIMIT_S)
            assert (await post(sender, server.url)).body == b"own"
            assert server.connections == 2

    async def test_each_request_has_its_own(self, sender: Sender) -> None:
        """Time-outs of different length under way at once each run out by themselves."""
        async with RawServer(never) as server:
            took = await asyncio.gather(*(fails(sender, server.url, timeout_s=s) for s in (0.5, 0.1, 0.3, 0.1)))
        assert [
            round(min(max(seconds - limit, 0), 1), 0) for seconds, limit in zip(took, (0.5, 0.1, 0.3, 0.1), strict=True)
        ] == [0] * 4
        assert took[1] < took[2] < took[0]


class CancellationCases(SenderCases):
    async def test_a_cancelled_request_frees_its_connection(self, make: Callable[..., Sender]) -> None:
        """The half-done connection is closed at once, and who waited gets a fresh one."""
        sender = make(connections_per_host=1)
        async with RawServer(never, reply(OK)) as server:
            first = asyncio.ensure_future(post(sender, server.url))
            await until(lambda: server.requests)
            second = asyncio.ensure_future(post(sender, server.url))
            await asyncio.wait((second,), timeout=0.05)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert (await second).status == 202
            assert server.requests[1].connection == 2
            await until(lambda: list(server.open) == [2])

    async def test_a_cancelled_wait_leaves_the_queue(self, make: Callable[..., Sender]) -> None:
        """A request that was cancelled in the queue is never sent, and those behind it move up."""
        sender = make(connections_per_host=1)
        hold = asyncio.Event()
        async with RawServer(when(hold), reply(OK)) as server:
            posts = []
            for n in range(3):
                posts.append(asyncio.ensure_future(post(sender, server.url, b"%d" % n)))
                await until(lambda: server.requests)
            await asyncio.wait(posts, timeout=0.05)
            posts[1].cancel()
            hold.set()
            assert [type(one) for one in await asyncio.gather(*posts, return_exceptions=True)][
                1
            ] is asyncio.CancelledError
            assert server.bodies == [b"0", b"2"]

    async def test_a_cancelled_connect_frees_its_place(self, make: Callable[..., Sender]) -> None:
        """Cancelling works before there is a connection."""
        sender = make(connections_per_host=1)
        with full_backlog() as port:
            url = f"http://127.0.0.1:{port}/"
            for _ in range(2):
                first = asyncio.ensure_future(post(sender, url))
                await asyncio.wait((first,), timeout=0.05)
                first.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await first
            assert in_time(await fails(sender, url, TEXT, LIMIT_S))

    async def test_a_request_cancelled_as_it_begins_does_not_hold_up_closing(self, make: Callable[..., Sender]) -> None:
        """Whatever the opening of its connection had come to, a few turns of the loop after it began."""
        async with RawServer() as server:
            for turns in range(8):
                sender = make()
                one = asyncio.ensure_future(post(sender, server.url))
                for _ in range(turns):
                    await asyncio.sleep(0)
                one.cancel()
                await asyncio.gather(one, return_exceptions=True)
                async with asyncio.timeout(5):
                    await sender.aclose()

    async def test_many_cancelled_at_any_moment_leave_a_sound_pool(self, make: Callable[..., Sender]) -> None:
        """Whatever a request was doing when it was cancelled, all places come back."""
        sender = make(connections_per_host=5)
        async with RawServer() as server:
            loop = asyncio.get_running_loop()
            posts = [asyncio.ensure_future(post(sender, server.url)) for _ in range(200)]
            for n, one in enumerate(posts):
                if n % 3:
                    loop.call_later(n / 2_000, one.cancel)
            results = await asyncio.gather(*posts, return_exceptions=True)
            assert all(not isinstance(result, BaseException) for result in results[::3])
            answers = await asyncio.gather(*(post(sender, server.url) for _ in range(20)))
            assert [answer.status for answer in answers] == [202] * 20


class ClosingCases(SenderCases):
    async def test_closing_ends_everything(self, make: Callable[..., Sender]) -> None:
        """Requests in flight, in the queue and still connecting fail with `SendFailed`; idle connections close too."""
        sender = make(connections_per_host=2)
        with full_backlog() as port:
            async with RawServer(reply(OK)) as idle, RawServer(never) as server:
                await idle_connections(sender, idle, 2)
                urls = [server.url] * 4 + [f"http://127.0.0.1:{port}/"]
                posts = [asyncio.ensure_future(post(sender, url)) for url in urls]
                await until(lambda: len(server.requests) == 2)
                await sender.aclose()
                results = await asyncio.gather(*posts, return_exceptions=True)
                assert [type(result) for result in results] == [SendFailed] * 5
                await until(lambda: not server.open and not idle.open)
                assert server.connections == 2

    async def test_after_closing_nothing_is_sent(self, sender: Sender) -> None:
        """A closed sender says so, and may be closed again."""
        async with RawServer() as server:
            await sender.aclose()
            await sender.aclose()
            await fails(sender, server.url, "closed")
            assert server.connections == 0


class Authority:
    """A self-signed certificate for one name, made on the spot."""

    def __init__(self, folder: Path, name: str, alternative: str) -> None:
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ]
        command += ["-keyout", str(key), "-out", str(certificate), "-subj", f"/CN={name}"]
        command += ["-addext", f"subjectAltName={alternative}", "-addext", "keyUsage=digitalSignature,keyCertSign"]
        subprocess.run(command, check=True, capture_output=True)
        self.pem = certificate.read_text()
        self.server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.server.load_cert_chain(certificate, key)


@pytest.fixture(scope="session")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Authority, Authority, Authority]:
    """Two certificates for 127.0.0.1 that know nothing of each other, and one for another name."""
    folder = tmp_path_factory.mktemp("tls")
    return (
        Authority(folder, "a", "IP:127.0.0.1"),
        Authority(folder, "b", "IP:127.0.0.1"),
        Authority(folder, "other", "DNS:other.test"),
    )


Authorities = tuple[Authority, Authority, Authority]


class TlsCases(SenderCases):
    async def test_each_destination_has_its_own_roots(
        self, make: Callable[..., Sender], authorities: Authorities
    ) -> None:
        """Roots named for one destination are trusted there and nowhere else."""
        a, b, _ = authorities
        async with (
            RawServer(tls=a.server) as first,
            RawServer(tls=b.server) as second,
            RawServer(tls=b.server) as third,
        ):
            trust = Trust({first.url.rstrip("/"): a.pem, second.url.rstrip("/"): b.pem, third.url.rstrip("/"): a.pem})
            sender = make(trust=trust)
            for server in (first, second):
                for _ in range(3):
                    assert (await post(sender, server.url)).status == 202
                assert server.connections == 1
            await fails(sender, third.url, "certificate")
            assert not third.requests

    async def test_unknown_roots_are_refused(self, sender: Sender, authorities: Authorities) -> None:
        """Without named roots only the system's count."""
        async with RawServer(tls=authorities[0].server) as server:
            await fails(sender, server.url, "certificate")
            assert not server.requests

    async def test_another_name_is_refused(self, make: Callable[..., Sender], authorities: Authorities) -> None:
        """A good certificate for another host is a bad one."""
        other = authorities[2]
        async with RawServer(tls=other.server) as server:
            await fails(make(trust=Trust({server.url.rstrip("/"): other.pem})), server.url, "certificate")
            assert not server.requests

    async def test_plain_http_is_no_tls(self, sender: Sender) -> None:
        """A peer that answers the handshake with something else is a failure."""
        async with RawServer(silent=b"HTTP/1.1 400 Bad Request\r\n\r\n") as server:
            assert await fails(sender, server.url.replace("http", "https")) < 5

    async def test_broken_roots_are_invalid(self, make: Callable[..., Sender]) -> None:
        """Roots that can't be read are the user's to mend."""
        with pytest.raises(Invalid, match="CACerts"):
            await post(make(trust=Trust({"https://127.0.0.1:1": "no PEM"})), "https://127.0.0.1:1/")

    async def test_a_stale_connection_is_replaced(self, make: Callable[..., Sender], authorities: Authorities) -> None:
        """B29 holds under TLS as well."""
        a = authorities[0]
        script = [reply_and_close(OK, after_s=(7 * n % 21) / 1_000) for n in range(60)]
        async with RawServer(*script, tls=a.server) as server:
            sender = make(trust=Trust({server.url.rstrip("/"): a.pem}))
            for n in range(20):
                assert (await post(sender, server.url, b"%d" % n)).status == 202
            assert server.bodies == [b"%d" % n for n in range(20)]

    async def test_time_out_and_cancellation_close_at_once(
        self, make: Callable[..., Sender], authorities: Authorities
    ) -> None:
        """No farewell of TLS is waited for."""
        a = authorities[0]
        async with RawServer(never, tls=a.server) as server:
            sender = make(trust=Trust({server.url.rstrip("/"): a.pem}))
            assert in_time(await fails(sender, server.url, TEXT, LIMIT_S))
            cancelled = asyncio.ensure_future(post(sender, server.url))
            await until(lambda: len(server.requests) == 2)
            cancelled.cancel()
            await asyncio.gather(cancelled, return_exceptions=True)
            await until(lambda: not server.open)
