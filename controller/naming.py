"""Which subscription or trigger a person means: the two kinds of resource that deliver events.

The plan calls either of them an egress. A Subscription and a Trigger may both be `default/orders`, so a name without a kind
finds whichever there is, and is refused where there are both. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from eventing.errors import Invalid, NotFound
from eventing.kinds.meta import Resource
from eventing.kinds.subscription import Subscription
from eventing.kinds.trigger import Trigger
from eventing.plan import names
from eventing.plan.options import Options

KINDS: tuple[type[Resource], ...] = (Subscription, Trigger)


@dataclass(frozen=True, slots=True)
class Named:
    """A subscription or trigger, whether it exists or not."""

    kind: type[Resource]
    namespace: str
    name: str

    @property
    def title(self) -> str:
        """As messages have it: `Trigger default/t1`."""
        return f"{self.kind.KIND} {self.namespace}/{self.name}"

    @property
    def reference(self) -> str:
        """As a person types it: `trigger/t1`."""
        return f"{self.kind.SINGULAR}/{self.name}"

    @property
    def field(self) -> dict[str, str]:
        """As one field of a log line."""
        return {self.kind.SINGULAR: f"{self.namespace}/{self.name}"}

    def dead_letter_topic(self, options: Options) -> str:
        """Where its dead letters lie."""
        topic = names.trigger_dead_letter_topic if self.kind is Trigger else names.dead_letter_topic
        return topic(options, self.namespace, self.name)


def kind_of(plural: str) -> type[Resource]:
    """The kind that a path calls so. Raises `NotFound` for any other word."""
    found = {kind.PLURAL: kind for kind in KINDS}
    if plural not in found:
        raise NotFound(f"{plural!r} deliver no events", fix=f"use {' or '.join(found)}")
    return found[plural]


def name_of(resource: Resource) -> Named:
    """The name of a resource."""
    return Named(type(resource), resource.metadata.namespace, resource.metadata.name)


def names_of(resources: Iterable[Resource]) -> list[Named]:
    """The subscriptions and triggers among these, by namespace, kind and name."""
    found = [name_of(one) for one in resources if isinstance(one, KINDS)]
    return sorted(found, key=lambda one: (one.namespace, one.kind.KIND, one.name))


def the_one(candidates: Collection[Named]) -> Named | None:
    """The one that was meant; None where there is none. Raises `Invalid` where there are several."""
    if len(candidates) > 1:
        place = next(f"{one.namespace}/{one.name}" for one in candidates)
        kinds = " and ".join(f"a {one.kind.KIND}" for one in candidates)
        fix = "write " + " or ".join(one.reference for one in candidates)
        raise Invalid(f"there is {kinds} of this name", where=place, fix=fix)
    return next(iter(candidates), None)


def missing(known: Collection[Named], namespace: str, name: str, kind: type[Resource] | None = None) -> NotFound:
    """The error that says that none of `known` has this name, with what is nearest; without a kind either was meant."""
    wanted = [kind] if kind else list(KINDS)
    kinds = " or ".join(one.KIND for one in wanted)
    here = {one.name: one for one in known if one.namespace == namespace}
    near = get_close_matches(name, here, 1)
    elsewhere = [one.namespace for one in known if one.name == name and one.kind in wanted]
    fix = f"see kanal get {wanted[0].SINGULAR}" if kind else "see kanal get"
    if near:
        fix = f"did you mean {here[near[0]].reference}?"
    elif elsewhere:
        fix = f"there is one in namespace {elsewhere[0]}: add -n {elsewhere[0]}"
    return NotFound("does not exist", where=f"{kinds} {namespace}/{name}", fix=fix)
