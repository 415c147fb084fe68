"""Which registered schema the data of an event is held against before `kanal send` sends it. Pure, no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from eventing.errors import Invalid
from eventing.event import Event
from eventing.schemas import alternatives, compiled

Document = Mapping[str, Any]
_ADDRESSED_BY_PATH = ("Broker", "Channel", "KafkaChannel")
_FIX = "correct it, or send it all the same with --no-check"


def check(documents: Sequence[Document], url: str, event: Event) -> None:
    """Raise `Invalid` where the EventTypes for this address and type have JSON schemas and the data fits none of them."""
    entries = [one for one in documents if one["spec"]["type"] == event.type and _is_at(one, url)]
    texts = [one["spec"]["schemaData"] for one in entries if one["spec"].get("schemaData")]
    if not texts:
        return
    metadata = next(one for one in entries if one["spec"].get("schemaData"))["metadata"]
    try:
        compiled(alternatives(list(dict.fromkeys(texts)))).check(event)
    except Invalid as error:
        where = f"EventType {metadata['namespace']}/{metadata['name']}"
        raise Invalid(error.message, where=where, field=error.field, fix=_FIX) from error


def _is_at(document: Document, url: str) -> bool:
    """Whether the resource to which an EventType refers has this address; addresses end in `/NAMESPACE/NAME`."""
    spec = document["spec"]
    reference = spec.get("reference") or {"kind": "Broker", "name": spec.get("broker")}
    namespace = reference.get("namespace") or document["metadata"]["namespace"]
    path = unquote(urlsplit(url).path).rstrip("/")
    return reference["kind"] in _ADDRESSED_BY_PATH and path == f"/{namespace}/{reference['name']}"
