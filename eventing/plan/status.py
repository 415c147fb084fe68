"""From facts to a status, as Knative's rules have it (behaviour §21). No clock here: times are laid over at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pydantic.alias_generators import to_camel

from eventing.kinds.condition import READY, TRUE, UNKNOWN, Condition, Fact, condition_set
from eventing.kinds.meta import Resource
from eventing.plan.options import Problem
from eventing.timestamp import rfc3339

_FIELDS = tuple(to_camel(name) for name in Condition.model_fields)
_TIME = "lastTransitionTime"
_STATUSES = ("True", "False", "Unknown")

Status = Mapping[str, Any]
Facts = dict[str, Fact]


def false(problem: Problem) -> Fact:
    """Does not hold, and why."""
    return Fact("False", problem.reason, problem.message)


def seen(key: str, observed: Mapping[str, Problem | None], waiting: str) -> Fact:
    """What an observation tells: unknown while nobody has looked."""
    if key not in observed:
        return Fact("Unknown", "NotYetObserved", waiting)
    problem = observed[key]
    return TRUE if problem is None else false(problem)


def status_of(resource: Resource, facts: Facts, **more: Any) -> dict[str, Any]:
    """The status: observed generation, conditions, and whatever else the kind shows, empty values left out."""
    conditions = condition_set(resource.DEPENDENTS, facts)
    shown = {name: value for name, value in more.items() if value}
    return {
        "observedGeneration": resource.metadata.generation,
        "conditions": [one.document() for one in conditions],
        **shown,
    }


def url_of(status: Status) -> str:
    """The address in the status of a channel or broker, empty where it has none."""
    address = status.get("address")
    return str(address.get("url", "")) if isinstance(address, Mapping) else ""


def ready_of(status: Status) -> Fact:
    """The fact Ready of a status."""
    ready = next(_conditions(status, READY), None)
    return UNKNOWN if ready is None else Fact(ready["status"], ready.get("reason", ""), ready.get("message", ""))


def carry_times(old: Status, new: Status, now: datetime) -> dict[str, Any]:
    """The new status, each condition with the time at which its status last changed: the old one, or now."""
    before = {one["type"]: one for one in _conditions(old)}
    stamp = rfc3339(now, "seconds")
    conditions = []
    for one in _conditions(new):
        past = before.get(one["type"])
        since = past.get(_TIME) if past is not None and past["status"] == one["status"] else stamp
        conditions.append({**one, _TIME: since or stamp})
    return {**new, "conditions": conditions}


def _conditions(status: Status, wanted: str = "") -> Iterator[dict[str, Any]]:
    """The conditions of a status that may be anybody's, or those of one type.

    What is not as it should be is left out, as is an empty text.
    """
    found = status.get("conditions")
    for one in found if isinstance(found, list | tuple) else ():
        if not isinstance(one, Mapping) or one.get("status") not in _STATUSES:
            continue
        name = one.get("type")
        if isinstance(name, str) and name and wanted in ("", name):
            yield {key: one[key] for key in _FIELDS if isinstance(one.get(key), str) and one[key]}
