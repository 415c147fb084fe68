"""What the embedded Kafka is told, and what its log says: pure text in, pure text out.

The broker is one node that is broker and controller at once (KRaft), set for a laptop: one replica of everything, small
internal topics, few threads, no waiting for a group to fill. Its controller and its own connection to itself stay on
loopback ports that nobody needs to know; only the client listeners are the user's business. Nothing here reads the
environment, a file or a clock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from eventing.errors import Invalid

WILDCARDS = frozenset({"0.0.0.0", "::", ""})
LOOPBACK = "127.0.0.1"
NODE_ID = 1
_OWN = frozenset(
    {
        "advertised.listeners",
        "controller.listener.names",
        "controller.quorum.voters",
        "inter.broker.listener.name",
        "listener.security.protocol.map",
        "listeners",
        "log.dirs",
        "node.id",
        "process.roles",
    }
)
_LAPTOP = {
    "auto.create.topics.enable": "false",
    "auto.leader.rebalance.enable": "false",
    "background.threads": "2",
    "default.replication.factor": "1",
    # KIP-848's time-outs are the broker's; its defaults (5 s, 45 s) suit large clusters.
    "group.consumer.heartbeat.interval.ms": "1000",
    "group.consumer.min.heartbeat.interval.ms": "100",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.session.timeout.ms": "10000",
    "group.coordinator.rebalance.protocols": "classic,consumer",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
    "num.io.threads": "4",
    "num.network.threads": "2",
    "num.recovery.threads.per.data.dir": "2",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
}
_FIXES = (
    ("Address already in use", "stop the program that has the port, or choose another with --port"),
    ("No space left on device", "make room on the disk that holds the data directory"),
    ("OutOfMemoryError", "give Kafka more heap, or load it with less"),
    ("Could not reserve enough space", "free some memory; Kafka needs about 400 MB"),
    ("Cannot allocate memory", "free some memory; Kafka needs about 400 MB"),
    ("Permission denied", "make the data directory writable, or choose another with --data"),
    ("AccessDenied", "make the data directory writable, or choose another with --data"),
    ("Failed to acquire lock", "stop the other Kafka that uses this data directory, or choose another with --data"),
    ("metadata.version", "the data is of another version of Kafka; choose another directory with --data"),
    ("UnsupportedVersion", "the data is of another version of Kafka; choose another directory with --data"),
    ("luster.id", "the data is of another cluster; choose another directory with --data"),
    ("ConfigException", "correct the extra broker property that it names"),
)
_LINE = re.compile(r"^\S+ \S+ (?P<level>[A-Z]+) (?P<text>.*)$")
_ADDRESS = re.compile(r"^(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[^:\s/\[\]]*)):(?P<port>\d{1,5})$")


class Address(NamedTuple):
    """A host and a port; port 0 stands for a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Listener(NamedTuple):
    """Where Kafka listens, and the address that it tells clients to come back to."""

    listen: Address
    advertised: Address


def parse_address(text: str, *, field: str) -> Address:
    """Read `host:port`, with brackets around IPv6; raises `Invalid` that names the field."""
    match = _ADDRESS.match(text.strip())
    if match is None or int(match["port"]) > 65_535:
        raise Invalid(f"{text!r} is not HOST:PORT", where="kafka", field=field, fix="write for instance 127.0.0.1:9092")
    return Address(match["six"] or match["host"], int(match["port"]))


def parse_listen(text: str) -> tuple[str, int | None]:
    """Read `host` or `host:port`, with brackets around IPv6; the port is None where there is none."""
    bare = text.strip()
    if bare.startswith("[") and bare.endswith("]"):
        return bare[1:-1], None
    if ":" not in bare:
        return bare, None
    return parse_address(bare, field="listen")


def parse_also(text: str) -> Listener:
    """Read one further listener, `LISTEN=ADVERTISED` or only `LISTEN`, each `host:port`."""
    listen, equals, advertised = text.partition("=")
    first = parse_address(listen, field="also")
    second = parse_address(advertised, field="also") if equals else first
    return checked(Listener(first, second), field="also")


def checked(listener: Listener, *, field: str) -> Listener:
    """The listener if clients can come back to it; `Invalid` where it would send them to `0.0.0.0` or port 0."""
    if listener.advertised.host in WILDCARDS:
        raise Invalid(
            f"clients can't connect to {listener.advertised}",
            where="kafka",
            field=field,
            fix="say with --advertise HOST:PORT under which address they reach this Kafka",
        )
    return listener


