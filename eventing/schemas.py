"""Whether the data of an event fits the JSON schema of its type: compiled once, then asked of each event.

The validator is native code that bounds the backtracking of patterns; that a schema makes no endless work is seen to before
(`eventing.schemasize`), so neither a strange schema nor strange data holds up the ingress that asks. It never fetches
anything: what a schema refers to has to stand in the schema. Drafts 4, 6, 7, 2019-09 and 2020-12 are known by their
`$schema`; the newest counts where it is left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import jsonschema_rs
import orjson

from eventing.codec.json import is_json
from eventing.errors import Invalid
from eventing.event import Event, shown
from eventing.schemasize import Extent, extent

MOST_BYTES = 262_144
"""Of one schema, as UTF-8: it travels in the plan, whose rows are Kafka records."""

_BACKTRACKING = jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000)
_FETCHED = re.compile(r"Resource '([^']*)' is not present")
_REASON_CHARACTERS = 200
_MOST_EXPLAINED = 1_000
"""Schemas in a schema with choices up to which a misfit is explained; each takes about 0.1 ms then."""
_MASK = "the value"
"""Stands in reasons for the value, which its sender has and a log should not."""


class Schema:
    """The schemas of one event type; the data fits where it fits any of them."""

    __slots__ = ("_parts",)

    def __init__(self, documents: Sequence[Any]) -> None:
        self._parts = [_Part(*_validator(one)) for one in documents]

    def check(self, event: Event) -> None:
        """Raise `Invalid`, which says where in the data (a JSON pointer) and what, unless the data fits."""
        document = _document(event)
        misfit: Invalid | None = None
        for part in self._parts:
            try:
                if part.validator.is_valid(document):
                    return
                misfit = misfit or Invalid(_misfit(part, document, len(self._parts)), field="data")
            except ValueError as error:
                misfit = misfit or Invalid(f"it can't be checked: {error}", field="data")
        if misfit is not None:
            raise misfit


class _Part(NamedTuple):
    validator: Any
    extent: Extent

    @property
    def explains(self) -> bool:
        """Whether a misfit can be explained: the validator goes into every choice for that, again at each level."""
        return not self.extent.forks or not (self.extent.circular or self.extent.size > _MOST_EXPLAINED)


def compiled(text: str) -> Schema:
    """The schema that this text is, or the alternatives where it is an array of schemas (see `alternatives`).

    Raises `Invalid`, which names the place in the schema, for what is none.
    """
    document = _parsed(text)
    several = isinstance(document, list) and document
    return Schema(document if several else [document])


def require_schema(text: str) -> None:
    """Raise `Invalid`, as `compiled` does, unless this text is one schema and small enough for a plan."""
    if len(text.encode(errors="replace")) > MOST_BYTES:
        raise Invalid(f"the schema is larger than {MOST_BYTES} bytes", fix="leave out what need not be checked")
    _validator(_parsed(text))


def alternatives(texts: Sequence[str]) -> str:
    """One text for several schemas, any of which has to fit; each of them is known to be one."""
    return texts[0] if len(texts) == 1 else f"[{','.join(texts)}]"


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"the schema is no JSON: {error}", fix='write for instance {"type": "object"}') from error


def _validator(document: Any) -> tuple[Any, Extent]:
    if not isinstance(document, dict | bool):
        fix = 'write an object, for instance {"type": "object"}'
        raise Invalid("JSON of this sort is no JSON schema", fix=fix)
    measured = extent(document)
    try:
        validator = jsonschema_rs.validator_for(document, offline=True, mask=_MASK, pattern_options=_BACKTRACKING)
    except jsonschema_rs.ValidationError as error:
        if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Referencing):
            raise _unresolved(error.message) from error
        reason = _said(error).replace(_MASK, _cut(orjson.dumps(error.instance, default=str).decode(), 60), 1)
        raise Invalid(f"it is no JSON schema: at {_pointer(error.instance_path) or 'its top'}: {reason}") from error
    except ValueError as error:
        raise Invalid(f"the schema can't be used: {error}", fix="make it simpler") from error
    return validator, measured


def _unresolved(message: str) -> Invalid:
    found = _FETCHED.search(message)
    if found is None:
        return Invalid(f"the schema can't be used: {_cut(message)}", fix="correct the reference")
    fix = "put what it refers to into this schema, under $defs, and refer to that"
    return Invalid(f"the schema refers to {shown(found[1])}, and nothing is ever fetched", fix=fix)


def _document(event: Event) -> Any:
    media_type = event.attributes.get("datacontenttype", "application/json")
    if not is_json(media_type):
        fix = "send application/json"
        raise Invalid(
            f"{shown(media_type)} can't be checked against the type's JSON schema", field="datacontenttype", fix=fix
        )
    if event.data is None:
        raise Invalid("there is none, and its type has a JSON schema", field="data", fix="send the data")
    try:
        return orjson.loads(event.data)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"it is no JSON: {error}", field="data") from error


def _misfit(part: _Part, document: Any, of: int) -> str:
    schemas = "the schema of its type" if of == 1 else f"any of the {of} schemas of its type"
    if not part.explains:
        return f"it does not fit {schemas}"
    try:
        part.validator.validate(document)
    except jsonschema_rs.ValidationError as error:
        place = _pointer(error.instance_path)
        by = "" if of == 1 else "; by the first"
        return f"it does not fit {schemas}{by}: {f'at {place}: ' if place else ''}{_said(error)}"
    return f"it does not fit {schemas}"


def _said(error: jsonschema_rs.ValidationError) -> str:
    if error.kind.name in ("anyOf", "oneOf"):
        return f"{_MASK} fits none of the forms that are allowed here"
    return _cut(error.message)


def _pointer(path: Sequence[str | int]) -> str:
    """The JSON pointer (RFC 6901), fit for one line."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return _cut("".join(f"/{step}" for step in steps))


def _cut(text: str, most: int = _REASON_CHARACTERS) -> str:
    short = text if len(text) <= most else text[: most - 1] + "…"
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in short)
