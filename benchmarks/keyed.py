"""How fast ordered delivery is where each event takes the subscriber 5 ms: as fast as keys allow, or only as partitions do.

Keyed events wait in the topic before the one dispatcher starts; what counts is the time from the first delivery to the
last, and that every key stayed in order. Run: `python benchmarks/keyed.py [--events N]`; half a minute on two cores.
"""

from __future__ import annotations

import argparse
import sys
import time

import rig
from process import Process
from rig import Rig

CHANNEL, NAME = "keyed", "worker"
QUIET_S = 60.0
CONNECTIONS = 100


def main() -> None:
    parser = rig.arguments(__doc__, 100_000)
    parser.add_argument("--keys", type=int, default=1_000, help="0: events without a key")
    parser.add_argument("--partitions", type=int, default=10)
    parser.add_argument("--delay-ms", type=float, default=5.0, help="what the subscriber takes for each event")
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help="delivery.connections_per_host")
    parser.add_argument("--order", choices=("ordered", "unordered"), default="ordered")
    parser.add_argument("--size", type=int, default=100, help="bytes of data of an event")
    options = parser.parse_args()
    if options.connections != CONNECTIONS:
        options.set.append(f"delivery.connections_per_host={options.connections}")
    with Rig(options) as bench:
        sound = run(bench, options)
    sys.exit(not sound)


def run(bench: Rig, options: argparse.Namespace) -> bool:
    checked = options.keys if options.order == "ordered" else 0
    worker, url = bench.subscriber(NAME, events=options.events, keys=checked, delay_ms=options.delay_ms)
    subscription = rig.subscription(NAME, CHANNEL, url, order=options.order)
    bench.control(rig.documents([rig.channel(CHANNEL, options.partitions), subscription]))
    bench.fill(CHANNEL, options.events, options.keys, options.size)
    print(f"keyed: {options.events:,} events of {options.size} bytes, {options.keys:,} keys, {options.order}")
    dispatcher = bench.role("dispatcher")
    arrived(worker, dispatcher, options.events)
    account = worker.ask("account")
    took_s = max(account["last_s"] - account["first_s"], 1e-3)
    speed = account["requests"] / took_s
    print(f"{account['distinct']:,} delivered in {took_s:.1f} s: {speed:,.0f} events/s,", end=" ")
    print(
        f"{account['most_open']} at once at most, out of order {account['early_count']}, twice {account['duplicates']}"
    )
    if options.delay_ms:
        one = 1000 / options.delay_ms
        print(
            f"one after the other in {options.partitions} partitions: {one * options.partitions:,.0f} events/s at best"
        )
        print(f"{options.connections} connections: {one * options.connections:,.0f};", end=" ")
        print(f"{options.keys:,} keys: {one * options.keys:,.0f}")
    cost = dispatcher.look().processor_s * 100_000 / max(account["requests"], 1)
    print(f"dispatcher: {cost:.2f} processor seconds per 100,000 events, at most {dispatcher.peak_mib:.0f} MiB")
    return bool(account["distinct"] == options.events and not account["early_count"])


def arrived(end: Process, dispatcher: Process, events: int) -> None:
    """Wait until everything has come, or nothing has for a minute."""
    most, at = 0, time.monotonic()
    while (now := end.ask("account")["distinct"]) < events and time.monotonic() - at < QUIET_S:
        dispatcher.look()
        if now > most:
            most, at = now, time.monotonic()
        time.sleep(0.1)


if __name__ == "__main__":
    main()
