"""The YAML files that a person names on the command line, read now and, with `--watch`, whenever they change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from eventing.errors import Invalid
from eventing.manifest import Manifest, combine, read

SUFFIXES = (".yaml", ".yml", ".json")
POLL_S = 0.5

_Signature = tuple[tuple[str, int, int], ...]


def find(paths: Sequence[Path]) -> list[Path]:
    """The files that these files and folders mean, each once. Raises `Invalid` for one that is not there."""
    files: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file())
            files.update(dict.fromkeys(inside))
        elif path.is_file():
            files[path] = None
        else:
            raise Invalid("there is no such file or folder", where=str(path))
    if not files:
        raise Invalid(f"no {', '.join(SUFFIXES)} file is there", where=", ".join(map(str, paths)))
    return list(files)


def load(paths: Sequence[Path]) -> Manifest:
    """Read everything; what is wrong becomes a problem of the manifest and hides nothing else."""
    return combine([read(path.read_text(encoding="utf-8", errors="replace"), str(path)) for path in find(paths)])


async def changes(paths: Sequence[Path]) -> AsyncIterator[Manifest]:
    """The manifest again after each change that lasts for two looks, so that a file half saved is never read."""
    seen = before = _signature(paths)
    while True:
        await asyncio.sleep(POLL_S)
        now = _signature(paths)
        if now and now == before and now != seen:
            seen = now
            yield load(paths)
        before = now


def _signature(paths: Sequence[Path]) -> _Signature:
    try:
        return tuple((str(p), (s := p.stat()).st_mtime_ns, s.st_size) for p in find(paths))
    except (Invalid, OSError):
        return ()
