"""Logs and metrics: what every role writes to standard error, and what it counts.

One registry a process, handed on and never global, so that two stacks in one test process don't share counters. The names
of metrics and their labels are an interface: they stand here, together, and labels are bounded by the number of resources
and of status codes, never by what a sender writes.
"""

from __future__ import annotations

import logging
import sys

import structlog
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from eventing.errors import Invalid

# A second series for each counter that says when it began; nobody asked for it, and it doubles every scrape.
disable_created_metrics()  # type: ignore[no-untyped-call]

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("auto", "text", "json")


class Telemetry:
    """What one process counts, the process itself included: memory, processor time, garbage collection."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def exposition(self) -> tuple[bytes, bytes]:
        """Media type and body of what `/metrics` answers, in Prometheus' text format."""
        return CONTENT_TYPE_LATEST.encode(), generate_latest(self.registry)


class IngressMetrics:
    """What the ingress counts."""

    def __init__(self, telemetry: Telemetry) -> None:
        registry = telemetry.registry
        self.requests = Counter(
            "kanal_ingress_requests",
            "Requests for events that were answered, by status code.",
            ["status"],
            registry=registry,
        )
        self.events = Counter(
            "kanal_ingress_events",
            "Events that were accepted: all in-sync replicas have them.",
            ["kind", "namespace", "name"],
            registry=registry,
        )
        self.held = Gauge("kanal_ingress_held_bytes", "Bytes of unfinished request bodies held now.", registry=registry)


def configure_logging(level: str = "info", format: str = "auto") -> None:  # noqa: A002 - the setting's own name
    """Send everything that is logged, by us and by libraries, to standard error as text or as one JSON object a line.

    `auto` is text on a terminal and JSON elsewhere. Raises `Invalid`, which names the setting.
    """
    if level not in LEVELS:
        raise Invalid(f"{level!r} is no level", field="log.level", fix=f"use one of {', '.join(LEVELS)}")
    if format not in FORMATS:
        raise Invalid(f"{format!r} is no format", field="log.format", fix=f"use one of {', '.join(FORMATS)}")
    as_json = format == "json" or (format == "auto" and not sys.stderr.isatty())
    before: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor]
    if as_json:
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        plain = structlog.dev.plain_traceback
        last = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # librdkafka tells every attempt to reconnect, twenty a second; what it can't mend reaches us as an error of a call.
    logging.getLogger("librdkafka").setLevel(logging.DEBUG if level == "debug" else logging.CRITICAL)
    # Each request to an API server would be a line.
    logging.getLogger("httpx2").setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
