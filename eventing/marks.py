"""What a committed mark says beside its offset: which offsets beyond it are finished already, and of which topic.

Deliveries finish out of order. The committed offset is the first that is not finished; those finished beyond it are
written into the commit's metadata as runs, so that whoever reads the partition next skips them. Kafka bounds that
metadata (`offset.metadata.max.bytes`, 4,096 by default): runs that do not fit are left out, furthest first, and their
records are delivered again.

Metadata is `k1:`, the topic's id, `:`, and base64 of variable-length integers: gap, length, gap, length ... counted from
the mark. A topic that was deleted and made again has another id, so an old mark is told from one that counts.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator

from eventing.record import Mark, Span

METADATA_BYTES = 3_900
_PREFIX = "k1:"


def marked(first: int, finished: Iterable[Span], topic_id: str = "") -> Mark:
    """The mark at `first`, with the spans beyond it (ascending, not touching) that fit, nearest first."""
    payload, _ = _packed(first, finished, topic_id)
    if not payload and not topic_id:
        return Mark(first)
    return Mark(first, f"{_PREFIX}{topic_id}:{base64.b64encode(payload).decode()}")


def fits(first: int, finished: Iterable[Span], topic_id: str = "") -> bool:
    """Whether a mark at `first` can tell all of these spans."""
    return _packed(first, finished, topic_id)[1]


def _packed(first: int, finished: Iterable[Span], topic_id: str) -> tuple[bytes, bool]:
    """The spans as bytes, and whether all went in."""
    room = (METADATA_BYTES - len(f"{_PREFIX}{topic_id}:")) * 3 // 4 - 3
    payload = bytearray()
    previous_end = first
    for start, end in finished:
        run = _varint(start - previous_end) + _varint(end - start)
        if len(payload) + len(run) > room:
            return bytes(payload), False
        payload += run
        previous_end = end
    return bytes(payload), True


def finished_of(mark: Mark) -> tuple[Span, ...]:
    """The spans beyond its offset that a mark tells finished; none where the metadata is not ours."""
    _, runs = _parts(mark)
    try:
        numbers = list(_varints(base64.b64decode(runs, validate=True)))
    except ValueError:  # also what text that is not ASCII raises
        return ()
    spans = []
    at = mark.offset
    for gap, length in zip(numbers[::2], numbers[1::2], strict=False):
        spans.append(Span(at + gap, at + gap + length))
        at += gap + length
    return tuple(spans)


def topic_id_of(mark: Mark) -> str:
    """The id of the topic in which this mark was set; empty where it does not say."""
    return _parts(mark)[0]


def stale(mark: Mark, topic_id: str) -> bool:
    """Whether the mark belongs to a topic of this name that is gone."""
    told = topic_id_of(mark)
    return bool(told and topic_id) and told != topic_id


def unfinished(mark: Mark, end: int) -> int:
    """How many offsets before `end` the mark leaves unfinished."""
    return unfinished_in(mark, [Span(0, end)])


def unfinished_in(mark: Mark, spans: Iterable[Span]) -> int:
    """How many offsets of these spans, ascending, a mark leaves unfinished."""
    finished = finished_of(mark)
    left = place = 0
    for span in spans:
        first = max(span.first, mark.offset)
        left += max(span.end - first, 0)
        while place < len(finished) and finished[place].first < span.end:
            run = finished[place]
            left -= max(min(run.end, span.end) - max(run.first, first), 0)
            if run.end > span.end:
                break
            place += 1
    return left


def _parts(mark: Mark) -> tuple[str, str]:
    """Topic id and runs, both empty where the metadata is somebody else's."""
    if not mark.metadata.startswith(_PREFIX):
        return "", ""
    topic_id, colon, runs = mark.metadata.removeprefix(_PREFIX).partition(":")
    return (topic_id, runs) if colon else ("", "")


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
