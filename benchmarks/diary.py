"""What `kanal trace` costs a dispatcher: processor seconds per 100,000 events, for the rows and for their reports.

No Kafka: the appender takes reports and forgets them, so that only our own work is counted; the reports' bytes are printed
beside it. Run: `python benchmarks/diary.py [--events N]`.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import Any

from dispatcher.diary import Diary, outcome_topic
from dispatcher.outcome import DeadLettered, Delivered, Outcome, Standing
from eventing.kafka import Done
from eventing.outcomes import KEEP_ALL, KEEP_FAILURES
from eventing.plan.model import Egress
from eventing.record import Headers, Position, Record
from eventing.settings import Outcomes

EVENTS_A_FLUSH = 5_000
EGRESS = Egress("uid", "Subscription", "ns", "s1", "topic", "group", "http://127.0.0.1/", "graves")


class Sink:
    """Takes every report, and remembers how large they were."""

    reports = size = 0

    def append(self, _topic: str, _key: bytes | None, value: bytes | None, _headers: Headers, done: Done) -> None:
        self.reports += 1
        self.size += len(value or b"")
        done(Position(0, 0))

    async def create_topic(self, _spec: Any) -> None: ...

    async def aclose(self) -> None: ...


async def measure(name: str, keep: str, outcome: Outcome, events: int) -> None:
    sink: Any = Sink()
    topic = outcome_topic("kanal.outcomes", Outcomes(), 1)
    diary = Diary(sink, sink, topic, keep=keep, dispatcher="bench", now=time.time, lost=lambda _: None)
    records = [Record("topic", 0, offset, None, b"", []) for offset in range(EVENTS_A_FLUSH)]
    rows_s = flush_s = longest_s = 0.0
    for _ in range(events // EVENTS_A_FLUSH):
        began = time.process_time()
        for record in records:
            diary.ended(EGRESS, record, outcome)
        written = time.process_time()
        await diary.flush({"uid": Standing(10, 0)})
        ended = time.process_time()
        rows_s, flush_s, longest_s = (
            rows_s + written - began,
            flush_s + ended - written,
            max(longest_s, ended - written),
        )
    share = 100_000 / events
    print(
        f"{name:<34} rows {rows_s * share:.3f} s + reports {flush_s * share:.3f} s of processor time per 100,000 events; "
        f"{sink.size / events:.0f} bytes an event; a flush of {EVENTS_A_FLUSH:,} events {longest_s * 1000:.1f} ms at most"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=500_000)
    events = parser.parse_args().events
    well = Delivered(202, 1, 0.0034)
    badly = DeadLettered("subscriber answered 500", 3, 500)
    asyncio.run(measure("keep = all, delivered", KEEP_ALL, well, events))
    asyncio.run(measure("keep = failures, delivered", KEEP_FAILURES, well, events))
    asyncio.run(measure("keep = failures, dead-lettered", KEEP_FAILURES, badly, events))


if __name__ == "__main__":
    main()
