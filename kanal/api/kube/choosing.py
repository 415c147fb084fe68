"""Which objects a list, a watch or a deletion is about: those of one kind, in a namespace or in all, that its selectors choose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from eventing.kinds.meta import Resource
from kanal.api.kube import happenings, selectors
from kanal.api.kube.served import EVENT
from kanal.api.kube.target import Asked, Target

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """The selection of one request; documents come out in the version of its path."""

    target: Target
    _labels: Callable[[Mapping[str, str]], bool]
    _fields: Callable[[Mapping[str, Any]], bool]

    @classmethod
    def of(cls, target: Target, asked: Asked) -> Choice:
        """The selection. Raises `Invalid` where a selector can't be read or asks for a field that can't be asked for."""
        return cls(target, selectors.labels(asked.label_selector), selectors.fields(asked.field_selector))

    def document(self, resource: Resource | None) -> Document | None:
        """The resource as the client sees it; None where it is not chosen."""
        return self.shown(resource) if resource is not None and self.fits(resource) else None

    def shown(self, resource: Resource) -> Document:
        """The resource in the version of the path."""
        return resource.document_in(self.target.served.version)

    def fits(self, resource: Resource) -> bool:
        """Whether it is chosen."""
        served, namespace = self.target.served, self.target.namespace
        if served.model is None or not isinstance(resource, served.model):
            return False
        metadata = resource.metadata
        if (namespace is not None and metadata.namespace != namespace) or self.target.name not in ("", metadata.name):
            return False
        return self._labels(metadata.labels) and self._fields({"metadata": metadata_of(resource)})


def fitting(target: Target, asked: Asked) -> Callable[[Document], bool]:
    """The same for documents that no store holds. Raises `Invalid` as `Choice.of`."""
    supported = happenings.FIELDS if target.served is EVENT else selectors.FIELDS
    fits, labelled = selectors.fields(asked.field_selector, supported), selectors.labels(asked.label_selector)

    def chosen(document: Document) -> bool:
        metadata = document["metadata"]
        if target.namespace not in (None, metadata.get("namespace")) or target.name not in ("", metadata["name"]):
            return False
        return fits(document) and labelled(metadata.get("labels") or {})

    return chosen


def metadata_of(resource: Resource) -> Document:
    """What field selectors look at."""
    return {"name": resource.metadata.name, "namespace": resource.metadata.namespace}
