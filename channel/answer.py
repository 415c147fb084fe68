"""What a sender is told, as a value: a status, a reason of one line, and whether the connection can go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

# What a sender whose request is refused half-way may still send before the connection is closed on it.
LINGER_S = 1.0
LINGER_BYTES = 1_048_576

RawHeaders = Sequence[tuple[bytes, bytes]]


class Answer(NamedTuple):
    """One HTTP answer; `close` where what is left of the request will not be read."""

    status: int
    reason: str = ""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    close: bool = False


def header(headers: RawHeaders, name: bytes) -> bytes:
    """The first header of this lower-case name, empty where there is none; names in `headers` are in lower case."""
    for key, value in headers:
        if key == name:
            return value
    return b""
