"""What `kanal eventtypes` prints: the registry as a person reads it, and a Trigger made of an entry. Pure text, no network."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from eventing.errors import Invalid, NotFound
from eventing.kinds.eventtype import SEEN_ANNOTATION
from eventing.kinds.meta import DEFAULT_NAMESPACE
from eventing.kinds.wording import either, nearest, printable
from kanal.table import columns, ready_condition

Document = Mapping[str, Any]
FORMATS = ("table", "yaml", "json")
_HEADINGS = ("NAMESPACE", "TYPE", "SOURCE", "SCHEMA", "WHERE", "SENT BY", "DESCRIPTION")
_DISPLAY = "event-display"
_LONGEST_NAME = 63


def chosen(documents: Sequence[Document], type_: str | None, broker: str | None) -> list[Document]:
    """The EventTypes of this type at this broker, sorted; raises `NotFound`, with the nearest type, where there is none."""
    there = [one for one in documents if broker is None or _is_at(one, broker)]
    found = [one for one in there if type_ is None or one["spec"]["type"] == type_]
    if type_ is not None and not found:
        known = sorted({one["spec"]["type"] for one in there})
        near = nearest(type_, known)
        where = f" at broker {broker}" if broker else ""
        listed = f"the types{where} are {either(known, 'and')}" if 0 < len(known) <= 5 else "see kanal eventtypes"
        raise NotFound(f"is not registered{where}", where=type_, fix=f"did you mean {near}?" if near else listed)
    return sorted(found, key=lambda one: (one["spec"]["type"], one["spec"].get("source", ""), _where(one)))


def shown(documents: Sequence[Document], how: str, *, schemas: bool = False) -> str:
    """The EventTypes in one of `FORMATS`; `schemas` adds the JSON schemas to a table, each once."""
    whole = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
    if how == "json":
        return json.dumps(whole, indent=2, ensure_ascii=False)
    if how == "yaml":
        return yaml.safe_dump(whole, sort_keys=False, allow_unicode=True).rstrip("\n")
    lines = columns([_HEADINGS, *map(_row, documents)])
    texts = dict.fromkeys(one["spec"].get("schemaData") for one in documents) if schemas else ()
    for text in filter(None, texts):
        lines += ["", json.dumps(json.loads(text), indent=2, ensure_ascii=False)]
    return "\n".join(lines)


def trigger(documents: Sequence[Document], subscriber: str | None) -> str:
    """A Trigger, as YAML, for the events of one type: these EventTypes, which are at one broker.

    It filters on the source too where there is but one. Raises `Invalid` where they are at several brokers or at none.
    """
    type_ = documents[0]["spec"]["type"]
    places = dict.fromkeys(_reference(one) for one in documents)
    brokers = [(namespace, name) for kind, namespace, name in places if kind == "Broker"]
    if not brokers:
        at = either([f"{kind} {namespace}/{name}" for kind, namespace, name in places if kind]) or "no broker"
        fix = "apply a Subscription to the channel" if any(kind for kind, _, _ in places) else "give it a reference"
        raise Invalid(f"its events are at {at}, and a Trigger needs a broker", where=type_, fix=fix)
    if len(brokers) > 1:
        names = either([f"{namespace}/{name}" for namespace, name in brokers], "and")
        raise Invalid(f"it is at the brokers {names}", where=type_, fix="choose one with --broker and --namespace")
    [(namespace, broker)] = brokers
    sources = {one["spec"].get("source") for one in documents if _reference(one)[0] == "Broker"}
    source = sources.pop() if len(sources) == 1 else None
    document = {
        "apiVersion": "eventing.knative.dev/v1",
        "kind": "Trigger",
        "metadata": {"name": _name(type_), "namespace": namespace},
        "spec": {
            "broker": broker,
            "filters": [{"exact": {"type": type_} | ({"source": source} if source else {})}],
            "subscriber": _subscriber(subscriber or _DISPLAY, namespace),
        },
    }
    note = (
        "" if subscriber else "# Put your own subscriber in; this one is started by: kanal up --display event-display\n"
    )
    return note + yaml.safe_dump(document, sort_keys=False, allow_unicode=True).rstrip("\n")


def _row(document: Document) -> tuple[str, ...]:
    spec = document["spec"]
    schema = "JSON schema" if spec.get("schemaData") else spec.get("schema", "")
    missing = " (missing)" if ready_condition(document)["status"] == "False" else ""
    cells = (
        document["metadata"]["namespace"],
        spec["type"],
        spec.get("source", "any"),
        schema,
        f"{_where(document)}{missing}",
        _sender(document),
        spec.get("description", ""),
    )
    return tuple(printable(str(cell)) for cell in cells)


def _reference(document: Document) -> tuple[str, str, str]:
    """Kind, namespace and name of where the events are; the kind is empty where nothing says it."""
    spec, own = document["spec"], document["metadata"]["namespace"]
    reference = spec.get("reference")
    if reference is not None:
        return reference["kind"], reference.get("namespace") or own, reference["name"]
    return ("Broker", own, spec["broker"]) if spec.get("broker") else ("", "", "")


def _is_at(document: Document, broker: str) -> bool:
    kind, _, name = _reference(document)
    return (kind, name) == ("Broker", broker)


def _where(document: Document) -> str:
    kind, namespace, name = _reference(document)
    place = name if namespace == document["metadata"]["namespace"] else f"{namespace}/{name}"
    return f"{kind} {place}" if kind else "unknown"


def _sender(document: Document) -> str:
    """The source object that owns the entry, or how its events were seen first."""
    metadata = document["metadata"]
    where = _reference(document)
    for owner in metadata.get("ownerReferences") or ():
        if (owner["kind"], owner["name"]) != (where[0], where[2]):
            return f"{owner['kind']} {owner['name']}"
    seen = str((metadata.get("annotations") or {}).get(SEEN_ANNOTATION, ""))
    if not seen:
        return ""
    return f"reply of {seen}" if seen.startswith("Trigger ") else "a sender"


def _name(type_: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", type_.lower())[:_LONGEST_NAME].strip("-") or "events"


def _subscriber(text: str, namespace: str) -> dict[str, Any]:
    if "://" in text:
        return {"uri": text}
    place, _, name = text.rpartition("/")
    ref = {"apiVersion": "v1", "kind": "Service", "name": name}
    # The display that `kanal up` starts is a Service of the namespace default.
    place = place or (DEFAULT_NAMESPACE if text == _DISPLAY else namespace)
    return {"ref": ref if place == namespace else {**ref, "namespace": place}}
