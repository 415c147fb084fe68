"""What a URL says about a request: where to connect, and the first lines of the request.

Pure. A URL is parsed once and kept, so nothing here has to be fast; what is made here is only copied for each request.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote, urlsplit

from eventing.errors import Invalid

_PORTS = {"http": 80, "https": 443}
# Everything a path or query may hold as it is; `%` too, because the escapes in a URL are already its author's.
_KEPT = "/%:=&?~#+!$,;'@()*[]|"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads: `origin` is `scheme://host:port`, `prefix` the request line and `Host` without a last CRLF."""

    url: str
    origin: str
    host: str
    port: int
    secure: bool
    prefix: bytes


def parse(url: str) -> Target:
    """Read an absolute http or https URL; a fragment is left out. Raises `Invalid` for one that can never work."""
    if any(character <= " " or character == "\x7f" for character in url):
        raise _wrong(url, "holds a space or a control character", "write it as %20 or leave it out")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _wrong(url, f"is no URL: {error}", "write http://host[:port]/path") from error
    if parts.scheme not in _PORTS:
        raise _wrong(url, "is neither http nor https", "write http://host[:port]/path")
    if parts.username is not None or parts.password is not None:
        raise _wrong(url.replace(parts.netloc, "...", 1), "holds credentials", "leave out what stands before the @")
    if port == 0:
        raise _wrong(url, "names port 0", "name the port that the server listens on")
    host, shown = _host(url, parts)
    default = _PORTS[parts.scheme]
    path = quote(parts.path or "/", safe=_KEPT) + (f"?{quote(parts.query, safe=_KEPT)}" if parts.query else "")
    authority = shown if port in (None, default) else f"{shown}:{port}"
    return Target(
        url=url,
        origin=f"{parts.scheme}://{shown}:{port or default}",
        host=host,
        port=port or default,
        secure=parts.scheme == "https",
        prefix=f"POST {path} HTTP/1.1\r\nHost: {authority}".encode("ascii"),
    )


def _host(url: str, parts: SplitResult) -> tuple[str, str]:
    """The host to connect to, and the same as a `Host` header shows it."""
    name = parts.hostname
    if not name:
        raise _wrong(url, "names no host", "write http://host[:port]/path")
    if ":" in name:
        address, _, zone = unquote(name).partition("%")
        try:
            ipaddress.IPv6Address(address)
        except ValueError as error:
            raise _wrong(url, f"holds no IPv6 address between its brackets: {error}", "write http://[::1]/") from error
        return (f"{address}%{zone}" if zone else address), f"[{address}]"
    try:
        ascii_name = name.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise _wrong(url, f"names an impossible host: {error}", "each part of a host has 1 to 63 characters") from error
    if not all(character.isalnum() or character in "-._" for character in ascii_name):
        raise _wrong(url, "names an impossible host", "a host is made of letters, digits, '-', '_' and '.'")
    return ascii_name, ascii_name


def _wrong(url: str, message: str, fix: str) -> Invalid:
    return Invalid(message, where=f"URL {url!r}", fix=fix)
