"""What one embedded Kafka is to be, and where its things lie by default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from eventing.kafka.embedded.config import LOOPBACK


def default_cache() -> Path:
    """Where fetched jars are kept: `KANAL_CACHE`, else `kanal` below `XDG_CACHE_HOME` or `~/.cache`."""
    return _path("KANAL_CACHE") or (_path("XDG_CACHE_HOME") or Path.home() / ".cache") / "kanal"


def default_data() -> Path:
    """Where events are kept: `kanal` below `XDG_DATA_HOME` or `~/.local/share`."""
    return (_path("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "kanal"


def _path(variable: str) -> Path | None:
    text = os.environ.get(variable)
    return Path(text).expanduser() if text else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything that may be chosen."""

    data: Path = field(default_factory=default_data)
    """Where its events live; made where it is missing, and used again by the next start."""
    port: int | None = None
    """The port for clients: None takes 9092, or a free one where that is taken; 0 takes a free one."""
    host: str = LOOPBACK
    """The address to listen on."""
    advertise: str = ""
    """`host:port` under which clients reach it, where that is not where it listens."""
    also: tuple[str, ...] = ()
    """Further listeners, each `LISTEN=ADVERTISED`, for clients that reach it by another way."""
    properties: Mapping[str, str] = field(default_factory=dict)
    """Further broker properties."""
    heap_mib: int = 256
    """Largest Java heap."""
    jvm: tuple[str, ...] = ()
    """Further flags of the JVM."""
    start_timeout_s: float = 60.0
    """How long it may take until it answers; recovery after a crash is part of that."""
    stop_grace_s: float = 10.0
    """How long it may take to end by itself; then it is killed, which loses nothing but time at the next start."""
    cache: Path = field(default_factory=default_cache)
    """Where fetched jars are kept."""
    jars: Path | None = field(default_factory=lambda: _path("KANAL_KAFKA_JARS"))
    """A directory that holds the jars already, as in a container image (`KANAL_KAFKA_JARS`)."""
