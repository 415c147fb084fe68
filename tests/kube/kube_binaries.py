"""Builds the programs of Kubernetes from their Go modules, once, into the user's cache: `make test-kube` runs this first.

Named on the command line, any of `PROGRAMS`, or `cluster` for all; without a name, those that tests/kube needs. Each is
moved to its place when it is whole, so that a build that was broken off leaves nothing that looks like a program. One build
at a time works.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

VERSION = "1.34.4"  # the last line whose kubelet runs where control groups are of version 1
HELM = "3.22.0"
COREDNS = "1.15.0"
FOLDER = Path(os.environ.get("KANAL_KUBE_BIN") or Path.home() / ".cache" / "kanal-kube" / "bin")
HERE = Path(__file__).parent
API_SERVER = ("kube-apiserver", "kube-controller-manager", "helm")
CLUSTER = (*API_SERVER, "kube-scheduler", "kubelet", "kube-proxy", "coredns", "pause")
_MODULE = "k8s.io/kubernetes"
_PART = re.compile(r"^\s*(k8s\.io/[\w./-]+) => \./staging/", re.MULTILINE)
_TOOLS = {"etcd": "etcd-server", "kubectl": "kubectl", "openssl": "openssl"}


def found(name: str) -> Path:
    """Where a program is, or will be once it is built."""
    return FOLDER / name


def missing(names: Sequence[str] = API_SERVER[:2]) -> str:
    """What has to be there before these programs can run here; empty where all is."""
    for name in names:
        if not found(name).exists():
            return f"there is no {found(name)}: run make {'test-cluster' if name in CLUSTER[3:] else 'test-kube'}"
    return next(
        (f"there is no {tool}: apt-get install {fix}" for tool, fix in _TOOLS.items() if shutil.which(tool) is None), ""
    )


def build(names: Sequence[str]) -> None:
    """Build what is not there yet; minutes the first time."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with _alone():
        wanted = [name for name in names if not found(name).exists()]
        if wanted and shutil.which("go") is None:
            print(f"there is no Go here to build {', '.join(wanted)} with, so the tests that need them are skipped")
            return
        for name in wanted:
            print(f"Building {name} (once) ...", flush=True)
            began = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                made = Path(folder, "made")
                PROGRAMS[name](name, folder, made)
                placed(made, found(name))
            print(f"  {name}: {time.monotonic() - began:.0f} s", flush=True)


def placed(made: Path, target: Path) -> None:
    """Put what was made to its place, whole or not at all."""
    beside = target.with_name(f"{target.name}.new")
    shutil.copyfile(made, beside)
    beside.chmod(0o755)
    beside.replace(target)


@contextmanager
def _alone() -> Iterator[None]:
    """Two builds of the same at once would take twice as long."""
    with (FOLDER / ".lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _kubernetes(name: str, folder: str, made: Path) -> None:
    """Kubernetes publishes no module that builds by itself: its go.mod points at folders of its own tree for the parts
    that it publishes apart. So a module of ours requires it, and names the published version of each of these parts.
    """
    theirs = Path(json.loads(go(folder, "mod", "download", "-json", f"{_MODULE}@v{VERSION}"))["GoMod"])
    Path(folder, "go.mod").write_text(_required(theirs.read_text(encoding="utf-8")), encoding="utf-8")
    base = "k8s.io/component-base/version"
    major, minor, _ = VERSION.split(".")
    stamp = f"-X {base}.gitVersion=v{VERSION} -X {base}.gitMajor={major} -X {base}.gitMinor={minor}"
    compile_(folder, made, f"{_MODULE}/cmd/{name}", stamp)


def _required(theirs: str) -> str:
    language = re.search(r"^go .*$", theirs, re.MULTILINE)
    parts = sorted(set(_PART.findall(theirs)))
    published = "v0." + VERSION.partition(".")[2]
    lines = [
        "module kanal.dev/kube",
        language[0] if language else "go 1.24",
        f"require {_MODULE} v{VERSION}",
        "replace (",
    ]
    return "\n".join([*lines, *(f"\t{part} => {part} {published}" for part in parts), ")", ""])


def _helm(name: str, folder: str, made: Path) -> None:
    go(folder, "install", "-ldflags", "-s -w", f"helm.sh/helm/v3/cmd/helm@v{HELM}", GOBIN=folder)
    Path(folder, name).rename(made)


def _coredns(name: str, folder: str, made: Path) -> None:
    """CoreDNS with the few plugins that a cluster needs; all of them would take in the clients of three clouds."""
    plugins = ("bind", "cache", "errors", "kubernetes", "ready")
    imports = "\n".join(f'\t_ "github.com/coredns/coredns/plugin/{plugin}"' for plugin in plugins)
    main = f'package main\n\nimport (\n{imports}\n\n\t"github.com/coredns/coredns/coremain"\n)\n\nfunc main() {{ coremain.Run() }}\n'
    Path(folder, "main.go").write_text(main, encoding="utf-8")
    Path(folder, "go.mod").write_text(
        f"module kanal.dev/coredns\n\ngo 1.26.0\n\nrequire github.com/coredns/coredns v{COREDNS}\n", encoding="utf-8"
    )
    compile_(folder, made, ".")


def _pause(name: str, folder: str, made: Path) -> None:
    """What holds a pod's network: it waits for a signal."""
    Path(folder, "main.go").write_bytes((HERE / "pause.go.txt").read_bytes())
    Path(folder, "go.mod").write_text("module kanal.dev/pause\n\ngo 1.24\n", encoding="utf-8")
    compile_(folder, made, ".")


def compile_(folder: str, made: Path, package: str, stamp: str = "") -> None:
    """One package of the module in `folder` as a program that needs no library of the system."""
    go(folder, "build", "-mod=mod", "-ldflags", f"-s -w {stamp}".strip(), "-o", str(made), package)


def go(folder: str, *words: str, **environment: str) -> str:
    """What the Go command prints; ends with its complaint where it fails."""
    cleared = {"CGO_ENABLED": "0", "GOFLAGS": ""}
    done = subprocess.run(
        ["go", *words],
        cwd=folder,
        env={**os.environ, **cleared, **environment},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"go {words[0]} failed:\n{done.stderr[-2000:]}")
    return done.stdout


PROGRAMS: dict[str, Callable[[str, str, Path], None]] = {
    **dict.fromkeys(
        ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"), _kubernetes
    ),
    "helm": _helm,
    "coredns": _coredns,
    "pause": _pause,
}


if __name__ == "__main__":
    build(CLUSTER if sys.argv[1:] == ["cluster"] else sys.argv[1:] or API_SERVER)
