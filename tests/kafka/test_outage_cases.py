"""B17, B25: Kafka that is not there yet, goes away, idles or stands still; nobody is told yes for what is not stored."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from answering import own_kafka, role
from raw_http import RawServer, free_port, until
from stack import CHANNEL, SUBSCRIPTION, Stack, good, ids, running

from eventing.http.lean import LeanSender
from eventing.kafka import appended
from eventing.kafka.librdkafka import client
from eventing.kafka.librdkafka.admin import KafkaAdmin
from eventing.kafka.librdkafka.appender import KafkaAppender
from eventing.plan.model import TopicSpec
from eventing.settings import Kafka

pytestmark = pytest.mark.kafka
QUICK = {"request_timeout_s": 2.0, "ack_timeout_s": 2.0}


async def test_b17_kafka_that_comes_after_us_makes_everything_ready_without_a_restart(tmp_path: Path) -> None:
    port = free_port()
    async with (
        AsyncExitStack() as later,
        RawServer() as subscriber,
        running(f"127.0.0.1:{port}", kafka=QUICK) as stack,
    ):
        await stack.apply(_resources(stack, subscriber.url))
        await until(lambda: _names_kafka(stack), 20)
        assert await _get(stack.port, "/healthz") == 200
        assert await _get(stack.port, "/readyz") == 503
        async with asyncio.timeout(30):
            assert (await stack.post()).status in (404, 503)
        await later.enter_async_context(own_kafka(tmp_path, port))
        await stack.ready("Subscription", "s1")
        assert await _get(stack.port, "/readyz") == 200
        await stack.send(good("first"))
        await stack.caught_up()
        assert ids(subscriber.requests) == ["first"]


async def test_b17_while_kafka_is_away_everybody_is_told_and_afterwards_all_goes_on(tmp_path: Path) -> None:
    port = free_port()
    async with AsyncExitStack() as kafkas, RawServer() as subscriber:
        broker = await kafkas.enter_async_context(own_kafka(tmp_path, port))
        async with running(f"127.0.0.1:{port}", kafka=QUICK) as stack:
            await stack.channel()
            await stack.subscription(subscriber.url)
            await stack.send(good("before"))
            await stack.caught_up()
            await broker.stop()
            accepted = ["before"]
            refused = 0

            async def post(id_: str) -> None:
                nonlocal refused
                async with asyncio.timeout(30):
                    answer = await stack.post(good(id_))
                assert answer.status in (202, 429, 503), answer
                accepted.extend([id_] * (answer.status == 202))
                refused += answer.status != 202

            for number in range(3):
                await post(f"away{number}")
            assert refused == 3
            await until(lambda: not stack.is_ready("Channel", "c1"), 60)
            assert _names_kafka(stack)
            await post("away, and known to be")
            await kafkas.enter_async_context(own_kafka(tmp_path, port))
            await stack.ready("Subscription", "s1")
            await stack.send(good("after"))
            accepted.append("after")
            await until(lambda: set(accepted) <= set(ids(subscriber.requests)), 30)
            await stack.caught_up()
            assert ids(subscriber.requests).count("before") == 1


async def test_b17_connections_that_kafka_closed_for_idleness_cost_no_event_and_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with own_kafka(tmp_path, connections_max_idle_ms="1500") as broker:
        async with running(broker.bootstrap, control={"resync_s": 1000.0}) as stack:
            topic = await stack.channel()
            await stack.send(good("busy"))
            caplog.clear()
            port = int(broker.bootstrap.rpartition(":")[2])
            for number in range(3):
                before = _connections(port)
                assert before
                await until(lambda before=before: not before & _connections(port), 60)
                await stack.send(good(f"after a while {number}"))
            assert len(await stack.records(topic)) == 4
            assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


async def test_b17_a_producer_that_has_nothing_to_say_keeps_its_connection(tmp_path: Path) -> None:
    """Whoever has lost the last one has to look for Kafka anew. That Kafka closes what idles is seen at two of our own."""
    often = {"topic.metadata.refresh.interval.ms": "200"}
    async with AsyncExitStack() as open_:
        broker = await open_.enter_async_context(own_kafka(tmp_path, connections_max_idle_ms="3000"))
        settings = Kafka(bootstrap=broker.bootstrap, properties=often)
        admin = KafkaAdmin(settings)
        await admin.create_topic(TopicSpec("t"))
        await admin.aclose()
        host, _, port = broker.bootstrap.rpartition(":")
        await until(lambda: not _connections(int(port)), 60)
        appender = KafkaAppender(settings, max_record_bytes=1_000_000)
        open_.push_async_callback(appender.aclose)
        await appended(appender, "t", None, b"busy", [])
        await _closed_for_idleness(host, int(port))
        kept = _connections(int(port))
        await _closed_for_idleness(host, int(port))
        await appended(appender, "t", None, b"after a while", [])
        assert len(kept) == 1
        assert _connections(int(port)) == kept


@pytest.mark.parametrize(
    "properties",
    [
        client.producer(Kafka(), 1),
        client.group_member(Kafka(), "g"),
        client.table_reader(Kafka()),
        client.scanner(Kafka(), small=True),
        client.admin(Kafka()),
    ],
    ids=["producer", "member", "table", "scanner", "admin"],
)
def test_b17_every_client_uses_its_connection_more_than_once_a_minute(properties: client.Properties) -> None:
    assert properties["topic.metadata.refresh.interval.ms"] <= 30_000


async def test_b25_a_full_queue_refuses_at_once_stays_alive_and_keeps_what_it_accepted(tmp_path: Path) -> None:
    """Kafka stands still while far more events come than may wait, a hundred at a time so that it's not the processor
    that is short; the ingress is a process of its own."""
    total, queue, port = 1_500, 500, free_port()
    body = os.urandom(10_240)
    async with AsyncExitStack() as open_:
        broker = await open_.enter_async_context(own_kafka(tmp_path))
        stack = await open_.enter_async_context(running(broker.bootstrap))
        topic = await stack.channel()
        settings = {"ingress__port": port, "kafka__queue_events": queue, "kafka__queue_kib": 8_192}
        process = await open_.enter_async_context(role(stack, "channel", kafka__ack_timeout_s=30.0, **settings))
        sender = LeanSender(connections_per_host=total)
        open_.push_async_callback(sender.aclose)
        answers: dict[str, int] = {}
        waits: list[bytes | None] = []

        async def post(id_: str) -> None:
            pairs = [(name.encode(), value.encode()) for name, value in good(id_).items()]
            answer = await sender.post(f"http://127.0.0.1:{port}/{stack.ns}/c1", pairs, body, timeout_s=60)
            answers[id_] = answer.status
            waits.extend([answer.header(b"retry-after")] * (answer.status == 429))

        await until(lambda: _listens(port), 20)
        await _first(post, answers)
        before = _memory(process.pid, "VmRSS")
        probe = await open_.enter_async_context(_probing(port))
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            async with asyncio.TaskGroup() as tasks:
                for number in range(total):
                    tasks.create_task(post(f"e{number}"))
                    if number % 100 == 99:
                        await _get(port, "/healthz")
                try:
                    await until(lambda: sum(status != 202 for status in answers.values()) >= total - queue - 50, 60)
                finally:
                    os.kill(broker.pid, signal.SIGCONT)
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        answers_to_probe = await _answered(probe)
        accepted = {id_ for id_, status in answers.items() if status == 202}
        assert set(answers.values()) <= {202, 429, 503}
        assert len(accepted) >= queue // 2
        assert waits
        assert None not in waits
        assert answers_to_probe > 0
        assert _memory(process.pid, "VmHWM") - before <= 8_192 + 65_536
        stored = {(dict(one.headers() or ())["ce_id"] or b"").decode() for one in await stack.records(topic)}
        assert accepted <= stored


async def _first(post: Callable[[str], Awaitable[None]], answers: dict[str, int]) -> None:
    """Post until the ingress has its plan and a connection to the topic's leader."""
    async with asyncio.timeout(20):
        while answers.get("warm") != 202:
            await post("warm")