def server_properties(
    listeners: Sequence[Listener], *, controller_port: int, internal_port: int, log_dir: str, extra: Mapping[str, str]
) -> dict[str, str]:
    """Every property of the broker; `extra` wins over the laptop's defaults but can't move listeners and data.

    Raises `Invalid` for an extra property that this module must set itself.
    """
    for name in extra:
        if name in _OWN:
            raise Invalid(
                "is set by Kanal itself", where="kafka properties", field=name, fix="use --port, --listen, --data"
            )
    names = [f"CLIENT{n}" if n else "CLIENT" for n in range(len(listeners))]
    internal = f"INTERNAL://{LOOPBACK}:{internal_port}"
    listen = [f"{name}://{one.listen}" for name, one in zip(names, listeners, strict=True)]
    advertised = [f"{name}://{one.advertised}" for name, one in zip(names, listeners, strict=True)]
    return {
        **_LAPTOP,
        **extra,
        "advertised.listeners": ",".join([*advertised, internal]),
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"{NODE_ID}@{LOOPBACK}:{controller_port}",
        "inter.broker.listener.name": "INTERNAL",
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in [*names, "INTERNAL", "CONTROLLER"]),
        "listeners": ",".join([*listen, internal, f"CONTROLLER://{LOOPBACK}:{controller_port}"]),
        "log.dirs": log_dir,
        "node.id": str(NODE_ID),
        "process.roles": "broker,controller",
    }


def render(properties: Mapping[str, str]) -> str:
    """The properties as a Java `.properties` file, escaped as Java reads them back."""
    lines = []
    for name in sorted(properties):
        value = properties[name].replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
        lead = "\\" if value.startswith(" ") else ""
        key = re.sub(r"([\\ :=#!])", r"\\\1", name)
        lines.append(f"{key}={lead}{_ascii(value)}\n")
    return "".join(lines)


def log4j(log_file: str) -> str:
    """Logging of the JVM: one file of at most 10 MB and two older ones; nothing reaches the terminal."""
    return render(
        {
            "status": "error",
            "appender.file.type": "RollingFile",
            "appender.file.name": "FILE",
            "appender.file.fileName": log_file,
            "appender.file.filePattern": f"{log_file}.%i",
            "appender.file.layout.type": "PatternLayout",
            "appender.file.layout.pattern": "%d %p %m (%c)%n",
            "appender.file.policies.type": "Policies",
            "appender.file.policies.size.type": "SizeBasedTriggeringPolicy",
            "appender.file.policies.size.size": "10MB",
            "appender.file.strategy.type": "DefaultRolloverStrategy",
            "appender.file.strategy.max": "2",
            "rootLogger.level": "info",
            "rootLogger.appenderRef.file.ref": "FILE",
        }
    )


def complaint(log: str, console: str) -> tuple[str, str]:
    """What a Kafka that ended had to say, as (line, fix); both empty where it said nothing of use.

    A cause ("Caused by", an exception's own line) tells more than the line that reports it, and the console counts only
    where the log has no error, because the JVM speaks there when Kafka never came to speak.
    """
    line = _from_log(log) or _from_console(console)
    fix = next((fix for mark, fix in _FIXES if mark in line), "")
    return line, fix


def newer(recorded: str, ours: str) -> bool:
    """Whether data recorded with version `recorded` is of a later Kafka than `ours`; unreadable versions are not."""
    return _version(recorded)[:2] > _version(ours)[:2]


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def _from_log(log: str) -> str:
    found = ""
    in_error = False
    for line in log.splitlines():
        if match := _LINE.match(line):
            in_error = match["level"] in {"ERROR", "FATAL"}
            if in_error:
                found = match["text"]
        elif in_error and not line.startswith(("\t", " ")) and line.strip():
            found = line.removeprefix("Caused by: ").strip()
    return found


def _from_console(console: str) -> str:
    noise = (
        "\t",
        "WARNING",
        "Error occurred during initialization of VM",
        "Error: Could not create the Java Virtual Machine",
        "Error: A fatal exception has occurred",
    )
    lines = [line.strip() for line in console.splitlines() if line.strip() and not line.startswith(noise)]
    errors = [line for line in lines if "rror" in line or "xception" in line]
    return (errors or lines or [""])[-1]


def _ascii(text: str) -> str:
    return "".join(one if one.isascii() else "".join(f"\\u{unit:04x}" for unit in _utf16(one)) for one in text)


def _utf16(character: str) -> list[int]:
    raw = character.encode("utf-16-be")
    return [int.from_bytes(raw[at : at + 2]) for at in range(0, len(raw), 2)]
