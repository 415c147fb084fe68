"""The way in: what was answered 202 is in Kafka, whatever happens to the channel in the next moment."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chaos_account import account
from chaos_load import Load
from chaos_processes import Broker, until
from chaos_stand import stand
from chaos_subscriber import Subscriber

QUEUE = 1_000
CROWD = 5_000
QUEUE_KIB = 16_384
HELD_KIB = 32_768
PATIENCE_S = 90.0
GIVEN_UP_S = 10.0
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
        stand(
            tmp_path,
            broker.bootstrap,
            {"s1": subscriber.url},
            kafka__queue_events="50",
            kafka__ack_timeout_s=str(PATIENCE_S),
        ) as roles,
        Load(roles.url, rate=400, keys=200, seed=roles.seed, patience_s=PATIENCE_S) as load,
    ):
        await subscriber.more(100)
        broker.signal(signal.SIGSTOP)
        await until(lambda: load.answers[429] > 200, 30, "the queue is full")
        broker.signal(signal.SIGCONT)
        await subscriber.more(200)
        await load.stop()
        (await account(roles, subscriber, load)).check(0)
        assert set(load.answers) <= {202, 429}


@pytest.mark.timeout(300)
async def test_b25_a_kafka_that_hangs_makes_neither_the_channel_hang_nor_an_event_vanish(
    broker: Broker, tmp_path: Path
) -> None:
    """It hangs until all are refused that may not wait, and so long that its own controller has given it up after 9 s.

    By then every reader has lost its group, and librdkafka may lose Kafka for good. Such a reader is replaced after 15 s and
    gets its place when the old one's session is over.
    """
    limits = {
        "kafka__queue_events": str(QUEUE),
        "kafka__queue_kib": str(QUEUE_KIB),
        "kafka__ack_timeout_s": str(GIVEN_UP_S),
    }
    async with (
        Subscriber() as subscriber,
        stand(tmp_path, broker.bootstrap, {"s1": subscriber.url}, **limits) as roles,
        Load(roles.url, rate=100, seed=roles.seed, patience_s=PATIENCE_S) as load,
    ):
        await subscriber.more(200)
        calm_kib = roles.channel.status("VmRSS")
        with asked_for_health(roles.channel.port) as health:
            broker.signal(signal.SIGSTOP)
            async with flood(roles.url) as crowd:
                refused: Callable[[], bool] = lambda: crowd.answers[429] + crowd.answers[503] >= CROWD - QUEUE  # noqa: E731
                await until(lambda: refused() and load.answers[503] > 0, PATIENCE_S, "what may not wait is refused")
                broker.signal(signal.SIGCONT)
                await crowd.finished(PATIENCE_S)
            most_kib = roles.channel.status("VmHWM")
            await subscriber.more(200)
        await load.stop()
        came = await account(roles, subscriber, load, crowd)
        roles.owners_vanished(subscriber)
        came.check(roles.allowed)
        assert set(crowd.answers) <= {202, 429, 503}
        assert crowd.answers[429] > 0
        assert most_kib - calm_kib < QUEUE_KIB + HELD_KIB + CROWD * CONNECTION_KIB
        print(f"/healthz: {len(health)} answers, the slowest after {sorted(took for _, took in health)[-5:]} s")
        assert {status for status, _ in health} == {200}


def flood(url: str, prefix: str = "crowd") -> Load:
    """5,000 events of 10 KiB at once, each sent once."""
    return Load(
        url,
        rate=1e9,
        keys=CROWD,
        count=1,
        prefix=prefix,
        body=b"x" * 10_240,
        persistent=False,
        patience_s=PATIENCE_S,
    )


@contextlib.contextmanager
def asked_for_health(port: int) -> Iterator[list[tuple[int, float]]]:
    """Ask for `/healthz` every 100 ms while inside; afterwards, the status of each answer and how long it took, in seconds."""
    asking = subprocess.Popen([sys.executable, "-c", _ASK, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    answers: list[tuple[int, float]] = []
    try:
        yield answers
    finally:
        said, _ = asking.communicate(b"over", timeout=PATIENCE_S)
        answers += [(int(status), float(took)) for status, took in map(bytes.split, said.splitlines())]


# A process of its own, so that the crowd in ours delays no measurement. All on one connection: a new one would wait in the
# same backlog as the crowd's and tell nothing of the event loop.
_ASK = """
import http.client, select, sys, time
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
while not select.select([sys.stdin], [], [], 0.1)[0]:
    began = time.monotonic()
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    answer.read()
    print(answer.status, time.monotonic() - began)
"""
