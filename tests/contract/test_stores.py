"""The store in memory against the contract of the store port."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from store_contract import WritingCases, subscription
from store_deletions import DeletionCases
from store_watches import WatchingCases

from eventing.store.memory import MemoryStore


class TestMemoryStore(WritingCases, DeletionCases, WatchingCases):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore(lambda: datetime.now(UTC))


async def test_a_uid_is_the_same_in_the_next_process_and_another_for_another_object() -> None:
    found = []
    for _ in range(2):
        store = MemoryStore(lambda: datetime.now(UTC))
        made = [await store.create(one) for one in (subscription(), subscription("s2"), subscription(namespace="n"))]
        found.append([one.metadata.uid for one in made])
    assert found[0] == found[1]
    assert len(set(found[0])) == 3
