"""The way in: what was answered 202 is in Kafka, whatever happens to the channel in the next moment."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from chaos_account import account
from chaos_load import Load
from chaos_processes import Broker, until
from chaos_stand import stand
from chaos_subscriber import Subscriber

STOPPED_S = 10.0
HEALTH_S = 0.2
BURST_S = 4.0
QUEUE = 1_000
CROWD = 5_000
QUEUE_KIB = 16_384
HELD_KIB = 32_768
# What an open connection with a request on it costs the channel, rounded up.
CONNECTION_KIB = 16


async def test_kill_9_of_the_channel_in_mid_stream_loses_nothing_that_was_answered_202(
    kafka: str, tmp_path: Path
) -> None:
    async with Subscriber() as subscriber, stand(tmp_path, kafka, {"s1": subscriber.url}) as roles:
        async with Load(roles.url, rate=200, seed=roles.seed) as load:
            for _ in range(3):
                await subscriber.more(200)
                roles.channel.kill()
                roles.channel.begin()
                await roles.channel.answers()
            await subscriber.more(200)
        (await account(roles, subscriber, load)).check(0)
        await roles.settled()


async def test_a_full_producer_queue_answers_429_and_what_it_holds_is_delivered(broker: Broker, tmp_path: Path) -> None:
    async with (
        Subscriber() as subscriber,
        stand(tmp_path, broker.bootstrap, {"s1": subscriber.url}, kafka__queue_events="50") as roles,
        Load(roles.url, rate=400, keys=200, seed=roles.seed) as load,
    ):
        await subscriber.more(100)
        broker.signal(signal.SIGSTOP)
        await until(lambda: load.answers[429] > 200, 7, "the queue is full")
        broker.signal(signal.SIGCONT)
        await subscriber.more(200)
        await load.stop()
        (await account(roles, subscriber, load)).check(0)
        assert set(load.answers) <= {202, 429}


async def test_b25_a_kafka_that_hangs_makes_neither_the_channel_hang_nor_an_event_vanish(
    broker: Broker, tmp_path: Path
) -> None:
    limits = {"kafka__queue_events": str(QUEUE), "kafka__queue_kib": str(QUEUE_KIB)}
    async with (
        Subscriber() as subscriber,
        stand(tmp_path, broker.bootstrap, {"s1": subscriber.url}, **limits) as roles,
        Load(roles.url, rate=100, seed=roles.seed) as load,
    ):
        await subscriber.more(200)
        calm_kib = roles.channel.status("VmRSS")
        with asked_for_health(roles.channel.port) as health:
            broker.signal(signal.SIGSTOP)
            asyncio.get_running_loop().call_later(STOPPED_S, broker.signal, signal.SIGCONT)
            async with flood(roles.url) as crowd:
                await crowd.finished(STOPPED_S + 20)
            most_kib = roles.channel.status("VmHWM")
            await subscriber.more(200)
        await load.stop()
        came = await account(roles, subscriber, load, crowd)
        roles.owners_vanished(subscriber)
        came.check(roles.allowed)
        assert crowd.answers[429] >= CROWD - QUEUE
        assert most_kib - calm_kib < QUEUE_KIB + HELD_KIB + CROWD * CONNECTION_KIB
        assert health
        slow = sorted(took for took in health if took >= HEALTH_S)
        print(f"/healthz: {len(health)} answers, at most {max(health):.3f} s, slow: {slow}")
        # The moment in which the crowd comes through the door takes one core as long as it takes.
        assert len(slow) <= 10, f"/healthz took {slow} s"
        assert max(health) < BURST_S, f"/healthz took {max(health):.3f} s"


def flood(url: str, prefix: str = "crowd") -> Load:
    """5,000 events of 10 KiB at once, each sent once."""
    return Load(url, rate=1e9, keys=CROWD, count=1, prefix=prefix, body=b"x" * 10_240, persistent=False)


@contextlib.contextmanager
def asked_for_health(port: int) -> Iterator[list[float]]:
    """Ask for `/healthz` every 100 ms while inside; afterwards, how long each answer took, in seconds."""
    asking = subprocess.Popen([sys.executable, "-c", _ASK, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    took: list[float] = []
    try:
        yield took
    finally:
        said, _ = asking.communicate(b"over", timeout=10)
        took += [float(line) for line in said.split()]


# A process of its own, so that the crowd in ours delays no measurement. All on one connection: a new one would wait in the
# same backlog as the crowd's and tell nothing of the event loop.
_ASK = """
import http.client, select, sys, time
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=5)
while not select.select([sys.stdin], [], [], 0.1)[0]:
    began = time.monotonic()
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    answer.read()
    print(time.monotonic() - began if answer.status == 200 else 99.0)
"""
