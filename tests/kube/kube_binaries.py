"""Builds the API server of Kubernetes from its Go modules, once, into the user's cache: `make test-kube` runs this first.

Kubernetes publishes no module that builds by itself: its go.mod points at folders of its own tree for the parts that it
publishes apart. So a module of ours requires it, and names the published version of each of these parts.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from shutil import which

VERSION = "1.34.4"
FOLDER = Path(os.environ.get("KANAL_KUBE_BIN") or Path.home() / ".cache" / "kanal-kube" / "bin")
API_SERVER = FOLDER / "kube-apiserver"
_MODULE = "k8s.io/kubernetes"
_PART = re.compile(r"^\s*(k8s\.io/[\w./-]+) => \./staging/", re.MULTILINE)


def missing() -> str:
    """What has to be there before an API server can run here; empty where all is."""
    if not API_SERVER.exists():
        return f"there is no {API_SERVER}: run make test-kube"
    tools = {
        "etcd": "apt-get install etcd-server",
        "kubectl": "apt-get install kubectl",
        "openssl": "apt-get install openssl",
    }
    return next((f"there is no {tool}: {fix}" for tool, fix in tools.items() if which(tool) is None), "")


def build() -> None:
    """Build what is not there yet; some minutes the first time."""
    if API_SERVER.exists():
        return
    if which("go") is None:
        print("there is no Go here to build the API server with, so its tests are skipped")
        return
    print(f"Building kube-apiserver {VERSION} (once, about 6 minutes) ...", flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        found = _go(folder, "mod", "download", "-json", f"{_MODULE}@v{VERSION}")
        theirs = Path(json.loads(found)["GoMod"]).read_text(encoding="utf-8")
        Path(folder, "go.mod").write_text(_module(theirs), encoding="utf-8")
        stamp = f"-s -w -X k8s.io/component-base/version.gitVersion=v{VERSION}"
        made = Path(folder, API_SERVER.name)
        _go(folder, "build", "-mod=mod", "-ldflags", stamp, "-o", str(made), f"{_MODULE}/cmd/{API_SERVER.name}")
        # Moved when whole, so that a build that was broken off leaves nothing that looks like a server.
        beside = API_SERVER.with_suffix(".new")
        beside.write_bytes(made.read_bytes())
        beside.chmod(0o755)
        beside.replace(API_SERVER)


def _module(theirs: str) -> str:
    """Our go.mod, from that of Kubernetes."""
    go = re.search(r"^go .*$", theirs, re.MULTILINE)
    parts = sorted(set(_PART.findall(theirs)))
    published = "v0." + VERSION.partition(".")[2]
    lines = ["module kanal.dev/kube", go[0] if go else "go 1.24", f"require {_MODULE} v{VERSION}", "replace ("]
    return "\n".join([*lines, *(f"\t{part} => {part} {published}" for part in parts), ")", ""])


def _go(folder: str, *words: str) -> str:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": ""}
    done = subprocess.run(["go", *words], cwd=folder, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"go {words[0]} failed:\n{done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    build()
