"""What `kanal filter` reads: filters out of a Trigger or a list of them, and events out of JSON. Pure text, no network, no files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eventing.codec import json
from eventing.errors import Invalid
from eventing.event import Event, validate
from eventing.filters import Document
from eventing.filters.check import attribute_faults, faults
from eventing.yamltext import documents
from eventing.yamltree import Flaw


def filters_in(data: str | bytes, file: str) -> list[Document]:
    """The filters in a file of YAML or JSON: a Trigger, the list `filters` of one, or one filter. Raises `Invalid`."""
    found = []
    for document in documents(data):
        flaws = [document] if isinstance(document, Flaw) else document.flaws
        for flaw in flaws:
            raise Invalid(flaw.message, where=f"{file}:{flaw.line}", fix=flaw.fix)
        if not isinstance(document, Flaw):
            found.append(document.value)
    triggers = [value for value in found if isinstance(value, Mapping) and value.get("kind") == "Trigger"]
    chosen = triggers or found
    if len(chosen) != 1:
        count = f"{len(chosen)} {'Triggers' if triggers else 'documents'}"
        raise Invalid(
            f"holds {count}, and one is asked for", where=file, fix="give one Trigger, or one list of filters"
        )
    try:
        return _trigger(chosen[0]) if triggers else _filters(chosen[0])
    except Invalid as error:
        raise Invalid(error.message, where=file, field=error.field, fix=error.fix) from error


def pairs(dialect: str, texts: Sequence[str]) -> list[Document]:
    """A filter of this dialect for each NAME=VALUE. Raises `Invalid` for what is none."""
    found: list[Document] = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise Invalid(f"{text!r} is no NAME=VALUE pair", where=f"--{dialect}")
        found.append({dialect: {name: value}})
    return found


def events_in(data: bytes, file: str) -> list[Event]:
    """The structured event, or the events of a batch, in JSON. Raises `Invalid` for what an ingress would refuse."""
    try:
        if not data.lstrip().startswith(b"["):
            events = [json.decode(data)]
            validate(events[0])
            return events
        events = json.decode_batch(data)
        for number, event in enumerate(events, 1):
            with json.element(number):
                validate(event)
    except Invalid as error:
        where = f"{file}: {error.where}" if error.where else file
        raise Invalid(error.message, where=where, field=error.field, fix=error.fix) from error
    if not events:
        raise Invalid("holds no event", where=file)
    return events


def _trigger(trigger: Mapping[str, Any]) -> list[Document]:
    """Its filters; the older filter counts where there are none."""
    spec = trigger.get("spec")
    if not isinstance(spec, Mapping):
        raise Invalid(
            "the Trigger has no fields there", field="spec", fix="write broker and subscriber below it, indented"
        )
    if spec.get("filters"):
        return _checked(spec["filters"], "spec.filters")
    older = spec.get("filter") or {}
    attributes = older.get("attributes") if isinstance(older, Mapping) else older
    if not attributes:
        return []
    for fault in attribute_faults(attributes):
        raise Invalid(fault.message, field=fault.place("spec.filter.attributes"), fix=fault.fix)
    return [{"attributes": attributes}]


def _filters(value: object) -> list[Document]:
    """A list of filters, by itself or below `filters:`, or a single one."""
    if isinstance(value, Mapping):
        value = value["filters"] if list(value) == ["filters"] else [value]
    return _checked(value, "filters")


def _checked(value: Any, field: str) -> list[Document]:
    for fault in faults(value):
        raise Invalid(fault.message, field=fault.place(field), fix=fault.fix)
    return list(value or ())
