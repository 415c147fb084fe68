"""Brokers, Triggers and ConfigMaps as YAML, and their keys."""

from __future__ import annotations

from eventing.kinds.key import Key

GROUP = "eventing.knative.dev"
CLASS = f"{GROUP}/broker.class"
RECORDED = {"annotations": {"default.topic": "from-knative"}}


def broker(name: str = "b1", namespace: str = "default", spec: str = "{}", **annotations: str) -> str:
    return f"""---
apiVersion: {GROUP}/v1
kind: Broker
metadata: {{name: {name}, namespace: {namespace}, annotations: {annotations}}}
spec: {spec}
"""


def trigger(
    name: str = "t1",
    namespace: str = "default",
    *,
    of: str = "broker: b1",
    to: str = "{uri: 'http://sink:9001'}",
    more: str = "",
    **annotations: str,
) -> str:
    return f"""---
apiVersion: {GROUP}/v1
kind: Trigger
metadata: {{name: {name}, namespace: {namespace}, annotations: {annotations}}}
spec: {{{of}, subscriber: {to}, {more}}}
"""


def config_map(name: str = "topics", namespace: str = "default", **data: str) -> str:
    return f"""---
apiVersion: v1
kind: ConfigMap
metadata: {{name: {name}, namespace: {namespace}}}
data: {data}
"""


def config(name: str = "topics", namespace: str = "default", more: str = "") -> str:
    """A spec that refers to a ConfigMap."""
    return f"{{config: {{apiVersion: v1, kind: ConfigMap, name: {name}, namespace: {namespace}}}, {more}}}"


def mesh(kind: str, name: str, namespace: str = "default") -> Key:
    return Key(GROUP, kind, namespace, name)
