"""The list of subscribers in the spec of a KafkaChannel: how two controllers share the work (behaviour §10.1, "Subscribable").

Where Kanal serves everything it writes what it has made of the Subscriptions, for others to see. Beside Knative's core it
is the other way round: the core writes, and each entry is a way out. Both mean the same, down to the consumer group, so
that neither loses nor repeats an event when the one takes over from the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from eventing.errors import Invalid
from eventing.kinds.condition import Fact
from eventing.kinds.delivery import DeliverySpec
from eventing.kinds.destination import Destination
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.key import Key
from eventing.kinds.subscribable import SubscriberSpec
from eventing.kinds.subscription import Subscription
from eventing.kinds.translate import field_errors
from eventing.plan import linking, names
from eventing.plan.claims import TOPIC_ANNOTATION
from eventing.plan.model import Egress
from eventing.plan.scene import Scene
from eventing.plan.status import Status, false, ready_of, seen, url_of


def written(subscription: Subscription, channel: KafkaChannel, egress: Egress) -> dict[str, Any]:
    """The entry of a Subscription, as a document; `egress` is what has been made of it."""
    entry: dict[str, Any] = {
        "uid": egress.uid,
        "name": egress.name,
        "generation": subscription.metadata.generation,
        "subscriberUri": egress.subscriber,
    }
    if egress.reply is not None:
        entry["replyUri"] = egress.reply
    nearest = subscription.spec.delivery or channel.spec.delivery
    if nearest is not None:
        delivery = {name: value for name, value in nearest.document().items() if name != "deadLetterSink"}
        sink = {} if egress.dead_letter is None else {"deadLetterSink": {"uri": egress.dead_letter}}
        entry["delivery"] = delivery | sink
    return entry


def read(
    key: Key, channel: KafkaChannel, status: Status, scene: Scene, taken: Mapping[str, Egress]
) -> Iterator[tuple[Egress | None, Mapping[str, Any]]]:
    """Each entry of a KafkaChannel: its egress, None where none can be made, and what the status of the channel says of it.

    `status` is that of the channel; the uids that are `taken` are of other channels.
    """
    for entry in _once(channel.spec.subscribers):
        egress = None
        try:
            if entry.uid in taken:
                other = taken[entry.uid].title
                raise Invalid(
                    f"the uid {entry.uid} is that of {other} already", fix="write each uid into one channel only"
                )
            egress = _egress(key, channel, entry, status, scene)
        except Invalid as error:
            fact = false(linking.problem_of(error))
        else:
            waiting = f"the start offsets of the group {egress.group} are not committed yet"
            fact = seen(egress.uid, scene.observed.groups, waiting)
        yield egress, _said(entry.uid, entry.generation or 0, fact)


def _once(entries: Iterable[SubscriberSpec]) -> Iterable[SubscriberSpec]:
    """One entry for each uid: the newest."""
    found: dict[str, SubscriberSpec] = {}
    for entry in entries:
        before = found.get(entry.uid)
        if before is None or (entry.generation or 0) >= (before.generation or 0):
            found[entry.uid] = entry
    return found.values()


def _said(uid: str, generation: int, fact: Fact) -> dict[str, Any]:
    """What the status of a channel says of one subscriber."""
    entry = {"uid": uid, "observedGeneration": generation, "ready": fact.status}
    return entry | ({"message": fact.message} if fact.message else {})


def _egress(key: Key, channel: KafkaChannel, entry: SubscriberSpec, status: Status, scene: Scene) -> Egress:
    """Raises `Invalid` where something of it can't be had."""
    if "address" not in status:
        raise Invalid(f"{key} can't be served: {ready_of(status).message}")
    options, name = scene.options, entry.name or entry.uid
    place = f"spec.subscribers[{entry.uid}]"
    # One that names no subscriber wants the events themselves to go where replies go.
    target, reply = (entry.subscriber_uri, entry.reply_uri) if entry.subscriber_uri else (entry.reply_uri, None)
    sink = _sink(entry.delivery, channel, scene, place)
    group = names.subscription_group(options, key.namespace, key.name, entry.uid, name)
    nearest = entry.delivery or channel.spec.delivery or DeliverySpec()
    return Egress(
        entry.uid,
        Subscription.KIND,
        key.namespace,
        name,
        status["annotations"][TOPIC_ANNOTATION],
        scene.groups.take(Key(Subscription.GROUP, Subscription.KIND, key.namespace, entry.uid), group),
        _url(target or "", scene, f"{place}.{'subscriberUri' if entry.subscriber_uri else 'replyUri'}"),
        names.dead_letter_topic(options, key.namespace, name),
        None if reply is None else _url(reply, scene, f"{place}.replyUri"),
        sink,
        nearest.to_policy(options.timeout_s, options.longest_wait_s),
        sink_returns=sink == url_of(status),
    )


def _sink(delivery: DeliverySpec | None, channel: KafkaChannel, scene: Scene, place: str) -> str | None:
    if delivery is None or delivery.dead_letter_sink is None:
        return linking.dead_letter(channel, None, scene.resolver)
    field = f"{place}.delivery.deadLetterSink"
    return scene.resolver.url(delivery.dead_letter_sink, channel.metadata.namespace, field)


def _url(uri: str, scene: Scene, field: str) -> str:
    try:
        destination = Destination(uri=uri)
    except ValidationError as error:
        found = field_errors(Destination, error)[0]
        raise Invalid(found.message, field=field, fix=found.fix) from error
    return scene.resolver.url(destination, "", field)
