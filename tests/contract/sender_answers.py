"""The sender contract, part one: what is written, and how each form of an answer is read."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pytest
from raw_http import OK, RawServer, reply, reply_and_close, reply_and_reset, trickle, until
from sender_contract import TYPE, SenderCases, fails, post, with_body

from eventing.errors import Invalid
from eventing.http import Sender

MIB = 1_048_576


class WritingCases(SenderCases):
    async def test_the_request_is_written_as_given(self, sender: Sender) -> None:
        """Path, query, header order, names and body arrive as they were given; nothing is added but our own two."""
        headers = [
            (b"ce-Id", b"1"),
            (b"ce-type", "t·a".encode()),
            TYPE,
            (b"prefer", b"reply"),
            (b"X-A", b"1"),
            (b"X-A", b"2"),
        ]
        async with RawServer() as server:
            await sender.post(server.url + "a%20b?c=d&e=%2F#part", headers, b"\0\xff body", timeout_s=10)
            request = server.requests[0]
        assert request.line == b"POST /a%20b?c=d&e=%2F HTTP/1.1"
        assert request.body == b"\0\xff body"
        assert request.header(b"host") == [b"127.0.0.1:%d" % server.port]
        assert request.header(b"content-length") == [b"7"]
        assert [pair for pair in request.headers if pair[0].lower() not in (b"host", b"content-length")] == headers

    async def test_an_empty_body_has_length_zero(self, sender: Sender) -> None:
        """A request without data still says how long it is."""
        async with RawServer() as server:
            await post(sender, server.url, b"")
        assert server.requests[0].header(b"content-length") == [b"0"]

    async def test_a_path_is_escaped_where_it_must_be(self, sender: Sender) -> None:
        """Characters beyond ASCII in a path are sent as percent escapes, and no path is `/`."""
        async with RawServer() as server:
            await post(sender, server.url + "ü")
            await post(sender, server.url.rstrip("/"))
        assert [request.line for request in server.requests] == [b"POST /%C3%BC HTTP/1.1", b"POST / HTTP/1.1"]

    @pytest.mark.parametrize("breaking", [b"a\r\nx: y", b"a\nb", b"a\rb", b"a\0b"])
    async def test_a_header_cannot_break_out(self, sender: Sender, breaking: bytes) -> None:
        """A name or value with CR, LF or NUL raises `Invalid` and reaches no socket."""
        async with RawServer() as server:
            for header in ((b"ce-id", breaking), (breaking, b"1")):
                with pytest.raises(Invalid, match="header"):
                    await sender.post(server.url, [TYPE, header], b"", timeout_s=10)
            assert server.connections == 0

    @pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"Host", b"content-length", b"Transfer-Encoding"])
    async def test_a_header_name_may_be_refused(self, sender: Sender, name: bytes) -> None:
        """What is no token, or is the sender's own to write, raises `Invalid`."""
        async with RawServer() as server:
            with pytest.raises(Invalid, match="header"):
                await sender.post(server.url, [(name, b"1")], b"", timeout_s=10)
            assert server.connections == 0

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "/path",
            "host/path",
            "ftp://host/",
            "http:///path",
            "http://host:0/",
            "http://host:65536/",
            "http://host:x/",
            "http://[::1/",
            "http://[zz]/",
            "http://user:secret@host/",
            "http://a..b/",
            f"http://{'a' * 64}/",
            "http://host/a b",
            "http://host/a\r\nx: y",
            "http://ho<st/",
        ],
    )
    async def test_an_impossible_url_is_invalid(self, sender: Sender, url: str) -> None:
        """A URL that can never work is the user's to mend, names the URL, and shows no secret."""
        with pytest.raises(Invalid, match="URL") as caught:
            await post(sender, url)
        assert "secret" not in str(caught.value)

    async def test_an_ipv6_address_works(self, sender: Sender) -> None:
        """An address in brackets is connected to, and shown in brackets."""
        try:
            async with RawServer(host="::1") as server:
                assert (await post(sender, server.url)).status == 202
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")
        assert server.requests[0].header(b"host") == [b"[::1]:%d" % server.port]


