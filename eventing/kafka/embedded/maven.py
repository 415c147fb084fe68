"""Fetches Apache Kafka's jars with jgo: its resolver is pure Python, so neither Java nor Maven is needed.

Maven Central unless jgo's own configuration file (`[repositories]`, where `central = URL` names a mirror) says otherwise.
Only this module imports jgo, which is part of the extra `embedded`. jgo trusts a file once it exists, so every file is
checked as soon as it's written, and `jars` clears what an earlier, killed attempt left.
"""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from jgo.config import GlobalSettings
from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import MavenContext, PythonResolver

from eventing.errors import Unavailable

_CONNECTIONS = 6
_SILENCE_S = 30
_BINDING = ("org.apache.logging.log4j", "log4j-slf4j-impl")

Told = Callable[[str, int, int, int], None]
"""Told of each piece: file name, jars done, jars in all (0 while they are not known), bytes of this piece."""


def fetch(coordinate: str, repository: Path, told: Told) -> list[Path]:
    """Resolve the coordinate and download what it needs into `repository` (Maven's layout); the jars' paths.

    Whatever `told` raises ends the download. Raises `Unavailable` where the repository fails.
    """
    remotes = {"central": MAVEN_CENTRAL_URL, **GlobalSettings.load().repositories}
    resolver = _Resolver(told)
    context = MavenContext(resolver=resolver, repo_cache=repository, remote_repos=remotes, timeout=_SILENCE_S)
    try:
        roots, others = context.resolver.resolve([context.create_dependency(coordinate)])
        artifacts = [one.artifact for one in [*roots, *others]]
        # Kafka logs through slf4j and depends on log4j, but not on what joins the two: Kafka's own tarball adds it.
        log4j = next(one.version for one in artifacts if one.artifactId == "log4j-core")
        artifacts.append(context.project(*_BINDING).at_version(log4j).artifact())
        resolver.total = len(artifacts)
        with ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="kafka-jars") as pool:
            return list(pool.map(resolver.jar, artifacts))
    except (requests.RequestException, RuntimeError, StopIteration, OSError) as error:
        raise Unavailable(
            f"Apache Kafka's jars could not be fetched from {', '.join(remotes.values())}: {_reason(error)}",
            where=coordinate,
            fix="check the network, name a mirror in ~/.config/jgo.conf ([repositories] central = URL), "
            "or point KANAL_KAFKA_JARS at a directory that holds the jars",
        ) from error


def complete(path: Path) -> bool:
    """Whether a downloaded file is whole: every entry of a jar has its checksum, a POM has its end."""
    if path.suffix == ".jar":
        try:
            with zipfile.ZipFile(path) as jar:
                return jar.testzip() is None
        except (zipfile.BadZipFile, OSError, EOFError):
            return False
    return path.suffix != ".pom" or path.read_bytes().rstrip().endswith(b"</project>")


def _reason(error: BaseException) -> str:
    """The innermost words: what lies around them repeats the address in three ways."""
    while error.args and isinstance(error.args[-1], BaseException):
        error = error.args[-1]
    inner = getattr(error, "reason", error)
    return str(inner).rpartition("): ")[2] or type(error).__name__


class _Resolver(PythonResolver):
    """jgo's resolver, which tells of its progress and keeps no file that isn't whole."""

    def __init__(self, told: Told) -> None:
        super().__init__(progress_callback=self._piece)
        self._told = told
        self._counting = threading.Lock()
        self._done = 0
        self.total = 0

    def jar(self, artifact: Any) -> Path:
        path: Path = artifact.resolve()
        with self._counting:
            self._done += 1
        self._told(path.name, self._done, self.total, 0)
        return path

    def download(self, artifact: Any) -> Path | None:
        self._told(artifact.filename, self._done, self.total, 0)
        target: Path = artifact.cached_path
        whole = False
        try:
            path: Path | None = super().download(artifact)
            whole = complete(target)
        finally:
            if not whole:
                target.unlink(missing_ok=True)
        if not whole:
            raise RuntimeError(f"{artifact.filename} arrived damaged")
        return path

    @contextmanager
    def _piece(self, name: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield lambda count: self._told(name, self._done, self.total, count)
