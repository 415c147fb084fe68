"""What a picture is made of: nodes, edges in the direction in which events go, and groups. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

State = Literal["ok", "broken", "unknown", "paused"]
Role = Literal[
    "source", "broker", "channel", "flow", "trigger", "subscription", "step", "subscriber", "dead letters"
]  # fmt: skip
Meaning = Literal["reads from", "sends to", "reply", "dead letter"]

ROLES: tuple[Role, ...] = (
    "source", "broker", "channel", "flow", "trigger", "subscription", "step", "subscriber", "dead letters"
)  # fmt: skip
MEANINGS: tuple[Meaning, ...] = ("reads from", "sends to", "reply", "dead letter")


@dataclass(frozen=True, slots=True)
class Node:
    """One thing that takes or gives events.

    `key` is `Kind/namespace/name` and unique. `label` is what a person calls it beside its kind. `reason` says why the state
    is not ok; `detail` is an address or a remark. `group` is the key of the group it stands in, empty for none.
    """

    key: str
    role: Role
    kind: str
    namespace: str
    name: str
    label: str
    state: State = "ok"
    reason: str = ""
    detail: str = ""
    group: str = ""

    @property
    def heading(self) -> str:
        """The node in a picture, where a step stands inside its flow: `Trigger default/billing`, `step 2`."""
        return self.label if self.role == "step" else self.title

    @property
    def trouble(self) -> str:
        """The state and its reason, empty where it is ok."""
        return "" if self.state == "ok" else f"{self.state}: {self.reason}"

    @property
    def title(self) -> str:
        """The node in a sentence: `Trigger default/billing`, `step 2 of Sequence default/orders`."""
        if self.role == "step":
            kind, _, place = self.group.partition("/")
            return f"{self.label} of {kind} {place}"
        if self.role == "dead letters":
            return f"kept dead letters {self.label}"
        return self.label if self.kind == "URL" else f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Edge:
    """Events go from `source` to `target`; with `reads from` it is the target that reads.

    `text` is a trigger's filter, a path behind the target's address, the topic that keeps the dead letters, or a remark.
    """

    source: str
    target: str
    meaning: Meaning
    text: str = ""

    @property
    def words(self) -> str:
        """What stands at the edge in a picture; the usual direction of events needs no name."""
        return self.text if self.meaning in ("reads from", "sends to") else f"{self.meaning} {self.text}".strip()


@dataclass(frozen=True, slots=True)
class Group:
    """A Sequence or Parallel around its members; `key` is that of the flow, which is its first member."""

    key: str
    label: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """The whole picture; nodes and edges in an order that depends on nothing but the documents."""

    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    groups: tuple[Group, ...] = ()

    @cached_property
    def by_key(self) -> Mapping[str, Node]:
        """The nodes by their keys."""
        return {node.key: node for node in self.nodes}

    def in_state(self, state: State) -> tuple[Node, ...]:
        """The nodes in one state."""
        return tuple(node for node in self.nodes if node.state == state)


def key_text(kind: str, namespace: str, name: str) -> str:
    """The key of a node; a slash that no name should have never makes two keys one."""
    return "/".join([kind.replace("/", "%2F"), namespace.replace("/", "%2F"), name])
