"""Plain documents, looked up by key, by address and by owner.

The documents are whatever an API or a file gave, also of kinds that nobody here knows, so every field may be missing or of
another shape: `at` and `text_at` then answer nothing instead of failing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from kanal.graph.model import key_text

Document = Mapping[str, Any]
_OURS = ".knative.dev"
_SERVING = "serving.knative.dev"
_FAMILY = (f"eventing{_OURS}", f"messaging{_OURS}", f"flows{_OURS}")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Named(NamedTuple):
    """Which object a document is, or a reference means."""

    group: str
    kind: str
    namespace: str
    name: str

    @property
    def key(self) -> str:
        """`Kind/namespace/name`, the kind with its group where a kind of that name is usual without."""
        return key_text(self.shown_kind, self.namespace, self.name)

    @property
    def shown_kind(self) -> str:
        """The kind as a person calls it."""
        usual = not self.group or (self.group.endswith(_OURS) and self.group != _SERVING)
        return self.kind if usual else f"{self.kind}.{self.group}"

    @property
    def is_eventing(self) -> bool:
        """Whether it would be among the documents if it existed."""
        return self.group in _FAMILY


def at(document: Any, *path: str | int) -> Any:
    """What stands at this place, None where nothing does."""
    for step in path:
        if isinstance(step, int):
            document = document[step] if isinstance(document, list) and step < len(document) else None
        else:
            document = document.get(step) if isinstance(document, Mapping) else None
    return document


def text_at(document: Any, *path: str | int) -> str:
    """The text at this place, empty where there is none."""
    found = at(document, *path)
    return found if isinstance(found, str) else ""


def list_at(document: Any, *path: str | int) -> list[Any]:
    """The list at this place, empty where there is none."""
    found = at(document, *path)
    return found if isinstance(found, list) else []


def name_of(document: Document) -> Named:
    """Which object the document is."""
    group = text_at(document, "apiVersion").rpartition("/")[0]
    namespace = text_at(document, "metadata", "namespace") or "default"
    return Named(group, text_at(document, "kind"), namespace, text_at(document, "metadata", "name"))


def meant_by(ref: Any, namespace: str) -> Named:
    """Which object a reference means that stands in an object of `namespace`."""
    group = text_at(ref, "apiVersion").rpartition("/")[0] or text_at(ref, "group")
    return Named(group, text_at(ref, "kind"), text_at(ref, "namespace") or namespace, text_at(ref, "name"))


def owner_of(document: Document) -> Named | None:
    """The object that controls this one, in the same namespace; None where nobody does."""
    for owner in list_at(document, "metadata", "ownerReferences"):
        if at(owner, "controller") is True:
            return meant_by(owner, name_of(document).namespace)
    return None


def address_of(document: Document) -> str:
    """The URL at which the object takes events, empty where it has none."""
    return next(addresses_of(document), "")


def addresses_of(document: Document) -> Iterator[str]:
    """Every URL at which the object takes events, the usual one first."""
    for one in (at(document, "status", "address"), *list_at(document, "status", "addresses")):
        if text_at(one, "url"):
            yield text_at(one, "url")


def same_url(url: str) -> str:
    """The URL so written that two which lead to the same place are equal texts."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.hostname or ''}:{port}{parts.path.rstrip('/')}?{parts.query}"


class Library:
    """The documents; where several are the same object the first counts."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._by_key: dict[str, Document] = {}
        for document in documents:
            if text_at(document, "metadata", "name") and text_at(document, "kind"):
                self._by_key.setdefault(name_of(document).key, document)
        self._complaints = "\n".join(self._messages())

    def __iter__(self) -> Iterator[Document]:
        """All of them, sorted by key."""
        return iter([self._by_key[key] for key in sorted(self._by_key)])

    def get(self, key: str) -> Document | None:
        """The document of this key."""
        return self._by_key.get(key)

    def complains_of(self, named: Named) -> bool:
        """Whether some object's conditions say that this one does not exist."""
        return f"{named.kind} {named.namespace}/{named.name} does not exist" in self._complaints

    def _messages(self) -> Iterator[str]:
        for document in self._by_key.values():
            for condition in list_at(document, "status", "conditions"):
                yield text_at(condition, "message")
