"""Knative's own acceptance tests: built from their Go module, once, and run one at a time against a cluster.

The version is the one whose tests are known to pass against Knative's own implementation. They make namespaces of their
own, and pods of an image that sends and receives events; every image is loaded before, since nothing can be pulled.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import kube_binaries
from single_node import Cluster

EVENTING = "0.50.0"
FOLDER = kube_binaries.FOLDER / f"rekt-{EVENTING}"
TESTS = FOLDER / "rekt.test"
PROGRAMS = (
    "knative.dev/reconciler-test/cmd/eventshub",
    "knative.dev/eventing/cmd/event_display",
    "knative.dev/eventing/cmd/heartbeats",
)
PULLED = "registry.access.redhat.com/ubi8/ubi"
READINESS = f"localhost/readiness:{EVENTING}"
SHELL = FOLDER / "sh"
_ENDED = re.compile(r"^ *--- (PASS|FAIL|SKIP): (\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one test and of each of its steps."""

    passed: tuple[str, ...]
    skipped: tuple[str, ...]
    failed: tuple[str, ...]
    log: str


def missing() -> str:
    """What has to be built before these tests can run; empty where all is there."""
    there = all(one.exists() for one in (TESTS, SHELL, *map(program, PROGRAMS)))
    return "" if there else f"there is no {TESTS}: run make rekt"


def program(package: str) -> Path:
    """Where the program of a package is."""
    found: Path = FOLDER / package.rpartition("/")[2]
    return found


def image(package: str) -> str:
    """What the image of a package's program is called."""
    return f"localhost/{package.rpartition('/')[2].replace('_', '-')}:{EVENTING}"


def build() -> None:
    """Build what is not there yet; minutes the first time."""
    if not missing():
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    print(f"Building Knative's acceptance tests {EVENTING} (once) ...", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        _module(folder)
        made = Path(folder, "made")
        for package in PROGRAMS:
            kube_binaries.compile_(folder, made, package)
            kube_binaries.placed(made, program(package))
        words = ("-mod=mod", "-vet=off", "-tags=e2e", "-c", "-o", str(made))
        kube_binaries.go(folder, "test", *words, "knative.dev/eventing/test/rekt")
        kube_binaries.placed(made, TESTS)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "made")
        Path(folder, "go.mod").write_text("module kanal.dev/readiness\n\ngo 1.24\n", encoding="utf-8")
        Path(folder, "main.go").write_bytes((Path(__file__).parent / "readiness.go.txt").read_bytes())
        kube_binaries.compile_(folder, made, ".")
        kube_binaries.placed(made, SHELL)


def _module(folder: str) -> None:
    """A module that has their tests, in which they name an image of ours for the one that they would pull."""
    told = Path(folder, "go.mod")
    required = f"module kanal.dev/rekt\n\ngo 1.25.0\n\nrequire knative.dev/eventing v{EVENTING}\n"
    told.write_text(required, encoding="utf-8")
    helpers = "knative.dev/reconciler-test"
    kept = Path(kube_binaries.go(folder, "list", "-mod=mod", "-f={{.Dir}}", f"{helpers}/pkg/k8s").strip())
    copied = Path(folder, "helpers")
    shutil.copytree(kept.parents[1], copied, copy_function=shutil.copyfile)
    changed = copied / "pkg" / "k8s" / "wait.go"
    before = changed.read_text(encoding="utf-8")
    assert before.count(PULLED) == 1, f"{changed} no longer names {PULLED}"
    changed.write_text(before.replace(PULLED, READINESS), encoding="utf-8")
    told.write_text(f"{required}\nreplace {helpers} => ./helpers\n", encoding="utf-8")


def load(cluster: Cluster) -> None:
    """Make every image that the tests name known to the node."""
    for package in PROGRAMS:
        cluster.load_program(image(package), program(package))
    cluster.load_program(READINESS, SHELL, "bin/sh")


def run(name: str, kubeconfig: Path, namespace: str, kinds: Mapping[str, str], minutes: int) -> Outcome:
    """One test, by its name, against the system that runs in `namespace`; each name tells what became of one step."""
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder, "images.yaml")
        images.write_text(json.dumps({package: image(package) for package in PROGRAMS}), encoding="utf-8")
        words = ["-test.v", f"-test.run=^{name}$", f"-test.timeout={minutes}m", "-teardown.on.fail"]
        words += ["-images.producer.file", str(images), "-poll.timeout", "60s", "-poll.interval", "1s"]
        told = {"KUBECONFIG": str(kubeconfig), "SYSTEM_NAMESPACE": namespace, **kinds}
        done = subprocess.run(
            [str(TESTS), *words],
            cwd=folder,
            env={**os.environ, **told},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    ended: dict[str, list[str]] = {"PASS": [], "SKIP": [], "FAIL": []}
    for how, step in _ENDED.findall(done.stdout):
        ended[how].append(step)
    if done.returncode and not ended["FAIL"]:
        ended["FAIL"].append(name)
    return Outcome(tuple(ended["PASS"]), tuple(ended["SKIP"]), tuple(ended["FAIL"]), done.stdout)


if __name__ == "__main__":
    build()
