"""What the embedded Kafka is told and how its complaints are read: text in, text out."""

from __future__ import annotations

import pytest

from eventing.errors import Invalid
from eventing.kafka.embedded import config
from eventing.kafka.embedded.config import Address, Listener

HERE = Address("127.0.0.1", 9092)


def properties(*listeners: Listener, **extra: str) -> dict[str, str]:
    chosen = listeners or (Listener(HERE, HERE),)
    named = {name.replace("_", "."): value for name, value in extra.items()}
    return config.server_properties(chosen, controller_port=2, internal_port=3, log_dir="/data/kafka", extra=named)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("kafka:9092", "kafka", 9092), ("0.0.0.0:0", "0.0.0.0", 0), ("[::1]:29092", "::1", 29092), (":9092", "", 9092)],
)
def test_an_address_is_host_and_port(text: str, host: str, port: int) -> None:
    assert config.parse_address(text, field="listen") == (host, port)


@pytest.mark.parametrize("text", ["kafka", "kafka:", "kafka:70000", "http://kafka:9092", "::1:9092", "a b:9092", ""])
def test_anything_else_is_refused_with_the_field_and_an_example(text: str) -> None:
    with pytest.raises(Invalid, match=r"advertise.*127\.0\.0\.1:9092"):
        config.parse_address(text, field="advertise")


def test_an_address_is_printed_as_it_is_read() -> None:
    for text in ("kafka:9092", "[::1]:9092"):
        assert str(config.parse_address(text, field="listen")) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.0.0.0", ("0.0.0.0", None)),
        ("0.0.0.0:9092", ("0.0.0.0", 9092)),
        ("[::1]", ("::1", None)),
        ("[::1]:9092", ("::1", 9092)),
    ],
)
def test_the_port_of_a_listening_address_may_be_left_out(text: str, expected: tuple[str, int | None]) -> None:
    assert config.parse_listen(text) == expected


def test_a_further_listener_is_told_to_clients_as_it_says() -> None:
    expected = Listener(Address("0.0.0.0", 29092), Address("127.0.0.1", 29092))
    assert config.parse_also("0.0.0.0:29092=127.0.0.1:29092") == expected


@pytest.mark.parametrize("text", ["0.0.0.0:29092", "127.0.0.1:29092=0.0.0.0:29092", "[::]:9092"])
def test_a_wildcard_is_never_told_to_clients(text: str) -> None:
    with pytest.raises(Invalid, match=r"can't connect.*--advertise"):
        config.parse_also(text)


def test_each_listener_has_a_name_of_its_own_beside_the_two_that_stay_on_loopback() -> None:
    inside = Listener(Address("0.0.0.0", 9092), Address("kafka", 9092))
    outside = Listener(Address("0.0.0.0", 29092), Address("127.0.0.1", 29092))
    told = properties(inside, outside)
    assert told["listeners"] == (
        "CLIENT://0.0.0.0:9092,CLIENT1://0.0.0.0:29092,INTERNAL://127.0.0.1:3,CONTROLLER://127.0.0.1:2"
    )
    assert told["advertised.listeners"] == "CLIENT://kafka:9092,CLIENT1://127.0.0.1:29092,INTERNAL://127.0.0.1:3"
    assert told["inter.broker.listener.name"] == "INTERNAL"
    assert set(told["listener.security.protocol.map"].split(",")) == {
        f"{name}:PLAINTEXT" for name in ("CLIENT", "CLIENT1", "INTERNAL", "CONTROLLER")
    }


def test_every_internal_topic_does_with_one_replica() -> None:
    told = properties()
    assert {name for name in told if name.endswith("replication.factor")} == {
        "default.replication.factor",
        "offsets.topic.replication.factor",
        "share.coordinator.state.topic.replication.factor",
        "transaction.state.log.replication.factor",
    }
    assert all(value == "1" for name, value in told.items() if name.endswith(("replication.factor", "min.isr")))


def test_an_extra_property_wins_over_the_laptop() -> None:
    assert properties()["num.io.threads"] == "4"
    assert properties(num_io_threads="16")["num.io.threads"] == "16"


def test_an_extra_property_cannot_move_listeners_or_data() -> None:
    with pytest.raises(Invalid, match=r"log\.dirs.*--data"):
        properties(log_dirs="/elsewhere")


def test_a_properties_file_is_escaped_as_java_reads_it() -> None:
    assert config.render({"b": "C:\\kafka\n", "a": " zwölf 🚀", "c d": "x=y"}) == (
        "a=\\ zw\\u00f6lf \\ud83d\\ude80\nb=C:\\\\kafka\\n\nc\\ d=x=y\n"
    )


LOG = """\
2026-11-25 03:52:58,534 INFO starting (kafka.server.KafkaRaftServer)
2026-11-25 03:52:58,535 ERROR Exiting Kafka due to fatal exception (kafka.Kafka$)
org.apache.kafka.common.KafkaException: Socket server failed to bind to 127.0.0.1:9092: Address already in use.
\tat org.apache.kafka.network.SocketServer.open(SocketServer.java:1)
Caused by: java.net.BindException: Address already in use
\tat java.base/sun.nio.ch.Net.bind(Net.java:1)
2026-11-25 03:52:58,600 INFO shut down (kafka.server.KafkaRaftServer)
"""


def test_the_cause_at_the_end_of_the_last_error_tells_most() -> None:
    line, fix = config.complaint(LOG, "WARNING: something else\n")
    assert line == "java.net.BindException: Address already in use"
    assert "--port" in fix


def test_an_error_without_a_cause_speaks_for_itself() -> None:
    log = "2026-11-25 03:52:58,534 ERROR No space left on device (kafka.log)\n2026-11-25 03:52:58,534 INFO bye (x)\n"
    line, fix = config.complaint(log, "")
    assert line == "No space left on device (kafka.log)"
    assert "room" in fix


def test_the_console_counts_where_the_log_is_silent() -> None:
    console = "WARNING: old\nError occurred during initialization of VM\nCould not reserve enough space for heap\n"
    line, fix = config.complaint("2026-11-25 03:52:58,534 INFO fine (x)\n", console)
    assert line == "Could not reserve enough space for heap"
    assert "memory" in fix
    assert config.complaint("", "")[0] == ""


@pytest.mark.parametrize(
    ("recorded", "ours", "expected"),
    [
        ("4.3.1", "4.3.1", False),
        ("4.3.9", "4.3.1", False),
        ("4.10.0", "4.3.1", True),
        ("3.9.0", "4.3.1", False),
        ("", "4.3.1", False),
    ],
)
def test_data_of_a_later_minor_version_is_newer(recorded: str, ours: str, expected: bool) -> None:
    assert config.newer(recorded, ours) is expected


def test_kafka_logs_to_its_file_and_to_nothing_else() -> None:
    text = config.log4j("/data/logs/kafka.log")
    assert "appender.file.fileName=/data/logs/kafka.log\n" in text
    assert "Console" not in text
