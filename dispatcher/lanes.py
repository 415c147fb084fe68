"""Which record may be delivered now: the whole of what order means.

Unordered, every record may. Ordered, the records of one lane go one after the other: a lane is a `partitionkey` within its
partition, and all records without a key share their partition's lane. So a slow key holds up nobody else.

A lane that is slow must not fill the memory either. When memory is full of what can't be delivered yet, what stands further
back in its lane is *parked*: only the offset stays here, and the record is read again from Kafka when its turn comes near.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from itertools import islice
from typing import Literal

from eventing.record import Record, Span

KEPT = 2
"""Records behind the one under way that a lane keeps when it parks the rest."""
LOW = 8
"""Records held in a lane, below which it recalls what it parked."""
WINDOW = 256
"""Offsets that are read again at once at most: what was parked within them comes back together."""
NEAR = 16
"""Where fewer than one in so many offsets is parked, what lies between costs more than asking again."""

Turn = Literal["now", "waits", "parked"]


class Lane:
    """The records of one key behind the one that is being delivered: first those held, then those parked."""

    __slots__ = ("busy", "gone", "held", "key", "parked", "recalling")

    def __init__(self, key: tuple[int, bytes | None]) -> None:
        self.key = key
        self.busy = True
        self.held: deque[Record] = deque()
        self.parked: deque[int] = deque()
        self.gone: list[int] = []
        self.recalling = False


class Lanes:
    """The lanes of one egress."""

    __slots__ = ("_crowd", "_lanes", "_ordered", "parked")

    def __init__(self, *, ordered: bool) -> None:
        self._ordered = ordered
        self._lanes: dict[tuple[int, bytes | None], Lane] = {}
        self._crowd: dict[int, tuple[int, int]] = {}
        """By partition, how many offsets are parked and which is the last."""
        self.parked = 0

    def enter(self, record: Record) -> Turn:
        """Whether the record may be delivered at once, waits in its lane, or is parked with others of its lane."""
        if not self._ordered:
            return "now"
        key = (record.partition, record.key)
        lane = self._lanes.get(key)
        if lane is None:
            self._lanes[key] = Lane(key)
            return "now"
        if not lane.parked and not lane.recalling:
            lane.held.append(record)
            return "waits"
        lane.parked.append(record.offset)
        self._count(record.partition, record.offset)
        return "parked"

    def park(self) -> list[Record]:
        """Park what stands further back in any lane; returns the records that are not held any more.

        A lane that is recalling is left alone: what it gets back comes in the order of offsets.
        """
        parked = []
        for lane in self._lanes.values():
            while len(lane.held) > KEPT and not lane.recalling:
                record = lane.held.pop()
                lane.parked.appendleft(record.offset)
                self._count(record.partition, record.offset)
                parked.append(record)
        return parked

    def _count(self, partition: int, offset: int) -> None:
        self.parked += 1
        count, last = self._crowd.get(partition, (0, 0))
        self._crowd[partition] = count + 1, max(last, offset)

    def leave(self, record: Record) -> tuple[Record | None, Lane | None]:
        """The record is done. The one that may go next in its lane, and the lane where something has to be recalled."""
        lane = self._lanes.get((record.partition, record.key))
        if lane is None:
            return None, None
        following = lane.held.popleft() if lane.held else None
        lane.busy = following is not None
        if not lane.busy and not lane.parked and not lane.recalling:
            del self._lanes[lane.key]
        low = len(lane.held) < LOW
        return following, lane if low and lane.parked and not lane.recalling else None

    def recall(self, lane: Lane) -> Span:
        """Begin to recall what the lane parked first; the span to read, which may hold what other lanes parked as well."""
        lane.recalling = True
        first, partition = lane.parked[0], lane.key[0]
        count, last = self._crowd[partition]
        if count * NEAR > last - first:
            return Span(first, min(first + WINDOW, last + 1))
        end = first + 1
        for offset in islice(lane.parked, 1, WINDOW):
            if offset >= min(end + NEAR, first + WINDOW):
                break
            end = offset + 1
        return Span(first, end)

    def bring(self, record: Record, recalling: Lane) -> Turn | None:
        """The record was read again for this lane's sake, in the order of offsets; whether it may go now or waits.

        None where it is not the next of its lane. What the recalling lane parked before it is gone from Kafka.
        """
        lane = self._lanes.get((record.partition, record.key))
        while lane is recalling and lane.parked and lane.parked[0] < record.offset:
            lane.gone.append(self._unpark(lane))
        if lane is None or not lane.parked or lane.parked[0] != record.offset:
            return None
        self._unpark(lane)
        if lane.busy:
            lane.held.append(record)
            return "waits"
        lane.busy = True
        return "now"

    def recalled(self, lane: Lane, decided: int) -> tuple[list[int], Lane | None]:
        """The lane's recall is over: what it still parks before the offset `decided` is gone from Kafka.

        Returns those offsets, and the lane where nobody is under way and more has to be recalled.
        """
        if self._lanes.get(lane.key) is not lane:
            return [], None
        lane.recalling = False
        while lane.parked and lane.parked[0] < decided:
            lane.gone.append(self._unpark(lane))
        gone, lane.gone = lane.gone, []
        if lane.busy:
            return gone, None
        if lane.parked:
            return gone, lane
        del self._lanes[lane.key]
        return gone, None

    def _unpark(self, lane: Lane) -> int:
        self.parked -= 1
        count, last = self._crowd[lane.key[0]]
        self._crowd[lane.key[0]] = count - 1, last
        return lane.parked.popleft()

    def forget(self, partitions: Collection[int]) -> list[Record]:
        """Empty the lanes of these partitions; returns the records that were held there."""
        lanes = [self._lanes.pop(key) for key in list(self._lanes) if key[0] in partitions]
        self.parked -= sum(len(lane.parked) for lane in lanes)
        for partition in partitions:
            self._crowd.pop(partition, None)
        return [record for lane in lanes for record in lane.held]
