"""The embedded Kafka is real, keeps its data, and never outlives whoever started it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvloop
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from eventing.errors import Invalid, Unavailable
from eventing.kafka.embedded import EmbeddedKafka, Options, Progress

pytestmark = pytest.mark.kafka
PATIENCE_S = 30.0


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[EmbeddedKafka]:
    kafka = await EmbeddedKafka.start(Options(data=tmp_path / "data", port=0))
    yield kafka
    await kafka.stop()


def write(bootstrap: str, topic: str, *values: bytes) -> None:
    failures: list[object] = []
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "log_level": 0})
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _: failures.append(error) if error else None)
    assert producer.flush(PATIENCE_S) == 0
    assert failures == []


def read(bootstrap: str, topic: str, count: int) -> list[bytes | None]:
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest", "log_level": 0}
    )
    try:
        consumer.subscribe([topic])
        return [message.value() for message in consumer.consume(count, timeout=PATIENCE_S)]
    finally:
        consumer.close()


def make_topic(bootstrap: str, topic: str) -> None:
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    client.create_topics([NewTopic(topic, 1, 1)])[topic].result(PATIENCE_S)


def gone(pid: int) -> bool:
    """Whether the process has ended; a zombie that nobody has reaped has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] == "Z"
    except FileNotFoundError:
        return True


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        os.sched_yield()


def test_events_go_in_and_come_out(kafka: str, topic: str) -> None:
    make_topic(kafka, topic)
    write(kafka, topic, b"one", b"two")
    assert read(kafka, topic, 2) == [b"one", b"two"]


def test_a_topic_that_nobody_made_is_not_there(kafka: str, topic: str) -> None:
    client = AdminClient({"bootstrap.servers": kafka})
    assert topic not in client.list_topics(timeout=PATIENCE_S).topics
    assert client.list_topics(topic, timeout=PATIENCE_S).topics[topic].error is not None


async def test_what_was_written_is_there_after_a_stop_and_after_a_kill(tmp_path: Path) -> None:
    options = Options(data=tmp_path / "data", port=0)
    kafka = await EmbeddedKafka.start(options)
    await asyncio.to_thread(make_topic, kafka.bootstrap, "kept")
    await asyncio.to_thread(write, kafka.bootstrap, "kept", b"one")
    await kafka.stop()
    assert gone(kafka.pid)

    kafka = await EmbeddedKafka.start(options)
    await asyncio.to_thread(write, kafka.bootstrap, "kept", b"two")
    os.kill(kafka.pid, signal.SIGKILL)
    async with asyncio.timeout(PATIENCE_S):
        assert await kafka.died() == -signal.SIGKILL
    assert "code -9" in str(kafka.failure())
    await kafka.stop()

    kafka = await EmbeddedKafka.start(options)
    assert await asyncio.to_thread(read, kafka.bootstrap, "kept", 2) == [b"one", b"two"]
    await kafka.stop()
    await kafka.stop()


async def test_a_kafka_that_hangs_is_killed_after_its_grace(tmp_path: Path) -> None:
    kafka = await EmbeddedKafka.start(Options(data=tmp_path, port=0, stop_grace_s=0.1))
    os.kill(kafka.pid, signal.SIGSTOP)
    await kafka.stop()
    assert await kafka.died() == -signal.SIGKILL


def test_it_runs_under_uvloop_and_is_stopped_by_another_loop(tmp_path: Path) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        kafka = runner.run(EmbeddedKafka.start(Options(data=tmp_path, port=0)))
    assert not gone(kafka.pid)
    asyncio.run(kafka.stop())
    assert gone(kafka.pid)


async def test_two_on_one_data_directory_are_refused_with_the_holder(running: EmbeddedKafka) -> None:
    with pytest.raises(Unavailable, match=f"{running.data}: is in use by process {os.getpid()}"):
        await EmbeddedKafka.start(Options(data=running.data, port=0))


async def test_a_start_that_is_cancelled_leaves_nothing_behind(tmp_path: Path) -> None:
    begun = asyncio.Event()
    options = Options(data=tmp_path, port=0)
    starting = asyncio.ensure_future(
        EmbeddedKafka.start(options, lambda progress: begun.set() if progress.step == "start" else None)
    )
    await begun.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    kafka = await EmbeddedKafka.start(options)
    await kafka.stop()


async def test_the_usual_port_gives_way_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr("eventing.kafka.embedded.DEFAULT_PORT", port)
        told: list[Progress] = []
        kafka = await EmbeddedKafka.start(Options(data=tmp_path), told.append)
        await kafka.stop()
        assert f"port {port} is taken, so Kafka takes {kafka.bootstrap.rpartition(':')[2]}" in [
            one.text for one in told
        ]


async def test_a_port_that_was_asked_for_does_not_give_way(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f"port {port} of 127.0.0.1 is taken.*--port"):
            await EmbeddedKafka.start(Options(data=tmp_path, port=port))


async def test_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"192\.0\.2\.1.*--listen"):
        await EmbeddedKafka.start(Options(data=tmp_path, host="192.0.2.1"))


async def test_each_listener_tells_its_own_address(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    options = Options(
        data=tmp_path, host="0.0.0.0", port=0, advertise="kafka:9092", also=(f"0.0.0.0:{port}=localhost:{port}",)
    )
    kafka = await EmbeddedKafka.start(options)
    try:
        told = {
            address: str(AdminClient({"bootstrap.servers": address}).list_topics(timeout=PATIENCE_S).brokers[1])
            for address in (kafka.bootstrap, f"127.0.0.1:{port}")
        }
    finally:
        await kafka.stop()
    assert told[kafka.bootstrap].startswith("kafka:9092")
    assert told[f"127.0.0.1:{port}"].startswith(f"localhost:{port}")
    assert kafka.bootstrap.startswith("127.0.0.1:")
    assert kafka.advertised == "kafka:9092"


async def test_a_broker_that_ends_early_is_quoted_with_a_fix(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"num\.io\.threads.*correct the extra broker property"):
        await EmbeddedKafka.start(Options(data=tmp_path, port=0, properties={"num.io.threads": "many"}))


async def test_a_jvm_that_cannot_begin_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"Unrecognized VM option"):
        await EmbeddedKafka.start(Options(data=tmp_path, port=0, jvm=("-XX:+NoSuchThing",)))


async def test_a_directory_that_cannot_be_made_names_the_option(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Invalid, match=r"file/data: data: can't be written.*--data"):
        await EmbeddedKafka.start(Options(data=tmp_path / "file" / "data"))


async def test_data_of_a_later_kafka_is_refused(tmp_path: Path) -> None:
    (tmp_path / "version").write_text("99.0.0\n")
    with pytest.raises(Invalid, match=r"written by Kafka 99\.0\.0"):
        await EmbeddedKafka.start(Options(data=tmp_path))


PARENT = """
import asyncio, sys, threading
from pathlib import Path
from eventing.kafka.embedded import EmbeddedKafka, Options
kafka = []
def begin():
    kafka.append(asyncio.run(EmbeddedKafka.start(Options(data=Path(sys.argv[1]), port=0))))
thread = threading.Thread(target=begin)
thread.start()
thread.join()
print(kafka[0].pid, flush=True)
threading.Event().wait()
"""


def test_it_survives_the_thread_that_began_it_but_not_the_process(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert not gone(pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    until(lambda: gone(pid))
    asyncio.run(asyncio.wait_for(again(tmp_path), PATIENCE_S))


async def again(data: Path) -> None:
    """A new start on the data of a killed process."""
    kafka = await EmbeddedKafka.start(Options(data=data, port=0))
    await kafka.stop()
