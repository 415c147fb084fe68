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
        wanted = self.next[partition]
        if records[0].offset < wanted:
            records = [record for record in records if record.offset >= wanted]
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


class Stream:
    """One partition: the lead, those who share its reading, and those who are on their own."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._lead: SharedReader | None = None
        self._sharing: dict[SharedReader, None] = {}
        self._waiting: set[SharedReader] = set()
        """Those who hold their reading until all who were started are there."""
        self._alone: set[SharedReader] = set()
        self._fallen: set[SharedReader] = set()
        """Those of them that are paused and whose own reading is held: it has to go on where they stopped."""

    @property
    def empty(self) -> bool:
        """Whether this is nobody's partition."""
        return not self.running and not self._waiting

    @property
    def running(self) -> bool:
        """Whether somebody reads here."""
        return self._lead is not None or bool(self._alone)

    def enter(self, member: SharedReader, *, waits: bool) -> None:
        """The partition is this member's from now on; it `waits` for others before it reads."""
        lead = self._lead
        if waits:
            self._waiting.add(member)
            member.hold(self._partition)
        elif lead is None:
            self._lead = member
        elif 0 <= self._ahead(member, lead) <= NEAR and not lead.paused:
            self._share(member)
        elif -NEAR <= self._ahead(member, lead) < 0 and self._at(member) >= 0 and not member.paused:
            self._share(lead)
            self._lead = member
        else:
            self._alone.add(member)

    def begin(self) -> None:
        """Let those who waited for each other read, the hindmost first."""
        waited = sorted((one for one in self._waiting if not one.paused), key=self._at)
        self._alone.update(self._waiting)
        self._fallen.update(self._waiting.difference(waited))
        self._waiting.clear()
        for member in waited:
            if self._lead is not None and 0 <= self._ahead(member, self._lead) <= NEAR:
                self._alone.discard(member)
                self._sharing[member] = None
                continue
            member.go_on(self._partition, max(self._at(member), 0))
            if self._lead is None and self._at(member) >= 0:
                self._alone.discard(member)
                self._lead = member

    def leave(self, member: SharedReader) -> None:
        """The partition is this member's no more."""
        self._waiting.discard(member)
        self._sharing.pop(member, None)
        self._alone.discard(member)
        self._fallen.discard(member)
        if member is self._lead:
            self._lead = None
            if not self._succeed(self._sharing) and not self._succeed(self._alone - self._fallen):
                # Those that are left are paused: the first that goes on will lead.
                self._fallen.update(self._sharing)
                self._alone.update(self._sharing)
                self._sharing.clear()

    def read(self, member: SharedReader, records: list[Record]) -> None:
        """A member's own reading brought records."""
        if member is self._lead:
            since = self._at(member)
            # The lead comes last: taking them may stop it, and its successor should have them by then.
            for other in list(self._sharing):
                self._pass_on(other, records, since)
        member.take(self._partition, records)
        if member in self._alone:
            self._join(member)

    def paused(self, member: SharedReader) -> None:
        """A member takes nothing for a while."""
        if member is self._lead and self._succeed(self._sharing):
            self._alone.add(member)

    def resumed(self, member: SharedReader) -> None:
        """A member takes records again."""
        if member in self._fallen:
            self._fallen.discard(member)
            member.go_on(self._partition, self._at(member))
            if self._lead is None:
                self._alone.discard(member)
                self._lead = member
        elif member in self._sharing and self._lead is not None:
            if self._lead.paused:
                self._alone.add(self._lead)
                self._promote(member)
            elif not 0 <= self._ahead(member, self._lead) <= NEAR:
                self._fall(member)

    def _pass_on(self, other: SharedReader, records: list[Record], since: int) -> None:
        """Hand a sharing member what the lead has read from the offset `since` on."""
        if other not in self._sharing:
            return
        if other.paused or self._at(other) < since:
            self._fall(other)
            return
        try:
            other.take(self._partition, records)
        except Exception as error:  # noqa: BLE001  a defect of one member must not stop the others
            del self._sharing[other]
            self._alone.add(other)
            other.start_over(error)

    def _fall(self, member: SharedReader) -> None:
        """Let a member read by itself again, as soon as it is not paused."""
        del self._sharing[member]
        self._alone.add(member)
        if member.paused:
            self._fallen.add(member)
        else:
            member.go_on(self._partition, self._at(member))

    def _join(self, member: SharedReader) -> None:
        """Share the lead's reading where this member has caught up with it; lead, where nobody else does."""
        lead = self._lead
        if lead is None or lead.paused or (self._ahead(member, lead) > NEAR and not self._sharing):
            if lead is not None:
                self._alone.add(lead)
            self._alone.discard(member)
            self._lead = member
        elif 0 <= self._ahead(member, lead) <= NEAR:
            self._alone.discard(member)
            self._share(member)

    def _share(self, member: SharedReader) -> None:
        self._sharing[member] = None
        member.hold(self._partition)

    def _succeed(self, candidates: Mapping[SharedReader, None] | set[SharedReader]) -> bool:
        """Make the hindmost of those who take records the lead; False where there is none."""
        found = min((one for one in candidates if not one.paused), key=self._at, default=None)
        if found is None:
            return False
        self._promote(found)
        return True

    def _promote(self, member: SharedReader) -> None:
        self._lead = member
        self._alone.discard(member)
        if member in self._sharing:
            del self._sharing[member]
            member.go_on(self._partition, self._at(member))

    def _at(self, member: SharedReader) -> int:
        return member.next[self._partition]

    def _ahead(self, member: SharedReader, lead: SharedReader) -> int:
        """How far a member is in front of the lead; far away where one of them does not know where it is."""
        if self._at(member) < 0 or self._at(lead) < 0:
            return -NEAR - 1
        return self._at(member) - self._at(lead)
