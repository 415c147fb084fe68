"""What `kanal up` prints of its resources: each state once, and no alarm over what is only just beginning."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from kind_documents import document

from eventing.kinds.key import key_of
from eventing.kinds.registry import parse
from eventing.store.memory import MemoryStore
from kanal.table import Board


class Stand:
    def __init__(self) -> None:
        self.store = MemoryStore(lambda: datetime.now(UTC))
        self.lines: list[str] = []
        self.board = Board(self.store, self.lines.append, lambda _: "a.yaml:3")

    async def is_(self, status: str, message: str = "") -> None:
        resource = await self.store.apply(parse(document("Channel")))
        ready: dict[str, Any] = {"type": "Ready", "status": status, "message": message}
        await self.store.set_status(key_of(resource), {"conditions": [ready]})

    def looks(self, times: int) -> list[str]:
        self.lines.clear()
        for _ in range(times):
            self.board.look()
        return self.lines


@pytest.fixture
def stand() -> Stand:
    return Stand()


async def test_what_is_ready_is_said_at_once_and_only_once(stand: Stand) -> None:
    await stand.is_("True")
    [line] = stand.looks(20)
    assert line.startswith("ready ")


async def test_what_is_not_ready_is_said_when_it_lasts_with_its_place_and_reason(stand: Stand) -> None:
    await stand.is_("False", "the topic is gone")
    assert stand.looks(Board.DOUBTS - 1) == []
    [line] = stand.looks(20)
    assert line.startswith("NOT READY a.yaml:3: Channel ")
    assert line.endswith(": the topic is gone")


async def test_what_is_not_ready_for_a_moment_alarms_nobody(stand: Stand) -> None:
    for message in ("one thing", "another"):
        await stand.is_("False", message)
        assert stand.looks(Board.DOUBTS - 1) == []
    await stand.is_("True")
    [line] = stand.looks(20)
    assert line.startswith("ready ")


async def test_what_is_unknown_is_not_said_and_what_is_gone_is(stand: Stand) -> None:
    await stand.is_("Unknown")
    assert stand.looks(20) == []
    await stand.is_("True")
    stand.looks(1)
    for resource in stand.store.list():
        await stand.store.delete(key_of(resource))
    [line] = stand.looks(20)
    assert line.startswith("gone ")
