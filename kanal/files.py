"""The YAML files that a person names on the command line, read now and, with `--watch`, whenever they change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from eventing.errors import Invalid
from eventing.kinds.meta import Features
from eventing.manifest import Manifest, Problem, combine, read

SUFFIXES = (".yaml", ".yml", ".json")
POLL_S = 0.5

_Signature = tuple[tuple[str, int, int], ...]


def find(paths: Sequence[Path]) -> list[Path]:
    """The files that these files and folders mean, each once. Raises `Invalid` for one that is not there.

    What is hidden in a folder is passed over: an editor's swap files, and the folders behind a ConfigMap's links.
    """
    files: dict[Path, Path] = {}
    for path in paths:
        if path.is_dir():
            for inside in sorted(p for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file()):
                if not any(part.startswith(".") for part in inside.relative_to(path).parts):
                    files.setdefault(inside.resolve(), inside)
        elif path.is_file():
            files.setdefault(path.resolve(), path)
        else:
            raise Invalid("there is no such file or folder", where=str(path))
    if not files:
        raise Invalid(f"no {', '.join(SUFFIXES)} file is there", where=", ".join(map(str, paths)))
    return list(files.values())


def load(paths: Sequence[Path], features: Features) -> Manifest:
    """Read everything; what is wrong becomes a problem of the manifest and hides nothing else.

    Raises `Invalid` for a file or folder that is not there.
    """
    return combine([_read(path, features) for path in find(paths)])


def changes(paths: Sequence[Path], features: Features) -> AsyncIterator[Manifest]:
    """The manifest again after each change that lasts for two looks, so that a file half saved is never read.

    A change counts from this call on, however late the first manifest is asked for.
    """
    return _changes(paths, features, _signature(paths))


async def _changes(paths: Sequence[Path], features: Features, seen: _Signature) -> AsyncIterator[Manifest]:
    before = seen
    while True:
        await asyncio.sleep(POLL_S)
        now = _signature(paths)
        if now and now == before and now != seen:
            try:
                manifest = load(paths, features)
            except Invalid:  # gone since the look at it; the next one tells
                continue
            seen = now
            yield manifest
        before = now


def _read(path: Path, features: Features) -> Manifest:
    try:
        return read(path.read_bytes(), str(path), features)
    except OSError as error:
        return Manifest(problems=[Problem(str(path), 1, "", "", f"can't be read: {error.strerror}")])


def _signature(paths: Sequence[Path]) -> _Signature:
    try:
        return tuple((str(p), (s := p.stat()).st_mtime_ns, s.st_size) for p in find(paths))
    except (Invalid, OSError):
        return ()
