"""What a cluster holds of Knative's, from documents as its API server tells them: with uids and statuses. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from eventing.kinds.configmap import ConfigMap
from eventing.kinds.field_error import FieldError
from eventing.kinds.key import Key
from eventing.kinds.meta import DEFAULT_NAMESPACE, Features, Resource, stable_uid
from eventing.kinds.registry import KINDS, InvalidResource, parse
from kanal.migrate import knative

Document = Mapping[str, Any]
T = TypeVar("T", bound=Resource)
_OURS = {(kind.GROUP, kind.KIND) for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Refused:
    """An object that is there and that Kanal would not take, with all that is wrong with it."""

    key: Key
    errors: tuple[FieldError, ...]


@dataclass(frozen=True, slots=True)
class Estate:
    """What there is: objects of Kanal's kinds, and documents of other kinds.

    `unnumbered` are objects without a uid, which no API server has told: they got one that is not theirs.
    """

    resources: tuple[Resource, ...] = ()
    others: tuple[Document, ...] = ()
    refused: tuple[Refused, ...] = ()
    unnumbered: tuple[Key, ...] = ()

    def of(self, kind: type[T]) -> list[T]:
        """The objects of one of Kanal's kinds."""
        return [one for one in self.resources if isinstance(one, kind)]

    def foreign(self, *kinds: tuple[str, str]) -> list[Document]:
        """The documents of other kinds, named by group and kind."""
        return [one for one in self.others if key_of_document(one)[:2] in kinds]

    def data(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """The texts of a ConfigMap, without its example; None where it is not there."""
        for one in self.of(ConfigMap):
            if (one.metadata.namespace, one.metadata.name) == (namespace, name):
                return {key: text for key, text in one.data.items() if key != "_example"}
        return None


def estate(documents: Iterable[Document], features: Features, system: str = knative.NAMESPACE) -> Estate:
    """What these documents hold, Lists taken apart; of an object that comes twice the first counts.

    `system` is the namespace of Knative's installation, whose `config-features` says what is valid beside `features`.
    """
    found: dict[Key, Document] = {}
    for document in documents:
        for one in _flat(document):
            found.setdefault(key_of_document(one), one)
    features = _features(found.get(Key("", "ConfigMap", system, knative.CORE_FEATURES), {}), features)
    resources: list[Resource] = []
    others: list[Document] = []
    refused: list[Refused] = []
    unnumbered: list[Key] = []
    for key, one in found.items():
        if key[:2] not in _OURS:
            others.append(one)
            continue
        try:
            resource = parse(one, features=features)
        except InvalidResource as error:
            refused.append(Refused(key, error.errors))
            continue
        if not resource.metadata.uid:
            if not isinstance(resource, ConfigMap):
                unnumbered.append(key)
            metadata = resource.metadata.model_copy(update={"uid": stable_uid(*key)})
            resource = resource.model_copy(update={"metadata": metadata})
        resources.append(resource)
    return Estate(tuple(resources), tuple(others), tuple(refused), tuple(unnumbered))


def key_of_document(document: Document) -> Key:
    """Group, kind, namespace and name, as far as a document says them."""
    metadata = mapping(document.get("metadata"))
    group = str(document.get("apiVersion") or "").rpartition("/")[0]
    kind, name = str(document.get("kind") or ""), str(metadata.get("name") or "")
    return Key(group, kind, str(metadata.get("namespace") or DEFAULT_NAMESPACE), name)


def mapping(value: Any) -> Mapping[str, Any]:
    """The value where it is a mapping, an empty one else: what others write is not for us to check."""
    return value if isinstance(value, Mapping) else {}


def _flat(value: Any) -> Iterator[Document]:
    """A document, or those in a List, however deep."""
    if not isinstance(value, Mapping):
        return
    items, kind = value.get("items"), value.get("kind")
    if isinstance(items, list) and (kind is None or str(kind).endswith("List")):
        for item in items:
            yield from _flat(item)
    elif isinstance(kind, str):
        yield value


def _features(core: Document, features: Features) -> Features:
    links = str(mapping(core.get("data")).get("cross-namespace-event-links", "")).lower() == "enabled"
    return Features(cross_namespace_event_links=links or features.cross_namespace_event_links)
