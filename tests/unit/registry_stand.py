"""YAML of brokers, triggers and event types for the tests of the registry."""

from __future__ import annotations

import json
from typing import Any

from eventing.kinds.key import Key

GROUP = "eventing.knative.dev"
SCHEMA = {"type": "object", "required": ["id"]}


def broker(name: str = "mesh", namespace: str = "default", validate: str = "") -> str:
    annotations = f", annotations: {{kanal.dev/validate: '{validate}'}}" if validate else ""
    return f"""---
apiVersion: {GROUP}/v1
kind: Broker
metadata: {{name: {name}, namespace: {namespace}{annotations}}}
"""


def trigger(name: str = "t1", namespace: str = "default", of: str = "mesh") -> str:
    return f"""---
apiVersion: {GROUP}/v1
kind: Trigger
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{broker: {of}, subscriber: {{uri: "http://sink:9001"}}}}
"""


def event_type(
    name: str = "e1",
    type_: str = "t.a",
    *,
    namespace: str = "default",
    at: tuple[str, str] | None = ("Broker", "mesh"),
    place: str = "",
    schema: Any = None,
    **spec: str,
) -> str:
    """`at` is kind and name of what it refers to, `place` the namespace of that where it is another."""
    document: dict[str, Any] = {"type": type_, **spec}
    if at is not None:
        group = {"Broker": f"{GROUP}/v1", "Service": "v1"}.get(at[0], "messaging.knative.dev/v1")
        document["reference"] = {"apiVersion": group, "kind": at[0], "name": at[1]}
        if place:
            document["reference"]["namespace"] = place
    if schema is not None:
        document["schemaData"] = schema if isinstance(schema, str) else json.dumps(schema)
    return f"""---
apiVersion: {GROUP}/v1beta2
kind: EventType
metadata: {{name: {name}, namespace: {namespace}}}
spec: {json.dumps(document)}
"""


def entry(name: str = "e1", namespace: str = "default") -> Key:
    return Key(GROUP, "EventType", namespace, name)
