"""The status of a Sequence or Parallel: what its channels and Subscriptions say, put together (behaviour §10.6, §10.7).

A child that is not Ready makes the flow not Ready, and the message names the child and what it lacks: nobody waits for
something that will not come by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from eventing.kinds.condition import READY, TRUE, UNKNOWN, Condition, Fact
from eventing.kinds.flow import ADDRESSABLE, CHANNELS_READY, EVENT_POLICIES_READY, SUBSCRIPTIONS_READY, Flow
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.key import Key, key_of
from eventing.kinds.parallel import Parallel
from eventing.kinds.sequence import Sequence
from eventing.plan.expand import Expansion
from eventing.plan.flows import branch_keys, children, first_channel, ingress_key, reference, step_keys
from eventing.plan.status import Status, false, ready_of, status_of


def flow_status(flow: Flow, statuses: Mapping[Key, Status], expansion: Expansion) -> Status:
    """The status of a flow; `statuses` are those of all channels and Subscriptions."""
    found = {want.key: _fact(flow, want.key, statuses, expansion) for want in children(flow)}
    channels = {key: fact for key, fact in found.items() if key.kind == KafkaChannel.KIND}
    first = first_channel(flow)
    entrance = statuses[first] if expansion.owners.get(first) == key_of(flow) else {}
    facts = {
        CHANNELS_READY: _served(flow, _together(channels.values())),
        SUBSCRIPTIONS_READY: _together(fact for key, fact in found.items() if key not in channels),
        ADDRESSABLE: TRUE if "address" in entrance else channels[first],
        EVENT_POLICIES_READY: _policies(entrance),
    }
    address = {name: entrance[name] for name in ("address", "addresses") if name in entrance}
    return status_of(flow, facts, **address, **_details(flow, found))


def _fact(flow: Flow, child: Key, statuses: Mapping[Key, Status], expansion: Expansion) -> Fact:
    """Whether a child is Ready."""
    refusal = expansion.refusals.get((key_of(flow), child))
    if refusal is not None:
        return false(refusal)
    ready = ready_of(statuses[child])
    if ready.status == "True":
        return TRUE
    return Fact(ready.status, ready.reason, f"{child}: {ready.message or 'is not ready yet'}")


def _together(facts: Iterable[Fact]) -> Fact:
    """The first that is False, else the first that is Unknown, else True."""
    known = list(facts)
    return next((fact for status in ("False", "Unknown") for fact in known if fact.status == status), TRUE)


def _served(flow: Flow, channels: Fact) -> Fact:
    template = flow.spec.channel_template
    if channels.status == "True" and template is not None and template.kind != KafkaChannel.KIND:
        return Fact("True", "ServedByKafka", f"Kanal serves each {template.kind} with a KafkaChannel")
    return channels


def _policies(entrance: Status) -> Fact:
    """What holds for the first channel holds for the flow: events come in nowhere else."""
    conditions = (Condition.model_validate(one) for one in entrance.get("conditions", ()))
    found = next((one for one in conditions if one.type == EVENT_POLICIES_READY), None)
    return UNKNOWN if found is None else Fact(found.status, found.reason, found.message)


def _details(flow: Flow, found: Mapping[Key, Fact]) -> dict[str, Any]:
    """Each child with its condition Ready, in Knative's fields."""

    def entry(field: str, key: Key) -> dict[str, Any]:
        fact = found[key]
        ready = Condition(type=READY, status=fact.status, reason=fact.reason, message=fact.message)
        return {field: reference(key), "ready": ready.document()}

    if isinstance(flow, Sequence):
        keys = step_keys(flow)
        return {
            "channelStatuses": [entry("channel", channel) for channel, _ in keys],
            "subscriptionStatuses": [entry("subscription", subscription) for _, subscription in keys],
        }
    if isinstance(flow, Parallel):
        branches = [
            {
                "filterSubscriptionStatus": entry("subscription", one.filter),
                "filterChannelStatus": entry("channel", one.channel),
                "subscriberSubscriptionStatus": entry("subscription", one.subscriber),
            }
            for one in branch_keys(flow)
        ]
        return {"ingressChannelStatus": entry("channel", ingress_key(flow)), "branchStatuses": branches}
    return {}
