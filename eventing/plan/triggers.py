"""What a Trigger becomes: an egress, and the conditions that say whether it delivers (behaviour §7, §9, §10.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from eventing.errors import Invalid, NotFound
from eventing.kinds import trigger as kind
from eventing.kinds.broker import Broker
from eventing.kinds.condition import TRUE, Fact
from eventing.kinds.configmap import ConfigMap
from eventing.kinds.delivery import is_paused
from eventing.kinds.dependency import DEPENDENCY_ANNOTATION, dependency_of
from eventing.kinds.key import Key, key_of
from eventing.kinds.trigger import Trigger
from eventing.plan import linking, names
from eventing.plan.claims import TOPIC_ANNOTATION
from eventing.plan.linking import GROUP_ANNOTATION
from eventing.plan.model import Egress
from eventing.plan.options import Problem
from eventing.plan.scene import Scene
from eventing.plan.status import Facts, Status, false, seen, status_of, url_of

_WAITING = Fact("Unknown", "ReferenceMissing", "waits for the broker, the subscriber and the dead letter sink")


def link(
    trigger: Trigger,
    brokers: Mapping[Key, Broker],
    peers: Mapping[Key, Trigger],
    statuses: Mapping[Key, Status],
    scene: Scene,
) -> tuple[Egress | None, Status]:
    """The egress of one Trigger (None while something is missing for it) and its status.

    `peers` are all Triggers, `statuses` those of everything on which a Trigger may depend.
    """
    named, spec, namespace = trigger.broker_key, trigger.spec, trigger.metadata.namespace
    broker, resolver = brokers.get(named), scene.resolver
    subscriber, subscriber_fact = _tried(lambda: resolver.url(spec.subscriber, namespace, "spec.subscriber"))
    sink, sink_fact = _tried(lambda: linking.dead_letter(trigger, broker, resolver))
    if sink_fact is TRUE and sink is None:
        sink_fact = Fact("True", "DeadLetterSinkNotConfigured")
    facts: Facts = {
        kind.BROKER_READY: _broker_ready(named, brokers, statuses),
        kind.DEPENDENCY_READY: _dependency_ready(trigger, peers, statuses, scene),
        kind.SUBSCRIBER_RESOLVED: subscriber_fact,
        kind.DEAD_LETTER_SINK_RESOLVED: sink_fact,
        kind.SUBSCRIPTION_READY: _WAITING,
        kind.OIDC_IDENTITY_CREATED: linking.NO_OIDC,
    }
    if is_paused(trigger.metadata):
        facts[kind.PAUSED] = linking.PAUSED
    egress = None
    behind = statuses.get(named, {})
    if broker is not None and url_of(behind) and subscriber is not None and sink_fact.status == "True":
        try:
            egress = _egress(trigger, broker, behind, subscriber, sink, scene)
        except Invalid as error:
            facts[kind.SUBSCRIPTION_READY] = false(linking.problem_of(error))
        else:
            waiting = f"the start offsets of the group {egress.group} are not committed yet"
            facts[kind.SUBSCRIPTION_READY] = seen(egress.uid, scene.observed.groups, waiting)
    shown: dict[str, Any] = {"subscriberUri": subscriber, "deadLetterSinkUri": sink}
    shown["annotations"] = linking.kept_group(trigger) if egress is None else {GROUP_ANNOTATION: egress.group}
    return egress, status_of(trigger, facts, **shown)


def _egress(
    trigger: Trigger,
    broker: Broker,
    behind: Status,
    subscriber: str,
    sink: str | None,
    scene: Scene,
) -> Egress:
    """Raises `Invalid` where a name can't be had."""
    options = scene.options
    key, url, topic = key_of(trigger), url_of(behind), behind["annotations"][TOPIC_ANNOTATION]
    group = linking.recorded_group(trigger) or names.trigger_group(
        options, key.namespace, trigger.broker_key.name, trigger.metadata.uid, key.name
    )
    return Egress(
        trigger.metadata.uid,
        key.kind,
        key.namespace,
        key.name,
        topic,
        scene.groups.take(key, group),
        subscriber,
        names.trigger_dead_letter_topic(options, key.namespace, key.name),
        url,
        sink,
        linking.policy(trigger, broker, options),
        linking.order(trigger.metadata, "unordered"),
        linking.pace(trigger.metadata),
        sink_returns=sink == url,
        filters=_filters(trigger),
        reply_topic=topic,
        ttl=broker.ttl,
        keeps_ttl=scene.resolver.is_ours(subscriber),
    )


def _tried(resolve: Callable[[], str | None]) -> tuple[str | None, Fact]:
    try:
        return resolve(), TRUE
    except Invalid as error:
        return None, false(linking.problem_of(error))


def _filters(trigger: Trigger) -> tuple[Mapping[str, Any], ...]:
    """The newer filters where there are any, else the older one where it asks for something."""
    spec = trigger.spec
    if spec.filters:
        return tuple(spec.filters)
    attributes = spec.filter.attributes if spec.filter is not None else {}
    return ({"attributes": attributes},) if attributes else ()


def _broker_ready(named: Key, brokers: Mapping[Key, Broker], statuses: Mapping[Key, Status]) -> Fact:
    if named not in statuses:
        return false(Problem("BrokerDoesNotExist", f"{named} does not exist; {linking.likely(named, brokers)}"))
    return linking.parent_ready(named, statuses[named])


def _dependency_ready(
    trigger: Trigger, peers: Mapping[Key, Trigger], statuses: Mapping[Key, Status], scene: Scene
) -> Fact:
    needed = dependency_of(trigger.metadata)
    if needed is None:
        return TRUE
    if needed not in statuses:
        try:
            scene.resolver.require(needed, "")
        except Invalid as error:
            missing = isinstance(error, NotFound)
            return false(Problem("DependencyDoesNotExist" if missing else "DependencyUnknown", str(error)))
        return linking.parent_ready(needed, scene.elsewhere[needed].status)
    if (needed.group, needed.kind) == (ConfigMap.GROUP, ConfigMap.KIND):
        return false(Problem("DependencyNeverReady", f"{needed} has no condition Ready; depend on what reads it"))
    if _is_circular(needed, peers):
        message = f"{needed} waits for this Trigger, or for itself; take one annotation {DEPENDENCY_ANNOTATION} out"
        return false(Problem("DependencyCircular", message))
    return linking.parent_ready(needed, statuses[needed])


def _is_circular(needed: Key | None, peers: Mapping[Key, Trigger]) -> bool:
    """Whether what is needed leads round in a circle; each Trigger depends on one thing at most."""
    passed: set[Key] = set()
    while needed is not None and needed not in passed:
        passed.add(needed)
        needed = dependency_of(peers[needed].metadata) if needed in peers else None
    return needed is not None
