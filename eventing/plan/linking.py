"""What Subscriptions and Triggers have in common: both are a way out of a topic (behaviour §7, architecture "Decisions")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from eventing.errors import Invalid, NotFound
from eventing.kinds.broker import Broker
from eventing.kinds.channel import Channel
from eventing.kinds.condition import Fact
from eventing.kinds.delivery import ORDER_ANNOTATION, PAUSED_ANNOTATION, DeliverySpec, is_paused
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import ObjectMeta, Resource
from eventing.kinds.subscription import Subscription
from eventing.kinds.trigger import Trigger
from eventing.plan.model import Order, Pace
from eventing.plan.options import Options, Problem
from eventing.plan.resolve import Resolver
from eventing.plan.status import Status, ready_of
from eventing.verdict import RetryPolicy

End = Subscription | Trigger
Parent = KafkaChannel | Broker

GROUP_ANNOTATION = "group.id"
PAUSED = Fact("True", "Paused", f"nothing is delivered while the annotation {PAUSED_ANNOTATION} is true")
NO_OIDC = Fact("True", "AuthenticationOIDCDisabled", "authentication-oidc is disabled")


class Groups:
    """Who has which consumer group: whoever has one recorded keeps it, even while it delivers nothing."""

    def __init__(self, ends: Iterable[End]) -> None:
        self._owners: dict[str, Key] = {}
        for end in ends:
            recorded = recorded_group(end)
            if recorded:
                self._owners.setdefault(recorded, key_of(end))

    def take(self, end: Key, group: str) -> str:
        """The group. Raises `Invalid` where it is another's."""
        owner = self._owners.setdefault(group, end)
        if owner != end:
            fix = "let the templates of the settings names.* tell the two apart"
            raise Invalid(f"the group {group} belongs to {owner} already", fix=fix)
        return group


def recorded_group(resource: Resource) -> str | None:
    """The consumer group that a way out has already, whatever the template says now."""
    annotations: Mapping[str, str] = resource.status.get("annotations", {})
    return annotations.get(GROUP_ANNOTATION)


def kept_group(resource: Resource) -> dict[str, str]:
    """The annotations of one that has a problem: its group's offsets are where delivery goes on, so the name outlasts it."""
    recorded = recorded_group(resource)
    return {GROUP_ANNOTATION: recorded} if recorded else {}


def dead_letter(end: End | Parent | Channel, parent: Parent | None, resolver: Resolver) -> str | None:
    """The URL of the dead letter sink: the parent's, if any, where the nearest delivery names none, whatever else it says.

    Raises `Invalid` where it can't be resolved, with the object and field that name it.
    """
    field = "spec.delivery.deadLetterSink"
    own, its = end.spec.delivery, None if parent is None else parent.spec.delivery
    if own is not None and own.dead_letter_sink is not None:
        return resolver.url(own.dead_letter_sink, end.metadata.namespace, field)
    if parent is not None and its is not None and its.dead_letter_sink is not None:
        return resolver.url(its.dead_letter_sink, parent.metadata.namespace, f"{key_of(parent)}: {field}")
    return None


def policy(end: End, parent: Parent, options: Options) -> RetryPolicy:
    """How patiently: what the nearest delivery says, as a whole."""
    nearest = end.spec.delivery or parent.spec.delivery or DeliverySpec()
    return nearest.to_policy(options.timeout_s, options.longest_wait_s)


def order(metadata: ObjectMeta, usual: Order) -> Order:
    """The usual order unless the annotation says otherwise; a wrong word was refused at apply."""
    other: Order = "ordered" if usual == "unordered" else "unordered"
    return other if metadata.annotations.get(ORDER_ANNOTATION, "").lower() == other else usual


def pace(metadata: ObjectMeta) -> Pace:
    """Whether it rests."""
    return "paused" if is_paused(metadata) else "running"


def problem_of(error: Invalid) -> Problem:
    """What is said of a reference that leads nowhere."""
    return Problem("ReferenceMissing" if isinstance(error, NotFound) else error.reason, str(error))


def parent_ready(parent: Key, status: Status) -> Fact:
    """Whether another object is ready, with its name where it isn't."""
    ready = ready_of(status)
    return (
        ready
        if ready.status == "True"
        else Fact(ready.status, ready.reason, f"{parent}: {ready.message or 'is not ready yet'}")
    )


def likely(missing: Key, known: Iterable[Key]) -> str:
    """What to do about an object that does not exist, given those that do."""
    near = get_close_matches(missing.name, [key.name for key in known if key._replace(name=missing.name) == missing], 1)
    return f"did you mean {near[0]}?" if near else f"apply a {missing.kind} of this name, or correct the reference"
