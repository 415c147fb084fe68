"""Runs Helm on our chart, with folders of its own, and reads what it makes."""

from __future__ import annotations

import copy
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "kanal"
KUBE_VERSION = "1.34.4"
OURS = {"kafka": {"bootstrap": "kafka.example:9092"}}
EMBEDDED = {"kafka": {"embedded": {"enabled": True}}}
Document = dict[str, Any]


class Refused(Exception):
    """Helm's complaint."""


class Helm:
    """The program, in a folder of its own; with a kubeconfig it speaks with a cluster."""

    def __init__(self, program: Path, folder: Path, kubeconfig: Path | None = None) -> None:
        self._program = program
        self._folder = folder
        self._rendered: dict[str, list[Document]] = {}
        homes = {f"HELM_{name}_HOME": str(folder / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
        own = {"HOME": str(folder), "KUBECONFIG": str(kubeconfig or folder / "none")}
        self._environment = {"PATH": os.environ["PATH"], **own, **homes}

    def __call__(self, *words: str, values: Mapping[str, Any] | None = None) -> str:
        """What Helm prints. Raises `Refused` where it fails."""
        command = [str(self._program), *words]
        if values is not None:
            file = self._folder / "values.yaml"
            file.write_text(yaml.safe_dump(dict(values)), encoding="utf-8")
            command += ["--values", str(file)]
        done = subprocess.run(command, env=self._environment, check=False, capture_output=True, text=True, timeout=90)
        if done.returncode:
            raise Refused(done.stderr)
        return done.stdout

    def rendered(self, values: Mapping[str, Any], namespace: str = "foo", release: str = "kanal") -> list[Document]:
        """The objects that an installation with these values would make. Raises `Refused`."""
        words = ("template", release, str(CHART), "--namespace", namespace, "--kube-version", KUBE_VERSION)
        key = json.dumps([words, values], sort_keys=True)
        if key not in self._rendered:
            self._rendered[key] = parsed(self(*words, values=values))
        return copy.deepcopy(self._rendered[key])


def parsed(text: str) -> list[Document]:
    """The objects in a text."""
    return [one for one in yaml.load_all(text, Loader=yaml.CSafeLoader) if one]


def named(objects: list[Document], kind: str, name: str) -> Document:
    """The one of this kind and name."""
    (found,) = [one for one in objects if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


def pods(objects: list[Document]) -> dict[str, Document]:
    """The template of each workload's pods, and each pod that stands alone, by role."""
    found = {}
    for one in objects:
        template = one if one["kind"] == "Pod" else one.get("spec", {}).get("template")
        if template is not None:
            found[template["metadata"]["labels"]["app.kubernetes.io/component"]] = template
    return found


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Document:
    """Values with others over them, as Helm lays them over each other."""
    made = dict(base)
    for name, value in over.items():
        old = made.get(name)
        made[name] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return made
