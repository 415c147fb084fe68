"""Egresses of one topic that share their reading, over readers that are as late as threads are."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from memory_kafka import MemoryKafka, MemoryReader
from raw_http import until

from dispatcher.sharing import SharedReader, SharedReading
from eventing.kafka import Reader, ReaderListener, appended
from eventing.plan.model import Egress
from eventing.record import Mark, Record

TOPIC = "t"


class Member:
    """An egress that takes what it gets, until it is told to pause; its marks say what it has taken."""

    def __init__(self, house: House, name: str) -> None:
        self.name = name
        self.taken: defaultdict[int, list[int]] = defaultdict(list)
        """By partition, the offsets."""
        self.offsets = self.taken[0]
        self.at = 0
        """Where it begins."""
        self.starts: dict[int, int] = {}
        self.most = 10**9
        """Records after which it pauses by itself, as an egress does whose budget is used up."""
        self.defect: Exception | None = None
        self.hesitates: asyncio.Event | None = None
        """A revocation is answered when this is set."""
        egress = Egress(name, "Trigger", "ns", name, TOPIC, name, "http://s/", "graves")
        self.reader = house.reading(egress, self)

    @property
    def own(self) -> SlowToHear:
        assert isinstance(self.reader, SharedReader)
        assert isinstance(self.reader.inner, SlowToHear)
        return self.reader.inner

    @property
    def holds(self) -> bool:
        return 0 in self.own._resting

    @property
    def marks(self) -> dict[int, Mark]:
        return {p: Mark(offsets[-1] + 1) for p, offsets in self.taken.items() if offsets}

    def on_assigned(self, marks: Mapping[int, Mark]) -> None:
        self.starts.update({p: mark.offset for p, mark in marks.items()})

    def on_records(self, records: list[Record]) -> None:
        if self.defect is not None:
            defect, self.defect = self.defect, None
            raise defect
        for record in records:
            self.taken[record.partition].append(record.offset)
        if sum(map(len, self.taken.values())) >= self.most:
            self.reader.pause()

    async def on_revoked(self, partitions: Sequence[int]) -> Mapping[int, Mark]:
        if self.hesitates is not None:
            await self.hesitates.wait()
        return {p: mark for p, mark in self.marks.items() if p in partitions}

    def on_lost(self, partitions: Sequence[int]) -> None:
        pass


class SlowToHear(MemoryReader):
    """A reader that, as a thread does, hears a little later what it is asked, and hands over a little later what it read.

    What a pause overtakes is handed over when that ends. While it gives a partition up it reads nothing.
    """

    def __init__(self, kafka: MemoryKafka, topic: str, group: str, listener: ReaderListener) -> None:
        super().__init__(kafka, topic, group, listener, "")
        self._moves: dict[int, int | None] = {}
        self._ahead: list[Record] = []
        self._broken = self._gives_up = False
        self._told = listener
        # What it reads passes through here before its listener has it.
        self._listener = self

    def hold(self, partition: int) -> None:
        self._moves[partition] = None
        _later(self._move)

    def go_on(self, partition: int, offset: int) -> None:
        self._moves[partition] = offset
        _later(self._move)

    def resume(self) -> None:
        super().resume()
        _later(self._hand_over, 0)

    def start_over(self, error: Exception) -> None:
        if not self._broken:
            self._broken = True
            super().start_over(error)

    async def _join_anew(self) -> None:
        await self._group.leave(self)
        self._broken = False
        self._group.members.append(self)
        await self._group.rebalance()

    def take(self, marks: Mapping[int, Mark]) -> None:
        for partition in marks:
            self._moves.pop(partition, None)
        super().take(marks)
        # What was asked for meanwhile counts before anything is read.
        self._move()

    async def give_up(self, partitions: Sequence[int]) -> None:
        self._gives_up = True
        await super().give_up(partitions)
        self._gives_up = False
        self.wake()

    def on_assigned(self, marks: Mapping[int, Mark]) -> None:
        self._told.on_assigned(marks)

    def on_records(self, records: list[Record]) -> None:
        self._ahead += records
        _later(self._hand_over, 1)

    async def on_revoked(self, partitions: Sequence[int]) -> Mapping[int, Mark]:
        self._forget(partitions)
        return await self._told.on_revoked(partitions)

    def on_lost(self, partitions: Sequence[int]) -> None:
        self._forget(partitions)
        self._told.on_lost(partitions)

    def _forget(self, partitions: Sequence[int]) -> None:
        self._ahead = [record for record in self._ahead if record.partition not in partitions]

    def _move(self) -> None:
        for partition in self._moves.keys() & self.positions.keys():
            offset = self._moves.pop(partition)
            if offset is None:
                MemoryReader.hold(self, partition)
            else:
                MemoryReader.go_on(self, partition, offset)

    def _hand_over(self) -> None:
        if self._paused or self._broken or not self._ahead:
            return
        ready, self._ahead = self._ahead, []
        try:
            self._told.on_records(ready)
        except Exception as error:  # noqa: BLE001  as the real one does
            self.start_over(error)

    def _read(self) -> None:
        if self._gives_up or self._broken:
            self._woken = False
        else:
            super()._read()


def _later(do: Callable[[], None], turns: int = 3) -> None:
    asyncio.get_running_loop().call_soon(do if turns == 0 else lambda: _later(do, turns - 1))


class House:
    """A process with a topic, and how often Kafka was read there."""

    def __init__(self, partitions: int = 1) -> None:
        self.kafka = MemoryKafka()
        self.kafka.create_topic(TOPIC, partitions)
        self.reading = SharedReading(self._reader)
        self.members: list[Member] = []

    def _reader(self, egress: Egress, listener: ReaderListener) -> Reader:
        return SlowToHear(self.kafka, egress.topic, egress.group, listener)

    def start(self, name: str, at: int | None = None, *, paused: bool = False) -> Member:
        if at is not None:
            marks = self.kafka.group(name).marks
            marks.update({p: Mark(at) for p in range(len(self.kafka.topics[TOPIC].logs))})
        member = Member(self, name)
        member.at = at or 0
        self.members.append(member)
        if paused:
            member.reader.pause()
        member.reader.start()
        return member

    async def join(self, name: str, at: int | None = None) -> Member:
        member = self.start(name, at)
        await until(lambda: member.starts)
        return member

    async def send(self, count: int) -> None:
        for _ in range(count):
            await appended(self.kafka.appender(), TOPIC, None, b"", [])

    @property
    def end(self) -> int:
        return len(self.kafka.records(TOPIC))

    @property
    def ends(self) -> list[int]:
        return [len(log) for log in self.kafka.topics[TOPIC].logs]
