"""Objects and lists of them in the form that the client asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from eventing.errors import Invalid
from eventing.kinds.columns import Column
from kanal.api.kube.negotiation import META, Form, only_metadata
from kanal.api.kube.served import Served
from kanal.api.kube.tables import Include, table

Document = dict[str, Any]
_INCLUDES: tuple[Include, ...] = ("None", "Metadata", "Object")


def include_of(text: str) -> Include:
    """What each row of a table carries of its object. Raises `Invalid` for any other word."""
    for one in _INCLUDES:
        if one == text:
            return one
    raise Invalid(f"{text!r} is not known", field="includeObject", fix=f"write one of {', '.join(_INCLUDES)}")


@dataclass(frozen=True, slots=True)
class Shaping:
    """The form of one request's answers."""

    served: Served
    form: Form
    columns: Sequence[Column]
    include: Include
    now: Callable[[], datetime]

    def one(self, document: Document) -> Document:
        """An object by itself."""
        return self._shaped(document, str(document["metadata"].get("resourceVersion", "")), headings=True)

    def many(self, documents: Sequence[Document], revision: str, token: str = "", left: int = 0) -> Document:
        """A list, or a part of it with `left` objects behind it; `revision` is where a watch may go on from."""
        metadata = {"resourceVersion": revision} | ({"continue": token, "remainingItemCount": left} if token else {})
        if self.form.sort == "table":
            return self._table(documents, revision, headings=True) | {"metadata": metadata}
        found = {
            "kind": f"{self.served.kind}List",
            "apiVersion": self.served.group_version,
            "metadata": metadata,
            "items": list(documents),
        }
        return only_metadata(found, self.form.version) if self.form.sort == "metadata" else found

    def event(self, document: Document, revision: str, first: bool) -> Document:
        """An object in an event of a watch; columns are named in the first one only."""
        return self._shaped(document, revision, headings=first)

    def _shaped(self, document: Document, revision: str, *, headings: bool) -> Document:
        if self.form.sort == "table":
            return self._table([document], revision, headings=headings)
        return only_metadata(document, self.form.version) if self.form.sort == "metadata" else document

    def _table(self, documents: Sequence[Document], revision: str, *, headings: bool) -> Document:
        found = table(
            self.columns, documents, now=self.now(), include=self.include, headings=headings, version=revision
        )
        return found | {"apiVersion": f"{META}/{self.form.version}"}