def _resources(stack: Stack, subscriber: str) -> str:
    channel = CHANNEL.format(name="c1", ns=stack.ns, partitions=3)
    return (
        channel
        + "---\n"
        + SUBSCRIPTION.format(name="s1", ns=stack.ns, channel="c1", subscriber=subscriber, more="", annotations="")
    )


def _names_kafka(stack: Stack) -> bool:
    ready = stack.condition("Channel", "c1")
    return ready is not None and ready.status != "True" and "kafka" in f"{ready.reason} {ready.message}".lower()


async def _get(port: int, path: str) -> int:
    def ask() -> int:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            connection.request("GET", path)
            return connection.getresponse().status

    return await asyncio.to_thread(ask)


def _connections(port: int) -> set[str]:
    """Our ends of the established connections to this port of loopback."""
    rows = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    return {row[1] for row in rows if int(row[2].rpartition(":")[2], 16) == port and row[3] == "01"}


async def _closed_for_idleness(host: str, port: int) -> None:
    """Connect, say nothing, and return when Kafka closes the connection."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        async with asyncio.timeout(60):
            assert await reader.read() == b""
    finally:
        writer.close()
        await writer.wait_closed()


def _listens(port: int) -> bool:
    rows = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    return any(int(row[1].rpartition(":")[2], 16) == port and row[3] == "0A" for row in rows)


def _memory(pid: int, what: str) -> int:
    """In KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(what)))


PROBE = """
import http.client, select, sys
connection, answered = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=30), 0
while not select.select([sys.stdin], [], [], 0.1)[0]:
    connection.request("GET", "/healthz")
    response = connection.getresponse()
    assert response.status == 200 and response.read()
    answered += 1
print(answered)
"""


@contextlib.asynccontextmanager
async def _probing(port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """Asks for /healthz every 100 ms, in a process of its own, so that our own load does not count."""
    pipe = asyncio.subprocess.PIPE
    probe = await asyncio.create_subprocess_exec(sys.executable, "-c", PROBE, str(port), stdin=pipe, stdout=pipe)
    try:
        yield probe
    finally:
        if probe.returncode is None:
            probe.kill()
            await probe.wait()


async def _answered(probe: asyncio.subprocess.Process) -> int:
    """End the probe; how many answers it got, each of them 200."""
    out, _ = await probe.communicate(b"\n")
    assert probe.returncode == 0
    return int(out)
