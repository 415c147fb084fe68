"""The way in: reads a request's body, hands its events to Kafka, and answers when Kafka has acknowledged all of them.

A plain ASGI callable, because an event passes here and everything that a framework would do for it costs more than the
work itself: one future a request, no task, no model. What is decided stands in `channel.admit`; here is only what waits.

At-least-once: the records of a batch are appended one by one. Where Kafka refuses some, the others may be there already,
and the sender, who gets an error for the whole batch, sends them again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import structlog
from starlette.types import Message, Receive, Scope, Send

from channel import admit
from channel.answer import LINGER_BYTES, LINGER_S, Answer
from channel.routes import Routes
from channel.terms import Rules
from eventing import settings
from eventing.errors import EventingError, Invalid
from eventing.kafka import Appender, Position
from eventing.plan.model import Ingress, Plan
from eventing.telemetry import IngressMetrics

Noticed = Callable[[Ingress, Mapping[str, str]], None]
"""Hears of each accepted event where it came in and its attributes `type`, `source` and `dataschema`."""
_log = structlog.get_logger("channel")


class EventIngress:
    """Takes events for all resources of the current plan."""

    def __init__(
        self, appender: Appender, metrics: IngressMetrics, limits: settings.Ingress, noticed: Noticed | None = None
    ) -> None:
        self.routes = Routes()
        self._rules = Rules()
        self._noticed = noticed
        self._appender = appender
        self._metrics = metrics
        self._limits = limits
        self._held = 0
        self._counted: set[tuple[str, str, str]] = set()
        metrics.held.set_function(lambda: self._held)

    def replace(self, plan: Plan) -> None:
        """Serve the addresses of this plan from now on."""
        broken = self._rules.broken
        self._rules.replace(plan.ingresses.values())
        for text, why in self._rules.broken.items():
            if text not in broken:
                _log.error("a schema can't be used, and the data of its type is not checked", error=why)
        self.routes.replace(plan)
        # A counter that nothing increases any more would stay in every scrape for the life of the process.
        served = {(ingress.kind, ingress.namespace, ingress.name) for ingress in plan.ingresses.values()}
        for gone in self._counted - served:
            self._metrics.events.remove(*gone)
        self._counted &= served

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; whoever went away in the middle of it gets no answer and has nothing stored."""
        try:
            answer = await self._answer(scope, receive)
        except asyncio.CancelledError:
            # Only a server that stops and has waited long enough cancels, and the sender still needs to know.
            answer = admit.STOPPING
        if answer is None:
            return
        self._metrics.requests.labels(answer.status).inc()
        start, body = _messages(answer)
        await send(start)
        if answer.close:
            await send({**body, "more_body": True})
            await _linger(receive)
            body = _NOTHING
        await send(body)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer | None:
        headers = scope["headers"]
        limit = self._limits.max_body_bytes
        target = admit.admit(scope["method"], scope["path"], headers, self.routes, limit)
        if isinstance(target, Answer):
            return target
        under_way = await self._take(target, headers, receive)
        if not isinstance(under_way, _Appends):
            return under_way
        if await under_way.finished():
            return admit.failure(under_way.errors)
        if under_way.acknowledged:
            self._count(target, under_way.acknowledged)
            if self._noticed is not None:
                for attributes in under_way.types:
                    self._noticed(target, attributes)
        return admit.ACCEPTED

    async def _take(
        self, target: Ingress, headers: Sequence[tuple[bytes, bytes]], receive: Receive
    ) -> _Appends | Answer | None:
        """Read the body and queue its events; the body is held no longer than this takes."""
        held = [0]
        try:
            body = await self._read(receive, held)
            if not isinstance(body, bytes):
                return body
            entries = admit.entries(headers, body, self._rules.terms.get(target.uid))
        except Invalid as error:
            return admit.refusal(error)
        finally:
            self._held -= held[0]
        under_way = _Appends(self._appender, target.topic, entries)
        if self._noticed is not None:
            under_way.types = admit.types_of(entries)
        return under_way

    async def _read(self, receive: Receive, held: list[int]) -> bytes | Answer | None:
        """The whole body, an answer where it may not or does not come, None where the client is gone.

        `held` is told how much of the budget this request has taken, whatever happens.
        """
        limits = self._limits
        loop = asyncio.get_running_loop()
        so_far = bytearray()
        try:
            async with asyncio.timeout(limits.read_timeout_s) as patience:
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        return None
                    chunk: bytes = message["body"]
                    held[0] += len(chunk)
                    self._held += len(chunk)
                    if held[0] > limits.max_body_bytes:
                        return admit.too_large(limits.max_body_bytes)
                    if self._held > limits.max_held_bytes:
                        return admit.too_much_held(limits.max_held_bytes)
                    if not message["more_body"] and not so_far:
                        return chunk
                    so_far += chunk
                    if not message["more_body"]:
                        return bytes(so_far)
                    patience.reschedule(loop.time() + limits.read_timeout_s)
        except TimeoutError:
            return admit.silent(limits.read_timeout_s)

    def _count(self, target: Ingress, events: int) -> None:
        resource = target.kind, target.namespace, target.name
        self._counted.add(resource)
        self._metrics.events.labels(*resource).inc(events)


class _Appends:
    """The appends of one request: queued at once, finished when each is acknowledged or has failed."""

    __slots__ = ("_open", "_waiter", "acknowledged", "errors", "types")

    def __init__(self, appender: Appender, topic: str, entries: Sequence[admit.Entry]) -> None:
        self.acknowledged = 0
        self.errors: list[EventingError] = []
        self.types: Sequence[Mapping[str, str]] = ()
        self._open = len(entries)
        self._waiter: asyncio.Future[None] | None = None
        for number, entry in enumerate(entries):
            try:
                appender.append(topic, entry.key, entry.value, entry.headers, self._done)
            except EventingError as error:
                # The rest is not even tried: the sender has to come again anyway.
                self.errors.append(error)
                self._open -= len(entries) - number
                break

    async def finished(self) -> bool:
        """Wait for every append; whether any failed."""
        if self._open:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return bool(self.errors)

    def _done(self, outcome: Position | EventingError) -> None:
        if isinstance(outcome, EventingError):
            self.errors.append(outcome)
        else:
            self.acknowledged += 1
        self._open -= 1
        if not self._open and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def _linger(receive: Receive) -> None:
    """Give a sender in the middle of its body the time to see our answer.

    Closing on unread bytes resets the connection, and a reset can overtake the answer. A little of the body is read and
    forgotten, for clients that look at the answer only when they have sent everything.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            skipped = 0
            while skipped < LINGER_BYTES:
                message = await receive()
                if message["type"] != "http.request" or not message["more_body"]:
                    return
                skipped += len(message["body"])
            await asyncio.sleep(LINGER_S)


_NOTHING: Message = {"type": "http.response.body", "body": b""}
_ACCEPTED: tuple[Message, Message] = (
    {"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0")]},
    _NOTHING,
)


def _messages(answer: Answer) -> tuple[Message, Message]:
    if answer is admit.ACCEPTED:
        return _ACCEPTED
    body = f"{answer.reason}\n".encode() if answer.reason else b""
    headers = [(b"content-length", b"%d" % len(body)), *answer.headers]
    if body:
        headers.append((b"content-type", b"text/plain; charset=utf-8"))
    if answer.close:
        headers.append((b"connection", b"close"))
    start: Message = {"type": "http.response.start", "status": answer.status, "headers": headers}
    return start, {"type": "http.response.body", "body": body} if body else _NOTHING
