"""When a leader gives up, by a clock of the test's: always before another one may begin (on a real API server: tests/kube)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from controller.cluster.lease import Lease
from eventing.errors import NotFound, Unavailable
from eventing.store.kubernetes.client import Client

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
PATIENCE_S = 5.0


class Server:
    """An API server with one lease; a write takes `slow_s` by the clock, and one that is `deaf` never answers."""

    def __init__(self) -> None:
        self.time, self.slow_s = 100.0, 0.0
        self.deaf = self.away = False
        self.lease: dict[str, Any] | None = None

    async def get(self, _path: str) -> dict[str, Any]:
        if self.deaf:
            await asyncio.Event().wait()
        if self.away:
            raise Unavailable("no answer")
        if self.lease is None:
            raise NotFound("there is none")
        return self.lease

    async def post(self, _path: str, body: dict[str, Any]) -> dict[str, Any]:
        return await self.put(_path, body)

    async def put(self, _path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.lease = body
        self.time += self.slow_s
        return body


async def leader(server: Server) -> Lease:
    lease = Lease(cast(Client, server), "kanal", "kanal-controller", "me", lambda: NOON, lambda: server.time)
    assert await lease._acquired(asyncio.Event())
    return lease


async def test_the_last_try_to_renew_has_only_what_is_left_of_the_deadline() -> None:
    server = Server()
    lease = await leader(server)
    server.away = True
    server.time += 9.9
    await lease._renewed()
    assert lease.held
    server.deaf = True
    server.time += 0.2
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(Unavailable, match="could not be renewed for 10 s"):
            await lease._renewed()
    assert not lease.held


async def test_the_deadline_counts_from_the_beginning_of_a_write_because_others_may_have_seen_it_then() -> None:
    server = Server()
    server.slow_s = 8.0
    lease = await leader(server)
    server.away = True
    server.time += 2.1
    with pytest.raises(Unavailable, match="could not be renewed"):
        await lease._renewed()


async def test_a_lease_that_another_one_had_meanwhile_is_lost_though_nobody_has_it_any_more() -> None:
    server = Server()
    lease = await leader(server)
    assert server.lease is not None
    server.lease = {**server.lease, "spec": {**server.lease["spec"], "holderIdentity": ""}}
    with pytest.raises(Unavailable, match="does not lead any more: nobody has it"):
        await lease._renewed()


async def test_who_can_write_in_time_goes_on() -> None:
    server = Server()
    lease = await leader(server)
    for _ in range(5):
        server.time += 9.0
        await lease._renewed()
    assert lease.held
