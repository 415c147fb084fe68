"""What the dispatcher counts and logs tells a trigger from a subscription of the same name."""

from __future__ import annotations

import pytest
import structlog

from dispatcher.metrics import OutcomeMetrics
from dispatcher.outcome import Kept, Replied
from eventing.plan.model import Egress
from eventing.record import Record
from eventing.telemetry import Telemetry

SUBSCRIPTION = Egress("u1", "Subscription", "ns", "x", "t", "g1", "http://s/", "graves")
TRIGGER = Egress("u2", "Trigger", "ns", "x", "b", "g2", "http://s/", "graves2")
RECORD = Record("b", 0, 7, None, b"", ())


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


@pytest.fixture
def metrics(telemetry: Telemetry) -> OutcomeMetrics:
    return OutcomeMetrics(telemetry)


def test_each_kind_is_counted_for_itself(telemetry: Telemetry, metrics: OutcomeMetrics) -> None:
    for _ in range(3):
        metrics.ended(SUBSCRIPTION, RECORD, Replied(200, 1, 0.1))
        metrics.attempted(SUBSCRIPTION, RECORD, "subscriber", 200, 0.1)
    metrics.ended(TRIGGER, RECORD, Replied(200, 1, 0.1))
    metrics.attempted(TRIGGER, RECORD, "subscriber", 200, 0.1)
    metrics.passed_over(TRIGGER, 40)

    def told(sample: str, kind: str, **labels: str) -> float | None:
        return telemetry.registry.get_sample_value(
            f"kanal_dispatcher_{sample}", {"kind": kind, "namespace": "ns", "name": "x", **labels}
        )

    for kind, times in (("Subscription", 3), ("Trigger", 1)):
        assert told("events_total", kind, outcome="replied") == times
        assert told("requests_total", kind, target="subscriber", status="200") == times
        assert told("request_seconds_count", kind, target="subscriber") == times
    assert told("events_total", "Trigger", outcome="filtered") == 40
    assert told("events_total", "Subscription", outcome="filtered") is None


def test_the_line_for_what_nobody_took_says_whose_it_was(metrics: OutcomeMetrics) -> None:
    with structlog.testing.capture_logs() as lines:
        metrics.ended(TRIGGER, RECORD, Kept("no answer", 3, None))
        metrics.ended(SUBSCRIPTION, RECORD, Kept("no answer", 3, None))
    assert [(line.get("trigger"), line.get("subscription")) for line in lines] == [("ns/x", None), (None, "ns/x")]
