"""The way of one record: decode, send to the subscriber, send on the reply, or bury the dead letter.

A courier belongs to one egress. It waits out retries through the `nap` that its caller hands in, so that the caller can
give a partition up without waiting for them; it touches neither offsets nor lanes. The egress is read anew for each
attempt: a changed subscriber counts from the next attempt on (cases B40).
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass

from dispatcher.graveyard import Graveyard, Grief, Nap
from dispatcher.outcome import DeadLettered, Delivered, Discarded, Failed, Kept, Listener, Outcome, Replied, word_of
from dispatcher.redelivery import ERROR, redelivered
from dispatcher.replies import Replies
from eventing import ttl
from eventing.codec import http as http_codec
from eventing.codec import kafka as kafka_codec
from eventing.errors import EventingError, Invalid
from eventing.event import Event, is_attribute_name
from eventing.http import Response, Sender, SendFailed
from eventing.plan.model import Egress
from eventing.record import Record
from eventing.verdict import Accepted, RetryIn, judge

ERROR_DATA_BYTES = 1024
_NO_REPLY = frozenset({202, 204})
# What `kne-` headers can't set: the event itself stays what it was.
_OWN = frozenset(
    {
        "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "schemaurl",
        "datacontentencoding", "partitionkey",
    }
)  # fmt: skip

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Clock:
    """What a courier knows of time and chance: Unix seconds, monotonic seconds, and a jitter in [0, 1)."""

    now: Callable[[], float]
    monotonic: Callable[[], float]
    jitter: Callable[[], float]


@dataclass(slots=True)
class _Answer:
    """The end of a row of attempts at one target."""

    url: str
    attempts: int
    response: Response | None
    seconds: float
    problem: str = ""

    @property
    def status(self) -> int | None:
        return None if self.response is None else self.response.status


class Courier:
    """Delivers the records of one egress, one call a record, any number at once."""

    def __init__(
        self,
        egress: Egress,
        sender: Sender,
        graveyard: Graveyard,
        replies: Replies,
        listener: Listener,
        clock: Clock,
        nap: Nap,
    ) -> None:
        self.egress = egress
        self._sender = sender
        self._graveyard = graveyard
        self._replies = replies
        self._listener = listener
        self._clock = clock
        self._nap = nap

    async def deliver(self, record: Record) -> Outcome:
        """Do everything that this record needs; returns how it ended, and raises only what `nap` raises.

        A dead letter that was redelivered is marked as such before this returns, whatever came of it: where it failed
        again, it lies in the dead letter topic again.
        """
        redelivers = self.egress.redelivers
        outcome = await self._deliver(record)
        if redelivers:
            await self._graveyard.mark(self.egress, record, word_of(outcome), self._clock.now(), self._nap)
        return outcome

    async def _deliver(self, record: Record) -> Outcome:
        began = self._clock.now()
        try:
            read = kafka_codec.from_record(record.headers, record.value)
        except Invalid as error:
            return Discarded(str(error))
        event = read if self.egress.ttl is None or self.egress.keeps_ttl else ttl.leaving(read)
        if self.egress.redelivers:
            event = redelivered(event)
        else:
            event = event.extended(knativekafkapartition=str(record.partition), knativekafkaoffset=str(record.offset))
        trace = kafka_codec.trace_of(record.headers)
        answer = await self._send(record, "subscriber", event, trace)
        if answer.problem:
            return await self._bury(record, read, event, trace, answer, began)
        assert answer.response is not None  # noqa: S101  an answer without a problem has one
        status = answer.response.status
        try:
            reply = self._reply_in(answer.response)
        except Invalid as error:
            answer.problem = f"the reply is malformed: {error}"
            return await self._bury(record, read, event, trace, answer, began)
        if reply is None or self.egress.reply is None:
            return Delivered(status, answer.attempts, answer.seconds)
        # A channel may stand between a broker and this subscriber, and then the reply goes round like any other.
        through_channel = self.egress.reply_topic is None and ttl.ATTRIBUTE in read.attributes
        if self.egress.ttl is not None or through_channel:
            reply = ttl.passed_on(read, reply)
        if self.egress.reply_topic is None:
            sent = await self._send(record, "reply", reply, trace)
        else:
            sent = await self._append(record, reply)
        if sent.problem and self.egress.reply is None:
            return Delivered(status, answer.attempts, answer.seconds)
        if sent.problem:
            return await self._bury(record, read, event, trace, sent, began)
        return Replied(status, answer.attempts, answer.seconds)

    async def _send(self, record: Record, target: str, event: Event, trace: Headers) -> _Answer:
        """Attempt after attempt at one target, until it accepts, refuses or the attempts are used up."""
        headers, body = http_codec.encode_binary(event)
        headers += [*trace, (b"kn-namespace", self.egress.namespace.encode())]
        if target == "subscriber":
            headers.append((b"prefer", b"reply"))
        attempt = 0
        while True:
            attempt += 1
            answer = await self._attempt(record, target, headers, body, attempt)
            response = answer.response
            retry_after = None if response is None else response.header(b"retry-after")
            verdict = judge(
                self.egress.policy,
                attempt,
                answer.status,
                retry_after=None if retry_after is None else retry_after.decode("latin-1"),
                now=self._clock.now(),
                jitter=self._clock.jitter(),
            )
            if isinstance(verdict, Accepted):
                answer.problem = ""
                return answer
            if not isinstance(verdict, RetryIn):
                return answer
            failed = Failed(target, answer.status, attempt, answer.seconds, answer.problem, verdict.wait_s)
            self._listener.waits(self.egress, record, failed)
            await self._nap(record, verdict.wait_s)
            if getattr(self.egress, target) is None:
                return answer

    async def _append(self, record: Record, reply: Event) -> _Answer:
        """Put the reply into the broker's own topic, as its ingress would."""
        started = self._clock.monotonic()
        answer = _Answer(self.egress.reply or "", 1, None, 0.0)
        try:
            await self._replies.append(self.egress, record, reply, self._nap)
        except EventingError as error:
            answer.problem = f"the broker can't take the reply: {error}"
        answer.seconds = self._clock.monotonic() - started
        status = None if answer.problem else 202
        self._listener.attempted(self.egress, record, "reply", status, answer.seconds)
        return answer

    async def _attempt(self, record: Record, target: str, headers: Headers, body: bytes, attempt: int) -> _Answer:
        url: str = getattr(self.egress, target)
        started = self._clock.monotonic()
        response = None
        try:
            response = await self._sender.post(url, headers, body, timeout_s=self.egress.policy.timeout_s)
        except (SendFailed, Invalid) as error:
            problem = str(error)
        else:
            problem = f"{target.replace('_', ' ')} answered {response.status}"
        answer = _Answer(url, attempt, response, self._clock.monotonic() - started, problem)
        self._listener.attempted(self.egress, record, target, answer.status, answer.seconds)
        return answer

    def _reply_in(self, response: Response) -> Event | None:
        if response.status in _NO_REPLY:
            return None
        if response.truncated and http_codec.claims_event(response.headers):
            raise Invalid("it is larger than the limit", fix="raise delivery.max_response_bytes")
        return None if response.truncated else http_codec.decode_reply(response.headers, response.body)

    async def _bury(
        self, record: Record, read: Event, event: Event, trace: Headers, failed: _Answer, began: float
    ) -> Outcome:
        """Send the event to the dead letter sink; where that can't be, keep it in the dead letter topic."""
        blank = {name: value for name, value in event.attributes.items() if name not in ERROR}
        letter = Event({**blank, **_error_attributes(failed)}, event.data)
        failed_before = event.attributes.get("knativeerrordest")
        in_a_circle = failed_before is not None and (failed_before == failed.url or self.egress.sink_returns)
        reason = failed.problem
        if self.egress.dead_letter is not None and not in_a_circle:
            # A dead letter that comes to a broker has passed as often as its event; what is kept starts anew.
            sent = await self._send(record, "dead_letter", ttl.passed_on(read, letter), trace)
            if not sent.problem:
                return DeadLettered(reason, failed.attempts, failed.status)
            reason = f"{reason}; {sent.problem}"
        grief = Grief(reason, failed.attempts, began, self._clock.now())
        await self._graveyard.keep(self.egress, record, letter, grief, self._nap)
        return Kept(reason, failed.attempts, failed.status)


def _error_attributes(failed: _Answer) -> dict[str, str]:
    """What a dead letter says of its failure, as Knative's Kafka data plane does (behaviour §6)."""
    attributes: dict[str, str] = {}
    if failed.response is not None:
        for name, value in failed.response.headers:
            extension = name.removeprefix(b"kne-").decode("latin-1")
            if name.startswith(b"kne-") and is_attribute_name(extension) and extension not in _OWN:
                attributes[extension] = value.decode("latin-1")
        attributes["knativeerrorcode"] = str(failed.response.status)
        if failed.response.body:
            attributes["knativeerrordata"] = base64.b64encode(failed.response.body[:ERROR_DATA_BYTES]).decode()
    attributes["knativeerrordest"] = failed.url
    return attributes
