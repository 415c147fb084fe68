"""What a backlog costs a dispatcher in memory: 300,000 waiting events of 10 KiB and a subscriber that takes 50 ms.

The events are written straight into the topic (3 GB of disk, given back at the end; fewer where there is no room), then a
dispatcher starts, and its resident memory is looked at for a minute: first with ordered delivery, then, on a Kafka of its
own again, with unordered. Run: `python benchmarks/backlog.py [--events N]`; about 4 minutes. Ends with 1 where it took
more than `--limit`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time

import rig
from process import status
from rig import Rig, until

CHANNEL = "backlog"
ORDERS = ("ordered", "unordered")
RESERVE = 2 << 30


def main() -> None:
    parser = rig.arguments(__doc__, 300_000)
    parser.add_argument("--size", type=int, default=10_240, help="bytes of data of an event")
    parser.add_argument("--keys", type=int, default=1_000, help="0: events without a key")
    parser.add_argument("--partitions", type=int, default=10)
    parser.add_argument("--delay-ms", type=float, default=50.0, help="what the subscriber takes for each event")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each dispatcher is watched")
    parser.add_argument("--limit", type=int, default=256, metavar="MB", help="the most that a dispatcher may take")
    parser.add_argument("--order", choices=ORDERS, action="append", help="one of them only")
    options = parser.parse_args()
    sound = True
    for order in options.order or ORDERS:
        with Rig(options) as bench:
            events = affordable(bench, options)
            sound = run(bench, order, events, options) and sound
    sys.exit(not sound)


def affordable(bench: Rig, options: argparse.Namespace) -> int:
    """As many events as the disk of an embedded Kafka has room for."""
    if options.kafka:
        return int(options.events)
    room = shutil.disk_usage(bench.directory).free - RESERVE
    most = max(room // (options.size + 200), 0)
    if most < options.events:
        print(f"{bench.directory} has room for {most:,} events only")
    return min(int(options.events), int(most))


def run(bench: Rig, order: str, events: int, options: argparse.Namespace) -> bool:
    end, url = bench.subscriber(order, events=events, delay_ms=options.delay_ms)
    resources = [rig.channel(CHANNEL, options.partitions), rig.subscription(order, CHANNEL, url, order=order)]
    bench.control(rig.documents(resources))
    took_s = bench.fill(CHANNEL, events, options.keys, options.size)
    print(f"backlog: {events:,} events of {options.size:,} bytes, written in {took_s:.0f} s; {order}")
    dispatcher = bench.role("dispatcher")
    until(lambda: bool(end.ask("account")["requests"]), 60.0, "the first delivery")
    began, before = time.monotonic(), dispatcher.processor_s
    while (passed := time.monotonic() - began) < options.seconds:
        account = end.ask("account")
        dispatcher.look()
        if account["distinct"] == events:
            break
        time.sleep(0.2)
    now_mib, peak_mib = status(dispatcher.pid, "VmRSS") / 1024, dispatcher.peak_mib
    speed, used_s = account["requests"] / passed, dispatcher.processor_s - before
    left = "nothing waits any more" if account["distinct"] == events else f"{events - account['distinct']:,} still wait"
    print(f"  {passed:.0f} s: {speed:,.0f} events/s, {account['most_open']} at once at most; {left}")
    print(f"  resident: {now_mib:.0f} MiB now, {peak_mib:.0f} MiB at most (limit {options.limit} MB)", end="; ")
    print(f"{status(dispatcher.pid, 'Threads')} threads, {used_s * 100 / passed:.0f} % of a processor")
    return bool(peak_mib * 1024 * 1024 <= options.limit * 1e6)


if __name__ == "__main__":
    main()
