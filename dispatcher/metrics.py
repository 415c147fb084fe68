"""What the dispatcher counts and says: a listener that hears every attempt and every end."""

from __future__ import annotations

from typing import Any, TypeVar

import structlog
from prometheus_client import Counter, Gauge, Histogram

from dispatcher.dispatcher import Dispatcher
from dispatcher.outcome import DeadLettered, Delivered, Failed, Kept, Outcome, Replied, word_of
from eventing.outcomes import FILTERED
from eventing.plan.model import Egress
from eventing.record import Record
from eventing.telemetry import Telemetry

MetricT = TypeVar("MetricT", Counter, Histogram)
_log = structlog.get_logger("dispatcher")
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class OutcomeMetrics:
    """A `Listener`. Labels are resources, targets and status codes, so their number is bounded."""

    def __init__(self, telemetry: Telemetry) -> None:
        registry = telemetry.registry
        self._children: dict[tuple[object, ...], Any] = {}
        self._events = Counter(
            "kanal_dispatcher_events",
            "Events that are finished, by how they ended: delivered, replied, dead_lettered, kept, discarded or filtered.",
            ["kind", "namespace", "name", "outcome"],
            registry=registry,
        )
        self._requests = Counter(
            "kanal_dispatcher_requests",
            "Requests sent, by target (subscriber, reply, dead_letter) and status; `none` where no answer came.",
            ["kind", "namespace", "name", "target", "status"],
            registry=registry,
        )
        self._latency = Histogram(
            "kanal_dispatcher_request_seconds",
            "How long a request to a target took.",
            ["kind", "namespace", "name", "target"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._unfinished = Gauge(
            "kanal_dispatcher_unfinished_events", "Events that are read and not finished.", registry=registry
        )

    def watch(self, dispatcher: Dispatcher) -> None:
        """Show how much this dispatcher has under way."""
        self._unfinished.set_function(lambda: dispatcher.unfinished)

    def attempted(
        self,
        egress: Egress,
        record: Record,  # noqa: ARG002
        target: str,
        status: int | None,
        seconds: float,
    ) -> None:
        """See `Listener`."""
        word = "none" if status is None else str(status)
        self._labelled(self._requests, egress.kind, egress.namespace, egress.name, target, word).inc()
        self._labelled(self._latency, egress.kind, egress.namespace, egress.name, target).observe(seconds)

    def waits(self, egress: Egress, record: Record, failed: Failed) -> None:
        """See `Listener`; the attempt is counted already."""

    def ended(self, egress: Egress, record: Record, outcome: Outcome) -> None:
        """See `Listener`; what nobody took is one line in the log."""
        self._labelled(self._events, egress.kind, egress.namespace, egress.name, word_of(outcome)).inc()
        if isinstance(outcome, Delivered | Replied):
            return
        place = {
            **egress.named,
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "reason": outcome.reason,
        }
        if isinstance(outcome, DeadLettered):
            _log.info("event sent to the dead letter sink", **place, attempts=outcome.attempts)
        elif isinstance(outcome, Kept):
            topic = egress.dead_letter_topic
            _log.error("event kept in the dead letter topic", **place, attempts=outcome.attempts, dead_letters=topic)
        else:
            _log.error("record is no event and was passed over", **place)

    def passed_over(self, egress: Egress, records: int) -> None:
        """See `Listener`."""
        self._labelled(self._events, egress.kind, egress.namespace, egress.name, FILTERED).inc(records)

    def _labelled(self, metric: MetricT, *labels: str) -> MetricT:
        """`metric.labels`, which costs more than the counting itself, remembered."""
        key = (metric, *labels)
        found: MetricT | None = self._children.get(key)
        if found is None:
            found = self._children[key] = metric.labels(*labels)
        return found
