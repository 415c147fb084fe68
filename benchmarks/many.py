"""What idle subscriptions cost one dispatcher: memory, threads, sockets and processor time, and what they cost Kafka.

All subscriptions stand on `--channels` channels; none gets an event while it is measured, and one event a channel
afterwards shows that all of them listen. Run: `python benchmarks/many.py [--subscriptions N]`; about 2 minutes.
"""

from __future__ import annotations

import argparse
import sys
import time

import rig
from process import processor_s, sockets, status
from rig import Rig, until


def main() -> None:
    parser = rig.arguments(__doc__)
    parser.add_argument("--subscriptions", type=int, default=200)
    parser.add_argument("--channels", type=int, default=20)
    parser.add_argument("--partitions", type=int, default=6)
    parser.add_argument("--settle", type=float, default=15.0, metavar="SECONDS")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long it is measured")
    options = parser.parse_args()
    options.channels = min(options.channels, options.subscriptions)
    with Rig(options) as bench:
        all_came = run(bench, options)
    sys.exit(not all_came)


def run(bench: Rig, options: argparse.Namespace) -> bool:
    end, url = bench.subscriber("listener", events=options.channels)
    resources = [rig.channel(f"c{n}", options.partitions) for n in range(options.channels)]
    resources += [rig.subscription(f"s{n}", f"c{n % options.channels}", url) for n in range(options.subscriptions)]
    _, controller = bench.control(rig.documents(resources), patience_s=300.0)
    before = bench.broker_mib
    began = time.monotonic()
    dispatcher = bench.role("dispatcher")
    names = [f"s{n}" for n in range(options.subscriptions)]
    until(lambda: sum(bool(one) for one in bench.members(*names)) >= len(names), 300.0, "every group has its member")
    print(
        f"many: {options.subscriptions} subscriptions, {options.channels} channels of {options.partitions} partitions;",
        end=" ",
    )
    print(f"all groups have their member after {time.monotonic() - began:.1f} s")
    time.sleep(options.settle)
    pids = {"dispatcher": dispatcher.look().pid, "controller": controller.pid}
    used = {name: processor_s(pid) for name, pid in pids.items()}
    kafka_s = bench.broker_s
    time.sleep(options.seconds)
    minute = 60 / options.seconds
    for name, pid in pids.items():
        seconds = (processor_s(pid) - used[name]) * minute
        print(f"  {name:<11}{status(pid, 'VmRSS') / 1024:>5.0f} MiB{status(pid, 'Threads'):>6} threads", end="")
        print(f"{sockets(pid):>6} sockets{seconds:>7.1f} processor seconds a minute")
    print(
        f"  {'Kafka':<11}{bench.broker_mib:>5.0f} MiB ({before:.0f} before){(bench.broker_s - kafka_s) * minute:>16.1f}",
        end="",
    )
    print(" processor seconds a minute")
    for n in range(options.channels):
        bench.fill(f"c{n}", 1, 0, 100)
    sent_s = time.monotonic()
    until(lambda: end.ask("account")["requests"] >= options.subscriptions, 60.0, "an event reaches every subscription")
    print(
        f"  one event a channel has reached all {options.subscriptions} subscriptions in {time.monotonic() - sent_s:.2f} s"
    )
    return True


if __name__ == "__main__":
    main()
