"""How the command line waits for the controller, and what it says when it waited in vain or was interrupted."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
import typer
from raw_http import RawServer, free_port, never, reply

from controller.operations import HELD_S
from eventing.errors import Unavailable
from eventing.settings import Settings
from kanal.cli import following
from kanal.cli.lag import _items as lag_items
from kanal.cli.registry import event_types
from kanal.cli.replay import replay
from kanal.cli.server import READING_S, SETTING_S, ask, texts

SERVER = "http://127.0.0.1:1"
JOB = {"id": "j1", "title": "t", "total": 3, "done": 1, "state": "running", "problem": ""}


def test_the_wait_for_offsets_to_be_set_is_longer_than_the_controller_takes() -> None:
    assert HELD_S + 6 * Settings().kafka.request_timeout_s < SETTING_S
    assert SETTING_S < READING_S


async def test_a_controller_that_says_nothing_is_told_from_one_that_is_not_there() -> None:
    async with RawServer(never) as silent:
        with pytest.raises(Unavailable, match=r"said nothing for 0.05 s; what it was asked may still be done; see"):
            await asyncio.to_thread(ask, silent.url, "POST", "/", {}, 0.05)
        with pytest.raises(Unavailable, match=r"said nothing for 0.05 s; look into its log"):
            await asyncio.to_thread(lambda: list(texts(silent.url, "/", 0.05)))
    with pytest.raises(Unavailable, match="no controller answers"):
        await asyncio.to_thread(ask, f"http://127.0.0.1:{free_port()}", "POST", "/", {}, 0.05)


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"items":[5]}', b'{"items":[{}]}', b"null", b'{"items":[{"spec":{}}]}']
)
async def test_whoever_else_answers_at_the_address_is_told_from_a_controller(body: bytes) -> None:
    """A sender asks the usual port without being told to, and what stands there must not end it."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    for asks in (event_types, lambda url: lag_items(url, None, None)):
        async with RawServer(reply(head + body)) as stranger:
            with pytest.raises(Unavailable, match="what answers there is no Kanal controller"):
                await asyncio.to_thread(asks, stranger.url)


def test_ctrl_c_after_a_job_began_cancels_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, str]] = []

    def answers(_: str, method: str, path: str, *__: Any) -> dict[str, Any]:
        asked.append((method, path))
        return JOB | {"state": "cancelled" if method == "DELETE" else "running"}

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(following, "ask", answers)
    monkeypatch.setattr(following, "lines", interrupted)
    with pytest.raises(typer.Exit) as ended:
        following.run(SERVER, "/begin", {}, "replay for ns/s1")
    assert ended.value.exit_code == 130
    assert asked == [("POST", "/begin"), ("DELETE", "/operations/v1/jobs/j1")]
    assert "1 of 3 done, cancelled" in capsys.readouterr().err


def test_ctrl_c_before_the_controller_answered_says_how_to_look(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(following, "ask", interrupted)
    with pytest.raises(typer.Exit) as ended:
        following.run(SERVER, "/begin", {}, "replay for ns/s1")
    assert ended.value.exit_code == 130
    assert f"it may still begin; look with: curl {SERVER}/operations/v1/jobs" in capsys.readouterr().err

    # The package has a function of this name in the module's place.
    monkeypatch.setattr(sys.modules["kanal.cli.replay"], "ask", interrupted)
    with pytest.raises(typer.Exit) as ended:
        replay("subscription/s1", ["1h"], yes=True, server=SERVER)
    assert ended.value.exit_code == 130
    assert "the offsets of Subscription default/s1 may still be set: see kanal lag" in capsys.readouterr().err
