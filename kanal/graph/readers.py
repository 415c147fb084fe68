"""Triggers and Subscriptions: what reads a broker or channel, and where its events, replies and dead letters go."""

from __future__ import annotations

from collections.abc import Mapping

from kanal.graph.documents import Document, Named, at, meant_by, name_of, text_at
from kanal.graph.draft import Draft
from kanal.graph.filtertext import filter_text

_EVENTING = "eventing.knative.dev"


def draw_trigger(draft: Draft, document: Document) -> None:
    """A Trigger: from its broker to its subscriber, and with the replies back into the broker (behaviour §5, §10.4)."""
    spec, named = at(document, "spec"), name_of(document)
    reader, broker = draft.show(document), _broker(document)
    hub = draft.refer(broker)
    draft.join(hub, reader, "reads from", filter_text(spec))
    draft.send(reader, at(spec, "subscriber"), named.namespace, "sends to")
    draft.join(reader, hub, "reply")
    _dead_letters(draft, reader, document, hub, broker)


def draw_subscription(draft: Draft, document: Document) -> None:
    """A Subscription: from its channel to its subscriber, and with the replies where it says (behaviour §10.2)."""
    spec, named = at(document, "spec"), name_of(document)
    reader, channel = draft.show(document), meant_by(at(spec, "channel"), named.namespace)
    hub = draft.refer(channel)
    draft.join(hub, reader, "reads from")
    draft.send(reader, at(spec, "subscriber"), named.namespace, "sends to")
    draft.send(reader, at(spec, "reply"), named.namespace, "reply")
    _dead_letters(draft, reader, document, hub, channel)


def _broker(document: Document) -> Named:
    namespace, ref = name_of(document).namespace, at(document, "spec", "brokerRef")
    if isinstance(ref, Mapping):
        named = meant_by(ref, namespace)
        return named._replace(group=named.group or _EVENTING, kind=named.kind or "Broker")
    return Named(_EVENTING, "Broker", namespace, text_at(document, "spec", "broker"))


def _dead_letters(draft: Draft, reader: str, document: Document, hub: str, read: Named) -> None:
    above = at(draft.library.get(read.key), "spec", "delivery")
    own = at(document, "spec", "delivery")
    draft.dead_letters(reader, name_of(document), own, hub, above, read.namespace)
