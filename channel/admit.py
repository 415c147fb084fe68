"""Every decision of the ingress, as pure functions: who is let in, with what, and what the others are told.

The order is method, plan, route, size, content (architecture, "Decisions": a bad event for an unknown channel is a 404).
Statuses are behaviour §1.1 with its picks: what a sender must change is a 4xx that it should not repeat, what it should
repeat is a 429 or 503 and says when. Reading a body and waiting for Kafka is `channel.ingress`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from channel.answer import Answer, RawHeaders, header
from channel.probe import is_probe, probe
from channel.routes import Routes
from channel.terms import Terms
from eventing.codec import http, kafka
from eventing.errors import EventingError, Overloaded, TooLarge
from eventing.plan.model import Ingress

ALLOW = (b"allow", b"POST, OPTIONS")
ACCEPTED = Answer(202)
OPTIONS = Answer(
    200, headers=(ALLOW, (b"webhook-allowed-origin", b"*"), (b"webhook-allowed-rate", b"*"))
)  # the CloudEvents webhook handshake, as Knative answers it
METHOD_NOT_ALLOWED = Answer(405, "events are sent with POST", (ALLOW,))
_SOON = ((b"retry-after", b"1"),)
NO_PLAN = Answer(503, "the ingress does not know any address yet; try again", _SOON)
STOPPING = Answer(503, "the ingress is stopping and Kafka has not acknowledged yet; send the event again", _SOON)
_TYPE_HEADERS = frozenset(("ce_type", "ce_source", "ce_dataschema"))


class Entry(NamedTuple):
    """A record as it goes to Kafka."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


def admit(method: str, path: str, headers: RawHeaders, routes: Routes, max_body_bytes: int) -> Ingress | Answer:
    """The resource whose event may be read now, or the answer for a request that goes no further.

    `headers` have lower-case names. The answer closes the connection where a body would be too much to read past.
    """
    if method == "POST" or is_probe(method, headers):
        if not routes.loaded:
            return _leaving(NO_PLAN, headers, max_body_bytes)
        host = header(headers, b"host").decode("latin-1")
        ingress = routes.find(path, host)
        if method != "POST":
            return probe(headers, found=ingress is not None)
        if ingress is None:
            return _leaving(_not_found(path, host), headers, max_body_bytes)
        announced = _content_length(headers)
        if announced > max_body_bytes:
            return too_large(max_body_bytes, announced)
        return ingress
    return _leaving(OPTIONS if method == "OPTIONS" else METHOD_NOT_ALLOWED, headers, max_body_bytes)


def entries(headers: RawHeaders, body: bytes, terms: Terms | None = None) -> list[Entry]:
    """The records of a request, in the order of its events.

    Raises `Invalid` where any of them is no valid event, or is refused by the terms of the address.
    """
    trace = kafka.trace_headers(headers)
    events = http.decode(headers, body)
    if terms is not None:
        events = terms.admitted(events)
    found = []
    for event in events:
        key, value, record_headers = kafka.to_record(event)
        record_headers += trace
        found.append(Entry(key, value, record_headers))
    return found


def types_of(entries: Iterable[Entry]) -> list[dict[str, str]]:
    """The attributes of each record that say of what type its event is."""
    return [{name[3:]: value.decode() for name, value in entry.headers if name in _TYPE_HEADERS} for entry in entries]


def refusal(error: EventingError) -> Answer:
    """What the sender of something that is no event is told."""
    return Answer(error.http_status, _one_line(str(error)))


def failure(errors: Iterable[EventingError]) -> Answer:
    """What the sender is told when Kafka did not take some of its events.

    A batch can fail in several ways, and one that may succeed when it is sent again wins: 503, then 429, then 413. Whatever
    else Kafka objects to (a missing topic, our own permission) is none of the sender's doing and may be mended: 503.
    """
    _, status, error = min((_rank(error) for error in errors), key=lambda ranked: ranked[0])
    return Answer(status, _one_line(str(error)), () if status == 413 else _SOON)


def too_large(limit: int, announced: int = 0) -> Answer:
    """413 for a body beyond the ingress's own limit, in bytes."""
    size = f"{announced} bytes" if announced else "more"
    return Answer(413, f"the body has {size}, the limit is {limit} bytes (ingress.max_body_bytes)", close=True)


def silent(timeout_s: float) -> Answer:
    """408 for a body that stopped coming."""
    return Answer(408, f"no byte of the body came for {timeout_s:g} s (ingress.read_timeout_s)", close=True)


def too_much_held(limit: int) -> Answer:
    """429 when the bodies being read together exceed their budget, in bytes."""
    reason = f"the ingress holds {limit} bytes of unfinished requests (ingress.max_held_bytes); try again"
    return Answer(429, reason, _SOON, close=True)


def _rank(error: EventingError) -> tuple[int, int, EventingError]:
    if isinstance(error, TooLarge):
        return 2, 413, error
    if isinstance(error, Overloaded):
        return 1, 429, error
    return 0, 503, error


def _not_found(path: str, host: str) -> Answer:
    address = f"{path[:200]!r} on host {host[:200]!r}"
    return Answer(404, f"there is no channel or broker at {address}; its address is in its status.address.url")


def _content_length(headers: RawHeaders) -> int:
    announced = header(headers, b"content-length")
    return int(announced) if announced.isdigit() else 0


def _leaving(answer: Answer, headers: RawHeaders, max_body_bytes: int) -> Answer:
    """The answer to a request whose body stays unread.

    A small body is skipped by the server; a large or endless one is not worth it, and one that waits for `100 Continue`
    may never come.
    """
    endless = _content_length(headers) > max_body_bytes or any(
        name in (b"transfer-encoding", b"expect") for name, _ in headers
    )
    return answer._replace(close=True) if endless else answer


def _one_line(reason: str) -> str:
    return reason.replace("\r", " ").replace("\n", " ")
