"""Images without an engine: an archive that `ctr images import` takes, made of nothing but one program."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import tarfile
from pathlib import Path
from typing import IO

USER = "65532:65532"
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


def write(archive: IO[bytes], tag: str, program: Path, place: str = "") -> None:
    """An archive with one image, `tag`, that runs the program, at `place` in the image, as a user who is not root."""
    place = place or program.name
    layer = _layer(program, place)
    config = json.dumps(
        {
            "architecture": _MACHINES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": {"Entrypoint": [f"/{place}"], "User": USER, "WorkingDir": "/", "Env": ["PATH=/"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
    ).encode()
    named = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = [{"Config": named, "RepoTags": [tag], "Layers": ["layer.tar.gz"]}]
    with tarfile.open(fileobj=archive, mode="w") as out:
        _add(out, named, config)
        _add(out, "layer.tar.gz", gzip.compress(layer, 1))
        _add(out, "manifest.json", json.dumps(manifest).encode())


def _layer(program: Path, place: str) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as out:
        _add(out, place, program.read_bytes(), 0o755)
        _folder(out, "tmp", 0o1777)
        if _AUTHORITIES.exists():
            _add(out, str(_AUTHORITIES).lstrip("/"), _AUTHORITIES.read_bytes())
    return held.getvalue()


def _folder(out: tarfile.TarFile, name: str, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    out.addfile(entry)


def _add(out: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    out.addfile(entry, io.BytesIO(content))
