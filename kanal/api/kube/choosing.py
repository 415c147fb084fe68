"""Which objects a list, a watch or a deletion is about: those of one kind, in a namespace or in all, that its selectors choose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from eventing.kinds.meta import Resource
from kanal.api.kube import selectors
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
        served, namespace = self.target.served, self.target.namespace
        if resource is None or served.model is None or not isinstance(resource, served.model):
            return None
        metadata = resource.metadata
        if (namespace is not None and metadata.namespace != namespace) or self.target.name not in ("", metadata.name):
            return None
        if not self._labels(metadata.labels) or not self._fields({"metadata": metadata_of(resource)}):
            return None
        return resource.document_in(served.version)

    def documents(self, resources: Iterable[Resource]) -> list[Document]:
        """Those that are chosen."""
        return [document for one in resources if (document := self.document(one)) is not None]


def metadata_of(resource: Resource) -> Document:
    """What field selectors look at."""
    return {"name": resource.metadata.name, "namespace": resource.metadata.namespace}
