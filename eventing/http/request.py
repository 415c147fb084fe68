"""A request as bytes, safe against header injection.

Pure, and on the path of every event. A header name is checked once and remembered together with its punctuation; values
are checked all at once, by counting the line ends and NULs of the finished block.
"""

from __future__ import annotations

import re

from eventing.errors import Invalid
from eventing.http import RawHeaders
from eventing.http.target import Target

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_OURS = frozenset({b"host", b"content-length", b"transfer-encoding"})
_BREAKS = b"\r\n\0"
_NAMES_KEPT = 4_096

# A header name that was found good -> the bytes that stand before its value.
_before: dict[bytes, bytes] = {}


def message(target: Target, headers: RawHeaders, body: bytes) -> bytes:
    """The whole request. Raises `Invalid` for a header name or value that may not be written."""
    return b"".join((target.prefix, block(headers), b"\r\nContent-Length: ", b"%d\r\n\r\n" % len(body), body))


def block(headers: RawHeaders) -> bytes:
    """The header lines, each with a CRLF before it. Raises `Invalid` for a name or value that may not be written."""
    try:
        lines = b"".join([_before[name] + value for name, value in headers])
    except KeyError:
        _learn(headers)
        return block(headers)
    if len(lines) - len(lines.translate(None, _BREAKS)) != 2 * len(headers):
        name = next(name for name, value in headers if re.search(rb"[\r\n\0]", value))
        raise Invalid("its value holds CR, LF or NUL", where=f"header {_shown(name)}", fix="percent-encode the value")
    return lines


def _learn(headers: RawHeaders) -> None:
    if len(_before) > _NAMES_KEPT:
        _before.clear()
    for name, _ in headers:
        if not _TOKEN.fullmatch(name):
            raise Invalid("is no header name", where=f"header {_shown(name)}", fix="use letters, digits and '-'")
        if name.lower() in _OURS:
            raise Invalid("is the sender's to write", where=f"header {_shown(name)}", fix="leave it out")
        _before[name] = b"\r\n" + name + b": "


def _shown(name: bytes) -> str:
    return repr(name[:80].decode("latin-1"))
