"""Which EventTypes follow from what was seen (behaviour §10.8), by Knative's names so that either can follow the other.

An EventType refers to where its events can be had: the Broker or Channel to which they were sent, or the broker into which
a Trigger's reply went. What a person wrote for the same type, source and place stays alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from eventing.kinds.broker import Broker
from eventing.kinds.channel import Channel
from eventing.kinds.destination import KReference
from eventing.kinds.eventtype import SEEN_ANNOTATION, EventType, EventTypeSpec
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import ObjectMeta, OwnerReference, Resource
from eventing.kinds.trigger import Trigger
from eventing.plan.eventtypes import referred
from eventing.sightings import Sighting

DESCRIPTION = "Event Type auto-created by controller"
"""Knative's own words, by which its tools know such an EventType."""
_LONGEST_NAME = 253


class Sighted(NamedTuple):
    """The EventTypes to make, and how many more there would be but for the limit."""

    made: list[EventType]
    left_out: int


def event_types(sightings: Iterable[Sighting], resources: Mapping[Key, Resource], most: int) -> Sighted:
    """What is missing among the resources; `most` EventTypes may come of sightings, those that are there included."""
    entries = [one for one in resources.values() if isinstance(one, EventType)]
    there = {(one.spec.type, one.spec.source or "", referred(one)) for one in entries}
    room = most - sum(SEEN_ANNOTATION in one.metadata.annotations for one in entries)
    made: list[EventType] = []
    left_out = 0
    for sighting in sightings:
        place = _place(sighting, resources)
        if place is None or not sighting.type.strip() or not sighting.source.strip():
            continue
        where = key_of(place)
        # One without a source speaks for all sources.
        if not there.isdisjoint({(sighting.type, sighting.source, where), (sighting.type, "", where)}):
            continue
        there.add((sighting.type, sighting.source, where))
        name = name_of(where.name, where.namespace, sighting.type, sighting.source)
        if Key(EventType.GROUP, EventType.KIND, where.namespace, name) in resources:
            continue
        if room > 0:
            made.append(_event_type(name, sighting, place))
            room -= 1
        else:
            left_out += 1
    return Sighted(made, left_out)


def name_of(name: str, namespace: str, type_: str, source: str) -> str:
    """Knative's name for the EventType of this type and source at a resource."""
    mark = hashlib.md5(f"{type_}{source}{namespace}{name}".encode(), usedforsecurity=False).hexdigest()
    text = re.sub(r"[^a-z0-9.-]+", "", f"et-{name}-{mark}".lower())
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - len(mark) - 1].rstrip('.-')}-{mark}"


def _place(sighting: Sighting, resources: Mapping[Key, Resource]) -> Resource | None:
    """Where the events can be had; None where that is not there any more, or not yet."""
    groups = {kind.KIND: kind.GROUP for kind in (Broker, Channel, KafkaChannel, Trigger)}
    key = Key(groups.get(sighting.kind, ""), sighting.kind, sighting.namespace, sighting.name)
    found = resources.get(key)
    if isinstance(found, Trigger):
        found = resources.get(found.broker_key)
        return found if isinstance(found, Broker) else None
    if isinstance(found, KafkaChannel):
        # Its Channel is what a person knows and subscribes to.
        generic = resources.get(Key(Channel.GROUP, Channel.KIND, key.namespace, key.name))
        owners = {owner.uid for owner in found.metadata.owner_references if owner.controller}
        return generic if generic is not None and generic.metadata.uid in owners else found
    return found


def _event_type(name: str, sighting: Sighting, place: Resource) -> EventType:
    meta, api_version = place.metadata, f"{place.GROUP}/{place.VERSIONS[0]}"
    owner = OwnerReference(api_version=api_version, kind=place.KIND, name=meta.name, uid=meta.uid or "?")
    seen = f"{sighting.kind} {sighting.namespace}/{sighting.name}"
    return EventType(
        metadata=ObjectMeta(
            name=name, namespace=meta.namespace, annotations={SEEN_ANNOTATION: seen}, owner_references=[owner]
        ),
        spec=EventTypeSpec(
            type=sighting.type,
            source=sighting.source,
            data_schema=sighting.dataschema.strip() or None,
            description=DESCRIPTION,
            reference=KReference(api_version=api_version, kind=place.KIND, name=meta.name, namespace=meta.namespace),
        ),
    )