class ReadingCases(SenderCases):
    async def test_content_length_delimits(self, sender: Sender) -> None:
        """The body is what `Content-Length` says, however it is cut into packets."""
        raw = with_body(b"hello")
        async with RawServer(reply(raw), reply(*(raw[i : i + 1] for i in range(len(raw))), apart_s=0.001)) as server:
            for _ in range(2):
                answer = await post(sender, server.url)
                assert (answer.status, answer.body, answer.truncated) == (200, b"hello", False)
            assert server.connections == 1

    async def test_headers_come_in_order(self, sender: Sender) -> None:
        """Names are lower-case, order and duplicates are kept, values are bytes."""
        raw = with_body(b"", b"CE-Id: 1", b"Set-Cookie: a", b"set-cookie: b", b"X-Raw: \xff")
        async with RawServer(reply(raw)) as server:
            answer = await post(sender, server.url)
        assert answer.headers == (
            (b"ce-id", b"1"),
            (b"set-cookie", b"a"),
            (b"set-cookie", b"b"),
            (b"x-raw", b"\xff"),
            (b"content-length", b"0"),
        )

    async def test_chunks_are_joined(self, sender: Sender) -> None:
        """A chunked body is joined, its extensions and trailers are left out, and the connection is kept."""
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunks = b"5;ext=1\r\nhello\r\n1\r\n,\r\n6\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n"
        raw = head + chunks
        async with RawServer(reply(raw), reply(*(raw[i : i + 1] for i in range(len(raw))), apart_s=0.001)) as server:
            for _ in range(2):
                answer = await post(sender, server.url)
                assert answer.body == b"hello, world"
                assert answer.headers == ((b"transfer-encoding", b"chunked"),)
            assert server.connections == 1

    async def test_close_delimits(self, sender: Sender) -> None:
        """Without a length the body ends with the connection, which is not used again."""
        async with RawServer(reply_and_close(b"HTTP/1.1 200 OK\r\n\r\nhel", b"lo")) as server:
            for _ in range(2):
                assert (await post(sender, server.url)).body == b"hello"
            assert server.connections == 2

    @pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
    async def test_an_answer_without_a_body_ends_with_its_head(self, sender: Sender, status: bytes) -> None:
        """204 and 304 have no body, whatever their headers say, and the connection is kept."""
        async with RawServer(reply(b"HTTP/1.1 " + status + b"\r\n\r\n")) as server:
            for _ in range(2):
                answer = await post(sender, server.url)
                assert (answer.status, answer.body) == (int(status[:3]), b"")
            assert server.connections == 1

    async def test_interim_answers_are_skipped(self, sender: Sender) -> None:
        """The answer is the first that is no 1xx, with its own headers alone."""
        interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        async with RawServer(reply(interim + OK), reply(interim, OK, apart_s=0.02)) as server:
            for _ in range(2):
                answer = await post(sender, server.url)
                assert (answer.status, answer.headers) == (202, ((b"content-length", b"0"),))
            assert server.connections == 1

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_redirects_are_not_followed(self, sender: Sender, status: int) -> None:
        """A redirect is an answer like another; nothing is sent to its location."""
        async with RawServer() as other:
            raw = with_body(b"", b"Location: " + other.url.encode(), status=b"%d Moved" % status)
            async with RawServer(reply(raw)) as server:
                answer = await post(sender, server.url)
                assert answer.status == status
                assert answer.header(b"location") == other.url.encode()
            assert other.connections == 0

    async def test_a_compressed_body_stays_compressed(self, sender: Sender) -> None:
        """A small answer can't become a large one in memory, and a reply's bytes are its own."""
        body = gzip.compress(b"hello")
        async with RawServer(reply(with_body(body, b"Content-Encoding: gzip"))) as server:
            assert (await post(sender, server.url)).body == body

    async def test_upgrade_offers_are_ignored(self, sender: Sender) -> None:
        """A server may advertise another protocol on a plain answer, as Apache does."""
        async with RawServer(reply(with_body(b"x", b"Upgrade: h2,h2c", b"Connection: Upgrade"))) as server:
            assert (await post(sender, server.url)).body == b"x"

    async def test_a_large_answer_is_cut(self, make: Callable[..., Sender]) -> None:
        """Of 10 MiB only the bound is read, then the connection is closed and not drained."""
        chunk = b"10000\r\n" + bytes(65_536) + b"\r\n"
        forms = [
            (with_body(bytes(10 * MIB)),),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *(chunk,) * 160, b"0\r\n\r\n"),
            (b"HTTP/1.1 200 OK\r\n\r\n", *(bytes(65_536),) * 160),
        ]
        sender = make(max_response_bytes=MIB)
        for form in forms:
            async with RawServer(reply(*form), reply(OK)) as server:
                answer = await post(sender, server.url)
                assert (answer.status, len(answer.body), answer.truncated) == (200, MIB, True)
                await until(lambda server=server: not server.open)
                assert (await post(sender, server.url)).status == 202
                assert server.connections == 2

    async def test_an_answer_at_its_bound_is_whole(self, make: Callable[..., Sender]) -> None:
        """The bound itself is allowed, one byte more is cut."""
        async with RawServer(reply(with_body(b"x" * 100)), reply(with_body(b"x" * 101))) as server:
            sender = make(max_response_bytes=100)
            answers = [await post(sender, server.url) for _ in range(2)]
        assert [(len(answer.body), answer.truncated) for answer in answers] == [(100, False), (100, True)]
        assert server.connections == 1

    async def test_an_endless_answer_is_cut(self, make: Callable[..., Sender]) -> None:
        """A body without end is an answer too: it is cut at the bound, long before the time-out."""
        async with RawServer(trickle(b"HTTP/1.1 200 OK\r\n\r\n", bytes(100), 0.001)) as server:
            answer = await post(make(max_response_bytes=1_000), server.url)
            assert (len(answer.body), answer.truncated) == (1_000, True)
            await until(lambda: not server.open)


