"""One running stack for all tests of a module that ask for a `room` in it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from room import Room, room as room_in
from stack import Stack, running


class House:
    """A running stack and what `--service` told it, which a test may change."""

    def __init__(self, stack: Stack, services: dict[str, str]) -> None:
        self.stack = stack
        self.services = services


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(kafka: str) -> AsyncIterator[House]:
    services: dict[str, str] = {}
    async with running(
        kafka,
        kafka={"default_broker_partitions": 3},
        delivery={"max_response_bytes": 4_194_304},
        resolve={"services": services},
    ) as stack:
        yield House(stack, services)


@pytest_asyncio.fixture(loop_scope="module")
async def room(house: House) -> AsyncIterator[Room]:
    async with room_in(house.stack) as found:
        yield found
