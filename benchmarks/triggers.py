"""What a hundred triggers on one broker cost a dispatcher for each event: reading together, and each on its own.

Every trigger wants one event type of as many; so each event is delivered once and filtered out by all others. `steady`
sends events at a rate, `backlog` lets a dispatcher that was away catch up. Run: `python benchmarks/triggers.py
[--triggers N] [--events N]`; about 4 minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Iterator

import rig
from process import Process, processor_s, status
from rig import Rig, until

FILTERS = {
    "exact": "[{{exact: {{type: dev.kanal.bench{n}}}}}]",
    "cesql": "[{{cesql: \"type = 'dev.kanal.bench{n}' AND source LIKE '/be%'\"}}]",
}


def main() -> None:
    parser = rig.arguments(__doc__, events=50_000)
    parser.add_argument("--triggers", type=int, default=100)
    parser.add_argument("--partitions", type=int, default=10)
    parser.add_argument("--size", type=int, default=1_024, help="bytes of an event's data")
    parser.add_argument("--rate", type=float, default=1_000.0, help="events a second while they are sent steadily")
    parser.add_argument("--filter", choices=FILTERS, default="exact")
    options = parser.parse_args()
    settings = options.set
    print(
        f"{options.triggers} triggers with an {options.filter} filter each; {options.events:,} events of {options.size} bytes,"
        f" {options.partitions} partitions"
    )
    print("reading    when      events/s  processor s per 100,000 events  µs an event and trigger  Kafka  resident")
    complete = True
    for share in ("true", "false"):
        options.set = [*settings, f"delivery.share_reading={share}"]
        with Rig(options) as bench:
            complete &= run(bench, options, "together" if share == "true" else "alone")
    sys.exit(not complete)


def run(bench: Rig, options: argparse.Namespace, how: str) -> bool:
    end, url = bench.subscriber("listener", events=options.events)
    wanted = FILTERS[options.filter]
    resources = [rig.broker("b", options.partitions)]
    resources += [rig.trigger(f"t{n}", "b", url, wanted.format(n=n)) for n in range(options.triggers)]
    bench.control(rig.documents(resources), patience_s=300.0)
    names = [f"t{n}" for n in range(options.triggers)]
    dispatcher = bench.role("dispatcher")
    until(lambda: sum(map(bool, bench.members(*names))) >= len(names), 300.0, "every group has its member")
    with measured(bench, options, end, dispatcher, how, "steady"):
        bench.fill("b", options.events, 0, options.size, options.triggers, options.rate)
    dispatcher.stop()
    bench.fill("b", options.events, 0, options.size, options.triggers)
    dispatcher = bench.role("dispatcher")
    with measured(bench, options, end, dispatcher, how, "backlog"):
        pass
    return True


@contextlib.contextmanager
def measured(
    bench: Rig, options: argparse.Namespace, end: Process, dispatcher: Process, how: str, when: str
) -> Iterator[None]:
    """Print what it costs until every event of this block is delivered and committed."""
    pid, before = dispatcher.look().pid, end.ask("account")["requests"]
    used, kafka_s, began = processor_s(pid), bench.broker_s, time.monotonic()
    yield
    until(lambda: end.ask("account")["requests"] - before >= options.events, 600.0, "every event is delivered")
    until(lambda: bench.lag("b", f"t{options.triggers - 1}") == 0, 60.0, "the last trigger has no lag")
    took = time.monotonic() - began
    each, kafka = (processor_s(pid) - used) / options.events, (bench.broker_s - kafka_s) / options.events
    print(
        f"{how:<11}{when:<8}{options.events / took:>10,.0f}{each * 100_000:>32.1f}"
        f"{each / options.triggers * 1e6:>25.2f}{kafka * 100_000:>7.1f}{status(pid, 'VmHWM') / 1024:>6.0f} MiB"
    )


if __name__ == "__main__":
    main()
