"""Which record may be delivered now: the whole of what order means.

Unordered, every record may. Ordered, the records of one lane go one after the other: a lane is a `partitionkey` within its
partition, and all records without a key share their partition's lane. So a slow key holds up nobody else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from eventing.record import Record

_Lane = tuple[int, bytes | None]


class Lanes:
    """The records of one egress that wait for the one before them."""

    __slots__ = ("_ordered", "_waiting")

    def __init__(self, *, ordered: bool) -> None:
        self._ordered = ordered
        self._waiting: dict[_Lane, deque[Record]] = {}

    def enter(self, record: Record) -> bool:
        """Whether the record may be delivered at once; otherwise it waits in its lane."""
        if not self._ordered:
            return True
        lane = (record.partition, record.key)
        if lane in self._waiting:
            self._waiting[lane].append(record)
            return False
        self._waiting[lane] = deque()
        return True

    def leave(self, record: Record) -> Record | None:
        """The record is done; returns the one that may go next in its lane."""
        lane = (record.partition, record.key)
        queue = self._waiting.get(lane)
        if queue is None:
            return None
        if queue:
            return queue.popleft()
        del self._waiting[lane]
        return None

    def forget(self, partitions: Collection[int]) -> list[Record]:
        """Empty the lanes of these partitions; returns the records that waited there."""
        gone = [lane for lane in self._waiting if lane[0] in partitions]
        return [record for lane in gone for record in self._waiting.pop(lane)]
