"""What Knative's controllers leave on objects, which then hang when they are deleted, and the commands that take it off. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eventing.kinds.broker import Broker
from eventing.kinds.key import Key, key_of
from eventing.kinds.subscription import Subscription
from kanal.migrate import knative
from kanal.migrate.estate import Document, Estate, key_of_document, mapping
from kanal.migrate.held import is_kafka
from kanal.migrate.unserved import Serves

_PLURALS = {
    "Broker": "brokers.eventing.knative.dev",
    "Trigger": "triggers.eventing.knative.dev",
    "KafkaChannel": "kafkachannels.messaging.knative.dev",
    "Subscription": "subscriptions.messaging.knative.dev",
    "ConsumerGroup": f"consumergroups.{knative.INTERNAL}",
    "Consumer": f"consumers.{knative.INTERNAL}",
    "Secret": "secrets",
}


@dataclass(frozen=True, slots=True)
class Left:
    """An object with finalizers of Knative's, and those of others, which stay."""

    key: Key
    knatives: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def command(self) -> str:
        """Takes off Knative's."""
        patch = json.dumps({"metadata": {"finalizers": list(self.others) or None}}, separators=(",", ":"))
        return (
            f"kubectl -n {self.key.namespace} patch {_PLURALS[self.key.kind]} {self.key.name} --type=merge -p '{patch}'"
        )


def left(estate: Estate, serves: Serves) -> Iterator[Left]:
    """Every object that nobody would finish deleting. Where Knative's core stays, what it cares for is left out."""
    for resource in estate.resources:
        cared_for = isinstance(resource, Subscription) or (isinstance(resource, Broker) and not is_kafka(resource))
        if serves == "everything" or not cared_for:
            yield from _left(key_of(resource), resource.metadata.finalizers)
    for document in (*internal(estate), *estate.foreign(("", "Secret"))):
        yield from _left(key_of_document(document), finalizers(document))


def internal(estate: Estate) -> list[Document]:
    """Knative's own objects for what is taken over: ConsumerGroups and Consumers, without those of KafkaSources."""
    groups = [one for one in estate.foreign(knative.CONSUMER_GROUP) if not _is_owned_by(one, {"KafkaSource"})]
    kept = {
        key_of_document(one) for one in estate.foreign(knative.CONSUMER_GROUP) if _is_owned_by(one, {"KafkaSource"})
    }
    sources = {(key.namespace, key.name) for key in kept}
    consumers = [
        one
        for one in estate.foreign(knative.CONSUMER)
        if not any((key_of_document(one).namespace, name) in sources for name in _owners(one, {"ConsumerGroup"}))
    ]
    return [*groups, *consumers]


def finalizers(document: Document) -> Sequence[str]:
    """Those of a document."""
    found = mapping(document.get("metadata")).get("finalizers")
    return [str(one) for one in found] if isinstance(found, list) else []


def deletion(document: Document) -> str:
    """The command that deletes an object of Knative's own."""
    key = key_of_document(document)
    return f"kubectl -n {key.namespace} delete {_PLURALS[key.kind]} {key.name}"


def _left(key: Key, found: Sequence[str]) -> Iterator[Left]:
    usual = knative.FINALIZERS.get((key.group, key.kind))
    knatives = tuple(one for one in found if one == usual or (key.kind == "Secret" and _is_of_kafka(one)))
    if knatives:
        yield Left(key, knatives, tuple(one for one in found if one not in knatives))


def _is_of_kafka(finalizer: str) -> bool:
    return finalizer.startswith(knative.SECRET_FINALIZER)


def _is_owned_by(document: Document, kinds: set[str]) -> bool:
    return bool(_owners(document, kinds))


def _owners(document: Document, kinds: set[str]) -> list[str]:
    owners = mapping(document.get("metadata")).get("ownerReferences")
    found = owners if isinstance(owners, list) else []
    return [str(mapping(one).get("name")) for one in found if mapping(one).get("kind") in kinds]
