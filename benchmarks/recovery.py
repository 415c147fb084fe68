"""How long events of a killed dispatcher wait until another delivers them: the longest silence of any key after `kill -9`.

Two dispatchers share the partitions of one channel while events come at a steady rate; one of them is killed and stays
dead. A partition that it had is silent until Kafka gives it to the other: `kafka.session_timeout_s` (10 s) and a
rebalance. Run: `python benchmarks/recovery.py [--rounds N]`; about a minute a round.
"""

from __future__ import annotations

import argparse
import time

import rig
from process import Process
from rig import Rig, until

CHANNEL, NAME = "recovery", "listener"
PATIENCE_S = 120.0
NOTABLE_S = 1.0


def main() -> None:
    parser = rig.arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=500, help="events a second")
    parser.add_argument("--partitions", type=int, default=6)
    options = parser.parse_args()
    with Rig(options) as bench:
        run(bench, options)


def run(bench: Rig, options: argparse.Namespace) -> None:
    events = options.rate * 3_600
    end, url = bench.subscriber(NAME, events=events, keys=100)
    bench.control(rig.documents([rig.channel(CHANNEL, options.partitions), rig.subscription(NAME, CHANNEL, url)]))
    dispatchers = [bench.role("dispatcher", name=f"dispatcher {n}") for n in (1, 2)]
    until(lambda: shares(bench) == 2, PATIENCE_S, "both dispatchers have partitions")
    address = f"{bench.ingress}/{rig.NAMESPACE}/{CHANNEL}"
    sender = bench.end(
        "sender", "sender", "--url", address, "--events", events, "--keys", 100, "--rate", options.rate, "--size", 100
    )
    until(lambda: end.ask("account")["requests"] > options.rate, PATIENCE_S, "events flow")
    print(f"recovery: {options.rate:,} events/s, {options.partitions} partitions, two dispatchers, one is killed")
    for number in range(options.rounds):
        victim = dispatchers[number % 2]
        victim.kill()
        print(f"round {number + 1}: the longest silence of a key was {silence(end):.1f} s")
        victim.begin()
        until(lambda: shares(bench) == 2, PATIENCE_S, "the new dispatcher has partitions")
    sender.look()
    account = end.ask("account")
    print(f"{account['requests']:,} requests, {account['duplicates']} twice, {account['early_count']} out of order")


def silence(end: Process) -> float:
    """The longest time that a key was silent, once all keys come again."""
    longest, quiet_since, deadline = 0.0, time.monotonic(), time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and (longest < NOTABLE_S or time.monotonic() - quiet_since < NOTABLE_S * 3):
        found = float(end.ask("account")["silence_s"])
        if found > NOTABLE_S:
            longest, quiet_since = max(longest, found), time.monotonic()
        time.sleep(0.1)
    return longest


def shares(bench: Rig) -> int:
    """How many members of the group have partitions."""
    return sum(bool(one) for one in bench.members(NAME))


if __name__ == "__main__":
    main()
