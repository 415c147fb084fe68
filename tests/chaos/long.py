"""`make chaos MINUTES=10`: everything goes wrong in random order under a steady load, and at the end the account is printed.

The disturbances are those of the tests of this folder, one after the other with a little calm between; the same seed
gives the same sequence. Exits with 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from chaos_account import account
from chaos_load import Load
from chaos_processes import Broker
from chaos_stand import Stand, seed, stand
from chaos_subscriber import FAULTS, Subscriber, faulty, well

CALM_S = 3.0
FLOW_S = 90.0
SETTLE_S = 180.0


class Chaos:
    """The disturbances; each ends when what it took away is back."""

    def __init__(self, roles: Stand, broker: Broker, subscriber: Subscriber, chance: random.Random) -> None:
        self._roles, self._broker, self._subscriber, self._chance = roles, broker, subscriber, chance
        self.all: dict[str, Callable[[], Awaitable[None]]] = {
            "kill -9 of a dispatcher": self.dispatcher_killed,
            "a dispatcher hangs": self.dispatcher_hangs,
            "a dispatcher leaves and comes back": self.dispatcher_leaves,
            "all dispatchers but one leave and come back": self.most_dispatchers_leave,
            "kill -9 of the channel": self.channel_killed,
            "the channel leaves and comes back": self.channel_leaves,
            "kill -9 of the controller": self.controller_killed,
            "kill -9 of Kafka": self.kafka_killed,
            "Kafka hangs": self.kafka_hangs,
            "the subscriber fails half of the time": self.subscriber_fails,
            "the subscriber hangs": self.subscriber_hangs,
        }

    async def dispatcher_killed(self) -> None:
        role = self._chance.choice(self._roles.dispatchers)
        role.kill()
        self._roles.owner_vanishes(self._subscriber)
        role.begin()
        await role.answers()

    async def dispatcher_hangs(self) -> None:
        role = self._chance.choice(self._roles.dispatchers)
        role.signal(signal.SIGSTOP)
        self._roles.owner_vanishes(self._subscriber)
        await self._pass(self._chance.uniform(1, 12))
        role.signal(signal.SIGCONT)
        await role.answers()

    async def dispatcher_leaves(self) -> None:
        role = self._chance.choice(self._roles.dispatchers)
        await self._end(role.stop())
        role.begin()
        await role.answers()

    async def most_dispatchers_leave(self) -> None:
        leaving = self._roles.dispatchers[1:]
        await asyncio.gather(*(self._end(role.stop()) for role in leaving))
        for role in leaving:
            role.begin()
            await role.answers()

    async def channel_killed(self) -> None:
        self._roles.channel.kill()
        self._roles.channel.begin()
        await self._roles.channel.answers()

    async def channel_leaves(self) -> None:
        await self._end(self._roles.channel.stop())
        self._roles.channel.begin()
        await self._roles.channel.answers()

    async def controller_killed(self) -> None:
        self._roles.controller.kill()
        self._roles.controller.begin()
        await self._roles.controller.answers()

    async def kafka_killed(self) -> None:
        await self._broker.kill()
        await self._pass(self._chance.uniform(0, 8))
        await self._broker.start()

    async def kafka_hangs(self) -> None:
        self._broker.signal(signal.SIGSTOP)
        await self._pass(self._chance.uniform(1, 12))
        self._broker.signal(signal.SIGCONT)

    async def subscriber_fails(self) -> None:
        self._subscriber.mood = faulty(0.5, self._chance.randrange(1_000_000))
        await self._pass(self._chance.uniform(2, 8))
        self._subscriber.mood = well

    async def subscriber_hangs(self) -> None:
        self._subscriber.mood = lambda *_: FAULTS["hangs"]
        await self._pass(self._chance.uniform(2, 8))
        self._subscriber.mood = well

    async def _pass(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _end(self, stopping: Awaitable[int]) -> None:
        code = await stopping
        assert code == 0, f"a role ended with {code}"


async def run(minutes: float, rate: float, chance_seed: int) -> bool:
    """Disturb for so long; True where every promise was kept."""
    chance = random.Random(chance_seed)
    with tempfile.TemporaryDirectory(prefix="kanal-chaos-") as name:
        broker = Broker(Path(name) / "data")
        await broker.start()
        try:
            async with (
                Subscriber() as subscriber,
                stand(
                    Path(name),
                    broker.bootstrap,
                    {"s1": subscriber.url},
                    dispatchers=3,
                    partitions=6,
                    chance=chance_seed,
                ) as roles,
                Load(roles.url, rate=rate, keys=30, seed=chance_seed) as load,
            ):
                chaos = Chaos(roles, broker, subscriber, chance)
                began = time.monotonic()
                await subscriber.more(int(rate * CALM_S))
                while (at := time.monotonic() - began) < minutes * 60:
                    what = chance.choice(list(chaos.all))
                    print(
                        f"{at:6.1f} s  {load.taken:7} accepted  {len(subscriber.delivered):7} delivered  {what}",
                        flush=True,
                    )
                    await chaos.all[what]()
                    await subscriber.more(int(rate * CALM_S), FLOW_S)
                    if "Kafka" in what:
                        roles.owners_vanished(subscriber, began + at)
                print("the load ends", flush=True)
                await load.stop()
                came = await account(roles, subscriber, load, patience_s=SETTLE_S)
                print(f"\n{came}\n{'duplicates allowed':18}{roles.allowed}", flush=True)
                await roles.settled()
        finally:
            await broker.aclose()
    return came.good and came.accepted > 0 and came.duplicates <= roles.allowed


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long the load and the disturbances last")
    parser.add_argument("--rate", type=float, default=150.0, help="events a second")
    parser.add_argument("--seed", type=int, default=None, help="else CHAOS_SEED, else another one each time")
    chosen = parser.parse_args()
    good = asyncio.run(run(chosen.minutes, chosen.rate, seed() if chosen.seed is None else chosen.seed))
    print("every promise was kept" if good else "A PROMISE WAS BROKEN", flush=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
