"""One reading for many: egresses of one topic that stand near each other get their records from one of them.

Each egress stays a member of its own group, with its own offsets and its own pace. But fetching a topic once for each of a
hundred triggers costs a hundred times as much, and most of it for records that filters pass over. So in each partition
one member, the lead, reads; those whose next offset is at its place, or a little further, hold their own reading and take
what it gets. Whoever can't take records for a while falls behind, reads by itself from where it stopped, and joins again
when it has caught up. When the lead itself stops, another one takes its place: nobody ever waits for anybody.

Those that start together wait a moment for each other, so that a backlog is read once and not by each as it comes in.

Every member knows its next offset and takes no record twice. None is left out either: what a member is handed begins at or
before its next offset, because its own reading goes on there and it joins a lead only from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from weakref import WeakValueDictionary

from eventing.kafka import Reader, ReaderListener
from eventing.plan.model import Egress
from eventing.record import Mark, Record

NEAR = 10_000
"""How many offsets a member may be ahead of the lead, or come in behind it, and still share its reading."""
GATHER_S = 2.0
"""How long those that are there wait for those that were started and have no partitions yet."""
ReaderFactory = Callable[[Egress, ReaderListener], Reader]


class SharedReading:
    """Makes the readers of one process; a `ReaderFactory`."""

    def __init__(self, readers: ReaderFactory) -> None:
        self._readers = readers
        self._streams: dict[tuple[str, str, int], Stream] = {}
        self._gatherings: WeakValueDictionary[tuple[str, str], Gathering] = WeakValueDictionary()

    def __call__(self, egress: Egress, listener: ReaderListener) -> Reader:
        """A reader for this egress. One that reads on behalf of a job reads alone."""
        if egress.only is not None or egress.redelivers:
            return self._readers(egress, listener)
        return SharedReader(self, egress, self._readers, listener)

    def stream(self, egress: Egress, partition: int) -> Stream:
        """What is read of this partition; made when it's first asked for."""
        return self._streams.setdefault((egress.topic, egress.topic_id, partition), Stream(partition))

    def close(self, egress: Egress, partition: int) -> None:
        """Forget a stream that nobody reads any more."""
        self._streams.pop((egress.topic, egress.topic_id, partition), None)

    def gathering(self, egress: Egress) -> Gathering:
        """Those who start on this topic."""
        return self._gatherings.setdefault((egress.topic, egress.topic_id), Gathering())


