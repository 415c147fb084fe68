"""`kanal kafka` as a container, as another project's tests would start it with testcontainers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from compose_project import run
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from eventing.codec import kafka as kafka_codec
from eventing.event import Event
from eventing.kafka.embedded.process import free_port

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1000)]

PATIENCE_S = 30.0
HELLO = Event({"specversion": "1.0", "id": "1", "source": "/tests", "type": "hello"}, b'{"msg":"hello"}')


@pytest.fixture
def volume(engine: None) -> Iterator[str]:
    name = run("docker", "volume", "create").strip()
    yield name
    run("docker", "volume", "rm", name)


@contextmanager
def kafka_container(image: str, volume: str) -> Iterator[str]:
    """The address of a Kafka in a container that may do as little as in docker-compose.yml."""
    port = free_port("127.0.0.1")
    assert port is not None
    container = DockerContainer(image, read_only=True, cap_drop=["ALL"], security_opt=["no-new-privileges"])
    container.with_command(
        ["kafka", "--data=/data", f"--listen=0.0.0.0:{port}", f"--advertise=127.0.0.1:{port}"]
    ).with_volume_mapping(volume, "/data", "rw")
    container.tmpfs["/tmp"] = "exec"
    container.ports[str(port)] = ("127.0.0.1", port)
    container.waiting_for(LogMessageWaitStrategy("Kafka answers at").with_startup_timeout(90))
    with container:
        yield f"127.0.0.1:{port}"


def store(bootstrap: str, topic: str, event: Event, compression: str = "none") -> None:
    failures: list[object] = []
    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": compression, "log_level": 0})
    key, value, headers = kafka_codec.to_record(event)
    producer.produce(topic, value, key, headers=headers, on_delivery=lambda e, _: failures.append(e) if e else None)
    assert producer.flush(PATIENCE_S) == 0
    assert failures == []


def stored(bootstrap: str, topic: str) -> Event:
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest", "log_level": 0}
    )
    try:
        consumer.subscribe([topic])
        (message,) = consumer.consume(1, timeout=PATIENCE_S)
        assert message.error() is None
        return kafka_codec.from_record(message.headers() or [], message.value())
    finally:
        consumer.close()


def make_topic(bootstrap: str, topic: str, **configuration: str) -> None:
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    new = NewTopic(topic, 1, 1, config={name.replace("_", "."): value for name, value in configuration.items()})
    client.create_topics([new])[topic].result(PATIENCE_S)


def test_an_event_is_there_after_the_container_was_replaced_by_another_on_the_same_volume(
    image: str, volume: str, topic: str
) -> None:
    with kafka_container(image, volume) as bootstrap:
        make_topic(bootstrap, topic)
        store(bootstrap, topic, HELLO)
    with kafka_container(image, volume) as bootstrap:
        assert stored(bootstrap, topic) == HELLO


def test_a_broker_on_a_read_only_root_packs_batches_anew_with_every_codec(image: str, volume: str, topic: str) -> None:
    codecs = ("gzip", "snappy", "lz4", "zstd")
    with kafka_container(image, volume) as bootstrap:
        for codec, other in zip(codecs, codecs[1:] + codecs[:1], strict=True):
            make_topic(bootstrap, f"{topic}-{codec}", compression_type=other)
            store(bootstrap, f"{topic}-{codec}", HELLO, codec)
            assert stored(bootstrap, f"{topic}-{codec}") == HELLO
