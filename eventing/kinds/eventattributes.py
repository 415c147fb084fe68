"""The spec of an EventType as v1beta3 writes it, a list of attributes, and its conversion from and to the fields of v1beta2.

`type` and `source` are the fields of the same names. `schemadata` holds what Knative puts there, the URI of the schema
(`schema`), or a JSON schema itself (`schemaData`), told apart by whether it is JSON; a URI beside a JSON schema stands in
`dataschema`. What v1beta2 has no field for (further attributes, what is required, a value of `specversion` or `id`) is kept
as JSON in an annotation, so that nothing is lost on the way there and back.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from pydantic import Field, ValidationError

from eventing.errors import Invalid
from eventing.kinds.field_error import FieldError
from eventing.kinds.model import Filled, Model
from eventing.kinds.wording import either, shown
from eventing.schemas import require_schema

ATTRIBUTES_ANNOTATION = "kanal.dev/attributes"
REQUIRED = ("type", "source", "specversion", "id")
FIELDS = ("type", "source", "schema", "schemaData")
"""The fields of v1beta2 that the attributes tell."""


class EventAttribute(Model):
    """One attribute of the events of a type."""

    EXAMPLE = "write name, required and value below it"

    name: Filled = Field(description="The name of the attribute.")
    required: bool = Field(False, description="Whether every event of the type has it.")
    value: str | None = Field(None, description="Its value; parts in { } stand for what differs between events.")


def attribute_faults(attributes: Sequence[EventAttribute]) -> list[FieldError]:
    """What is wrong with the list as a whole, by path below it."""
    counted = Counter(one.name for one in attributes)
    missing = [name for name in REQUIRED if name not in counted]
    found = []
    if missing:
        fix = f"add - name: {missing[0]} and required: true"
        found.append(FieldError((), f"{either(missing, 'and')} must be among the attributes", fix))
    for place, one in enumerate(attributes):
        if counted[one.name] > 1:
            found.append(FieldError((place, "name"), f"{shown(one.name)} stands here more than once", "keep one"))
        elif one.name == "type" and not (one.value or "").strip():
            found.append(FieldError((place, "value"), "the type has no value", "add value: and the type of the events"))
        elif one.name == "schemadata" and _is_json(one.value):
            try:
                require_schema(one.value or "")
            except Invalid as error:
                found.append(FieldError((place, "value"), error.message, error.fix))
    return found


def fields_of(attributes: Iterable[EventAttribute]) -> dict[str, str]:
    """The fields of v1beta2, by their names there, that these attributes tell; others are left out."""
    values = {one.name: one.value for one in attributes if one.value}
    schema = values.get("schemadata")
    told = {
        "type": values.get("type"),
        "source": values.get("source"),
        "schema": values.get("dataschema") if _is_json(schema) else schema or values.get("dataschema"),
        "schemaData": schema if _is_json(schema) else None,
    }
    return {name: value for name, value in told.items() if value}


def attributes_of(fields: Mapping[str, Any], annotation: str = "") -> list[EventAttribute]:
    """The attributes that these fields of v1beta2 tell, or those in the annotation where they tell the same fields."""
    known = {name: fields[name] for name in FIELDS if fields.get(name)}
    kept = _annotated(annotation)
    if kept and fields_of(kept) == known:
        return kept
    schema, schema_data = known.get("schema"), known.get("schemaData")
    found = [EventAttribute(name="type", required=True, value=known.get("type"))]
    found.append(EventAttribute(name="source", required=True, value=known.get("source")))
    found += [EventAttribute(name=name, required=True) for name in ("specversion", "id")]
    if schema_data or schema:
        found.append(EventAttribute(name="schemadata", value=schema_data or schema))
    if schema_data and schema:
        found.append(EventAttribute(name="dataschema", value=schema))
    return found


def annotation_for(attributes: Sequence[EventAttribute]) -> str:
    """What the annotation has to keep of these attributes; empty where the fields tell all of it."""
    if _by_name(attributes) == _by_name(attributes_of(fields_of(attributes))):
        return ""
    return json.dumps([one.document() for one in attributes], ensure_ascii=False, separators=(",", ":"))


def _by_name(attributes: Iterable[EventAttribute]) -> dict[str, EventAttribute]:
    return {one.name: one for one in attributes}


def _annotated(annotation: str) -> list[EventAttribute]:
    """The attributes in an annotation, which anybody can write: none where it holds anything else."""
    if not annotation:
        return []
    try:
        return [EventAttribute.model_validate(one) for one in orjson.loads(annotation)]
    except (ValueError, TypeError, ValidationError):
        return []


def _is_json(text: str | None) -> bool:
    return (text or "").lstrip()[:1] in ("{", "[") or (text or "").strip() in ("true", "false")
