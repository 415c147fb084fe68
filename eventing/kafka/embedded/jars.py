"""Apache Kafka's jars on this machine: fetched once, remembered, and never trusted half-written.

They live in `<cache>/kafka-<version>/` beside `jars.json`, which holds each name and size. The directory appears by one
rename after every jar was checked, so whatever is there is whole, and a start that finds it does nothing but compare
sizes. A container image brings its own directory instead (`KANAL_KAFKA_JARS`).
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from eventing.errors import Invalid, Unavailable
from eventing.kafka.embedded.process import Held, hold

VERSION = "4.3.1"
COORDINATE = f"org.apache.kafka:kafka_2.13:{VERSION}"
_MANIFEST = "jars.json"
_ARCHIVE = "kafka.aot"
EXTRA = "pip install 'kanal[embedded]'"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a start is: a step (`fetch`, `format`, `port`, `start`, `archive`), a line for a person, and a count where there is one."""

    step: str
    text: str
    done: int = 0
    total: int = 0
    size: int = 0
    """Bytes fetched so far."""


Tell = Callable[[Progress], None]
"""Told of progress by one thread at a time, which during a download is not the caller's."""


@dataclass(frozen=True, slots=True)
class Jars:
    """A whole set of jars."""

    version: str
    directory: Path
    names: tuple[str, ...]

    @property
    def classpath(self) -> str:
        return ":".join(str(self.directory / name) for name in self.names)

    @property
    def archive(self) -> Path:
        """Where the JVM's archive of loaded classes is, if one was made."""
        return self.directory / _ARCHIVE


def obtain(cache: Path, given: Path | None, tell: Tell, cancelled: threading.Event) -> Jars:
    """The jars: those of `given`, else those in the cache, else fetched. Blocks; ends early once `cancelled` is set.

    Raises `Invalid` (wrong directory, extra not installed) or `Unavailable` (download fails).
    """
    if given is not None:
        return _given(given.absolute())
    home = cache.absolute() / f"kafka-{VERSION}"
    found = _remembered(home)
    if found is not None:
        return found
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = hold(cache / f"kafka-{VERSION}.lock", patience_s=600, cancelled=cancelled)
    except OSError as error:
        raise Invalid(
            f"can't be written: {error.strerror}",
            where=str(cache),
            field="cache",
            fix="set KANAL_CACHE to a directory of yours",
        ) from error
    with _released(lock):
        return _remembered(home) or _fetch(home, tell, cancelled)


def _fetch(home: Path, tell: Tell, cancelled: threading.Event) -> Jars:
    try:
        from eventing.kafka.embedded import maven  # noqa: PLC0415 - jgo is an extra, and not needed on a later start
    except ImportError as error:
        raise Invalid("jgo is not installed", where="embedded Kafka", fix=EXTRA) from error
    one_at_a_time = threading.Lock()
    size = 0

    def told(name: str, done: int, total: int, count: int) -> None:
        nonlocal size
        if cancelled.is_set():
            raise Unavailable("the download was stopped", where=COORDINATE)
        with one_at_a_time:
            size += count
            tell(Progress("fetch", f"fetching Apache Kafka {VERSION}: {name}", done, total, size))

    attic = home.with_name(f"{home.name}.partial")
    for path in attic.rglob("*"):
        if path.is_file() and not maven.complete(path):
            path.unlink()
    paths = maven.fetch(COORDINATE, attic / "repository", told)
    made = attic / "jars"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    for path in paths:
        path.rename(made / path.name)
    sizes = {path.name: (made / path.name).stat().st_size for path in sorted(paths)}
    (made / _MANIFEST).write_text(json.dumps({"version": VERSION, "jars": sizes}, indent=1))
    shutil.rmtree(home, ignore_errors=True)
    made.rename(home)
    shutil.rmtree(attic, ignore_errors=True)
    return Jars(VERSION, home, tuple(sizes))


def _remembered(home: Path) -> Jars | None:
    try:
        manifest = json.loads((home / _MANIFEST).read_text())
        sizes: Mapping[str, int] = manifest["jars"]
        if any((home / name).stat().st_size != size for name, size in sizes.items()):
            return None
        return Jars(manifest["version"], home, tuple(sizes))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _given(directory: Path) -> Jars:
    found = _remembered(directory)
    if found is not None:
        return found
    names = tuple(sorted(path.name for path in directory.glob("*.jar")))
    broker = next((name for name in names if name.startswith("kafka_2.13-")), None)
    if broker is None:
        raise Invalid(
            "holds no kafka_2.13-*.jar",
            where=str(directory),
            field="KANAL_KAFKA_JARS",
            fix="fill it with `kanal kafka --fetch-only`, or unset KANAL_KAFKA_JARS",
        )
    return Jars(broker.removeprefix("kafka_2.13-").removesuffix(".jar"), directory, names)


@contextmanager
def _released(lock: Held) -> Iterator[None]:
    try:
        yield
    finally:
        lock.release()
