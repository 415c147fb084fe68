"""Which offsets of one partition are finished, and what to commit so that a restart repeats only the others.

Deliveries finish out of order. The committed offset is the first that is not finished; those finished beyond it are
written into the commit's metadata as runs, so that whoever reads the partition next skips them. Kafka bounds that
metadata (`offset.metadata.max.bytes`, 4,096 by default): runs that do not fit are left out, furthest first, and their
records are delivered again.

Metadata is `k1:` and base64 of variable-length integers: gap, length, gap, length ... counted from the mark.
"""

from __future__ import annotations

import base64
import binascii
from collections import deque
from collections.abc import Iterable, Iterator

from eventing.record import Mark

METADATA_BYTES = 3_900
_PREFIX = "k1:"
_PAYLOAD_BYTES = (METADATA_BYTES - len(_PREFIX)) * 3 // 4 - 3


class Progress:
    """The finished and unfinished offsets of one partition, from the mark that was committed before."""

    __slots__ = ("_finished", "_next", "_open", "_skip")

    def __init__(self, mark: Mark) -> None:
        self._next = mark.offset
        self._open: deque[int] = deque()
        self._finished: set[int] = set()
        self._skip = set(_offsets(mark)) if mark.offset >= 0 else set()

    def begin(self, offset: int) -> bool:
        """Take note of the next record; False where it was finished before or has been seen already."""
        if offset < self._next:
            return False
        self._next = offset + 1
        if offset in self._skip:
            self._skip.discard(offset)
            if self._open:
                self._open.append(offset)
                self._finished.add(offset)
            return False
        self._open.append(offset)
        return True

    def finish(self, offset: int) -> None:
        """Note that this offset needs nothing more; each offset that began is finished at most once."""
        self._finished.add(offset)
        while self._open and self._open[0] in self._finished:
            self._finished.discard(self._open.popleft())

    @property
    def unfinished(self) -> int:
        """How many offsets have begun and are not finished."""
        return len(self._open) - len(self._finished)

    def mark(self) -> Mark:
        """What to commit now; -1 while nothing was committed and nothing has begun."""
        first = self._open[0] if self._open else self._next
        ahead = self._finished | self._skip
        return Mark(first, _metadata(first, ahead) if ahead else "")


def _metadata(first: int, finished: Iterable[int]) -> str:
    payload = bytearray()
    previous_end = first
    for start, end in _runs(sorted(finished)):
        run = _varint(start - previous_end) + _varint(end - start)
        if len(payload) + len(run) > _PAYLOAD_BYTES:
            break
        payload += run
        previous_end = end
    return _PREFIX + base64.b64encode(payload).decode() if payload else ""


def _offsets(mark: Mark) -> Iterator[int]:
    """The offsets that a mark's metadata tells finished; nothing where the metadata is not ours."""
    if not mark.metadata.startswith(_PREFIX):
        return
    try:
        numbers = list(_varints(base64.b64decode(mark.metadata[len(_PREFIX) :], validate=True)))
    except binascii.Error:
        return
    at = mark.offset
    for gap, length in zip(numbers[::2], numbers[1::2], strict=False):
        yield from range(at + gap, at + gap + min(length, 1 << 20))
        at += gap + length


def _runs(offsets: list[int]) -> Iterator[tuple[int, int]]:
    """Ascending offsets as half-open ranges of neighbours."""
    start, end = offsets[0], offsets[0]
    for offset in offsets:
        if offset != end:
            yield start, end
            start = offset
        end = offset + 1
    yield start, end


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _varints(data: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in data:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0
