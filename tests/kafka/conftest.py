"""One running stack for all tests of a module that ask for a `room` in it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from room import House, Room
from room import room as room_in
from stack import running


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
