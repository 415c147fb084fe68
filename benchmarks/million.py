"""A million events past three subscribers while dispatchers are killed: what is lost, what comes twice, what it costs.

One channel, three ordered subscriptions: `fast`; `failing`, which answers 500 to 5 % at random; `slow`, which takes 20 ms
for one key in a hundred. Two dispatchers; every 10 s one of them is killed with SIGKILL, in turn, and started again at
once. In the end each id that was accepted must have been delivered to each subscription or be in its dead letters, and no
event may have come before the one before it of its key was done. Run: `python benchmarks/million.py [--events N]`; some
ten minutes on two cores. Ends with 1 where something was lost or out of order.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from typing import Any

import rig
from process import Process
from rig import Rig

CHANNEL = "million"
RETRY = "{retry: 20, backoffPolicy: linear, backoffDelay: PT0.05S}"
QUIET_S = 60.0
WORD_S = 10.0


@dataclass
class Load:
    """What runs, and since when."""

    ours: dict[str, list[Process]]
    sender: Process
    subscribers: dict[str, Process]
    broker_s: float
    began: float
    kills: int = 0


def main() -> None:
    parser = rig.arguments(__doc__, 1_000_000)
    parser.add_argument("--keys", type=int, default=1_000)
    parser.add_argument("--partitions", type=int, default=10)
    parser.add_argument("--kill-every", type=float, default=10.0, metavar="SECONDS", help="0: never")
    parser.add_argument("--fail", type=float, default=5.0, metavar="PERCENT")
    parser.add_argument("--slow-ms", type=float, default=20.0)
    parser.add_argument("--static", action="store_true", help="dispatchers keep their place over a restart")
    parser.add_argument("--rate", type=float, default=0.0, help="events a second; 0: as fast as they are accepted")
    options = parser.parse_args()
    options.keys = min(options.keys, options.events) // 10 * 10 or 10
    with Rig(options) as bench:
        load = start(bench, options)
        drive(bench, load, options)
        sound = tell(bench, load, options)
    sys.exit(not sound)


def start(bench: Rig, options: argparse.Namespace) -> Load:
    counted = {"events": options.events, "keys": options.keys}
    ends = {
        "fast": bench.subscriber("fast", **counted),
        "failing": bench.subscriber("failing", **counted, fail=options.fail),
        "slow": bench.subscriber("slow", **counted, slow_ms=options.slow_ms, slow_every=100),
    }
    resources = [rig.channel(CHANNEL, options.partitions)]
    resources += [rig.subscription(name, CHANNEL, url, delivery=RETRY) for name, (_, url) in ends.items()]
    ingress, controller = bench.control(rig.documents(resources))
    dispatchers = [dispatcher(bench, n, static=options.static) for n in (1, 2)]
    print(
        f"million: {options.events:,} events, {options.keys:,} keys, {options.partitions} partitions, 3 subscriptions"
    )
    url = f"{bench.ingress}/{rig.NAMESPACE}/{CHANNEL}"
    words = {**counted, "url": url, "rate": options.rate}
    sender = bench.end("sender", "sender", *(word for key, value in words.items() for word in (f"--{key}", value)))
    ours = {"channel": [ingress], "dispatchers": dispatchers, "controller": [controller]}
    return Load(ours, sender, {name: end for name, (end, _) in ends.items()}, bench.broker_s, time.monotonic())


def dispatcher(bench: Rig, number: int, *, static: bool) -> Process:
    named = ("--set", f"kafka.group_instance=d{number}") if static else ()
    return bench.role("dispatcher", *named, name=f"dispatcher {number}")


def drive(bench: Rig, load: Load, options: argparse.Namespace) -> None:
    """Kill and begin again until everything has arrived, or nothing has for a minute."""
    next_kill = load.began + (options.kill_every or float("inf"))
    progress, at, next_word = -1, load.began, load.began + WORD_S
    while True:
        time.sleep(0.5)
        accepted = load.sender.ask("account")
        counts = [arrived(bench, name, end, options.events) for name, end in load.subscribers.items()]
        now, sum_ = time.monotonic(), accepted["accepted"] + sum(counts)
        if now >= next_word:
            words = ", ".join(f"{name} {n:,}" for name, n in zip(load.subscribers, counts, strict=True))
            print(f"  {now - load.began:4.0f} s: accepted {accepted['accepted']:,}; done {words}")
            next_word += WORD_S
        for processes in load.ours.values():
            for process in processes:
                process.look()
        if sum_ >= options.events * 4:
            break
        if sum_ > progress:
            progress, at = sum_, now
        if now - at > QUIET_S:
            print(f"nothing has moved for {QUIET_S:g} s: {accepted}, {counts}")
            break
        if now >= next_kill:
            victim = load.ours["dispatchers"][load.kills % 2]
            victim.kill()
            victim.begin()
            load.kills += 1
            next_kill += options.kill_every
    load.began = time.monotonic() - load.began  # from here on, what it took
    rig.soon(lambda: not any(bench.lag(CHANNEL, name) for name in load.subscribers), 30.0)


def arrived(bench: Rig, name: str, end: Process, events: int) -> int:
    """How many events are done with: delivered, or dead letters."""
    distinct = int(end.ask("account")["distinct"])
    return distinct if distinct == events else distinct + bench.dead(name)


def tell(bench: Rig, load: Load, options: argparse.Namespace) -> bool:
    """Print the account; whether everything that was accepted is where it must be."""
    file = bench.directory / "seen"
    sent = load.sender.ask(f"save {file}")
    accepted = file.read_bytes()
    took_s = load.began
    speed = f"{sent['accepted'] / sent['took_s']:,.0f}/s" if sent["took_s"] else "not all"
    print(f"accepted {sent['accepted']:,} ({speed}); {sent['again']} batches sent again {sent['trouble']}")
    print(f"{load.kills} times a dispatcher was killed; all done after {took_s:.0f} s, ", end="")
    print(f"{sent['accepted'] / took_s:,.0f} events/s, {sent['accepted'] * 3 / took_s:,.0f} deliveries/s\n")
    print(
        f"{'subscription':<13}{'delivered':>11}{'dead':>6}{'lost':>6}{'disorder':>9}{'twice+':>9}{'share':>8}", end=""
    )
    print(f"{'at most':>9}{'refused':>10}{'lag':>6}")
    sound = bool(sent["accepted"] == options.events)
    for name, end in load.subscribers.items():
        account = end.ask(f"save {file}")
        dead = bench.dead_letters(name)
        lost = missing(accepted, file.read_bytes(), dead)
        disorder = unordered(account, dead, options.keys)
        lag = bench.lag(CHANNEL, name)
        sound = sound and not lost and not disorder and not account["strangers"]
        print(
            f"{name:<13}{account['distinct']:>11,}{len(dead):>6,}{lost:>6,}{disorder:>9,}{account['duplicates']:>9,}",
            end="",
        )
        print(f"{account['duplicates'] / max(sent['accepted'], 1):>8.2%}{account['most_times']:>8}x", end="")
        print(f"{account['refused']:>10,}{lag:>6,}")
    costs(bench, load, sent["accepted"])
    print("\nnothing lost, every key in order" if sound else "\nFAILED: see the columns dead, lost and disorder")
    return sound


def missing(accepted: bytes, seen: bytes, dead: set[int]) -> int:
    """How many ids were accepted and are nowhere."""
    return sum(n not in dead for n, (sent, came) in enumerate(zip(accepted, seen, strict=True)) if sent and not came)


def unordered(account: dict[str, Any], dead: set[int], keys: int) -> int:
    """How many came before the one before it of their key was done; a dead letter is done without being delivered."""
    known = account["early"]
    return int(account["early_count"]) - sum(n - keys in dead for n in known)


def costs(bench: Rig, load: Load, events: int) -> None:
    share = 100_000 / max(events, 1)
    print("\nprocessor seconds per 100,000 events, and most resident memory")
    for name, processes in load.ours.items():
        peaks = ", ".join(f"{one.peak_mib:.0f}" for one in processes)
        print(f"  {name:<12}{sum(one.processor_s for one in processes) * share:>8.2f}   {peaks} MiB")
    print(f"  {'Kafka':<12}{(bench.broker_s - load.broker_s) * share:>8.2f}   {bench.broker_mib:.0f} MiB")
    print(f"  {'subscribers':<12}{sum(one.processor_s for one in load.subscribers.values()) * share:>8.2f}   not ours")
    print(f"  {'sender':<12}{load.sender.processor_s * share:>8.2f}   not ours")


if __name__ == "__main__":
    main()
