"""The plan as rows of a table: one row a resource, so that a plan of any size travels and only what changed is sent.

Keys are `ingress/UID`, `egress/UID`, `topic/NAME`, `idle-group/NAME` and `idle-topic/NAME`, values JSON. The row `plan` says that a controller has written a whole
plan here; until it is there a reader knows nothing. Fields that a reader does not know are passed over, so that an old data
plane follows a new controller.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import orjson

from eventing.plan.model import Egress, Ingress, Plan, Remnant, TopicSpec
from eventing.record import Span
from eventing.verdict import RetryPolicy

MARKER = "plan"
IDLE_GROUP, IDLE_TOPIC = "idle-group", "idle-topic"
_MARKED = b'{"format":1}'


def rows(plan: Plan) -> dict[str, bytes]:
    """The rows of a plan, the marker last."""
    found = {f"ingress/{uid}": _encoded(one) for uid, one in plan.ingresses.items()}
    found |= {f"egress/{uid}": _encoded(one) for uid, one in plan.egresses.items()}
    found |= {f"topic/{name}": _encoded(one) for name, one in plan.topics.items()}
    found |= {f"{IDLE_GROUP}/{name}": _encoded(one) for name, one in plan.idle_groups.items()}
    found |= {f"{IDLE_TOPIC}/{name}": _encoded(one) for name, one in plan.idle_topics.items()}
    return {**found, MARKER: _MARKED}


def is_idle(key: str) -> bool:
    """Whether a row says what is left to take away; such a row comes before the others go that said so."""
    return key.partition("/")[0] in (IDLE_GROUP, IDLE_TOPIC)


def plan(table: Mapping[str, bytes]) -> Plan | None:
    """The plan that these rows tell; None before the marker is there."""
    if MARKER not in table:
        return None
    ingresses: dict[str, Ingress] = {}
    egresses: dict[str, Egress] = {}
    topics: dict[str, TopicSpec] = {}
    idle: dict[str, dict[str, Remnant]] = {IDLE_GROUP: {}, IDLE_TOPIC: {}}
    for key, value in table.items():
        what, _, name = key.partition("/")
        if what == "ingress":
            document = _known(Ingress, value)
            ingresses[name] = Ingress(**{**document, "hosts": tuple(document["hosts"])})
        elif what == "egress":
            document = _known(Egress, value)
            policy = RetryPolicy(**_only(RetryPolicy, document["policy"]))
            filters = tuple(document.get("filters", ()))
            more = {"policy": policy, "filters": filters, "only": _spans(document.get("only"))}
            egresses[name] = Egress(**{**document, **more})
        elif what == "topic":
            topics[name] = TopicSpec(**_known(TopicSpec, value))
        elif what in idle:
            idle[what][name] = Remnant(**_known(Remnant, value))
    return Plan(ingresses, egresses, topics, idle[IDLE_GROUP], idle[IDLE_TOPIC])


def _encoded(value: Any) -> bytes:
    return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> Any:
    """What orjson does not write by itself: named tuples, and mappings that are no dicts."""
    return dict(value) if isinstance(value, Mapping) else list(value)


def _spans(only: Mapping[str, Any] | None) -> dict[int, tuple[Span, ...]] | None:
    """What `_encoded` made of `Egress.only`: JSON has no whole numbers for keys."""
    return None if only is None else {int(number): tuple(Span(*one) for one in found) for number, found in only.items()}


def _known(kind: Any, value: bytes) -> dict[str, Any]:
    return _only(kind, orjson.loads(value))


def _only(kind: Any, document: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(kind)}
    return {name: value for name, value in document.items() if name in names}