class BrokenAnswerCases(SenderCases):
    @pytest.mark.parametrize(
        "raw",
        [
            b"SSH-2.0-OpenSSH_9.6\r\n",
            b"HTTP/1.1 abc Whatever\r\n\r\n",
            b"\0\1\2\3",
            b"<html>hello</html>\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ],
    )
    async def test_garbage_is_a_failure(self, sender: Sender, raw: bytes) -> None:
        """What is not HTTP fails at once, and its connection is closed."""
        async with RawServer(reply(raw)) as server:
            assert await fails(sender, server.url) < 5
            await until(lambda: not server.open)

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"HTTP/1.1 200",
            b"HTTP/1.1 200 OK\r\nContent-Le",
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n",
        ],
    )
    @pytest.mark.parametrize("ending", [reply_and_close, reply_and_reset], ids=["fin", "rst"])
    async def test_half_an_answer_is_a_failure(self, sender: Sender, raw: bytes, ending: Callable[..., object]) -> None:
        """A connection that ends inside an answer on a fresh connection fails at once and is not tried again."""
        async with RawServer(ending(raw, after_s=0.02)) as server:
            assert await fails(sender, server.url) < 5
            assert server.connections == 1

    async def test_switching_protocols_is_a_failure(self, sender: Sender) -> None:
        """Nobody asked for another protocol."""
        raw = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        async with RawServer(reply(raw)) as server:
            await fails(sender, server.url, timeout_s=1.0)
            await until(lambda: not server.open)

    async def test_an_endless_head_is_a_failure(self, sender: Sender) -> None:
        """Headers without end fill no memory."""
        async with RawServer(trickle(b"HTTP/1.1 200 OK\r\n", b"X-Pad: " + b"x" * 4_000 + b"\r\n", 0.0)) as server:
            assert await fails(sender, server.url) < 5
            await until(lambda: not server.open)

    async def test_an_answer_may_overtake_its_request(self, sender: Sender) -> None:
        """A refusal that comes before a large request is written is its answer; that connection is not used again."""
        raw = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n"
        async with RawServer(deaf=raw) as server:
            for _ in range(2):
                assert (await post(sender, server.url, bytes(32 * MIB))).status == 413
            assert server.connections == 2