class Gathering:
    """The readers of one topic that were started and have nothing yet, and the streams that wait for them."""

    def __init__(self) -> None:
        self._expected: set[SharedReader] = set()
        self._streams: set[Stream] = set()
        self._timer: asyncio.TimerHandle | None = None

    def expect(self, member: SharedReader) -> None:
        """Wait for this member from now on."""
        self._expected.add(member)
        # Never put off: where some come all the time, and one never, the others would wait for ever.
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self._over)

    def came(self, member: SharedReader) -> None:
        """Wait no longer for this member: it is there, or will not come."""
        self._expected.discard(member)
        if not self._expected:
            self._over()

    def waits(self, stream: Stream) -> bool:
        """Whether this stream should wait; it is begun when that is over."""
        if self._expected:
            self._streams.add(stream)
        return bool(self._expected)

    def _over(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._expected.clear()
        for stream in self._streams:
            stream.begin()
        self._streams.clear()


class SharedReader:
    """A `Reader` that may have its records from another one, and the `ReaderListener` of the reader that it has itself.

    `next` is, by partition, the offset that comes next; -1 until the first record where nothing was committed.
    """

    def __init__(self, all_: SharedReading, egress: Egress, readers: ReaderFactory, listener: ReaderListener) -> None:
        self._all = all_
        self._egress = egress
        self._listener = listener
        self._streams: dict[int, Stream] = {}
        self._gathering = all_.gathering(egress)
        self.inner = readers(egress, self)
        self.next: dict[int, int] = {}
        self._pausing = False
        self._giving_up = 0

    @property
    def paused(self) -> bool:
        """Whether it takes nothing: it was asked to pause, or its own reading waits until a partition is given up."""
        return self._pausing or self._giving_up > 0

    def start(self) -> None:
        """See `Reader`."""
        self._gathering.expect(self)
        self.inner.start()

    def pause(self) -> None:
        """See `Reader`."""
        self._pausing = True
        self.inner.pause()
        self._tell_streams()

    def resume(self) -> None:
        """See `Reader`."""
        self._pausing = False
        self.inner.resume()
        self._tell_streams()

    def hold(self, partition: int) -> None:
        """See `Reader`."""
        self.inner.hold(partition)

    def go_on(self, partition: int, offset: int) -> None:
        """See `Reader`."""
        self.inner.go_on(partition, offset)

    def start_over(self, error: Exception) -> None:
        """See `Reader`."""
        self.inner.start_over(error)

    def commit(self, marks: Mapping[int, Mark]) -> None:
        """See `Reader`."""
        self.inner.commit(marks)

    async def aclose(self) -> None:
        """See `Reader`."""
        self._gathering.came(self)
        await self.inner.aclose()

    def on_assigned(self, marks: Mapping[int, Mark]) -> None:
        """See `ReaderListener`."""
        self._listener.on_assigned(marks)
        for partition, mark in marks.items():
            self.next[partition] = mark.offset
            self._streams[partition] = stream = self._all.stream(self._egress, partition)
            stream.enter(self, waits=not stream.running and self._gathering.waits(stream))
        self._gathering.came(self)

    def on_records(self, records: list[Record]) -> None:
        """See `ReaderListener`."""
        for partition, found in groupby(records, attrgetter("partition")):
            stream = self._streams.get(partition)
            if stream is not None:
                stream.read(self, list(found))

    async def on_revoked(self, partitions: Sequence[int]) -> Mapping[int, Mark]:
        """See `ReaderListener`."""
        self._leave(partitions)
        self._giving_up += 1
        self._tell_streams()
        try:
            return await self._listener.on_revoked(partitions)
        finally:
            self._giving_up -= 1
            self._tell_streams()

    def on_lost(self, partitions: Sequence[int]) -> None:
        """See `ReaderListener`."""
        self._leave(partitions)
        self._listener.on_lost(partitions)

    def take(self, partition: int, records: list[Record]) -> None:
        """Hand over what is new in these records of one partition."""
        first, last = records[0].offset, records[-1].offset
        if first < self.next[partition] or last - first + 1 < len(records):
            records = _ascending(records, self.next[partition])
        if records:
            self.next[partition] = records[-1].offset + 1
            self._listener.on_records(records)

    def _tell_streams(self) -> None:
        for stream in self._streams.values():
            if self.paused:
                stream.paused(self)
            else:
                stream.resumed(self)

    def _leave(self, partitions: Sequence[int]) -> None:
        for partition in partitions:
            stream = self._streams.pop(partition, None)
            if stream is not None:
                stream.leave(self)
                if stream.empty:
                    self._all.close(self._egress, partition)


def _ascending(records: list[Record], wanted: int) -> list[Record]:
    """The records from the offset `wanted` on, each once: what a pause held back may have been read again since."""
    found = []
    for record in records:
        if record.offset >= wanted:
            found.append(record)
            wanted = record.offset + 1
    return found


class Stream:
    """One partition: its members, each with its own reading at work or held, and the lead among those that read.

    A member that is held and not paused shares the lead's reading. One that is paused is left as it is and looked at when it
    goes on: by then the lead may be elsewhere.
    """

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._held: dict[SharedReader, bool] = {}
        self._lead: SharedReader | None = None
        self._gathers = False

    @property
    def empty(self) -> bool:
        """Whether this is nobody's partition."""
        return not self._held

    @property
    def running(self) -> bool:
        """Whether somebody reads here, so that nobody has to wait for others."""
        return not all(self._held.values())

    def enter(self, member: SharedReader, *, waits: bool) -> None:
        """The partition is this member's from now on; it `waits` for others before it reads."""
        lead = self._lead
        self._held[member] = False
        if waits:
            self._gathers = True
            self._hold(member)
        elif lead is None:
            self._lead = member
        elif self._shares(member):
            self._hold(member)
        elif -NEAR <= self._ahead(member, lead) < 0 and not member.paused:
            self._hold(lead)
            self._lead = member

    def begin(self) -> None:
        """Let those who waited for each other read, the hindmost first."""
        self._gathers = False
        for member in sorted(self._takers(held=True), key=self._at):
            self.resumed(member)

    def leave(self, member: SharedReader) -> None:
        """The partition is this member's no more."""
        del self._held[member]
        if member is self._lead:
            self._lead = None
            if not self._succeed():
                self._lead = min(self._takers(held=False), key=self._at, default=None)

    def read(self, member: SharedReader, records: list[Record]) -> None:
        """A member's own reading brought records."""
        if member is self._lead:
            since = self._at(member)
            # The lead comes last: taking them may stop it, and its successor should have them by then.
            for other in self._takers(held=True):
                self._pass_on(other, records, since)
        member.take(self._partition, records)
        if member is not self._lead and not self._held[member]:
            self._join(member)

    def paused(self, member: SharedReader) -> None:
        """A member takes nothing for a while. When it's the lead, another one goes on in its place."""
        if member is self._lead:
            self._succeed()

    def resumed(self, member: SharedReader) -> None:
        """A member takes records again: the lead's, if that still stands where they are the next ones, else its own."""
        if self._gathers or (self._held[member] and self._shares(member)):
            return
        if self._held[member]:
            self._go_on(member)
        if self._at(member) >= 0 and (self._lead is None or self._lead.paused):
            self._lead = member

    def _pass_on(self, other: SharedReader, records: list[Record], since: int) -> None:
        """Hand a member that shares what the lead has read from the offset `since` on."""
        if self._at(other) < since:
            self._go_on(other)
            return
        try:
            other.take(self._partition, records)
        except Exception as error:  # noqa: BLE001  a defect of one member must not stop the others
            self._held[other] = False
            other.start_over(error)

    def _join(self, member: SharedReader) -> None:
        """Share the lead's reading where this member has caught up with it; lead, where the lead is no use to anybody."""
        lead = self._lead
        if lead is None or lead.paused:
            self._lead = member
        elif self._shares(member):
            self._hold(member)
        elif self._ahead(member, lead) > NEAR and not self._takers(held=True):
            self._lead = member

    def _shares(self, member: SharedReader) -> bool:
        """Whether the lead's next records are the member's too, or soon will be."""
        lead = self._lead
        return lead is not None and not lead.paused and 0 <= self._ahead(member, lead) <= NEAR

    def _succeed(self) -> bool:
        """Make the hindmost of those who share the lead's reading the lead; False where there is none."""
        found = min(self._takers(held=True), key=self._at, default=None)
        if found is None:
            return False
        self._go_on(found)
        self._lead = found
        return True

    def _takers(self, *, held: bool) -> list[SharedReader]:
        """The members that take records, of those whose own reading is held or of the others."""
        return [member for member, is_held in self._held.items() if is_held == held and not member.paused]

    def _hold(self, member: SharedReader) -> None:
        self._held[member] = True
        member.hold(self._partition)

    def _go_on(self, member: SharedReader) -> None:
        self._held[member] = False
        member.go_on(self._partition, max(self._at(member), 0))

    def _at(self, member: SharedReader) -> int:
        return member.next[self._partition]

    def _ahead(self, member: SharedReader, lead: SharedReader) -> int:
        """How far a member is in front of the lead; far away where one of them does not know where it is."""
        if self._at(member) < 0 or self._at(lead) < 0:
            return -NEAR - 1
        return self._at(member) - self._at(lead)
