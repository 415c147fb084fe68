"""Which record may be delivered now: the whole of what order means.

Unordered, every record may. Ordered, the records of one lane go one after the other: a lane is a `partitionkey` within its
partition, and all records without a key share their partition's lane. So a slow key holds up nobody else.

A lane that is slow must not fill the memory either. When memory is short, what comes behind a record under way is *parked*:
only the offset stays here, and the record is read again from Kafka when its turn comes near.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from itertools import islice
from typing import Literal, NamedTuple

from eventing.record import Record

LOW = 8
"""Records held in a lane, below which it recalls what it parked."""
WINDOW = 256
"""Offsets that are read again at once at most: what a lane parked within them comes back together ..."""
NEAR = 16
"""... where no more than so many offsets lie between two of them; to read what lies between costs more than to ask again."""

Turn = Literal["now", "waits", "parked"]


class Lane:
    """The records of one key behind the one that is being delivered: first those held, then those parked."""

    __slots__ = ("busy", "held", "key", "parked", "recalling")

    def __init__(self, key: tuple[int, bytes | None]) -> None:
        self.key = key
        self.busy = True
        self.held: deque[Record] = deque()
        self.parked: deque[int] = deque()
        self.recalling = False


class Recalled(NamedTuple):
    """What came back: whether it is still wanted, the record that may go now, and offsets that are gone from Kafka.

    `short_of` is the lane where nobody is under way and more has to be recalled.
    """

    wanted: bool
    following: Record | None
    gone: list[int]
    short_of: Lane | None


class Lanes:
    """The lanes of one egress."""

    __slots__ = ("_lanes", "_ordered", "parked")

    def __init__(self, *, ordered: bool) -> None:
        self._ordered = ordered
        self._lanes: dict[tuple[int, bytes | None], Lane] = {}
        self.parked = 0

    def enter(self, record: Record, *, short: bool) -> Turn:
        """Whether the record may be delivered at once, waits in its lane, or (memory is `short`) is parked."""
        if not self._ordered:
            return "now"
        key = (record.partition, record.key)
        lane = self._lanes.get(key)
        if lane is None:
            self._lanes[key] = Lane(key)
            return "now"
        if not lane.parked and not lane.recalling and not short:
            lane.held.append(record)
            return "waits"
        lane.parked.append(record.offset)
        self.parked += 1
        return "parked"

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

    def recall(self, lane: Lane, most: int) -> list[int]:
        """Begin to recall what the lane parked first: at most `most` offsets that lie near each other."""
        lane.recalling = True
        offsets = [lane.parked[0]]
        for offset in islice(lane.parked, 1, most):
            if offset > offsets[-1] + NEAR or offset >= offsets[0] + WINDOW:
                break
            offsets.append(offset)
        return offsets

    def recalled(self, lane: Lane, decided: int, records: Sequence[Record]) -> Recalled:
        """These records are here again; what else was parked before the offset `decided` is gone from Kafka."""
        if self._lanes.get(lane.key) is not lane:
            return Recalled(wanted=False, following=None, gone=[], short_of=None)
        lane.recalling = False
        found = {record.offset: record for record in records}
        gone = []
        while lane.parked and lane.parked[0] < decided:
            offset = lane.parked.popleft()
            self.parked -= 1
            if offset in found:
                lane.held.append(found[offset])
            else:
                gone.append(offset)
        if lane.busy:
            return Recalled(wanted=True, following=None, gone=gone, short_of=None)
        following = lane.held.popleft() if lane.held else None
        lane.busy = following is not None
        if not lane.busy and not lane.parked:
            del self._lanes[lane.key]
        short_of = None if lane.busy or not lane.parked else lane
        return Recalled(wanted=True, following=following, gone=gone, short_of=short_of)

    def forget(self, partitions: Collection[int]) -> list[Record]:
        """Empty the lanes of these partitions; returns the records that were held there."""
        lanes = [self._lanes.pop(key) for key in list(self._lanes) if key[0] in partitions]
        self.parked -= sum(len(lane.parked) for lane in lanes)
        return [record for lane in lanes for record in lane.held]
