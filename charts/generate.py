#!/usr/bin/env python3
"""Writes what of the chart is made from other things, so that it can't be wrong; a test compares.

    .venv/bin/python charts/generate.py

The definitions come from the models, the schema of the values and their table in docs/helm.md from values.yaml, where each
value has its default and, above it, its text. What a default can't tell (which words there are, what a list holds) stands in
`SHAPES`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from eventing.kinds.registry import KINDS
from eventing.settings import describe
from kanal.crds import text

ROOT = Path(__file__).parents[1]
CHART = ROOT / "charts" / "kanal"
PAGE = ROOT / "docs" / "helm.md"
BEGIN, END = "<!-- values: written by charts/generate.py -->\n", "<!-- end of values -->\n"
DECIDED = frozenset(
    {
        "kafka.bootstrap",
        "kafka.properties",
        "kafka.default_replication_factor",
        "kafka.group_instance",
        "ingress.host",
        "ingress.port",
        "control.host",
        "control.port",
        "control.token",
        "control.probe_urls",
        "kubernetes.enabled",
        "kubernetes.kubeconfig",
        "kubernetes.namespace",
        "kubernetes.serves",
        "kubernetes.lease",
        "kubernetes.cluster_domain",
        "kubernetes.channel_service",
        "kubernetes.broker_service",
        "webhook.host",
        "webhook.port",
        "health.host",
        "health.port",
    }
)
"""Settings that the chart itself decides."""

_LINE = re.compile(r"^(?P<indent> *)(?P<name>[\w.-]+):(?: |$)")
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_NAME = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$|^$"}
_SCALAR = {"type": ["string", "number", "boolean"]}
_OBJECTS = {"type": "array", "items": {"type": "object"}}
_QUANTITY = {"type": ["string", "number"], "pattern": r"^[0-9.]+(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?$"}
_PORTS = {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 65535}}
_RESOURCES = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "requests": {"type": "object", "additionalProperties": _QUANTITY},
        "limits": {"type": "object", "additionalProperties": _QUANTITY},
        "claims": _OBJECTS,
    },
}
SHAPES: dict[str, dict[str, Any]] = {
    "image.repository": {"minLength": 1},
    "image.digest": {"pattern": "^(sha256:[0-9a-f]{64})?$"},
    "image.pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    "image.pullSecrets": {"items": _NAME},
    "serves": {"enum": ["everything", "kafka"]},
    "kafka.bootstrap": {"pattern": r"^([^\s,:]+:[0-9]+(,[^\s,:]+:[0-9]+)*)?$"},
    "kafka.replicationFactor": {"minimum": 1},
    "kafka.properties": {"additionalProperties": _SCALAR},
    "kafka.auth.existingSecret": _NAME,
    "kafka.embedded.properties": {"additionalProperties": _SCALAR},
    "kafka.embedded.persistence.size": _QUANTITY,
    "controller.token.existingSecret": _NAME,
    "ingress.service.type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
    "ingress.service.annotations": _TEXTS,
    "ingress.autoscaling.minReplicas": {"minimum": 1},
    "ingress.autoscaling.maxReplicas": {"minimum": 1},
    "ingress.autoscaling.targetCPUUtilizationPercentage": {"minimum": 1},
    "dispatcher.keda.maxReplicas": {"minimum": 1},
    "dispatcher.keda.lagThreshold": {"minimum": 1},
    "dispatcher.keda.pollingInterval": {"minimum": 1},
    "dispatcher.keda.sasl": {"enum": ["none", "plaintext", "scram_sha256", "scram_sha512"]},
    "dispatcher.keda.follows": {
        "items": {
            "type": "object",
            "additionalProperties": False,
            "required": ["group", "topic"],
            "properties": {"group": {"type": "string"}, "topic": {"type": "string"}},
        }
    },
    "webhook.failurePolicy": {"enum": ["Fail", "Ignore"]},
    "webhook.timeoutSeconds": {"minimum": 1, "maximum": 30},
    "pods.labels": _TEXTS,
    "pods.annotations": _TEXTS,
    "pods.nodeSelector": _TEXTS,
    "pods.tolerations": _OBJECTS,
    "pods.affinity": {"additionalProperties": True},
    "pods.env": {
        "items": {
            "type": "object",
            "required": ["name"],
            "additionalProperties": False,
            "properties": {"name": {"type": "string"}, "value": {"type": "string"}, "valueFrom": {"type": "object"}},
        }
    },
    "networkPolicies.senders": _OBJECTS,
    "networkPolicies.readers": _OBJECTS,
    "networkPolicies.kafkaPorts": _PORTS,
    "networkPolicies.apiServerPorts": _PORTS,
    "serviceMonitor.interval": {"pattern": r"^[0-9]+(ms|s|m|h)$"},
    "serviceMonitor.labels": _TEXTS,
    **{
        f"defaults.{name}": _TEXTS
        for name in ("default-ch-webhook", "config-br-defaults", "kafka-channel-config", "kafka-broker-config")
    },
}


class Value(NamedTuple):
    """A value of the chart; `default` is None for a group of others."""

    path: str
    text: str
    default: Any
    group: bool


def values() -> list[Value]:
    """All, in the order of values.yaml. Raises `KeyError` for a line that the YAML does not have."""
    source = (CHART / "values.yaml").read_text(encoding="utf-8")
    defaults = yaml.safe_load(source)
    found: list[Value] = []
    stack: list[str] = []
    remarks: list[str] = []
    deeper = -1
    for line in source.splitlines():
        match = _LINE.match(line)
        if line.lstrip().startswith("#"):
            remarks.append(line.strip("# "))
        elif match and (deeper < 0 or len(match["indent"]) <= deeper):
            deeper = -1
            stack[len(match["indent"]) // 2 :] = [match["name"]]
            default: Any = defaults
            for name in stack:
                default = default[name]
            path = ".".join(stack)
            # What comes below `resources` is one value.
            group = line.rstrip().endswith(":") and stack[-1] != "resources"
            deeper = -1 if group else len(match["indent"])
            found.append(Value(path, " ".join(remarks), default, group))
            remarks = []
        elif not line.strip():
            remarks = []
    return found


def schema() -> dict[str, Any]:
    """The schema of the values: no other names, the type of each default, and what `SHAPES` says."""
    root: dict[str, Any] = {"$schema": "http://json-schema.org/draft-07/schema#", **_group("")}
    found = values()
    for one in found:
        above, _, name = one.path.rpartition(".")
        own = _group(one.text) if one.group else {**_typed(one), "description": one.text}
        _at(root, above)["properties"][name] = {key: value for key, value in own.items() if value != ""}
    pods = root["properties"]["pods"]["properties"]
    for one in found:
        if one.path.endswith(".pod"):
            _at(root, one.path).update(additionalProperties=False, properties=pods)
    _at(root, "settings").update(additionalProperties=False, properties=_settings())
    # Helm gives every chart this one.
    root["properties"]["global"] = {"type": "object"}
    return root


def _at(root: dict[str, Any], path: str) -> dict[str, Any]:
    for name in filter(None, path.split(".")):
        root = root["properties"][name]
    return root


def _group(description: str) -> dict[str, Any]:
    return {"type": "object", "description": description, "additionalProperties": False, "properties": {}}


def _typed(one: Value) -> dict[str, Any]:
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    own: dict[str, Any] = {"type": kinds[type(one.default)]}
    if type(one.default) is int:
        own["minimum"] = 0
    if one.path.endswith(".resources"):
        return dict(_RESOURCES)
    return own | SHAPES.get(one.path, {})


def _settings() -> dict[str, Any]:
    """What may stand below `settings`: every setting but those that are the chart's own business."""
    groups: dict[str, Any] = {}
    for key, kind, _, doc in describe():
        group, name = key.split(".")
        if key in DECIDED:
            continue
        where = groups.setdefault(group, _group(""))
        where.pop("description", None)
        where["properties"][name] = {**_setting(kind), "description": doc}
    return groups


