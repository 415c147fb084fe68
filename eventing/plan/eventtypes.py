"""What the registry's entries mean to the plan: whether what they refer to exists, and which schemas a broker asks for.

A Broker annotated `kanal.dev/validate: "true"` refuses events whose data does not fit. Only EventTypes of its own namespace
count, since another namespace must not decide what this one's broker takes. Where several of them describe one type, for
several sources, the data has to fit any of their schemas: who sends is a claim of the event, not a fact.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

import orjson

from eventing.errors import Invalid, NotFound
from eventing.kinds.broker import Broker
from eventing.kinds.condition import TRUE, Fact
from eventing.kinds.destination import Destination
from eventing.kinds.eventtype import REFERENCE_EXISTS, SCHEMA_ENFORCED, EventType
from eventing.kinds.key import Key
from eventing.kinds.meta import Resource
from eventing.kinds.wording import nearest
from eventing.plan.model import Ingress
from eventing.plan.options import Problem
from eventing.plan.resolve import Resolver
from eventing.plan.status import Status, false, status_of
from eventing.schemas import alternatives

MOST_BYTES = 500_000
"""Of all schemas of one broker, as they stand in a row of the plan; Kafka's usual limit for a record is 1 MiB."""

Resources = Mapping[Key, Resource]


def registered(
    ingresses: Mapping[str, Ingress], resources: Resources, resolver: Resolver
) -> tuple[dict[str, Ingress], dict[Key, Status]]:
    """The ingresses, by uid, with the schemas that their brokers ask for, and the status of each EventType."""
    entries = {key: r for key, r in resources.items() if isinstance(r, EventType)}
    found: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for one in entries.values():
        broker = _validating(one, resources)
        if broker is not None and broker.metadata.uid in ingresses and one.spec.schema_data:
            found[broker.metadata.uid][one.spec.type].append(one.spec.schema_data)
    chosen = {uid: _chosen(by_type) for uid, by_type in found.items()}
    return (
        {uid: replace(i, schemas=chosen[uid]) if uid in chosen else i for uid, i in ingresses.items()},
        {key: _status(one, resources, chosen, resolver) for key, one in entries.items()},
    )


def _chosen(found: Mapping[str, list[str]]) -> dict[str, str]:
    """One text for each type, as many as go into a plan."""
    chosen: dict[str, str] = {}
    left = MOST_BYTES
    for type_, texts in sorted(found.items()):
        text = alternatives(list(dict.fromkeys(texts)))
        size = len(orjson.dumps({type_: text}))
        if size <= left:
            chosen[type_] = text
            left -= size
    return chosen


def _status(
    one: EventType, resources: Resources, chosen: Mapping[str, Mapping[str, str]], resolver: Resolver
) -> Status:
    facts = {REFERENCE_EXISTS: _reference_exists(one, resources, resolver)}
    broker = _validating(one, resources)
    if broker is not None and broker.metadata.uid in chosen and one.spec.schema_data:
        facts[SCHEMA_ENFORCED] = TRUE
        if one.spec.type not in chosen[broker.metadata.uid]:
            text = f"the schemas of {broker.title} exceed {MOST_BYTES} bytes together, and this one is left out"
            facts[SCHEMA_ENFORCED] = false(Problem("TooManySchemas", text))
    return status_of(one, facts)


def referred(one: EventType) -> Key | None:
    """The key of what an EventType refers to; None where it refers to nothing."""
    ref = one.refers_to
    return None if ref is None else Key(ref.kind_group, ref.kind, ref.namespace or one.metadata.namespace, ref.name)


def _validating(one: EventType, resources: Resources) -> Broker | None:
    """The broker of its own namespace to which it refers, if that validates."""
    key = referred(one)
    broker = None if key is None or key.namespace != one.metadata.namespace else resources.get(key)
    return broker if isinstance(broker, Broker) and broker.validates else None


def _reference_exists(one: EventType, resources: Resources, resolver: Resolver) -> Fact:
    reference, key = one.refers_to, referred(one)
    if reference is None or key is None:
        return Fact("True", "ReferenceNotSet", "it refers to nothing")
    if key in resources:
        return TRUE
    try:
        resolver.require(key, "spec.reference")
    except NotFound:
        pass
    except Invalid as error:
        return false(Problem("ResourceUnknown", str(error)))
    else:
        return TRUE
    try:
        # A Service stands in no file, but its URL may be known.
        resolver.url(Destination(ref=reference), one.metadata.namespace, "spec.reference")
    except Invalid:
        near = nearest(key.name, [other.name for other in resources if other._replace(name=key.name) == key])
        fix = f"did you mean {near}?" if near else "apply it, or correct the reference"
        return false(Problem("ResourceDoesNotExist", f"{key} does not exist; {fix}"))
    return TRUE
