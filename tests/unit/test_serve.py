import asyncio
import socket
from typing import Any

import pytest

from eventing.errors import Unavailable
from kanal import serve
from kanal.serve import serving

PATIENCE_S = 10.0


class App:
    """Answers 200, but on `/slow` only when `gate` opens; `entered` tells that such a request has come."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.gate = asyncio.Event()

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        if scope["path"] == "/slow":
            self.entered.set()
            await self.gate.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


async def request(port: int, path: str = "/") -> bytes:
    """Everything that comes back on a connection that stays open on our side."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    try:
        return await asyncio.wait_for(reader.read() if path == "/slow" else reader.readuntil(b"ok"), PATIENCE_S)
    finally:
        writer.close()


def refuses(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) != 0


async def test_it_tells_the_free_port_that_it_took_and_listens_until_the_end_of_the_block() -> None:
    async with serving(App(), "127.0.0.1", 0, what="test") as port:
        assert (await request(port)).startswith(b"HTTP/1.1 200")
    assert refuses(port)


async def test_two_servers_take_two_ports() -> None:
    async with serving(App(), "127.0.0.1", 0, what="a") as one, serving(App(), "127.0.0.1", 0, what="b") as two:
        assert one != two


async def test_a_taken_port_names_who_wanted_it_and_the_setting_to_change() -> None:
    async with serving(App(), "127.0.0.1", 0, what="a") as port:
        with pytest.raises(Unavailable) as caught:
            async with serving(App(), "127.0.0.1", port, what="state", setting="--api-port"):
                pytest.fail("it listens on a port that is taken")
        assert (await request(port)).startswith(b"HTTP/1.1 200")
    told = str(caught.value)
    assert told.startswith(f"state: --api-port: can't listen on 127.0.0.1:{port}: ")
    assert "in use" in told
    assert told.endswith("choose another port with --api-port (0 takes a free one)")


async def test_where_no_setting_names_the_port_none_is_told() -> None:
    async with serving(App(), "127.0.0.1", 0, what="a") as port:
        with pytest.raises(Unavailable) as caught:
            async with serving(App(), "127.0.0.1", port, what="display"):
                pytest.fail("it listens on a port that is taken")
    assert caught.value.fix == ""


async def test_a_request_under_way_is_answered_before_the_end_and_its_connection_closed() -> None:
    app = App()
    async with serving(app, "127.0.0.1", 0, what="test") as port:
        answer = asyncio.ensure_future(request(port, "/slow"))
        await asyncio.wait_for(app.entered.wait(), PATIENCE_S)
        asyncio.get_running_loop().call_later(0.05, app.gate.set)
    assert (await answer).endswith(b"ok")
    assert refuses(port)


async def test_a_request_that_never_ends_is_given_up_after_the_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "GRACE_S", 0.05)
    app = App()
    async with asyncio.timeout(PATIENCE_S):
        async with serving(app, "127.0.0.1", 0, what="test") as port:
            answer = asyncio.ensure_future(request(port, "/slow"))
            await app.entered.wait()
        assert not (await answer).endswith(b"ok")


async def test_an_idle_connection_holds_up_no_end() -> None:
    async with asyncio.timeout(PATIENCE_S):
        async with serving(App(), "127.0.0.1", 0, what="test") as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"ok")
        assert await reader.read() == b""
        writer.close()


async def test_an_error_inside_the_block_ends_the_server_and_goes_on_its_way() -> None:
    with pytest.raises(RuntimeError, match="inside"):
        async with serving(App(), "127.0.0.1", 0, what="test") as port:
            raise RuntimeError("inside")
    assert refuses(port)