def _setting(kind: Any) -> dict[str, Any]:
    if kind is bool:
        return {"type": "boolean"}
    if kind in (int, float):
        return {"type": "integer" if kind is int else "number", "minimum": 0}
    if kind is str:
        return {"type": "string"}
    listed = getattr(kind, "__origin__", None) is list
    return (
        {"type": "array", "items": {"type": "string"}}
        if listed
        else {"type": "object", "additionalProperties": _SCALAR}
    )


def table() -> str:
    """The values as a table for docs/helm.md."""
    lines = ["| value | default | |", "|---|---|---|"]
    for one in values():
        if one.group:
            continue
        if one.default in ("", [], {}):
            shown = "empty"
        else:
            shown = f"`{one.default if isinstance(one.default, str) else json.dumps(one.default)}`"
        # A bar in a cell would be its end.
        words = one.text.replace("|", "\\|")
        lines.append(f"| `{one.path}` | {shown} | {words} |")
    return "\n".join(lines) + "\n"


def files() -> dict[Path, str]:
    """The text of each generated file."""
    made = {
        CHART / "files" / "crds" / f"{kind.PLURAL}.{kind.GROUP}.yaml": text([kind], "yaml")
        for kind in KINDS
        if kind.GROUP
    }
    made[CHART / "values.schema.json"] = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    made[PAGE] = before + BEGIN + table() + END + rest.partition(END)[2]
    return made


def stale() -> Iterator[Path]:
    """Definitions of kinds that there are no more."""
    kept = files()
    return (one for one in (CHART / "files" / "crds").glob("*.yaml") if one not in kept)


def main() -> None:
    """Write everything that differs."""
    for gone in list(stale()):
        gone.unlink()
    for path, content in files().items():
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8")
            print(path.relative_to(ROOT), file=sys.stderr)


if __name__ == "__main__":
    main()
