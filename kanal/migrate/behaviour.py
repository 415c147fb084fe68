"""Where an object would be treated otherwise than by Knative's Kafka data plane, though no event is lost (behaviour §7, §9). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from eventing.kinds.broker import Broker
from eventing.kinds.condition import Condition
from eventing.kinds.delivery import DeliverySpec
from eventing.kinds.destination import Destination
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Resource
from eventing.kinds.subscription import Subscription
from eventing.kinds.trigger import Trigger
from eventing.plan.channels import backing_key
from kanal.migrate.estate import Estate
from kanal.migrate.finding import Finding, difference
from kanal.migrate.held import is_kafka

_MERGED = ("retry", "timeout", "backoff_policy", "backoff_delay")
_SCALING = "autoscaling.eventing.knative.dev/"


def findings(estate: Estate) -> Iterator[Finding]:
    """All of it, object by object."""
    brokers = {key_of(one): one for one in estate.of(Broker) if is_kafka(one)}
    channels = {key_of(one): one for one in estate.of(KafkaChannel)}
    for trigger in estate.of(Trigger):
        broker = brokers.get(trigger.broker_key)
        if broker is not None:
            yield from _trigger(trigger, broker)
    for subscription in estate.of(Subscription):
        ref = subscription.spec.channel
        named = Key(ref.kind_group, ref.kind, subscription.channel_namespace, ref.name)
        channel = channels.get(backing_key(named))
        if channel is not None:
            yield from _subscription(subscription, channel)
    parents: list[Broker | KafkaChannel] = [*brokers.values(), *channels.values()]
    for one in parents:
        yield from _everywhere(one, {}, one.spec.delivery)


def _trigger(trigger: Trigger, broker: Broker) -> Iterator[Finding]:
    key, spec = key_of(trigger), trigger.spec
    own, its = spec.delivery, broker.spec.delivery
    if own is not None and own.dead_letter_sink is None and its is not None and its.dead_letter_sink is not None:
        yield difference(
            key,
            f"it names delivery options and no dead letter sink: Knative then has none, Kanal takes that of {key_of(broker)}",
            "welcome mostly; a deadLetterSink of its own wins",
        )
    blank = [name for name, text in (spec.filter.attributes if spec.filter else {}).items() if text == ""]
    if blank and not spec.filters:
        yield difference(
            key,
            f'its filter asks for any {", ".join(blank)} (""): Knative\'s Kafka data plane also passes events without it, Kanal '
            "only those that have it",
            "take it out of the filter where those are wanted",
        )
    yield from _everywhere(trigger, {"spec.subscriber": spec.subscriber}, own)


def _subscription(subscription: Subscription, channel: KafkaChannel) -> Iterator[Finding]:
    own, its = subscription.spec.delivery, channel.spec.delivery
    if own is not None and its is not None:
        lost = [name for name in _MERGED if getattr(own, name) is None and getattr(its, name) is not None]
        if lost:
            fields = ", ".join(DeliverySpec.model_fields[name].alias or name for name in lost)
            yield difference(
                key_of(subscription),
                f"its delivery leaves {fields} open, which Knative takes from {key_of(channel)}: with Kanal a delivery counts as "
                "a whole",
                "write those fields into the Subscription",
            )
    ends = {"spec.subscriber": subscription.spec.subscriber, "spec.reply": subscription.spec.reply}
    yield from _everywhere(subscription, ends, own)


def _everywhere(
    one: Resource, ends: Mapping[str, Destination | None], delivery: DeliverySpec | None
) -> Iterator[Finding]:
    """What any object may have."""
    key = key_of(one)
    sink = None if delivery is None else delivery.dead_letter_sink
    for field, end in {**ends, "spec.delivery.deadLetterSink": sink}.items():
        if end is not None and end.ca_certs:
            message = f"{field}.CACerts is not looked at: a target has to show a certificate that the system trusts"
            yield difference(
                key, message, "add the authority to the dispatchers' image, or use http:// inside the cluster"
            )
        if end is not None and end.audience:
            yield difference(key, f"{field}.audience is not looked at: Kanal sends no tokens")
    scaling = sorted(name for name in one.metadata.annotations if name.startswith(_SCALING))
    if scaling:
        message = f"{', '.join(scaling)} have no effect: dispatchers scale together, not object by object"
        yield difference(key, message, "see the values of the chart for autoscaling")
    conditions = [Condition.model_validate(each) for each in one.status.get("conditions", ())]
    ready = next((each for each in conditions if each.type == "Ready"), None)
    if ready is not None and ready.status != "True":
        why = ready.message or ready.reason or "it does not say why"
        yield difference(key, f"it is not Ready with Knative either: {why}")
